//! Userinfo (OIDC Core §5.3, RFC 6750): one bearer token, in its place, and what its scopes open.

use serde_json::json;

use crate::support::app::{ALICE, TestApp};
use crate::support::client::{jwt, text};
use crate::support::db::Engine;

/// OIDC Core §5.3.2: `sub` is the one of the ID token.
#[tokio::test]
async fn a_token_opens_what_its_scopes_name() {
    for engine in Engine::ALL {
        for format in ["opaque", "jwt"] {
            let app = TestApp::builder().on(engine).set("strategies.access_token", format).start().await;
            let alice = app.person(ALICE).await.id.to_string();
            let client = app.web_app().await;
            for (scope, opens_email) in [("openid", false), ("openid email", true)] {
                let tokens = app.tokens(&client, scope).await;
                let claims = app.userinfo(text(&tokens, "access_token")).await.ok();
                assert_eq!(claims["sub"], alice, "{engine:?} {format}");
                assert_eq!(claims["sub"], jwt(text(&tokens, "id_token")).1["sub"]);
                assert_eq!(claims["aud"], json!([client.id]));
                assert_eq!(claims["iss"], "https://id.example");
                assert_eq!(claims.get("email").is_some(), opens_email, "{claims}");
                if opens_email {
                    assert_eq!((&claims["email"], &claims["email_verified"]), (&json!(ALICE), &json!(true)));
                }
                for never in ["nonce", "at_hash", "exp", "jti", "password", "traits"] {
                    assert!(claims.get(never).is_none(), "{never}: {claims}");
                }
            }
        }
    }
}

/// RFC 6750 §2, §3; slugs: userinfo-no-token, userinfo-query, userinfo-two-places.
#[tokio::test]
async fn the_token_comes_once_and_in_its_place() {
    let app = TestApp::new().await;
    let tokens = app.tokens(&app.web_app().await, "openid").await;
    let token = text(&tokens, "access_token");
    let none = app.public.get("/userinfo").await;
    assert_eq!(none.status, 401);
    let challenge = none.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("Bearer") && !challenge.contains("error"), "{challenge}");
    let in_form = app.public.post("/userinfo", &[("access_token", token)]).await;
    assert_eq!(in_form.ok()["aud"].as_array().map(Vec::len), Some(1));
    app.public.request("POST", "/userinfo").bearer(token).send().await.ok();
    for (refused, error) in [
        (app.public.request("GET", &format!("/userinfo?access_token={token}")), "400 invalid_request"),
        (app.public.request("GET", &format!("/userinfo?access_token={token}")).bearer(token), "400 invalid_request"),
        (app.public.request("POST", "/userinfo").bearer(token).form(&[("access_token", token)]), "400 invalid_request"),
        (app.public.request("GET", "/userinfo").bearer(token).bearer(token), "400 invalid_request"),
        (app.public.request("GET", "/userinfo").bearer("x"), "401 invalid_token"),
        (app.public.request("GET", "/userinfo").bearer(""), "401 invalid_token"),
        (app.public.request("GET", "/userinfo").bearer(&format!("{token} {token}")), "401 invalid_token"),
        (app.public.request("GET", "/userinfo").basic("x", token), "401 invalid_token"),
        (app.public.request("GET", "/userinfo").bearer(text(&tokens, "id_token")), "401 invalid_token"),
    ] {
        let answer = refused.send().await;
        assert_eq!(answer.error(), error);
        let challenge = answer.header("www-authenticate").unwrap();
        let code = error.split(' ').nth(1).unwrap();
        assert!(challenge.starts_with("Bearer ") && challenge.contains(&format!("error=\"{code}\"")), "{challenge}");
        assert!(!answer.text().contains(token));
    }
}

/// Slugs: userinfo-scope, userinfo-machine.
#[tokio::test]
async fn a_token_without_openid_opens_nothing() {
    let app = TestApp::new().await;
    let persons = app.tokens(&app.web_app().await, "offline_access").await;
    let machines = app.client_credentials(&app.machine().await, "photos.read").await;
    for tokens in [persons, machines] {
        let answer = app.userinfo(text(&tokens, "access_token")).await;
        assert_eq!(answer.error(), "403 insufficient_scope");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.contains("scope=\"openid\""), "{challenge}");
    }
}
