//! `POST /oauth2/revoke` (RFC 7009 §2).

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::super::error::Failure;
use super::super::extract::ClientCall;
use super::super::state::AppState;

/// Gives a token back; 200 with an empty body, whatever the token was (RFC 7009 §2.2).
///
/// # Errors
/// `invalid_request`, `invalid_client`.
pub async fn revoke(state: Data<AppState>, req: HttpRequest, payload: Payload) -> Result<HttpResponse, Failure> {
    let call = ClientCall::read(&state, &req, payload).await?;
    state.engine.revoke(call.authorization(), &call.params).await?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).finish())
}
