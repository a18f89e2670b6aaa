//! Who asks the person: our own pages, or the operator's app.

use url::Url;

/// Where login, consent and logout are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interaction {
    /// Our identity flows answer.
    Embedded {
        /// A login page of the operator that shows our flows; `None`: our own pages.
        ui_url: Option<Url>,
    },
    /// An app of the operator answers over the admin API.
    External {
        /// Where the browser goes with a `login_challenge`.
        login: Url,
        /// Where the browser goes with a `consent_challenge`.
        consent: Url,
        /// Where the browser goes with a `logout_challenge`; `None`: our own page asks.
        logout: Option<Url>,
    },
}
