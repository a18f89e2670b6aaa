-- OAuth 2.0 clients; body is the checked metadata, version counts its changes
CREATE TABLE clients (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    owner TEXT NOT NULL,
    body TEXT NOT NULL,
    secrets TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
-- private keys, sealed with the system secret
CREATE TABLE signing_keys (
    tenant TEXT NOT NULL,
    kid TEXT NOT NULL,
    alg TEXT NOT NULL,
    state TEXT NOT NULL,
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    state_changed_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, kid)
) STRICT, WITHOUT ROWID;
-- servers that start together on a new database must end with one key an algorithm
CREATE UNIQUE INDEX signing_keys_one_active ON signing_keys (tenant, alg) WHERE state = 'active';
-- people; seq orders them, id is what clients see
CREATE TABLE identities (
    tenant TEXT NOT NULL,
    id BLOB NOT NULL,
    seq BLOB NOT NULL,
    schema_id TEXT NOT NULL,
    state TEXT NOT NULL,
    state_changed_at INTEGER NOT NULL,
    traits TEXT NOT NULL,
    metadata_public TEXT,
    metadata_admin TEXT,
    external_id TEXT,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, seq),
    UNIQUE (tenant, external_id)
) STRICT, WITHOUT ROWID;
-- how a person proves who they are: one row a kind
CREATE TABLE identity_credentials (
    tenant TEXT NOT NULL,
    identity_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    config TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, identity_id, kind),
    FOREIGN KEY (tenant, identity_id) REFERENCES identities (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
-- the names a credential is found by, normalised
CREATE TABLE credential_identifiers (
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    identifier TEXT NOT NULL,
    identity_id BLOB NOT NULL,
    PRIMARY KEY (tenant, kind, identifier),
    FOREIGN KEY (tenant, identity_id) REFERENCES identities (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX credential_identifiers_identity_id ON credential_identifiers (tenant, identity_id);
-- addresses to verify and to recover by, derived from traits
CREATE TABLE identity_addresses (
    tenant TEXT NOT NULL,
    id BLOB NOT NULL,
    identity_id BLOB NOT NULL,
    purpose TEXT NOT NULL,
    via TEXT NOT NULL,
    value TEXT NOT NULL,
    status TEXT NOT NULL,
    verified_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, purpose, via, value),
    FOREIGN KEY (tenant, identity_id) REFERENCES identities (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX identity_addresses_identity_id ON identity_addresses (tenant, identity_id);
-- who is logged in in which browser; key is time-ordered, id is the sid that clients see
CREATE TABLE sessions (
    tenant TEXT NOT NULL,
    key BLOB NOT NULL,
    id BLOB NOT NULL,
    digest BLOB NOT NULL,
    subject TEXT NOT NULL,
    identity_id BLOB,
    authenticated_at INTEGER NOT NULL,
    issued_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    remembered INTEGER NOT NULL CHECK (remembered IN (0, 1)),
    aal TEXT NOT NULL,
    acr TEXT NOT NULL,
    amr TEXT NOT NULL,
    provider_session_id TEXT,
    device TEXT NOT NULL,
    revoked_at INTEGER,
    PRIMARY KEY (tenant, key),
    UNIQUE (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_subject_key ON sessions (tenant, subject, key);
CREATE INDEX sessions_expires_at ON sessions (tenant, expires_at);
-- who allowed what to whom; the parent of every token that came of it
CREATE TABLE grants (
    tenant TEXT NOT NULL,
    id BLOB NOT NULL,
    client_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    identity_id BLOB,
    session_key BLOB,
    scope TEXT NOT NULL,
    audience TEXT NOT NULL,
    detail TEXT NOT NULL,
    remembered INTEGER NOT NULL CHECK (remembered IN (0, 1)),
    skipped INTEGER NOT NULL CHECK (skipped IN (0, 1)),
    remember_until INTEGER,
    live_from BLOB,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    revoked_for TEXT,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_subject_client_id_remembered_id ON grants (tenant, subject, client_id, remembered, id);
CREATE INDEX grants_client_id_id ON grants (tenant, client_id, id);
CREATE INDEX grants_expires_at ON grants (tenant, expires_at) WHERE remembered = FALSE;
CREATE INDEX grants_remember_until ON grants (tenant, remember_until) WHERE remembered = TRUE;
CREATE INDEX grants_session_key ON grants (tenant, session_key, client_id) WHERE session_key IS NOT NULL;
-- authorization codes
CREATE TABLE codes (
    tenant TEXT NOT NULL,
    id BLOB NOT NULL,
    digest BLOB NOT NULL,
    grant_id BLOB NOT NULL,
    client_id TEXT NOT NULL,
    redirect_uri TEXT,
    code_challenge TEXT,
    issued_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX codes_expires_at ON codes (tenant, expires_at);
-- opaque access tokens; append-only
CREATE TABLE access_tokens (
    tenant TEXT NOT NULL,
    id BLOB NOT NULL,
    digest BLOB NOT NULL,
    client_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    grant_id BLOB,
    scope TEXT NOT NULL,
    audience TEXT NOT NULL,
    issued_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX access_tokens_expires_at ON access_tokens (tenant, expires_at);
-- JWT access tokens revoked one by one before their time
CREATE TABLE revoked_jwts (
    tenant TEXT NOT NULL,
    id BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX revoked_jwts_expires_at ON revoked_jwts (tenant, expires_at);
-- refresh tokens; a grant's rows are one family
CREATE TABLE refresh_tokens (
    tenant TEXT NOT NULL,
    id BLOB NOT NULL,
    digest BLOB NOT NULL,
    grant_id BLOB NOT NULL,
    client_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    access_token_id BLOB NOT NULL,
    issued_at INTEGER NOT NULL,
    expires_at INTEGER,
    used_at INTEGER,
    reuses INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_expires_at ON refresh_tokens (tenant, expires_at);
-- pauses of /oauth2/auth to ask a person
CREATE TABLE interactions (
    tenant TEXT NOT NULL,
    id BLOB NOT NULL,
    stage TEXT NOT NULL,
    client_id TEXT NOT NULL,
    request TEXT NOT NULL,
    browser_digest BLOB NOT NULL,
    login_digest BLOB,
    login_verifier_digest BLOB,
    consent_digest BLOB,
    consent_verifier_digest BLOB,
    session_key BLOB,
    subject TEXT,
    login_skip INTEGER NOT NULL CHECK (login_skip IN (0, 1)),
    login TEXT,
    consent_skip INTEGER NOT NULL CHECK (consent_skip IN (0, 1)),
    consent TEXT,
    rejection TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX interactions_expires_at ON interactions (tenant, expires_at);
-- pauses of /oauth2/sessions/logout to ask a person
CREATE TABLE logouts (
    tenant TEXT NOT NULL,
    id BLOB NOT NULL,
    digest BLOB NOT NULL,
    verifier_digest BLOB,
    stage TEXT NOT NULL,
    session_key BLOB NOT NULL,
    subject TEXT NOT NULL,
    client_id TEXT,
    request TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX logouts_expires_at ON logouts (tenant, expires_at);
-- self-service forms on their way
CREATE TABLE flows (
    tenant TEXT NOT NULL,
    id BLOB NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    interaction_id BLOB,
    csrf_digest BLOB,
    body TEXT NOT NULL,
    issued_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX flows_expires_at ON flows (tenant, expires_at);
-- attempts counted in a window, by what and by whom
CREATE TABLE throttles (
    tenant TEXT NOT NULL,
    what TEXT NOT NULL,
    whom BLOB NOT NULL,
    attempts INTEGER NOT NULL,
    window_ends_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, what, whom)
) STRICT, WITHOUT ROWID;
CREATE INDEX throttles_window_ends_at ON throttles (tenant, window_ends_at);
-- what changed, in order
CREATE TABLE facts (
    tenant TEXT NOT NULL,
    id BLOB NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT,
    client_id TEXT,
    detail TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
