//! Token formats, lifetimes and protocol policy.

use std::time::Duration;

use crate::model::SigningAlg;

/// Settings of the authorization server.
#[derive(Clone, Debug)]
pub struct OAuth {
    /// Format of access tokens, unless a client says otherwise.
    pub access_token: TokenFormat,
    /// Signs JWT access tokens.
    pub access_token_alg: SigningAlg,
    /// Signs ID tokens, unless a client says otherwise.
    pub id_token_alg: SigningAlg,
    /// How JWT access tokens carry the scope.
    pub jwt_scope_claim: ScopeClaim,
    /// How a requested scope is compared with the client's.
    pub scope_strategy: ScopeStrategy,
    /// How long things live.
    pub lifetimes: Lifetimes,
    /// Who must use PKCE (RFC 7636).
    pub pkce: PkcePolicy,
    /// What a rotated refresh token may still do.
    pub refresh: RefreshPolicy,
    /// Whether client_credentials without `scope` gets all scopes of the client.
    pub client_credentials_default_scope: bool,
    /// What goes into access tokens besides the standard's claims.
    pub claims: ClaimPolicy,
    /// Shortest `state` accepted, in bytes; 0 makes it optional.
    pub state_min_length: usize,
    /// What discovery names besides what is built in.
    pub discovery: DiscoveryExtras,
}

/// Format of access tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFormat {
    /// RFC 9068.
    Jwt,
    /// A random handle; only introspection can read it.
    Opaque,
}

/// How a JWT access token carries its scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeClaim {
    /// `scp` and `scope`.
    Both,
    /// `scp`, an array.
    List,
    /// `scope`, words with spaces between (RFC 9068 §2.2.3).
    String,
}

/// How a requested scope is compared with the client's registered ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeStrategy {
    /// Equal words only.
    Exact,
    /// A registered `users.*` allows `users.read`.
    Wildcard,
}

/// How long things live, unless a client says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Access token.
    pub access_token: Duration,
    /// ID token.
    pub id_token: Duration,
    /// Refresh token; `None` never expires.
    pub refresh_token: Option<Duration>,
    /// Authorization code.
    pub authorization_code: Duration,
    /// A pending login or consent.
    pub interaction: Duration,
    /// A remembered login at the authorization server.
    pub authentication_session: Duration,
}

/// Who must use PKCE (RFC 7636, RFC 9700 §2.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PkcePolicy {
    /// Every client.
    pub enforced: bool,
    /// Clients without a secret.
    pub enforced_for_public_clients: bool,
}

/// What a refresh token may do after it was rotated (RFC 9700 §4.14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshPolicy {
    /// For this long it may be used again; zero: never.
    pub grace: Duration,
    /// So many times at most within the grace; 0 means that time alone is the limit.
    pub grace_count: u32,
}

/// What goes into access tokens and introspection besides the standard's claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPolicy {
    /// Session claims that may stand at the top level.
    pub allowed_top_level: Vec<String>,
    /// Whether those also stay under `ext`.
    pub mirror_top_level: bool,
    /// Whether `nbf` is left out.
    pub exclude_not_before: bool,
}

/// What discovery names besides what is built in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoveryExtras {
    /// For `claims_supported`.
    pub claims: Vec<String>,
    /// For `scopes_supported`.
    pub scopes: Vec<String>,
}
