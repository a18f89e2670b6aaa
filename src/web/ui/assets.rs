//! Files that pages load. Their names carry a hash of the content, so they never change.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};

use super::super::error;
use super::super::state::AppState;
use crate::render::find_asset;

/// `GET /assets/{name}`.
pub async fn asset(state: Data<AppState>, req: HttpRequest) -> HttpResponse {
    match find_asset(req.path()) {
        Some(asset) => HttpResponse::Ok()
            .content_type(asset.content_type)
            .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
            .body(Bytes::from_static(asset.bytes)),
        None => error::unknown_route(&state, &req),
    }
}
