//! Whether the server runs, whether it can answer, and which version it is; on both listeners.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use serde_json::json;

use super::super::reply;
use super::super::state::AppState;
use crate::model::ClientId;
use crate::store::clients;

/// `GET /health/alive`: the process answers.
pub async fn alive() -> HttpResponse {
    reply::json(&json!({ "status": "ok" }))
}

/// `GET /health/ready`: the database answers too. What exactly is wrong with it is for the log.
pub async fn ready(state: Data<AppState>) -> HttpResponse {
    let nobody = ClientId::new("-");
    match state.engine.store.read(move |tx| clients::find(tx, &nobody)).await {
        Ok(_) => reply::json(&json!({ "status": "ok" })),
        Err(error) => {
            tracing::warn!(error = %error, "not ready: {error}");
            let body = json!({ "errors": { "database": "the database does not answer" } });
            reply::json_with(StatusCode::SERVICE_UNAVAILABLE, &body)
        }
    }
}

/// `GET /version`.
pub async fn version() -> HttpResponse {
    reply::json(&json!({ "version": env!("CARGO_PKG_VERSION") }))
}
