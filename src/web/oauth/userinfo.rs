//! `GET|POST /userinfo` (OIDC Core §5.3).

use actix_web::http::Method;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::super::cors::CallingClient;
use super::super::error::Failure;
use super::super::extract;
use super::super::reply;
use super::super::state::AppState;
use crate::model::ClientId;
use crate::oauth::userinfo::bearer;
use crate::oauth::{OAuthError, audience};

/// Answers the bearer of an access token.
///
/// # Errors
/// A bearer challenge (RFC 6750 §3.1).
pub async fn userinfo(state: Data<AppState>, req: HttpRequest, payload: Payload) -> Result<HttpResponse, Failure> {
    if extract::query(&req).map_err(Failure::Bearer)?.has("access_token") {
        return Err(Failure::Bearer(OAuthError::invalid_request(
            "the access token must come in the Authorization header or the body, never in the URL",
        )));
    }
    let form = match *req.method() {
        Method::POST => Some(extract::form(&state, &req, payload).await?),
        _ => None,
    };
    let authorization = extract::authorization(req.headers()).map_err(Failure::Bearer)?;
    let token = bearer(authorization, form.as_ref()).map_err(Failure::Bearer)?.ok_or(Failure::NoToken)?;
    let claims = state.engine.userinfo(token).await.map_err(Failure::Bearer)?;
    CallingClient::note(&req, || audience(&claims).first().map(|id| ClientId::new(*id)));
    Ok(reply::json(&claims))
}
