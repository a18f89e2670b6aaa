//! F5: HTTP. The route tables of both listeners, and nothing else.
//!
//! A handler parses, calls one use-case, renders. Errors become answers in [`error`]; what surrounds every request is in
//! [`guard`]. Not here: what requests mean (`oauth`, `identity`, `interaction`), binding addresses (`app`).

pub mod account;
pub mod admin;
pub mod cookies;
pub mod cors;
pub mod csrf;
pub mod demo;
pub mod error;
pub mod extract;
pub mod guard;
pub mod limit;
pub mod next;
pub mod oauth;
pub mod proxy;
pub mod reply;
pub mod state;
pub mod ui;

pub use state::AppState;

use actix_web::guard::{Any, Get, Head};
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, Resource, Route};

use crate::oauth::discovery::path;

/// The public listener: what apps and browsers call.
pub fn public(cfg: &mut ServiceConfig) {
    let table = web::scope("")
        .service(
            resource(path::AUTHORIZATION, "GET, HEAD, POST")
                .route(get().to(oauth::authorize::authorize))
                .route(web::post().to(oauth::authorize::authorize)),
        )
        .service(
            resource(path::END_SESSION, "GET, HEAD, POST")
                .route(get().to(oauth::logout::logout))
                .route(web::post().to(oauth::logout::logout)),
        )
        .service(
            resource(path::TOKEN, "POST").route(web::post().to(oauth::token::token)).wrap(from_fn(cors::for_clients)),
        )
        .service(
            resource(path::REVOCATION, "POST")
                .route(web::post().to(oauth::revoke::revoke))
                .wrap(from_fn(cors::for_clients)),
        )
        .service(
            resource(path::USERINFO, "GET, HEAD, POST")
                .route(get().to(oauth::userinfo::userinfo))
                .route(web::post().to(oauth::userinfo::userinfo))
                .wrap(from_fn(cors::for_clients)),
        )
        .service(resource(path::INTROSPECTION, "POST").route(web::post().to(oauth::introspect::introspect)))
        .service(
            resource(path::OPENID_METADATA, "GET, HEAD")
                .route(get().to(oauth::metadata::metadata))
                .wrap(from_fn(cors::for_everybody)),
        )
        .service(
            resource(path::METADATA, "GET, HEAD")
                .route(get().to(oauth::metadata::metadata))
                .wrap(from_fn(cors::for_everybody)),
        )
        .service(
            resource(path::JWKS, "GET, HEAD").route(get().to(oauth::metadata::jwks)).wrap(from_fn(cors::for_everybody)),
        )
        .configure(health)
        .configure(pages)
        .configure(self_service)
        .default_service(web::to(unknown))
        .wrap(from_fn(guard::public));
    cfg.service(table);
}

/// The self-service API of the embedded identity flows.
fn self_service(cfg: &mut ServiceConfig) {
    use account::{login, session};
    cfg.service(resource("/self-service/login/browser", "GET, HEAD").route(get().to(login::start_browser)))
        .service(resource("/self-service/login/api", "GET, HEAD").route(get().to(login::start_api)))
        .service(resource("/self-service/login/flows", "GET, HEAD").route(get().to(login::read)))
        .service(resource("/self-service/login", "POST").route(web::post().to(login::submit)))
        .service(resource("/self-service/logout/browser", "GET, HEAD").route(get().to(session::start_logout)))
        .service(resource("/self-service/logout/api", "DELETE").route(web::delete().to(session::logout_api)))
        .service(resource("/self-service/logout", "GET, HEAD").route(get().to(session::logout)))
        .service(web::resource("/sessions/whoami").route(web::route().to(session::whoami)));
}

/// Pages of ours, and the files they load.
fn pages(cfg: &mut ServiceConfig) {
    cfg.service(resource("/", "GET, HEAD").route(get().to(ui::welcome::welcome)))
        .service(resource("/assets/{name}", "GET, HEAD").route(get().to(ui::assets::asset)))
        .service(resource("/login", "GET, HEAD").route(get().to(ui::login::show)))
        .service(
            resource("/consent", "GET, HEAD, POST")
                .route(get().to(ui::consent::show))
                .route(web::post().to(ui::consent::decide)),
        )
        .service(
            resource("/logout", "GET, HEAD, POST")
                .route(get().to(ui::logout::show))
                .route(web::post().to(ui::logout::decide)),
        );
}

/// The admin listener: what operators and login UIs call. Each path with and without `/admin`, as clients know them.
pub fn admin(cfg: &mut ServiceConfig) {
    let table = web::scope("")
        .configure(health)
        .configure(|cfg| administration(cfg, "/admin"))
        .configure(|cfg| administration(cfg, ""))
        .default_service(web::to(unknown))
        .wrap(from_fn(admin::authenticate))
        .wrap(from_fn(guard::admin));
    cfg.service(table);
}

fn administration(cfg: &mut ServiceConfig, prefix: &str) {
    use admin::{clients, identities, interactions};
    let at = |path: &str, allow| resource(&format!("{prefix}{path}"), allow);
    // The path that APIs call for each of their own requests comes first: tables are searched in order.
    cfg.service(at("/oauth2/introspect", "POST").route(web::post().to(oauth::introspect::introspect_as_admin)));
    cfg.service(
        at("/clients", "GET, HEAD, POST").route(get().to(clients::list)).route(web::post().to(clients::create)),
    )
    .service(
        at("/clients/{id}", "DELETE, GET, HEAD, PUT")
            .route(get().to(clients::read))
            .route(web::put().to(clients::replace))
            .route(web::delete().to(clients::remove)),
    )
    .service(at("/identities", "POST").route(web::post().to(identities::create)))
    .service(at("/identities/{id}", "GET, HEAD").route(get().to(identities::read)));
    let requests = |path: &str, allow| at(&format!("/oauth2/auth/requests/{path}"), allow);
    cfg.service(requests("login", "GET, HEAD").route(get().to(interactions::login)))
        .service(requests("login/accept", "PUT").route(web::put().to(interactions::accept_login)))
        .service(requests("login/reject", "PUT").route(web::put().to(interactions::reject_login)))
        .service(requests("consent", "GET, HEAD").route(get().to(interactions::consent)))
        .service(requests("consent/accept", "PUT").route(web::put().to(interactions::accept_consent)))
        .service(requests("consent/reject", "PUT").route(web::put().to(interactions::reject_consent)))
        .service(requests("logout", "GET, HEAD").route(get().to(interactions::logout)))
        .service(requests("logout/accept", "PUT").route(web::put().to(interactions::accept_logout)))
        .service(requests("logout/reject", "PUT").route(web::put().to(interactions::reject_logout)));
}

fn health(cfg: &mut ServiceConfig) {
    cfg.service(resource("/health/alive", "GET, HEAD").route(get().to(oauth::health::alive)))
        .service(resource("/health/ready", "GET, HEAD").route(get().to(oauth::health::ready)))
        .service(resource("/version", "GET, HEAD").route(get().to(oauth::health::version)));
}

/// A path, and the methods named to who uses another one.
fn resource(path: &str, allow: &'static str) -> Resource {
    web::resource(path).default_service(web::to(move |state: Data<AppState>, req: HttpRequest| async move {
        error::method_not_allowed(&state, &req, allow)
    }))
}

/// GET, and HEAD, which is GET without the body (RFC 9110 §9.3.2).
fn get() -> Route {
    web::route().guard(Any(Get()).or(Head()))
}

async fn unknown(state: Data<AppState>, req: HttpRequest) -> actix_web::HttpResponse {
    error::unknown_route(&state, &req)
}

#[cfg(test)]
mod tests;
