//! `POST /oauth2/token` (RFC 6749 §3.2).

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::super::error::Failure;
use super::super::extract::ClientCall;
use super::super::reply;
use super::super::state::AppState;

/// Answers a token request.
///
/// # Errors
/// The codes of RFC 6749 §5.2.
pub async fn token(state: Data<AppState>, req: HttpRequest, payload: Payload) -> Result<HttpResponse, Failure> {
    let call = ClientCall::read(&state, &req, payload).await?;
    let tokens = state.engine.token(call.authorization(), &call.params).await?;
    Ok(reply::json(&tokens))
}
