//! A registered client (RFC 6749 §2, RFC 7591 §2): checked metadata, as stored and as the protocol rules read it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ClientId, ScopeSet};
use crate::base::alg::SigningAlg;
use crate::base::{Instant, Origin, RedirectUri};

/// How a client proves itself at the token endpoint (RFC 7591 §2 `token_endpoint_auth_method`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// `Authorization: Basic` with percent-encoded parts (RFC 6749 §2.3.1).
    #[default]
    ClientSecretBasic,
    /// `client_id` and `client_secret` in the form.
    ClientSecretPost,
    /// A public client: `client_id` only.
    None,
}

impl AuthMethod {
    /// The registered name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::None => "none",
        }
    }
}

/// A way to get tokens (RFC 6749 §1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// RFC 6749 §4.1.
    AuthorizationCode,
    /// RFC 6749 §4.4.
    ClientCredentials,
    /// RFC 6749 §6.
    RefreshToken,
}

impl GrantType {
    /// Every grant type there is.
    pub const ALL: [Self; 3] = [Self::AuthorizationCode, Self::ClientCredentials, Self::RefreshToken];

    /// The registered name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::ClientCredentials => "client_credentials",
            Self::RefreshToken => "refresh_token",
        }
    }

    /// The grant type of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|g| g.as_str() == name)
    }
}

/// What an access token looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenFormat {
    /// A JWT (RFC 9068), not stored; it dies with its grant, or by its own revocation.
    Jwt,
    /// A random reference that only this server can resolve.
    #[default]
    Opaque,
}

/// What a client may learn at the public introspection endpoint (RFC 7662 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IntrospectRight {
    /// Every token.
    Any,
    /// Its own tokens and those whose audience names it.
    Audience,
    /// The tokens it was given itself.
    Own,
}

/// Lifetimes that replace the configured ones, per grant; `None` keeps the configured one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lifespans {
    /// Access token from a code.
    pub authorization_code_grant_access_token: Option<Duration>,
    /// ID token from a code.
    pub authorization_code_grant_id_token: Option<Duration>,
    /// Refresh token from a code.
    pub authorization_code_grant_refresh_token: Option<Duration>,
    /// Access token from client credentials.
    pub client_credentials_grant_access_token: Option<Duration>,
    /// Access token from a refresh.
    pub refresh_token_grant_access_token: Option<Duration>,
    /// ID token from a refresh.
    pub refresh_token_grant_id_token: Option<Duration>,
    /// Refresh token from a refresh.
    pub refresh_token_grant_refresh_token: Option<Duration>,
}

/// One secret of a client: only a digest is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientSecretHash {
    /// Keyed SHA-256 of a generated secret, or an argon2id PHC string of a chosen one.
    pub hash: String,
    /// When it was set, microseconds since 1970.
    pub created_at: i64,
    /// When it stops working, microseconds since 1970; `None` for never.
    pub expires_at: Option<i64>,
}

/// A client's checked metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientMetadata {
    /// Shown to people at consent.
    pub name: String,
    /// Who is responsible for it, free text.
    pub owner: String,
    /// Exact addresses answers may go to.
    pub redirect_uris: Vec<RedirectUri>,
    /// Grant types as registered; `None` when never said (then [`Client::allows`] decides).
    pub grant_types: Option<Vec<GrantType>>,
    /// Response types as registered; `None` when never said.
    pub response_types: Option<Vec<String>>,
    /// Scopes it may ask for; patterns by the configured strategy.
    pub scope: ScopeSet,
    /// Audiences it may ask for.
    pub audience: Vec<String>,
    /// How it authenticates.
    pub token_endpoint_auth_method: AuthMethod,
    /// Replaces the configured format of access tokens.
    pub access_token_strategy: Option<TokenFormat>,
    /// Replaces the configured algorithm of ID tokens.
    pub id_token_signed_response_alg: Option<SigningAlg>,
    /// First-party: people are not asked for consent.
    pub skip_consent: bool,
    /// First-party: people are not asked to confirm logging out.
    pub skip_logout_consent: Option<bool>,
    /// Where a browser may go after logging out (OIDC RP-Initiated Logout §3.1).
    pub post_logout_redirect_uris: Vec<String>,
    /// Origins whose scripts may call token, revocation and userinfo for this client.
    pub allowed_cors_origins: Vec<Origin>,
    /// What it may see at public introspection; `None` for nothing.
    pub introspect: Option<IntrospectRight>,
    /// Lifetimes that differ from the configured ones.
    pub lifespans: Lifespans,
    /// Home page.
    pub client_uri: String,
    /// Logo.
    pub logo_uri: String,
    /// Privacy policy.
    pub policy_uri: String,
    /// Terms of service.
    pub tos_uri: String,
    /// People responsible.
    pub contacts: Option<Vec<String>>,
    /// Free JSON of the operator's.
    pub metadata: serde_json::Value,
}

/// A client with what storage adds to its metadata.
#[derive(Clone, Debug, PartialEq)]
pub struct Client {
    /// Its name in the protocol.
    pub id: ClientId,
    /// Counts its changes; with the id it names this very state.
    pub version: i64,
    /// Its checked metadata.
    pub metadata: ClientMetadata,
    /// Its secrets, newest first; empty for a public client.
    pub secrets: Vec<ClientSecretHash>,
    /// When it was registered.
    pub created_at: Instant,
    /// When it was last changed.
    pub updated_at: Instant,
}

impl Client {
    /// Whether it cannot keep a secret (RFC 6749 §2.1).
    pub fn is_public(&self) -> bool {
        self.metadata.token_endpoint_auth_method == AuthMethod::None
    }

    /// Whether it may use `grant`. A client that never said gets `authorization_code` (RFC 7591 §2).
    pub fn allows(&self, grant: GrantType) -> bool {
        self.metadata
            .grant_types
            .as_ref()
            .map_or(grant == GrantType::AuthorizationCode, |allowed| allowed.contains(&grant))
    }

    /// Whether it may use the response type `code`, the only one there is.
    pub fn allows_code_response(&self) -> bool {
        self.metadata.response_types.as_ref().is_none_or(|types| types.iter().any(|t| t == "code"))
    }
}
