//! The client's own token (RFC 6749 §4.4) and the scopes and audiences it may ask for (RFC 6749 §3.3).

use serde_json::json;

use crate::support::app::TestApp;
use crate::support::client::{jwt, text};
use crate::support::clock::{hours, minutes};
use crate::support::db::Engine;

const FORM: (&str, &str) = ("grant_type", "client_credentials");

#[tokio::test]
async fn a_machine_gets_a_token_for_itself() {
    for engine in Engine::ALL {
        for format in ["opaque", "jwt"] {
            let app = TestApp::builder().on(engine).set("strategies.access_token", format).start().await;
            let machine = app.machine().await;
            let tokens = app.client_credentials(&machine, "photos.read").await;
            assert_eq!(tokens["scope"], "photos.read");
            assert_eq!(tokens["expires_in"], 3_600);
            assert_eq!(tokens.as_object().unwrap().len(), 4, "no refresh token, no ID token: {tokens}");
            let seen = app.introspect(text(&tokens, "access_token")).await;
            assert_eq!((text(&seen, "sub"), text(&seen, "client_id")), (machine.id.as_str(), machine.id.as_str()));
            assert_eq!(seen["aud"], json!([]));
            app.clock.advance(hours(1));
            assert!(!app.is_active(text(&tokens, "access_token")).await, "{engine:?} {format}");
        }
    }
}

/// Slug: scope-unregistered.
#[tokio::test]
async fn a_scope_must_be_registered() {
    let app = TestApp::new().await;
    let machine = app.machine().await;
    for bad in [
        "admin",
        "photos",
        "photos.read admin",
        "photos.*",
        "*",
        "PHOTOS.READ",
        "photos.read\tphotos.write",
        "photos.read\nphotos.write",
        "photos.read\u{a0}photos.write",
        "photos.read \"x\"",
        "photos.read \\",
        "photos.read photos.read",
        "ph\u{f6}tos",
    ] {
        let answer = app.token(&machine, &[FORM, ("scope", bad)]).await;
        assert_eq!(answer.error(), "400 invalid_scope", "{bad}");
    }
    let many: String = (0..3_000).map(|n| format!("s{n} ")).collect();
    assert_eq!(app.token(&machine, &[FORM, ("scope", &many)]).await.error(), "400 invalid_scope");
    let asked = "photos.write photos.read";
    assert_eq!(app.client_credentials(&machine, asked).await["scope"], asked);
}

#[tokio::test]
async fn without_a_scope_there_is_none_unless_the_operator_says_so() {
    for (default, scope) in [("false", ""), ("true", "photos.read photos.write")] {
        let key = "oauth2.client_credentials.default_grant_allowed_scope";
        let app = TestApp::builder().set(key, default).start().await;
        let machine = app.machine().await;
        let tokens = app.token(&machine, &[FORM]).await.ok();
        assert_eq!(tokens["scope"], scope);
        let seen = app.introspect(text(&tokens, "access_token")).await;
        assert_eq!(seen.get("scope").and_then(|s| s.as_str()).unwrap_or_default(), scope, "left out when empty");
    }
}

/// Slug: scope-wildcard.
#[tokio::test]
async fn patterns_are_the_registrations_alone() {
    for (strategy, permitted) in [("wildcard", [true, true, false]), ("exact", [false, false, false])] {
        let app = TestApp::builder().set("strategies.scope", strategy).start().await;
        let document = json!({ "scope": "users.*", "grant_types": ["client_credentials"] });
        let machine = app.client(document).await;
        for (scope, permitted) in ["users.read", "users.read.all", "users."].into_iter().zip(permitted) {
            let answer = app.token(&machine, &[FORM, ("scope", scope)]).await;
            assert_eq!(answer.status == 200, permitted, "{strategy} {scope}: {answer:?}");
        }
    }
}

/// Slug: audience-unregistered.
#[tokio::test]
async fn an_audience_must_be_registered() {
    let app = TestApp::builder().set("strategies.access_token", "jwt").start().await;
    let machine = app.machine().await;
    for bad in
        ["https://other.example", "https://api.example.evil", "http://api.example", "https://api.example:1/", "x"]
    {
        let answer = app.token(&machine, &[FORM, ("audience", bad)]).await;
        assert_eq!(answer.error(), "400 invalid_request", "{bad}");
    }
    let two = [FORM, ("audience", "https://api.example"), ("audience", "https://api.example/photos")];
    let tokens = app.token(&machine, &two).await.ok();
    let wanted = json!(["https://api.example", "https://api.example/photos"]);
    assert_eq!(jwt(text(&tokens, "access_token")).1["aud"], wanted);
    assert_eq!(app.introspect(text(&tokens, "access_token")).await["aud"], wanted);
}

#[tokio::test]
async fn a_client_may_have_its_own_lifetime() {
    let app = TestApp::new().await;
    let document = json!({
        "grant_types": ["client_credentials"], "client_credentials_grant_access_token_lifespan": "5m0s"
    });
    let machine = app.client(document).await;
    let tokens = app.token(&machine, &[FORM]).await.ok();
    assert_eq!(tokens["expires_in"], 300);
    app.clock.advance(minutes(5));
    assert!(!app.is_active(text(&tokens, "access_token")).await);
}
