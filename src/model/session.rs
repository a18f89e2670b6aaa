//! A session: one person logged in in one browser or app.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::token::Digest;
use super::{Identity, Subject};
use crate::base::{Id, Instant};

/// Authenticator assurance level, as the self-service API names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Aal {
    /// Nothing proven.
    Aal0,
    /// One factor.
    #[default]
    Aal1,
    /// Two factors of different kinds.
    Aal2,
}

impl Aal {
    /// The word that is stored and sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aal0 => "aal0",
            Self::Aal1 => "aal1",
            Self::Aal2 => "aal2",
        }
    }

    /// The level of that name; anything unknown counts for nothing.
    pub fn from_stored(text: &str) -> Self {
        match text {
            "aal1" => Self::Aal1,
            "aal2" => Self::Aal2,
            _ => Self::Aal0,
        }
    }
}

/// From where a session was begun.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Device {
    /// The address the request came from, behind trusted proxies.
    pub ip_address: Option<String>,
    /// The `User-Agent` header, at most 256 characters of it.
    pub user_agent: Option<String>,
}

/// One person logged in in one browser or app.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// Time-ordered key; part of the cookie's value.
    pub key: Id<Session>,
    /// The id clients see, `sid` in ID tokens.
    pub id: Uuid,
    /// Of the cookie's value.
    pub digest: Digest,
    /// Who.
    pub subject: Subject,
    /// The person in our own store, when the embedded flow logged them in.
    pub identity_id: Option<Id<Identity>>,
    /// When they last proved who they are.
    pub authenticated_at: Instant,
    /// When the session began.
    pub issued_at: Instant,
    /// When it ends by itself.
    pub expires_at: Instant,
    /// Whether it may answer later requests (`remember`); one that may not only carries its grants.
    pub remembered: bool,
    /// Assurance level reached.
    pub aal: Aal,
    /// Authentication context class reached, as the login UI stated it.
    pub acr: String,
    /// Methods used: names (RFC 8176), or objects as the self-service API lists them.
    pub amr: Vec<Value>,
    /// The session of the external identity provider.
    pub provider_session_id: Option<String>,
    /// From where it was begun.
    pub device: Device,
    /// When it was ended.
    pub revoked_at: Option<Instant>,
}

impl Session {
    /// Whether it may answer for its person at `now`.
    pub fn is_live(&self, now: Instant) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }

    /// The methods' names for `amr` claims (RFC 8176 §2), each once.
    pub fn amr_names(&self) -> Vec<String> {
        let listed = |v: &Value| match v.get("method")?.as_str()? {
            "password" => Some("pwd".to_owned()),
            other => Some(other.to_owned()),
        };
        let mut names: Vec<String> = Vec::with_capacity(self.amr.len());
        for name in self.amr.iter().filter_map(|v| v.as_str().map(str::to_owned).or_else(|| listed(v))) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}
