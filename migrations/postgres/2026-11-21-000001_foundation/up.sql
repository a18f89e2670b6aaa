-- OAuth 2.0 clients; body is the checked metadata, version counts its changes
CREATE TABLE clients (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    name TEXT NOT NULL,
    owner TEXT NOT NULL,
    body JSON NOT NULL,
    secrets JSON NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant, id)
);
-- private keys, sealed with the system secret
CREATE TABLE signing_keys (
    tenant TEXT NOT NULL,
    kid TEXT NOT NULL,
    alg TEXT NOT NULL,
    state TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    state_changed_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant, kid)
);
-- servers that start together on a new database must end with one key an algorithm
CREATE UNIQUE INDEX signing_keys_one_active ON signing_keys (tenant, alg) WHERE state = 'active';
-- people; seq orders them, id is what clients see
CREATE TABLE identities (
    tenant TEXT NOT NULL,
    id UUID NOT NULL,
    seq UUID NOT NULL,
    schema_id TEXT NOT NULL,
    state TEXT NOT NULL,
    state_changed_at TIMESTAMPTZ NOT NULL,
    traits JSON NOT NULL,
    metadata_public JSON,
    metadata_admin JSON,
    external_id TEXT,
    version BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant, id),
    CONSTRAINT identities_seq_unique UNIQUE (tenant, seq),
    CONSTRAINT identities_external_id_unique UNIQUE (tenant, external_id)
);
-- how a person proves who they are: one row a kind
CREATE TABLE identity_credentials (
    tenant TEXT NOT NULL,
    identity_id UUID NOT NULL,
    kind TEXT NOT NULL,
    config JSON NOT NULL,
    version BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant, identity_id, kind),
    FOREIGN KEY (tenant, identity_id) REFERENCES identities (tenant, id) ON DELETE CASCADE
);
-- the names a credential is found by, normalised
CREATE TABLE credential_identifiers (
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    identifier TEXT NOT NULL,
    identity_id UUID NOT NULL,
    PRIMARY KEY (tenant, kind, identifier),
    FOREIGN KEY (tenant, identity_id) REFERENCES identities (tenant, id) ON DELETE CASCADE
);
CREATE INDEX credential_identifiers_identity_id ON credential_identifiers (tenant, identity_id);
-- addresses to verify and to recover by, derived from traits
CREATE TABLE identity_addresses (
    tenant TEXT NOT NULL,
    id UUID NOT NULL,
    identity_id UUID NOT NULL,
    purpose TEXT NOT NULL,
    via TEXT NOT NULL,
    value TEXT NOT NULL,
    status TEXT NOT NULL,
    verified_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant, id),
    CONSTRAINT identity_addresses_purpose_via_value_unique UNIQUE (tenant, purpose, via, value),
    FOREIGN KEY (tenant, identity_id) REFERENCES identities (tenant, id) ON DELETE CASCADE
);
CREATE INDEX identity_addresses_identity_id ON identity_addresses (tenant, identity_id);
-- who is logged in in which browser; key is time-ordered, id is the sid that clients see
CREATE TABLE sessions (
    tenant TEXT NOT NULL,
    key UUID NOT NULL,
    id UUID NOT NULL,
    digest BYTEA NOT NULL,
    subject TEXT NOT NULL,
    identity_id UUID,
    authenticated_at TIMESTAMPTZ NOT NULL,
    issued_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    remembered BOOLEAN NOT NULL,
    aal TEXT NOT NULL,
    acr TEXT NOT NULL,
    amr JSON NOT NULL,
    provider_session_id TEXT,
    device JSON NOT NULL,
    revoked_at TIMESTAMPTZ,
    PRIMARY KEY (tenant, key),
    CONSTRAINT sessions_id_unique UNIQUE (tenant, id)
);
CREATE INDEX sessions_subject_key ON sessions (tenant, subject, key);
CREATE INDEX sessions_expires_at ON sessions (tenant, expires_at);
-- who allowed what to whom; the parent of every token that came of it
CREATE TABLE grants (
    tenant TEXT NOT NULL,
    id UUID NOT NULL,
    client_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    identity_id UUID,
    session_key UUID,
    scope TEXT NOT NULL,
    audience JSON NOT NULL,
    detail JSON NOT NULL,
    remembered BOOLEAN NOT NULL,
    skipped BOOLEAN NOT NULL,
    remember_until TIMESTAMPTZ,
    live_from UUID,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ,
    revoked_for TEXT,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX grants_subject_client_id_remembered_id ON grants (tenant, subject, client_id, remembered, id);
CREATE INDEX grants_client_id_id ON grants (tenant, client_id, id);
CREATE INDEX grants_expires_at ON grants (tenant, expires_at) WHERE remembered = FALSE;
CREATE INDEX grants_remember_until ON grants (tenant, remember_until) WHERE remembered = TRUE;
CREATE INDEX grants_session_key ON grants (tenant, session_key, client_id) WHERE session_key IS NOT NULL;
-- authorization codes
CREATE TABLE codes (
    tenant TEXT NOT NULL,
    id UUID NOT NULL,
    digest BYTEA NOT NULL,
    grant_id UUID NOT NULL,
    client_id TEXT NOT NULL,
    redirect_uri TEXT,
    code_challenge TEXT,
    issued_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    used_at TIMESTAMPTZ,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX codes_expires_at ON codes (tenant, expires_at);
-- opaque access tokens; append-only
CREATE TABLE access_tokens (
    tenant TEXT NOT NULL,
    id UUID NOT NULL,
    digest BYTEA NOT NULL,
    client_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    grant_id UUID,
    scope TEXT NOT NULL,
    audience JSON NOT NULL,
    issued_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    revoked_at TIMESTAMPTZ,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX access_tokens_expires_at ON access_tokens (tenant, expires_at);
-- JWT access tokens revoked one by one before their time
CREATE TABLE revoked_jwts (
    tenant TEXT NOT NULL,
    id UUID NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX revoked_jwts_expires_at ON revoked_jwts (tenant, expires_at);
-- refresh tokens; a grant's rows are one family
CREATE TABLE refresh_tokens (
    tenant TEXT NOT NULL,
    id UUID NOT NULL,
    digest BYTEA NOT NULL,
    grant_id UUID NOT NULL,
    client_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    access_token_id UUID NOT NULL,
    issued_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ,
    used_at TIMESTAMPTZ,
    reuses BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX refresh_tokens_expires_at ON refresh_tokens (tenant, expires_at);
-- pauses of /oauth2/auth to ask a person
CREATE TABLE interactions (
    tenant TEXT NOT NULL,
    id UUID NOT NULL,
    stage TEXT NOT NULL,
    client_id TEXT NOT NULL,
    request JSON NOT NULL,
    browser_digest BYTEA NOT NULL,
    login_digest BYTEA,
    login_verifier_digest BYTEA,
    consent_digest BYTEA,
    consent_verifier_digest BYTEA,
    session_key UUID,
    subject TEXT,
    login_skip BOOLEAN NOT NULL,
    login JSON,
    consent_skip BOOLEAN NOT NULL,
    consent JSON,
    rejection JSON,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX interactions_expires_at ON interactions (tenant, expires_at);
-- pauses of /oauth2/sessions/logout to ask a person
CREATE TABLE logouts (
    tenant TEXT NOT NULL,
    id UUID NOT NULL,
    digest BYTEA NOT NULL,
    verifier_digest BYTEA,
    stage TEXT NOT NULL,
    session_key UUID NOT NULL,
    subject TEXT NOT NULL,
    client_id TEXT,
    request JSON NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX logouts_expires_at ON logouts (tenant, expires_at);
-- self-service forms on their way
CREATE TABLE flows (
    tenant TEXT NOT NULL,
    id UUID NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    interaction_id UUID,
    csrf_digest BYTEA,
    body JSON NOT NULL,
    issued_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    used_at TIMESTAMPTZ,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX flows_expires_at ON flows (tenant, expires_at);
-- attempts counted in a window, by what and by whom
CREATE TABLE throttles (
    tenant TEXT NOT NULL,
    what TEXT NOT NULL,
    whom BYTEA NOT NULL,
    attempts BIGINT NOT NULL,
    window_ends_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant, what, whom)
);
CREATE INDEX throttles_window_ends_at ON throttles (tenant, window_ends_at);
-- what changed, in order
CREATE TABLE facts (
    tenant TEXT NOT NULL,
    id UUID NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT,
    client_id TEXT,
    detail JSON NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant, id)
);
