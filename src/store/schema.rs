//! One diesel schema for both databases; a test compares it with what the migrations make.

macro_rules! tables {
    ($($(#[$m:meta])* $name:ident ($($pk:ident),+) { $($col:ident -> $ty:ty,)+ })+) => {$(
        diesel::table! {
            use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
            use crate::store::column::{SqlInstant, SqlJson, SqlUuid};
            $(#[$m])*
            $name ($($pk),+) { $($col -> $ty,)+ }
        }
    )+};
}

tables! {
    /// OAuth 2.0 clients; body is the checked metadata, version counts its changes.
    clients (tenant, id) {
        tenant -> Text,
        id -> Text,
        version -> BigInt,
        name -> Text,
        owner -> Text,
        body -> SqlJson,
        secrets -> SqlJson,
        created_at -> SqlInstant,
        updated_at -> SqlInstant,
    }
    /// Private keys, sealed with the system secret.
    signing_keys (tenant, kid) {
        tenant -> Text,
        kid -> Text,
        alg -> Text,
        state -> Text,
        sealed -> Binary,
        created_at -> SqlInstant,
        state_changed_at -> SqlInstant,
    }
    /// People; seq orders them, id is what clients see.
    identities (tenant, id) {
        tenant -> Text,
        id -> SqlUuid,
        seq -> SqlUuid,
        schema_id -> Text,
        state -> Text,
        state_changed_at -> SqlInstant,
        traits -> SqlJson,
        metadata_public -> Nullable<SqlJson>,
        metadata_admin -> Nullable<SqlJson>,
        external_id -> Nullable<Text>,
        version -> BigInt,
        created_at -> SqlInstant,
        updated_at -> SqlInstant,
    }
    /// How a person proves who they are: one row a kind.
    identity_credentials (tenant, identity_id, kind) {
        tenant -> Text,
        identity_id -> SqlUuid,
        kind -> Text,
        config -> SqlJson,
        version -> BigInt,
        created_at -> SqlInstant,
        updated_at -> SqlInstant,
    }
    /// The names a credential is found by, normalised.
    credential_identifiers (tenant, kind, identifier) {
        tenant -> Text,
        kind -> Text,
        identifier -> Text,
        identity_id -> SqlUuid,
    }
    /// Addresses to verify and to recover by, derived from traits.
    identity_addresses (tenant, id) {
        tenant -> Text,
        id -> SqlUuid,
        identity_id -> SqlUuid,
        purpose -> Text,
        via -> Text,
        value -> Text,
        status -> Text,
        verified_at -> Nullable<SqlInstant>,
        created_at -> SqlInstant,
        updated_at -> SqlInstant,
    }
    /// Who is logged in in which browser; key is time-ordered, id is the sid that clients see.
    sessions (tenant, key) {
        tenant -> Text,
        key -> SqlUuid,
        id -> SqlUuid,
        digest -> Binary,
        subject -> Text,
        identity_id -> Nullable<SqlUuid>,
        authenticated_at -> SqlInstant,
        issued_at -> SqlInstant,
        expires_at -> SqlInstant,
        remembered -> Bool,
        aal -> Text,
        acr -> Text,
        amr -> SqlJson,
        provider_session_id -> Nullable<Text>,
        device -> SqlJson,
        revoked_at -> Nullable<SqlInstant>,
    }
    /// Who allowed what to whom; the parent of every token that came of it.
    grants (tenant, id) {
        tenant -> Text,
        id -> SqlUuid,
        client_id -> Text,
        subject -> Text,
        identity_id -> Nullable<SqlUuid>,
        session_key -> Nullable<SqlUuid>,
        scope -> Text,
        audience -> SqlJson,
        detail -> SqlJson,
        remembered -> Bool,
        skipped -> Bool,
        remember_until -> Nullable<SqlInstant>,
        live_from -> Nullable<SqlUuid>,
        created_at -> SqlInstant,
        expires_at -> Nullable<SqlInstant>,
        revoked_at -> Nullable<SqlInstant>,
        revoked_for -> Nullable<Text>,
    }
    /// Authorization codes.
    codes (tenant, id) {
        tenant -> Text,
        id -> SqlUuid,
        digest -> Binary,
        grant_id -> SqlUuid,
        client_id -> Text,
        redirect_uri -> Nullable<Text>,
        code_challenge -> Nullable<Text>,
        issued_at -> SqlInstant,
        expires_at -> SqlInstant,
        used_at -> Nullable<SqlInstant>,
    }
    /// Opaque access tokens; append-only.
    access_tokens (tenant, id) {
        tenant -> Text,
        id -> SqlUuid,
        digest -> Binary,
        client_id -> Text,
        subject -> Text,
        grant_id -> Nullable<SqlUuid>,
        scope -> Text,
        audience -> SqlJson,
        issued_at -> SqlInstant,
        expires_at -> SqlInstant,
        revoked_at -> Nullable<SqlInstant>,
    }
    /// JWT access tokens revoked one by one before their time.
    revoked_jwts (tenant, id) {
        tenant -> Text,
        id -> SqlUuid,
        expires_at -> SqlInstant,
    }
    /// Refresh tokens; a grant's rows are one family.
    refresh_tokens (tenant, id) {
        tenant -> Text,
        id -> SqlUuid,
        digest -> Binary,
        grant_id -> SqlUuid,
        client_id -> Text,
        scope -> Text,
        access_token_id -> SqlUuid,
        issued_at -> SqlInstant,
        expires_at -> Nullable<SqlInstant>,
        used_at -> Nullable<SqlInstant>,
        reuses -> BigInt,
    }
    /// Pauses of /oauth2/auth to ask a person.
    interactions (tenant, id) {
        tenant -> Text,
        id -> SqlUuid,
        stage -> Text,
        client_id -> Text,
        request -> SqlJson,
        browser_digest -> Binary,
        login_digest -> Nullable<Binary>,
        login_verifier_digest -> Nullable<Binary>,
        consent_digest -> Nullable<Binary>,
        consent_verifier_digest -> Nullable<Binary>,
        session_key -> Nullable<SqlUuid>,
        subject -> Nullable<Text>,
        login_skip -> Bool,
        login -> Nullable<SqlJson>,
        consent_skip -> Bool,
        consent -> Nullable<SqlJson>,
        rejection -> Nullable<SqlJson>,
        created_at -> SqlInstant,
        expires_at -> SqlInstant,
    }
    /// Pauses of /oauth2/sessions/logout to ask a person.
    logouts (tenant, id) {
        tenant -> Text,
        id -> SqlUuid,
        digest -> Binary,
        verifier_digest -> Nullable<Binary>,
        stage -> Text,
        session_key -> SqlUuid,
        subject -> Text,
        client_id -> Nullable<Text>,
        request -> SqlJson,
        created_at -> SqlInstant,
        expires_at -> SqlInstant,
    }
    /// Self-service forms on their way.
    flows (tenant, id) {
        tenant -> Text,
        id -> SqlUuid,
        kind -> Text,
        state -> Text,
        interaction_id -> Nullable<SqlUuid>,
        csrf_digest -> Nullable<Binary>,
        body -> SqlJson,
        issued_at -> SqlInstant,
        expires_at -> SqlInstant,
        used_at -> Nullable<SqlInstant>,
    }
    /// Attempts counted in a window, by what and by whom.
    throttles (tenant, what, whom) {
        tenant -> Text,
        what -> Text,
        whom -> Binary,
        attempts -> BigInt,
        window_ends_at -> SqlInstant,
    }
    /// What changed, in order.
    facts (tenant, id) {
        tenant -> Text,
        id -> SqlUuid,
        kind -> Text,
        subject -> Nullable<Text>,
        client_id -> Nullable<Text>,
        detail -> SqlJson,
        created_at -> SqlInstant,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    clients,
    signing_keys,
    identities,
    identity_credentials,
    credential_identifiers,
    identity_addresses,
    sessions,
    grants,
    codes,
    access_tokens,
    revoked_jwts,
    refresh_tokens,
    interactions,
    logouts,
    flows,
    throttles,
    facts
);
