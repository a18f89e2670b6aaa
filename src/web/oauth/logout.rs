//! `GET|POST /oauth2/sessions/logout` (OIDC RP-Initiated Logout §2).

use actix_web::http::Method;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::super::error::Failure;
use super::super::extract;
use super::super::next;
use super::super::state::AppState;

/// Logs out, asks first, or goes on after the answer.
///
/// # Errors
/// A body that is no form.
pub async fn logout(state: Data<AppState>, req: HttpRequest, payload: Payload) -> Result<HttpResponse, Failure> {
    let params = match extract::query(&req) {
        Ok(query) if req.method() == Method::POST => query.and(extract::form(&state, &req, payload).await?),
        Ok(query) => query,
        Err(error) => return Ok(super::super::error::page(&state, &req, &error)),
    };
    let (url, browser) = (extract::request_url_of(&state, &req, &params), extract::browser(&state, &req));
    Ok(match state.interactions.logout(&params, &url, &browser).await {
        Ok(step) => next::taken(&state, &req, step),
        Err(refused) => next::failed(&state, &req, refused.into()),
    })
}
