//! F4: the seam between the authorization server and whoever knows the people.
//!
//! An **interaction** is one pause of `/oauth2/auth` to ask a person. [`machine`] moves it; [`IdentityFlow`] says who asks.
//! Not here: the protocol's rules (`oauth`), passwords and forms (`identity`), HTTP (`web`).

pub mod answers;
pub mod browser;
pub mod challenge;
pub mod consent;
pub mod embedded;
pub mod external;
pub mod login;
pub mod logout;
pub mod machine;

pub use browser::{Browser, CookieChange, Next, NextKind, Refused};
pub use challenge::Challenge;
pub use embedded::Embedded;
pub use external::External;
pub use machine::Interactions;

use crate::base::Instant;
use crate::model::{AuthorizeRequest, LoginAnswer, Session, Subject};
use crate::oauth::ClaimSource;
use crate::store::{StoreError, Tx};

/// What `/oauth2/auth` wants to know, and what the browser already carries.
pub struct LoginAsk<'a> {
    /// What the client asks.
    pub request: &'a AuthorizeRequest,
    /// The live session found in the browser; it already satisfies `prompt`, `max_age` and `id_token_hint`.
    pub session: &'a Session,
    /// The present moment.
    pub now: Instant,
}

/// Which page is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Who is there?
    Login,
    /// What is allowed?
    Consent,
    /// Really log out?
    Logout,
}

/// The one seam between the authorization server and whoever knows the people.
pub trait IdentityFlow: ClaimSource {
    /// Answers from what the browser already carries, without showing a page. External flows never do.
    ///
    /// # Errors
    /// Only when storage fails.
    fn recognise(&self, tx: &mut Tx, ask: &LoginAsk<'_>) -> Result<Option<LoginAnswer>, StoreError>;

    /// Where to send the browser so that the question gets answered; absolute, with the challenge in its query.
    fn page(&self, ask: Ask, challenge: &Challenge) -> String;

    /// Whether a trusted client's `skip_consent` is honoured without a visit to the consent page.
    fn skips_consent(&self) -> bool;

    /// The subject logged out here; end what the flow itself remembers.
    ///
    /// # Errors
    /// Only when storage fails.
    fn forget(&self, tx: &mut Tx, subject: &Subject) -> Result<(), StoreError>;
}
