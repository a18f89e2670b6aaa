//! `GET|POST /oauth2/auth` (RFC 6749 §3.1): fresh requests, and the browser's return with a verifier.

use actix_web::http::Method;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::super::error::{self, Failure};
use super::super::extract;
use super::super::next;
use super::super::state::AppState;
use crate::oauth::authorize::AuthorizeFailure;

/// Moves the browser on: to a page that asks, or back to the client.
pub async fn authorize(state: Data<AppState>, req: HttpRequest, payload: Payload) -> HttpResponse {
    let moved = moved(&state, &req, payload).await;
    moved.unwrap_or_else(|failure| error::shown(&state, &req, failure))
}

async fn moved(state: &AppState, req: &HttpRequest, payload: Payload) -> Result<HttpResponse, Failure> {
    let (query, browser) = (extract::query(req), extract::browser(state, req));
    let params = match query {
        Ok(query) if req.method() == Method::POST => query.and(extract::form(state, req, payload).await?),
        Ok(query) => query,
        Err(error) => return Ok(next::failed(state, req, AuthorizeFailure::Unsafe(error))),
    };
    if !params.has("login_verifier") && !params.has("consent_verifier") {
        state.interaction_limiter.check(req)?;
    }
    let url = extract::request_url_of(state, req, &params);
    Ok(match state.interactions.authorize(&params, &url, &browser).await {
        Ok(step) => next::taken(state, req, step),
        Err(failure) => next::failed(state, req, failure),
    })
}
