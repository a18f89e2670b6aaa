//! A grant: who allowed what to which client. Every token descends from one and dies with it.
//!
//! Killing a family of tokens is one change here: introspection, userinfo, refresh and every mint look at this row again.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{ClientId, ScopeSet, Session, Subject};
use crate::base::{Id, Instant};

/// Everything about a grant that is only read together with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GrantDetail {
    /// Session id that clients see (OIDC Front-Channel Logout §3 `sid`).
    pub sid: Option<Uuid>,
    /// Copied into ID tokens.
    pub nonce: Option<String>,
    /// When the person proved who they are, microseconds since 1970.
    pub auth_time: i64,
    /// When the client asked, microseconds since 1970 (`rat`).
    pub requested_at: i64,
    /// Authentication context class reached.
    pub acr: Option<String>,
    /// Methods used (RFC 8176).
    pub amr: Vec<String>,
    /// Claims the consent answer put into ID token and userinfo.
    pub id_token_claims: Map<String, Value>,
    /// Claims the consent answer put into access token and introspection.
    pub access_token_claims: Map<String, Value>,
    /// Whatever the login UI handed to the consent UI.
    pub context: Option<Value>,
    /// Scopes that were asked for; the granted ones are on the grant.
    pub requested_scope: ScopeSet,
    /// The interaction that asked, if a person was asked.
    pub interaction: Option<Uuid>,
}

/// Who allowed what to whom.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// The family id of every token that comes of it.
    pub id: Id<Grant>,
    /// To whom.
    pub client_id: ClientId,
    /// Who.
    pub subject: Subject,
    /// The person in our own store, when the embedded flow answered; they must stay active.
    pub identity_id: Option<Id<super::Identity>>,
    /// The session that must stay alive; `None` when offline access was granted.
    pub session_key: Option<Id<Session>>,
    /// What.
    pub scope: ScopeSet,
    /// For which resources.
    pub audience: Vec<String>,
    /// The rest.
    pub detail: GrantDetail,
    /// Whether the answer may be reused for later requests.
    pub remembered: bool,
    /// Whether it came about by a remembered answer, without asking.
    pub skipped: bool,
    /// Until when it is remembered; `None` for as long as it is not withdrawn.
    pub remember_until: Option<Instant>,
    /// The first access token that is still alive; earlier ones died at a refresh.
    pub live_from: Option<Uuid>,
    /// When it came about.
    pub created_at: Instant,
    /// When nothing of it can be alive any more; `None` for never.
    pub expires_at: Option<Instant>,
    /// When it was revoked.
    pub revoked_at: Option<Instant>,
}

/// Why a grant was revoked; kept with it, and told in logs and facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevokedFor {
    /// Its client revoked a token of it (RFC 7009).
    ClientRequest,
    /// Its code was presented twice (RFC 6749 §4.1.2).
    CodeReuse,
    /// The consent was withdrawn.
    ConsentWithdrawn,
    /// A refresh token of it was presented twice (RFC 9700 §4.14.2).
    RefreshReuse,
}

impl RevokedFor {
    /// The word that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientRequest => "client_request",
            Self::CodeReuse => "code_reuse",
            Self::ConsentWithdrawn => "consent_withdrawn",
            Self::RefreshReuse => "refresh_reuse",
        }
    }

    /// The reason of that name.
    pub fn from_stored(text: &str) -> Option<Self> {
        [Self::ClientRequest, Self::CodeReuse, Self::ConsentWithdrawn, Self::RefreshReuse]
            .into_iter()
            .find(|known| known.as_str() == text)
    }
}
