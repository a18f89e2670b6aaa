//! What a browser brings and what it is sent away with: values between the edge and the machine.

use std::net::IpAddr;
use std::time::Duration;

use crate::base::{Id, Secret};
use crate::model::{Device, Interaction};
use crate::oauth::OAuthError;
use crate::oauth::authorize::{AuthorizeFailure, AuthorizeReply};

/// What a browser brings.
#[derive(Clone, Debug, Default)]
pub struct Browser {
    /// The value of the session cookie.
    pub session: Option<Secret<String>>,
    /// Values of the binding cookies, each with its interaction's tag ([`super::challenge::tag`]).
    pub bindings: Vec<(String, Secret<String>)>,
    /// Where it comes from, behind trusted proxies.
    pub address: Option<IpAddr>,
    /// What it says it is.
    pub user_agent: Option<String>,
}

impl Browser {
    /// What is kept of it with a session.
    pub fn device(&self) -> Device {
        Device {
            ip_address: self.address.map(|a| a.to_string()),
            user_agent: self.user_agent.as_ref().map(|u| u.chars().take(256).collect()),
        }
    }

    /// The value that binds it to an interaction, if it began that interaction.
    pub fn binding(&self, id: Id<Interaction>) -> Option<&Secret<String>> {
        let tag = super::challenge::tag(id);
        self.bindings.iter().find(|(t, _)| *t == tag).map(|(_, value)| value)
    }
}

/// A cookie to set or to clear; names and flags are the edge's business.
#[derive(Clone, Debug)]
pub enum CookieChange {
    /// The interaction is over.
    ClearBinding {
        /// Whose cookie.
        tag: String,
    },
    /// Nobody is logged in any more.
    ClearSession,
    /// This browser, and no other, may go on with the interaction.
    SetBinding {
        /// Whose cookie.
        tag: String,
        /// Its value.
        value: Secret<String>,
        /// How long the browser keeps it.
        max_age: Duration,
    },
    /// Somebody is logged in.
    SetSession {
        /// Its value.
        value: Secret<String>,
        /// How long the browser keeps it; `None` until it is closed.
        max_age: Option<Duration>,
    },
}

/// What the edge is to do: where to go or what to say, and the cookies that go with it.
#[derive(Clone, Debug)]
pub struct Next {
    /// Where or what.
    pub kind: NextKind,
    /// Cookies to change.
    pub cookies: Vec<CookieChange>,
}

/// Where to go or what to say.
#[derive(Clone, Debug)]
pub enum NextKind {
    /// Our page that says the person is logged out.
    LoggedOut,
    /// The client gets its answer.
    Reply(AuthorizeReply),
    /// The browser goes to a page of ours or of the external flow (302), or to a proven address after logging out.
    Show(String),
}

impl Next {
    /// Without cookies.
    pub const fn plain(kind: NextKind) -> Self {
        Self { kind, cookies: Vec::new() }
    }
}

/// Why a step could not be taken.
#[derive(Debug)]
pub enum Refused {
    /// The challenge or verifier is of another time, another browser, or none of ours; the person sees a page.
    Page(OAuthError),
    /// The answer was given already; whoever asks should go to this address.
    Over {
        /// Where a new attempt begins.
        redirect_to: String,
    },
    /// No such challenge.
    Unknown,
    /// The challenge is too old.
    Expired,
}

impl From<OAuthError> for Refused {
    fn from(error: OAuthError) -> Self {
        Self::Page(error)
    }
}

impl From<crate::store::StoreError> for Refused {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Page(error.into())
    }
}

impl From<Refused> for AuthorizeFailure {
    fn from(refused: Refused) -> Self {
        use crate::oauth::ErrorCode::{InvalidRequest, RequestForbidden};
        Self::Unsafe(match refused {
            Refused::Page(error) => error,
            Refused::Over { .. } => OAuthError::new(
                RequestForbidden,
                "this step was already taken; go back to the app and start again if you are not logged in there",
            ),
            Refused::Unknown => OAuthError::new(
                InvalidRequest,
                "this link is not complete or not from this server; go back to the app and start again",
            ),
            Refused::Expired => {
                OAuthError::new(InvalidRequest, "this page waited too long; go back to the app and start again")
            }
        })
    }
}
