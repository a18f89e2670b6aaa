//! Token formats, lifetimes and protocol policy.

use std::time::Duration;

use super::reader::Reader;
use crate::model::{ScopeStrategy, SigningAlg, TokenFormat};

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

/// Reads `strategies`, `ttl`, `oauth2`, `oidc` and `webfinger`.
pub(super) fn read(r: &mut Reader<'_>) -> OAuth {
    let algorithm = |word: &str| word.parse().unwrap_or(SigningAlg::Rs256);
    OAuth {
        access_token: match r.choice("strategies.access_token") {
            "jwt" => TokenFormat::Jwt,
            _ => TokenFormat::Opaque,
        },
        access_token_alg: algorithm(r.choice("strategies.jwt.alg")),
        id_token_alg: algorithm(r.choice("oidc.id_token.alg")),
        jwt_scope_claim: match r.choice("strategies.jwt.scope_claim") {
            "list" => ScopeClaim::List,
            "string" => ScopeClaim::String,
            _ => ScopeClaim::Both,
        },
        scope_strategy: match r.choice("strategies.scope") {
            "exact" => ScopeStrategy::Exact,
            _ => ScopeStrategy::Wildcard,
        },
        lifetimes: lifetimes(r),
        pkce: pkce(r),
        refresh: refresh(r),
        client_credentials_default_scope: r.boolean("oauth2.client_credentials.default_grant_allowed_scope"),
        claims: ClaimPolicy {
            allowed_top_level: r.texts("oauth2.allowed_top_level_claims"),
            mirror_top_level: r.boolean("oauth2.mirror_top_level_claims"),
            exclude_not_before: r.boolean("oauth2.exclude_not_before_claim"),
        },
        state_min_length: r.count::<usize>("oauth2.state.min_length"),
        discovery: DiscoveryExtras {
            claims: r.texts("webfinger.oidc_discovery.supported_claims"),
            scopes: r.texts("webfinger.oidc_discovery.supported_scope"),
        },
    }
}

fn lifetimes(r: &mut Reader<'_>) -> Lifetimes {
    Lifetimes {
        access_token: r.duration("ttl.access_token"),
        id_token: r.duration("ttl.id_token"),
        refresh_token: r.duration_or_never("ttl.refresh_token"),
        authorization_code: r.duration("ttl.auth_code"),
        interaction: r.duration("ttl.login_consent_request"),
        authentication_session: r.duration("ttl.authentication_session"),
    }
}

fn pkce(r: &mut Reader<'_>) -> PkcePolicy {
    const PUBLIC: &str = "oauth2.pkce.enforced_for_public_clients";
    let policy =
        PkcePolicy { enforced: r.boolean("oauth2.pkce.enforced"), enforced_for_public_clients: r.boolean(PUBLIC) };
    if !policy.enforced && !policy.enforced_for_public_clients {
        r.notice(
            true,
            PUBLIC,
            "a stolen authorization code of a client without a secret can be redeemed by the thief (RFC 9700 §2.1.1)",
        );
    }
    policy
}

fn refresh(r: &mut Reader<'_>) -> RefreshPolicy {
    const PERIOD: &str = "oauth2.grant.refresh_token.rotation_grace_period";
    const COUNT: &str = "oauth2.grant.refresh_token.rotation_grace_reuse_count";
    let policy = RefreshPolicy { grace: r.duration(PERIOD), grace_count: r.count::<u32>(COUNT) };
    if policy.grace > Duration::from_secs(300) && policy.grace_count == 0 {
        r.refuse(PERIOD, &format!("must be 5m at most, unless {COUNT} limits how often the token may be used again"));
    }
    if policy.grace.is_zero() && policy.grace_count > 0 {
        r.refuse(COUNT, &format!("has no effect without a time; write {PERIOD} as well"));
    }
    policy
}
