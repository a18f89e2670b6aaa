//! A logout on its way: one pause of `/oauth2/sessions/logout` to ask a person.

use serde_json::Value;

use super::token::Digest;
use super::{ClientId, Session, Subject};
use crate::base::{Id, Instant};

/// Where a logout stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogoutStage {
    /// Somebody must say whether they mean it.
    Asked,
    /// They do; the browser has not come back with the verifier yet.
    Confirmed,
    /// Over: the session ended, or they changed their mind.
    Done,
}

impl LogoutStage {
    /// The word that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Confirmed => "confirmed",
            Self::Done => "done",
        }
    }

    /// The stage of that name.
    pub fn from_stored(text: &str) -> Option<Self> {
        [Self::Asked, Self::Confirmed, Self::Done].into_iter().find(|s| s.as_str() == text)
    }
}

/// One pause of `/oauth2/sessions/logout`.
#[derive(Clone, Debug, PartialEq)]
pub struct Logout {
    /// Time-ordered id; part of its challenge and verifier.
    pub id: Id<Logout>,
    /// Of the challenge.
    pub digest: Digest,
    /// Of the verifier.
    pub verifier_digest: Option<Digest>,
    /// Where it stands.
    pub stage: LogoutStage,
    /// Which session is to end.
    pub session_key: Id<Session>,
    /// Whose.
    pub subject: Subject,
    /// The app that asked, if one did.
    pub client_id: Option<ClientId>,
    /// The checked request, as `oauth` keeps it.
    pub request: Value,
    /// When it began.
    pub created_at: Instant,
    /// When it is forgotten.
    pub expires_at: Instant,
}
