//! The self-service API of the embedded identity flows, in the shape that Kratos's clients know.
//!
//! [`login`] starts, shows and answers login flows; [`session`] says who is signed in and signs out. Errors have the
//! generic form `{"error": {...}}`. Our own page over the same flows is [`super::ui::login`].

pub mod login;
pub mod session;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::cookies;
use super::csrf::CsrfToken;
use super::error;
use super::extract::Wanted;
use super::reply;
use super::state::AppState;
use crate::base::Secret;
use crate::config::Interaction;
use crate::crypto::TokenKind;
use crate::identity::flow::login::LoginFlow;
use crate::identity::flow::{FlowError, FlowType};
use crate::oauth::{ErrorCode, OAuthError};

/// Whether the caller reads JSON; a browser that opens a page does not.
pub(crate) fn wants_json(req: &HttpRequest) -> bool {
    Wanted::by(req) == Some(Wanted::Json)
}

/// The generic error form.
pub(crate) fn problem(status: StatusCode, id: Option<&str>, reason: &str) -> HttpResponse {
    reply::json_with(status, &json!({ "error": problem_body(status, id, reason) }))
}

fn problem_body(status: StatusCode, id: Option<&str>, reason: &str) -> Value {
    let name = status.canonical_reason().unwrap_or_default();
    let mut body = json!({ "code": status.as_u16(), "status": name, "reason": reason, "message": reason });
    if let Some(id) = id {
        body["id"] = id.into();
    }
    body
}

/// Where the form of a flow is shown.
pub(crate) fn form_url(state: &AppState, flow: &LoginFlow) -> String {
    let settings = state.settings();
    let id = flow.id.to_string();
    match &settings.interaction {
        Interaction::Embedded { ui_url: Some(url) } => {
            let mut url = url.clone();
            url.query_pairs_mut().append_pair("flow", &id);
            url.into()
        }
        _ => format!("{}/login?flow={id}", settings.public_url.as_str().trim_end_matches('/')),
    }
}

/// Where a browser starts a login flow like this one again.
fn start_url(state: &AppState, flow: &LoginFlow) -> String {
    let base = state.settings().public_url.as_str().trim_end_matches('/');
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if let Some(challenge) = &flow.detail.request.login_challenge {
        query.append_pair("login_challenge", challenge);
    }
    if let Some(to) = &flow.detail.return_to {
        query.append_pair("return_to", to.as_str());
    }
    format!("{base}/self-service/login/browser?{}", query.finish()).trim_end_matches('?').to_owned()
}

/// Where the browser goes when nothing else is said.
pub(crate) fn home(state: &AppState) -> String {
    let settings = state.settings();
    settings.identity.default_return_url.as_ref().unwrap_or(&settings.public_url).to_string()
}

/// Where a browser starts to answer a client's question.
pub(crate) fn challenge_url(state: &AppState, challenge: &str) -> String {
    let base = state.settings().public_url.as_str().trim_end_matches('/');
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("login_challenge", challenge).finish();
    format!("{base}/self-service/login/browser?{query}")
}

/// The flow as JSON; a browser's with the token of that browser, masked.
pub(crate) fn flow_json(
    state: &AppState,
    status: StatusCode,
    flow: &LoginFlow,
    token: Option<&CsrfToken>,
) -> HttpResponse {
    let token = token.filter(|_| flow.detail.kind == FlowType::Browser);
    let masked = token.map(|token| token.masked(&*state.engine.random));
    reply::json_with(status, &state.accounts.login_json(flow, masked.as_deref()))
}

/// The token the browser has; who answers a flow has one.
fn known(state: &AppState, req: &HttpRequest) -> Option<CsrfToken> {
    state.csrf.known(req.headers())
}

/// The answer when a flow did not go on.
pub(crate) fn failed(state: &AppState, req: &HttpRequest, failure: FlowError) -> HttpResponse {
    match (wants_json(req), failure) {
        (true, failure) => failed_as_json(state, req, failure),
        (false, FlowError::Form(flow) | FlowError::Throttled { flow, .. } | FlowError::Replaced { flow, .. }) => {
            match flow.detail.kind {
                FlowType::Api => flow_json(state, StatusCode::BAD_REQUEST, &flow, known(state, req).as_ref()),
                FlowType::Browser => reply::redirect(StatusCode::SEE_OTHER, &form_url(state, &flow)),
            }
        }
        (false, FlowError::Expired(flow)) => reply::redirect(StatusCode::SEE_OTHER, &start_url(state, &flow)),
        (false, FlowError::AlreadySignedIn) => reply::redirect(StatusCode::SEE_OTHER, &home(state)),
        (false, other) => error::page(state, req, &spoken(other)),
    }
}

/// A failure in words for a person.
fn spoken(failure: FlowError) -> OAuthError {
    match failure {
        FlowError::Busy => OAuthError::busy(),
        FlowError::Csrf => OAuthError::new(
            ErrorCode::RequestForbidden,
            "this form was opened in another browser, or cookies are off; go back to the start and log in again",
        ),
        FlowError::Internal(cause) => OAuthError::server_error(cause),
        FlowError::ReturnTo(_) => OAuthError::invalid_request("return_to is not an address that may be returned to"),
        _ => OAuthError::invalid_request("there is no such form, or it was forgotten; go back to the start"),
    }
}

fn failed_as_json(state: &AppState, req: &HttpRequest, failure: FlowError) -> HttpResponse {
    const EXPIRED: &str = "self_service_flow_expired";
    match failure {
        FlowError::AlreadySignedIn => problem(
            StatusCode::BAD_REQUEST,
            Some("session_already_available"),
            "somebody is logged in already; log out first, or ask with refresh=true",
        ),
        FlowError::Csrf => problem(
            StatusCode::FORBIDDEN,
            Some("security_csrf_violation"),
            "the cookie or the csrf_token of the form is missing, or the two do not belong together",
        ),
        FlowError::Form(flow) => flow_json(state, StatusCode::BAD_REQUEST, &flow, known(state, req).as_ref()),
        FlowError::Throttled { flow, retry_after } => {
            let mut response = flow_json(state, StatusCode::TOO_MANY_REQUESTS, &flow, known(state, req).as_ref());
            response.headers_mut().insert(RETRY_AFTER, retry_after.into());
            response
        }
        FlowError::Expired(flow) => {
            let mut body = problem_body(StatusCode::GONE, Some(EXPIRED), "the flow is over; start a new one");
            body["details"] = json!({ "redirect_to": start_url(state, &flow), "return_to": flow.detail.return_to });
            reply::json_with(StatusCode::GONE, &json!({ "error": body }))
        }
        FlowError::Replaced { flow, expired_at } => {
            let body = problem_body(StatusCode::GONE, Some(EXPIRED), "the flow is over; another one took its place");
            let since = state.engine.clock.now().since(expired_at).as_nanos();
            reply::json_with(
                StatusCode::GONE,
                &json!({
                    "error": body,
                    "expired_at": expired_at.rfc3339(),
                    "since": u64::try_from(since).unwrap_or(u64::MAX),
                    "use_flow_id": flow.id,
                }),
            )
        }
        FlowError::ReturnTo(_) => problem(
            StatusCode::BAD_REQUEST,
            Some("self_service_flow_return_to_forbidden"),
            "return_to is not an address that may be returned to",
        ),
        FlowError::NotFound => problem(StatusCode::NOT_FOUND, None, "there is no such flow, or it was forgotten"),
        other => error::as_json(spoken(other)),
    }
}

/// The session token of a caller: `X-Session-Token`, else the cookie, else a bearer. A cookie that is none of ours does not
/// count.
pub(crate) fn session_token(state: &AppState, headers: &HeaderMap) -> Option<Secret<String>> {
    let named = headers.get("x-session-token").and_then(|v| v.to_str().ok()).map(Secret::from);
    let bearer = || {
        let header = super::extract::authorization(headers).ok().flatten()?;
        let (scheme, token) = header.split_at_checked(7)?;
        let token = std::str::from_utf8(token).ok()?;
        scheme.eq_ignore_ascii_case(b"bearer ").then(|| Secret::from(token.trim()))
    };
    let is_ours = |cookie: &Secret<String>| state.engine.opaque.open(TokenKind::Session, cookie.expose()).is_some();
    named.or_else(|| session_cookie(state, headers).filter(is_ours)).or_else(bearer)
}

/// The value of the session cookie of the embedded flows.
pub(crate) fn session_cookie(state: &AppState, headers: &HeaderMap) -> Option<Secret<String>> {
    cookies::values(headers, &state.settings().identity.session_cookie.name).into_iter().next()
}
