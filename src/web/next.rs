//! Renders what the seam decided: a redirect, an answer to the client, a page; and the cookies that go with it.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};

use super::cookies;
use super::error;
use super::reply::{self, FormTarget};
use super::state::AppState;
use crate::interaction::{CookieChange, Next, NextKind};
use crate::oauth::authorize::{AuthorizeFailure, AuthorizeReply};
use crate::render::{FORM_POST_SCRIPT_HASH, FormPostPage, LoggedOutPage};

/// The answer for a step that was taken.
pub fn taken(state: &AppState, req: &HttpRequest, next: Next) -> HttpResponse {
    let mut response = match next.kind {
        NextKind::LoggedOut => {
            let html = state.pages.logged_out(&LoggedOutPage::default());
            reply::page(StatusCode::OK, html, FormTarget::SelfOnly, None)
        }
        NextKind::Reply(answer) => to_client(state, &answer),
        NextKind::Show(url) => {
            // A POST must not be repeated where it leads (RFC 9110 §15.4.4).
            let status = if req.method() == Method::POST { StatusCode::SEE_OTHER } else { StatusCode::FOUND };
            reply::redirect(status, &url)
        }
    };
    let added = next.cookies.iter().filter(|c| matches!(c, CookieChange::SetBinding { .. })).count();
    state.cookies.tidy(req.headers(), added, &mut response);
    for change in &next.cookies {
        cookies::add(&mut response, &changed(state, change));
    }
    response
}

/// The answer for a step that could not be taken: to the client if its address is proven, else to the person.
pub fn failed(state: &AppState, req: &HttpRequest, failure: AuthorizeFailure) -> HttpResponse {
    match failure {
        AuthorizeFailure::Safe { reply_to, error } => {
            let mut response = to_client(state, &AuthorizeReply::error(*reply_to, &error, &state.settings().issuer));
            error::remember_cause(&mut response, &error);
            response
        }
        AuthorizeFailure::Unsafe(error) => error::page(state, req, &error),
    }
}

/// RFC 9700 §4.12: 303, so that a form's content never travels on to the client.
fn to_client(state: &AppState, answer: &AuthorizeReply) -> HttpResponse {
    if let Some(location) = answer.location() {
        return reply::redirect(StatusCode::SEE_OTHER, &location);
    }
    let action = answer.to.redirect_uri().to_owned();
    let fields = answer.params.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let html = state.pages.form_post(&FormPostPage { action: action.clone(), client_name: None, fields });
    reply::page(StatusCode::OK, html, FormTarget::SelfAnd(&action), Some(FORM_POST_SCRIPT_HASH))
}

fn changed(state: &AppState, change: &CookieChange) -> actix_web::cookie::Cookie<'static> {
    let rules = &state.cookies;
    match change {
        CookieChange::ClearBinding { tag } => rules.clear_binding(tag),
        CookieChange::ClearSession => rules.clear_session(),
        CookieChange::SetBinding { tag, value, max_age } => rules.set_binding(tag, value, *max_age),
        CookieChange::SetSession { value, max_age } => rules.set_session(value, *max_age),
    }
}
