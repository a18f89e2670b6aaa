//! The demo relying party: a page of its own origin that logs in here, and an API that introspects its tokens.
//!
//! It knows the authorization server only by its public address, as any app would. The page is in `index.html`,
//! `app.js` and `app.css` beside this file. For development only.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::middleware::DefaultHeaders;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::extract;
use super::reply;
use crate::base::{Issuer, Secret};
use crate::oauth::discovery::path;
use crate::oauth::userinfo::bearer;
use crate::outbound::{Body, Caller, Proof};

const PAGE: &str = include_str!("index.html");
const SCRIPT: &str = include_str!("app.js");
const STYLE: &str = include_str!("app.css");
/// Whom access tokens must be for.
const AUDIENCE: &str = "demo-api";

/// What the demo needs to know.
#[derive(Clone, Debug)]
pub struct Demo {
    /// The authorization server.
    pub issuer: Issuer,
    /// The page's own client.
    pub client_id: String,
    /// What the page asks for.
    pub scope: String,
    /// The client of the API, which may introspect.
    pub api_client_id: String,
    /// Its secret.
    pub api_client_secret: Secret<String>,
    /// Calls the authorization server.
    pub caller: Caller,
}

/// The routes of the demo; expects a [`Demo`] as app data.
pub fn demo(issuer: &Issuer) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; connect-src 'self' {}; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        issuer.origin().as_str()
    );
    move |cfg| {
        let headers = DefaultHeaders::new()
            .add((CONTENT_SECURITY_POLICY, policy))
            .add((X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .add((X_FRAME_OPTIONS, "DENY"))
            .add((REFERRER_POLICY, "no-referrer"))
            .add((CACHE_CONTROL, "no-store"));
        let file = |content_type: &'static str, text: &'static str| {
            web::get().to(move || async move { HttpResponse::Ok().content_type(content_type).body(text) })
        };
        let table = web::scope("")
            .route("/", file("text/html; charset=utf-8", PAGE))
            .route("/app.js", file("text/javascript; charset=utf-8", SCRIPT))
            .route("/app.css", file("text/css; charset=utf-8", STYLE))
            .route("/config.json", web::get().to(config))
            .route("/api/hello", web::get().to(hello))
            .wrap(headers);
        cfg.service(table);
    }
}

async fn config(demo: Data<Demo>) -> HttpResponse {
    reply::json(&json!({
        "issuer": demo.issuer.as_str(),
        "client_id": demo.client_id,
        "scope": demo.scope,
        "audience": AUDIENCE,
        "api": "/api/hello",
    }))
}

/// Greets the bearer of a token that is live and for this API; the authorization server says so.
async fn hello(demo: Data<Demo>, req: HttpRequest) -> HttpResponse {
    let token = extract::authorization(req.headers()).and_then(|header| bearer(header, None));
    let token = match token {
        Ok(Some(token)) => token,
        Ok(None) => return refused(None, "an access token is needed"),
        Err(error) => return refused(Some("invalid_request"), &error.description),
    };
    let claims = match introspect(&demo, token).await {
        Ok(claims) => claims,
        Err(error) => {
            tracing::warn!(error = %error, "the demo API could not introspect: {error}");
            let body =
                json!({ "error": "temporarily_unavailable", "error_description": "introspection does not answer" });
            return reply::json_with(StatusCode::BAD_GATEWAY, &body);
        }
    };
    let is_live = claims["active"] == true;
    let is_for_us = claims["aud"].as_array().is_some_and(|aud| aud.iter().any(|a| a == AUDIENCE));
    if !is_live || !is_for_us {
        return refused(Some("invalid_token"), "the token is not live, or not for the audience demo-api");
    }
    let subject = claims["sub"].as_str().unwrap_or_default();
    reply::json(&json!({
        "message": "Hello from the demo API. It asked the authorization server about your token.",
        "subject": subject,
        "scope": claims["scope"].as_str().unwrap_or_default(),
    }))
}

async fn introspect(demo: &Demo, token: &str) -> Result<Value, crate::outbound::CallError> {
    let url = demo.issuer.endpoint(path::INTROSPECTION);
    let proof = Proof::Basic(&demo.api_client_id, &demo.api_client_secret);
    demo.caller.call("POST", &url, proof, Body::Form(&[("token", token)])).await?.json()
}

/// RFC 6750 §3: no error when no token came.
fn refused(error: Option<&str>, description: &str) -> HttpResponse {
    let challenge = match error {
        None => "Bearer realm=\"demo-api\"".to_owned(),
        Some(code) => format!("Bearer realm=\"demo-api\", error=\"{code}\""),
    };
    let body = json!({ "error": error.unwrap_or("invalid_request"), "error_description": description });
    let mut response = reply::json_with(StatusCode::UNAUTHORIZED, &body);
    if let Ok(challenge) = challenge.parse() {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

#[cfg(test)]
mod tests {
    use actix_web::App;
    use actix_web::test::{TestRequest, call_service, init_service, read_body_json};

    use super::*;

    #[actix_web::test]
    async fn the_page_is_served_under_a_strict_policy_and_the_api_wants_a_token() {
        let issuer = Issuer::parse("http://localhost:4444").expect("an issuer");
        let data = Demo {
            issuer: issuer.clone(),
            client_id: "demo-spa".into(),
            scope: "openid".into(),
            api_client_id: AUDIENCE.into(),
            api_client_secret: Secret::from("secret"),
            caller: Caller::new().expect("a caller"),
        };
        let app = init_service(App::new().app_data(Data::new(data)).configure(demo(&issuer))).await;
        for uri in ["/", "/app.js", "/app.css", "/config.json"] {
            let answer = call_service(&app, TestRequest::get().uri(uri).to_request()).await;
            assert_eq!(answer.status(), StatusCode::OK, "{uri}");
            let policy =
                answer.headers().get(CONTENT_SECURITY_POLICY).and_then(|v| v.to_str().ok()).unwrap_or_default();
            assert!(policy.contains("connect-src 'self' http://localhost:4444;"), "{uri}: {policy}");
            assert!(!policy.contains("unsafe"), "{uri}");
        }
        let settings: Value =
            read_body_json(call_service(&app, TestRequest::get().uri("/config.json").to_request()).await).await;
        assert_eq!((&settings["client_id"], &settings["audience"]), (&json!("demo-spa"), &json!("demo-api")));
        let answer = call_service(&app, TestRequest::get().uri("/api/hello").to_request()).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        let challenge = answer.headers().get(WWW_AUTHENTICATE).and_then(|v| v.to_str().ok());
        assert_eq!(challenge, Some("Bearer realm=\"demo-api\""));
    }
}
