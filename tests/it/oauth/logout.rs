//! Logging out (OIDC RP-Initiated Logout 1.0): who asks, who is asked, where the browser may go, and what ends with it.

use serde_json::json;

use super::stops;
use crate::support::app::{ALICE, TestApp};
use crate::support::client::{CALLBACK, Client, Reply, SCOPES, text};
use crate::support::clock::hours;
use crate::support::db::Engine;
use crate::support::http::encode;
use crate::support::user_agent::{Form, UserAgent};

const BYE: &str = "https://rp.example/bye";
const LOGOUT: &str = "/oauth2/sessions/logout";

async fn client(app: &TestApp) -> Client {
    app.client(json!({
        "redirect_uris": [CALLBACK], "post_logout_redirect_uris": [BYE, "https://rp.example/bye?a=1"],
        "skip_consent": true, "scope": SCOPES, "grant_types": ["authorization_code", "refresh_token"],
    }))
    .await
}

fn url(params: &[(&str, &str)]) -> String {
    format!("{LOGOUT}?{}", encode(params))
}

async fn is_logged_in(browser: &mut UserAgent, client: &Client) -> bool {
    let reply = Reply::of(&browser.get(&client.ask("openid").with("prompt", "none").url()).await);
    reply.get("code").is_some()
}

/// Slugs: logout-csrf, logout-dead.
#[tokio::test]
async fn without_proof_the_person_is_asked() {
    for engine in Engine::ALL {
        let app = TestApp::on(engine).await;
        let (client, mut browser) = (client(&app).await, app.logged_in(ALICE).await);
        let copy = browser.clone();
        let page = browser.visit(LOGOUT).await;
        let form = Form::of(&page);
        assert!(is_logged_in(&mut browser, &client).await, "{engine:?}: asking ends nothing");
        stops(&browser.submit(&form.clone().without("csrf_token"), "decision", "accept").await, "no token");
        assert!(is_logged_in(&mut browser, &client).await, "{engine:?}");
        let no = browser.submit(&form, "decision", "reject").await;
        assert!(no.status < 400 && is_logged_in(&mut browser, &client).await, "{engine:?}: a no is a no");
        let form = Form::of(&browser.visit(LOGOUT).await);
        let done = browser.submit(&form, "decision", "accept").await;
        assert_eq!(done.status, 200, "{done:?}");
        assert!(!browser.cookies.contains_key("ory_kratos_session"), "{:?}", browser.cookies);
        assert!(!is_logged_in(&mut browser, &client).await, "{engine:?}");
        assert!(!is_logged_in(&mut copy.clone(), &client).await, "{engine:?}: a copy of the cookie");
    }
}

/// §2, §3; slugs: logout-hint, logout-state.
#[tokio::test]
async fn the_app_of_the_session_goes_at_once_where_it_is_registered() {
    for (uri, leads_to) in [
        (BYE, "https://rp.example/bye?state=a+b"),
        ("https://rp.example/bye?a=1", "https://rp.example/bye?a=1&state=a+b"),
    ] {
        let app = TestApp::new().await;
        let (client, mut browser) = (client(&app).await, app.logged_in(ALICE).await);
        let tokens = app.redeem(&app.authorize_in(&mut browser, &client, "openid").await).await.ok();
        let hint = ("id_token_hint", text(&tokens, "id_token"));
        app.clock.advance(hours(2));
        stops(&browser.get(&url(&[hint, ("client_id", "another")])).await, "not the hint's audience");
        let answer = browser.get(&url(&[hint, ("post_logout_redirect_uri", uri), ("state", "a b")])).await;
        assert_eq!(answer.location(), leads_to);
        assert!(!is_logged_in(&mut browser, &client).await);
        // Once more: nobody is there, and the app is told the same.
        let answer = browser.get(&url(&[hint, ("post_logout_redirect_uri", uri), ("state", "a b")])).await;
        assert_eq!(answer.location(), leads_to);
        let answer = browser.visit(&url(&[hint, ("state", "a b")])).await;
        assert!(answer.status == 200 && !answer.text().contains("a b"), "a state without an address: {answer:?}");
    }
}

/// Slug: logout-redirect.
#[tokio::test]
async fn nobody_is_sent_to_an_unproven_address() {
    let app = TestApp::new().await;
    let (client, mut browser) = (client(&app).await, app.logged_in(ALICE).await);
    let tokens = app.redeem(&app.authorize_in(&mut browser, &client, "openid").await).await.ok();
    let hint = ("id_token_hint", text(&tokens, "id_token"));
    for bad in [
        "https://evil.example/",
        "https://rp.example/bye?b=2",
        "https://rp.example/bye/",
        "https://rp.example/BYE",
        "javascript:alert(1)",
        "//evil.example",
        CALLBACK,
    ] {
        let uri = ("post_logout_redirect_uri", bad);
        stops(&browser.get(&url(&[hint, uri])).await, bad);
        stops(&browser.get(&url(&[("client_id", &client.id), uri])).await, bad);
        stops(&app.browser().get(&url(&[hint, uri])).await, bad);
    }
    stops(&browser.get(&url(&[("post_logout_redirect_uri", BYE)])).await, "whose address is it?");
    stops(&browser.get(&url(&[hint, hint])).await, "twice");
    assert!(is_logged_in(&mut browser, &client).await, "none of that logged anybody out");
}

/// Slugs: logout-other-person, logout-other-browser.
#[tokio::test]
async fn only_who_is_meant_is_logged_out() {
    let app = TestApp::new().await;
    let (client, mut alice) = (client(&app).await, app.logged_in(ALICE).await);
    let mut bob = app.logged_in("bob@example.com").await;
    let tokens = app.redeem(&app.authorize_in(&mut bob, &client, "openid").await).await.ok();
    let hinted = url(&[("id_token_hint", text(&tokens, "id_token")), ("post_logout_redirect_uri", BYE)]);
    let asked = alice.get(&hinted).await;
    assert!(asked.location().contains("/logout?"), "{asked:?}");
    assert!(is_logged_in(&mut alice, &client).await && is_logged_in(&mut bob, &client).await);
    // A page begun in Bob's browser, answered in Alice's.
    let begun = bob.get(LOGOUT).await;
    let form = Form::of(&alice.visit(begun.location()).await);
    alice.submit(&form, "decision", "accept").await;
    assert!(is_logged_in(&mut alice, &client).await && is_logged_in(&mut bob, &client).await);
}

/// OIDC Core §11; slug: logout-tokens.
#[tokio::test]
async fn tokens_end_with_the_session_unless_they_are_for_offline_use() {
    for engine in Engine::ALL {
        let app = TestApp::on(engine).await;
        let (client, mut browser) = (client(&app).await, app.logged_in(ALICE).await);
        let online = app.redeem(&app.authorize_in(&mut browser, &client, "openid").await).await.ok();
        let offline = app.redeem(&app.authorize_in(&mut browser, &client, "openid offline_access").await).await.ok();
        let unredeemed = app.authorize_in(&mut browser, &client, "openid").await;
        let form = Form::of(&browser.visit(LOGOUT).await);
        browser.submit(&form, "decision", "accept").await;
        assert!(!app.is_active(text(&online, "access_token")).await, "{engine:?}");
        assert_eq!(app.userinfo(text(&online, "access_token")).await.error(), "401 invalid_token", "{engine:?}");
        assert_eq!(app.redeem(&unredeemed).await.error(), "400 invalid_grant", "{engine:?}");
        app.refresh(&client, text(&offline, "refresh_token")).await.ok();
    }
}
