//! Who is signed in, and signing out.

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderName;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::json;
use subtle::ConstantTimeEq;

use super::super::admin;
use super::super::cookies;
use super::super::csrf::Csrf;
use super::super::error::Failure;
use super::super::extract;
use super::super::reply;
use super::super::state::AppState;
use super::super::ui::form;
use super::{home, problem, session_cookie, session_token, wants_json};
use crate::base::Secret;
use crate::identity::sessions::Current;
use crate::oauth::OAuthError;

/// Tells a proxy that asks on behalf of an app who is there.
const IDENTITY_ID: HeaderName = HeaderName::from_static("x-kratos-authenticated-identity-id");
const NOBODY: &str = "nobody is logged in: no live session came with the request";

/// `GET /sessions/whoami`.
///
/// # Errors
/// Only when storage does not answer.
pub async fn whoami(state: Data<AppState>, req: HttpRequest) -> Result<HttpResponse, Failure> {
    let Some(current) = current(&state, session_token(&state, req.headers())).await? else {
        return Ok(problem(StatusCode::UNAUTHORIZED, Some("session_inactive"), NOBODY));
    };
    let Current { session, identity } = current;
    let addresses = state.accounts.addresses(identity.id).await.map_err(OAuthError::from)?;
    let mut response = reply::json(&state.accounts.session_json(&session, &identity, &addresses));
    if let Ok(id) = identity.id.to_string().parse() {
        response.headers_mut().insert(IDENTITY_ID, id);
    }
    Ok(response)
}

async fn current(state: &AppState, token: Option<Secret<String>>) -> Result<Option<Current>, Failure> {
    match token {
        Some(token) => Ok(state.accounts.current(token.expose()).await.map_err(OAuthError::from)?),
        None => Ok(None),
    }
}

/// `GET /self-service/logout/browser`: the address that signs this browser out.
///
/// # Errors
/// Only when storage does not answer.
pub async fn start_logout(state: Data<AppState>, req: HttpRequest) -> Result<HttpResponse, Failure> {
    let cookie = session_cookie(&state, req.headers());
    let signed_in = current(&state, cookie.clone()).await?.is_some();
    let Some(cookie) = cookie.filter(|_| signed_in) else {
        return Ok(problem(StatusCode::UNAUTHORIZED, Some("session_inactive"), NOBODY));
    };
    let token = logout_token(&cookie);
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("token", &token);
    if let Some(to) = extract::query(&req)?.one("return_to")? {
        query.append_pair("return_to", to);
    }
    let base = state.settings().public_url.as_str().trim_end_matches('/');
    let url = format!("{base}/self-service/logout?{}", query.finish());
    Ok(reply::json(&json!({ "logout_url": url, "logout_token": token })))
}

/// `GET /self-service/logout?token=`.
///
/// # Errors
/// Only when storage does not answer.
pub async fn logout(state: Data<AppState>, req: HttpRequest) -> Result<HttpResponse, Failure> {
    let params = extract::query(&req)?;
    let token = params.required("token", "token is missing; begin at /self-service/logout/browser")?;
    let cookie = session_cookie(&state, req.headers());
    let Some(signed_in) = current(&state, cookie.clone()).await? else {
        return Ok(problem(StatusCode::UNAUTHORIZED, Some("session_inactive"), NOBODY));
    };
    let is_its_own = cookie.is_some_and(|c| logout_token(&c).as_bytes().ct_eq(token.as_bytes()).into());
    if !is_its_own {
        return Ok(problem(StatusCode::FORBIDDEN, None, "the token is not the one of this session"));
    }
    state.accounts.log_out(signed_in.session).await.map_err(OAuthError::from)?;
    let mut response = match wants_json(&req) {
        true => HttpResponse::NoContent().finish(),
        false => reply::redirect(StatusCode::SEE_OTHER, &after(&state, params.one("return_to")?)),
    };
    cookies::add(&mut response, &state.cookies.clear_session());
    form::keep(&state, &Csrf::fresh(&*state.engine.random), &mut response);
    Ok(response)
}

/// `DELETE /self-service/logout/api`: ends the session of a native app.
///
/// # Errors
/// 400 for a wrong body.
pub async fn logout_api(state: Data<AppState>, req: HttpRequest, payload: Payload) -> Result<HttpResponse, Failure> {
    #[derive(Deserialize)]
    struct Body {
        session_token: String,
    }
    let body = admin::json::<Body>(&state, &req, payload).await?;
    match current(&state, Some(Secret::new(body.session_token))).await? {
        None => Ok(problem(StatusCode::FORBIDDEN, None, "the session token is not one of a live session")),
        Some(signed_in) => {
            state.accounts.log_out(signed_in.session).await.map_err(OAuthError::from)?;
            Ok(HttpResponse::NoContent().finish())
        }
    }
}

/// Where the browser goes: where it asked, if that is allowed, else where people usually go.
fn after(state: &AppState, asked: Option<&str>) -> String {
    let checked = asked.and_then(|raw| state.accounts.return_to(raw).ok());
    checked.map_or_else(|| home(state), Into::into)
}

/// Follows from the session's own secret, so that no other page can know it (against forged logouts).
fn logout_token(cookie: &Secret<String>) -> String {
    let mut hash = Context::new(&SHA256);
    hash.update(b"logout token\0");
    hash.update(cookie.expose().as_bytes());
    format!("ory_lo_{}", URL_SAFE_NO_PAD.encode(hash.finish()))
}
