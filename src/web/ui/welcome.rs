//! The page at the root: what answers here, for a person who wonders.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;

use super::super::reply::{self, FormTarget};
use super::super::state::AppState;
use crate::oauth::discovery::path;
use crate::render::WelcomePage;

/// `GET /`.
pub async fn welcome(state: Data<AppState>) -> HttpResponse {
    let settings = state.settings();
    let base = settings.public_url.as_str().trim_end_matches('/');
    let page = WelcomePage {
        issuer: settings.issuer.as_str().to_owned(),
        discovery_url: format!("{base}{}", path::OPENID_METADATA),
        jwks_url: format!("{base}{}", path::JWKS),
        links: Vec::new(),
    };
    reply::page(StatusCode::OK, state.pages.welcome(&page), FormTarget::SelfOnly, None)
}
