//! What each page is told: one struct a page, plain values only.
//!
//! Nothing needs to be escaped, shortened or checked before it comes here: templates escape everything, names are
//! shortened and freed of control characters, and addresses that are not http(s) are not shown.

use serde::Serialize;

use super::form::{FormView, Ui};
use super::scopes::ScopeWords;

/// An app as people see it (RFC 7591 §2).
#[derive(Debug, Clone, Default, Serialize)]
pub struct ClientView {
    /// `client_name`; may be empty.
    pub name: String,
    /// `logo_uri`; shown only if https, otherwise the first letter of the name stands for it.
    pub logo_uri: Option<String>,
    /// `client_uri`, the app's home page.
    pub client_uri: Option<String>,
    /// `policy_uri`, how the app treats data.
    pub policy_uri: Option<String>,
    /// `tos_uri`, the app's terms of service.
    pub tos_uri: Option<String>,
}

/// The person a page talks to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct PersonView {
    /// How the person knows this account: a mail address or a name.
    pub name: String,
    /// Where to log in as somebody else.
    pub switch_url: Option<String>,
}

/// A link a page offers.
#[derive(Debug, Clone, Serialize)]
pub struct Link {
    /// Where it leads: http(s), or a path on this server.
    pub href: String,
    /// What it says.
    pub text: String,
}

/// Asks who is there.
#[derive(Debug, Clone)]
pub struct LoginPage {
    /// The app the person comes from; absent when somebody just logs in here.
    pub client: Option<ClientView>,
    /// The form of the login flow.
    pub ui: Ui,
    /// `login_hint` (OIDC Core §3.1.2.1): fills the identifier where the form has no value yet.
    pub login_hint: Option<String>,
    /// Whether somebody who is known has to prove it again (`prompt=login`, `max_age`, a sensitive change).
    pub reauthenticate: bool,
}

/// [`LoginPage`] with the form laid out.
#[derive(Debug, Serialize)]
pub(super) struct LoginView<'a> {
    client: Option<&'a ClientView>,
    form: FormView,
    reauthenticate: bool,
    known_as: Option<&'a str>,
}

impl LoginPage {
    pub(super) fn view(&self) -> LoginView<'_> {
        LoginView {
            client: self.client.as_ref(),
            form: self.ui.view(self.login_hint.as_deref()),
            reauthenticate: self.reauthenticate,
            known_as: self.ui.known_identifier(),
        }
    }
}

/// Asks what an app may have. The form sends `consent_challenge`, `csrf_token`, `grant_scope` (once for each scope
/// allowed, required ones included), `remember=true` if ticked, and `decision` = `accept` or `reject`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ConsentPage {
    /// Where the form is sent; a path on this server.
    pub action: String,
    /// The challenge being answered.
    pub consent_challenge: String,
    /// The double-submit token.
    pub csrf_token: String,
    /// The app that asks.
    pub client: ClientView,
    /// The person who answers.
    pub person: PersonView,
    /// What is asked for, in the order asked.
    pub scopes: Vec<ScopeWords>,
    /// Whether the answer may be remembered; if not, the box is not offered.
    pub can_remember: bool,
    /// Host the browser returns to (of the redirect URI), so that people can recognise a wrong one.
    pub returns_to: Option<String>,
}

/// Asks whether to log out. The form sends `logout_challenge`, `csrf_token` and `decision` = `accept` or `reject`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct LogoutPage {
    /// Where the form is sent; a path on this server.
    pub action: String,
    /// The challenge being answered.
    pub logout_challenge: String,
    /// The double-submit token.
    pub csrf_token: String,
    /// The app that asked for it, if one did.
    pub client: Option<ClientView>,
    /// Who would be logged out, if known.
    pub person: Option<PersonView>,
}

/// Says that the person is logged out.
#[derive(Debug, Clone, Default, Serialize)]
pub struct LoggedOutPage {
    /// The way on, such as back to the app or to the login page.
    pub next: Option<Link>,
}

/// Says what went wrong and what to do.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ErrorPage {
    /// The heading, such as "This link has expired".
    pub title: String,
    /// What happened, one or two sentences.
    pub happened: String,
    /// What the person can do now.
    pub advice: Option<String>,
    /// The standard error code, such as `invalid_request`, for whoever gets the report.
    pub code: Option<String>,
    /// The request id that the log carries too.
    pub request_id: Option<String>,
    /// A way back.
    pub back: Option<Link>,
}

/// Carries an authorization response to the app.
#[derive(Debug, Clone, Default, Serialize)]
pub struct FormPostPage {
    /// The proven reply address: it becomes the form's action as it is.
    pub action: String,
    /// The app's name, if known.
    pub client_name: Option<String>,
    /// Response parameters in order, as (name, value).
    pub fields: Vec<(String, String)>,
}

/// Says what answers here.
#[derive(Debug, Clone, Default, Serialize)]
pub struct WelcomePage {
    /// The issuer identifier.
    pub issuer: String,
    /// Where discovery is (OIDC Discovery §4).
    pub discovery_url: String,
    /// Where the public keys are (`jwks_uri`).
    pub jwks_url: String,
    /// Other ways on, such as the login page or the demo app.
    pub links: Vec<Link>,
}
