//! What the forms of our pages have in common: the token against forgery, and how it is checked.

use actix_web::{HttpRequest, HttpResponse};

use super::super::cookies;
use super::super::csrf::{Csrf, CsrfToken};
use super::super::state::AppState;
use crate::model::Identity;
use crate::model::client::Client;
use crate::oauth::{ErrorCode, OAuthError, Params};
use crate::render::ClientView;

/// The browser's token, or a new one, and whether it is new.
pub(crate) fn token(state: &AppState, req: &HttpRequest) -> (CsrfToken, bool) {
    match state.csrf.known(req.headers()) {
        Some(token) => (token, false),
        None => (Csrf::fresh(&*state.engine.random), true),
    }
}

/// Gives a new token to the browser.
pub(crate) fn keep(state: &AppState, token: &CsrfToken, response: &mut HttpResponse) {
    cookies::add(response, &state.csrf.cookie(&state.cookies, token));
}

/// Whether the form came from our own page in this browser.
///
/// # Errors
/// `request_forbidden` when it did not.
pub(crate) fn check(state: &AppState, req: &HttpRequest, params: &Params) -> Result<(), OAuthError> {
    if state.csrf.holds(req.headers(), params.one("csrf_token")?) {
        return Ok(());
    }
    Err(OAuthError::new(
        ErrorCode::RequestForbidden,
        "this form was not opened in this browser, or cookies are off; go back, reload the page and try again",
    ))
}

/// How a person knows their account.
pub(crate) fn known_as(identity: &Identity) -> Option<String> {
    identity.traits.get("email")?.as_str().map(str::to_owned)
}

/// An app as people see it.
pub(crate) fn client_view(client: &Client) -> ClientView {
    let m = &client.metadata;
    let some = |text: &String| (!text.is_empty()).then(|| text.clone());
    ClientView {
        name: m.name.clone(),
        logo_uri: some(&m.logo_uri),
        client_uri: some(&m.client_uri),
        policy_uri: some(&m.policy_uri),
        tos_uri: some(&m.tos_uri),
    }
}
