//! Consent and the browser it belongs to (RFC 6749 §10.12, RFC 9700 §4.7): asked where it must be, answered by its own
//! browser, never for more than was asked.

use serde_json::json;

use super::stops;
use crate::support::app::{ALICE, TestApp};
use crate::support::client::{CALLBACK, Client, Reply, SCOPES, text};
use crate::support::db::Engine;
use crate::support::user_agent::{Form, UserAgent};

async fn third_party(app: &TestApp) -> Client {
    app.client(json!({
        "redirect_uris": [CALLBACK], "client_name": "a third party", "scope": SCOPES,
        "grant_types": ["authorization_code", "refresh_token"],
    }))
    .await
}

async fn consent_page(app: &TestApp, scope: &str) -> (Client, UserAgent, Form) {
    let (client, mut browser) = (third_party(app).await, app.logged_in(ALICE).await);
    let form = Form::of(&browser.visit(&client.ask(scope).url()).await);
    (client, browser, form)
}

/// RFC 6749 §3.3; slug: consent-less.
#[tokio::test]
async fn the_person_may_grant_less() {
    for engine in Engine::ALL {
        let app = TestApp::on(engine).await;
        let (client, mut browser, form) = consent_page(&app, "openid email photos.read").await;
        let mut less = form.clone();
        less.fields.retain(|(name, value)| name != "grant_scope" || value != "photos.read");
        let reply = Reply::of(&browser.submit(&less, "decision", "accept").await);
        assert_eq!(reply.get("scope"), Some("openid email"));
        let code = crate::support::client::Code {
            code: reply.get("code").unwrap().to_owned(),
            redirect_uri: CALLBACK.to_owned(),
            client,
        };
        let tokens = app.redeem(&code).await.ok();
        assert_eq!(tokens["scope"], "openid email");
        assert_eq!(app.introspect(text(&tokens, "access_token")).await["scope"], "openid email");
    }
}

/// Slug: consent-more.
#[tokio::test]
async fn nobody_can_grant_more_than_was_asked() {
    let app = TestApp::new().await;
    let (_client, mut browser, form) = consent_page(&app, "openid").await;
    let answer = browser.submit(&form.and("grant_scope", "photos.read"), "decision", "accept").await;
    let granted = Reply::in_redirect(&answer).and_then(|reply| reply.get("scope").map(str::to_owned));
    assert!(granted.is_none_or(|scope| scope == "openid"), "{answer:?}");
}

/// Slug: consent-denied.
#[tokio::test]
async fn a_no_goes_to_the_client() {
    let app = TestApp::new().await;
    let (_client, mut browser, form) = consent_page(&app, "openid").await;
    let reply = Reply::of(&browser.submit(&form, "decision", "reject").await);
    assert_eq!((reply.error(), reply.get("code")), ("access_denied", None));
    assert_eq!(reply.get("state"), Some("the state of this request"));
}

/// Slugs: consent-csrf, consent-other-browser, consent-replay.
#[tokio::test]
async fn only_its_own_browser_answers_and_once() {
    let app = TestApp::new().await;
    let (client, mut browser, form) = consent_page(&app, "openid").await;
    let mut attacker = app.logged_in("mallory@example.com").await;
    let theirs = Form::of(&attacker.visit(&client.ask("openid").url()).await);
    stops(&browser.submit(&form.clone().without("csrf_token"), "decision", "accept").await, "no token");
    let foreign = form.clone().with("csrf_token", theirs.values("csrf_token")[0]);
    stops(&browser.submit(&foreign, "decision", "accept").await, "another browser's token");
    let lured = form.clone().with("consent_challenge", theirs.values("consent_challenge")[0]);
    let answer = browser.submit(&lured, "decision", "accept").await;
    assert!(answer.status == 403 && Reply::in_redirect(&answer).is_none(), "the attacker's request: {answer:?}");
    let stolen = theirs.clone().with("consent_challenge", form.values("consent_challenge")[0]);
    let answer = attacker.submit(&stolen, "decision", "accept").await;
    assert!(answer.status == 403 && Reply::in_redirect(&answer).is_none(), "the victim's request: {answer:?}");
    assert!(Reply::of(&browser.submit(&form, "decision", "accept").await).get("code").is_some());
    let again = browser.submit(&form, "decision", "accept").await;
    assert!(Reply::in_redirect(&again).is_none_or(|reply| reply.get("code").is_none()), "a second code: {again:?}");
}

/// RFC 8252 §8.6; slugs: consent-remembered, consent-public.
#[tokio::test]
async fn a_remembered_answer_covers_what_it_covered() {
    for engine in Engine::ALL {
        let app = TestApp::on(engine).await;
        let (client, mut browser, form) = consent_page(&app, "openid email").await;
        browser.submit(&form.and("remember", "true"), "decision", "accept").await;
        let silent = |scope: &str| client.ask(scope).with("prompt", "none").url();
        assert!(Reply::of(&browser.get(&silent("openid email")).await).get("code").is_some(), "{engine:?}");
        assert!(Reply::of(&browser.get(&silent("email openid")).await).get("code").is_some());
        assert_eq!(Reply::of(&browser.get(&silent("openid email photos.read")).await).error(), "consent_required");
        let other = third_party(&app).await.ask("openid").with("prompt", "none").url();
        assert_eq!(Reply::of(&browser.get(&other).await).error(), "consent_required", "another client");
        let mut bob = app.logged_in("bob@example.com").await;
        assert_eq!(Reply::of(&bob.get(&silent("openid")).await).error(), "consent_required", "another person");
        let asked = browser.get(&client.ask("openid").with("prompt", "consent").url()).await;
        assert!(asked.location().contains("/consent?"), "{asked:?}");
    }
    // What another app on the device could claim is asked for each time.
    let app = TestApp::new().await;
    let native = app
        .client(json!({ "redirect_uris": ["app.x:/cb"], "token_endpoint_auth_method": "none", "scope": "openid" }))
        .await;
    let mut browser = app.logged_in(ALICE).await;
    let form = Form::of(&browser.visit(&native.ask("openid").url()).await);
    browser.submit(&form.and("remember", "true"), "decision", "accept").await;
    let silent = browser.get(&native.ask("openid").with("prompt", "none").url()).await;
    assert_eq!(Reply::of(&silent).error(), "consent_required");
}

/// Slug: tabs. Each of two tabs ends with its own answer.
#[tokio::test]
async fn tabs_do_not_fight() {
    let app = TestApp::new().await;
    app.person(ALICE).await;
    let (one, other) = (app.web_app().await, app.web_app().await);
    let mut browser = app.browser();
    let first = browser.visit(&one.ask("openid").with("state", "one").url()).await;
    let second = browser.visit(&other.ask("openid").with("state", "other").url()).await;
    let answer = browser.log_in(&second, ALICE).await;
    assert_eq!(Reply::of(&answer).get("state"), Some("other"));
    let answer = browser.log_in(&first, ALICE).await;
    let landed = Reply::in_redirect(&answer);
    assert!(landed.as_ref().is_none_or(|reply| reply.get("state") == Some("one")), "{answer:?}");
}

/// RFC 9207 §2, OIDC Core §3.1.2.1: a login of the operator's own app, in the contract's protocol.
#[tokio::test]
async fn an_app_of_the_operators_may_ask() {
    for engine in Engine::ALL {
        let builder = TestApp::builder().on(engine).external("https://ui.example/login", "https://ui.example/consent");
        let app = builder.start().await;
        let client = third_party(&app).await;
        let mut browser = app.browser();
        let asked = browser.get(&client.ask("openid").url()).await;
        let challenge = asked.location().strip_prefix("https://ui.example/login?login_challenge=").unwrap();
        let accept = async |what: &str, challenge: &str, body: serde_json::Value| {
            let path = format!("/admin/oauth2/auth/requests/{what}/accept?{what}_challenge={challenge}");
            let answer = app.admin.request("PUT", &path).json(&body).send().await.ok();
            text(&answer, "redirect_to").to_owned()
        };
        let next = accept("login", challenge, json!({ "subject": "somebody", "acr": "2" })).await;
        stops(&app.browser().get(&next).await, "another browser");
        let asked = browser.get(&next).await;
        let challenge = asked.location().strip_prefix("https://ui.example/consent?consent_challenge=").unwrap();
        let session = json!({ "access_token": { "tier": "gold" }, "id_token": { "nickname": "S" } });
        let body = json!({ "grant_scope": ["openid"], "session": session });
        let next = accept("consent", challenge, body).await;
        let reply = Reply::of(&browser.get(&next).await);
        assert_eq!(reply.get("iss"), Some("https://id.example"));
        let code = crate::support::client::Code {
            code: reply.get("code").unwrap().to_owned(),
            redirect_uri: CALLBACK.to_owned(),
            client,
        };
        let tokens = app.redeem(&code).await.ok();
        let seen = app.introspect(text(&tokens, "access_token")).await;
        assert_eq!((&seen["sub"], &seen["ext"]), (&json!("somebody"), &json!({ "tier": "gold" })), "{engine:?}");
        let claims = crate::support::client::jwt(text(&tokens, "id_token")).1;
        assert_eq!((&claims["acr"], &claims["nickname"]), (&json!("2"), &json!("S")));
    }
}

/// In development the issuer is where the server listens, and cookies go over http.
#[tokio::test]
async fn a_live_server_is_where_it_says() {
    let app = TestApp::builder().live().start().await;
    let issuer = format!("http://localhost:{}", app.public.address.port());
    assert_eq!(app.public.get("/.well-known/openid-configuration").await.ok()["issuer"], issuer);
    let begun = app.browser().get(&app.web_app().await.ask("openid").url()).await;
    assert!(begun.location().starts_with(&issuer), "{begun:?}");
    assert!(begun.all("set-cookie").all(|cookie| !cookie.contains("Secure")), "{begun:?}");
}
