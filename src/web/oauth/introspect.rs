//! `POST /oauth2/introspect` for clients, and the same for operators on the admin listener (RFC 7662 §2).

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::super::error::Failure;
use super::super::extract::{self, ClientCall};
use super::super::reply;
use super::super::state::AppState;
use crate::oauth::introspect::Caller;
use crate::oauth::{ErrorCode, OAuthError};

/// Answers a client that may introspect what its metadata `introspect` says.
///
/// # Errors
/// `invalid_client` unless the client proved itself by a secret, 403 when it may not introspect at all.
pub async fn introspect(state: Data<AppState>, req: HttpRequest, payload: Payload) -> Result<HttpResponse, Failure> {
    let call = ClientCall::read(&state, &req, payload).await?;
    let client = state.engine.authenticate(call.authorization(), &call.params).await?;
    if client.is_public() {
        return Err(OAuthError::invalid_client().into());
    }
    if client.metadata.introspect.is_none() {
        let sentence = "the client may not introspect; its metadata needs introspect: own, audience or any";
        return Err(OAuthError::new(ErrorCode::AccessDenied, sentence).into());
    }
    let answer = state.engine.introspect(&call.params, Caller::Client(&client)).await?;
    Ok(reply::json(&answer))
}

/// Answers an operator, who may see every token.
///
/// # Errors
/// `invalid_request` when `token` is missing.
pub async fn introspect_as_admin(
    state: Data<AppState>,
    req: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    extract::refuse_in_query(&req)?;
    let params = extract::form(&state, &req, payload).await?;
    let answer = state.engine.introspect(&params, Caller::Admin).await?;
    Ok(reply::json(&answer))
}
