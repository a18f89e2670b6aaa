//! Whether somebody must be asked (OIDC Core §3.1.2.1, §3.1.2.3): `prompt`, `max_age`, hints, and what the ID token then says.

use serde_json::json;

use crate::support::app::{ALICE, TestApp};
use crate::support::client::{CALLBACK, Code, Reply, jwt, text};
use crate::support::clock::{START, hours, minutes};
use crate::support::http::Answer;

async fn claims(app: &TestApp, client: &crate::support::client::Client, answer: &Answer) -> serde_json::Value {
    let reply = Reply::of(answer);
    let code = reply.get("code").unwrap_or_else(|| panic!("no code: {answer:?}")).to_owned();
    let code = Code { code, redirect_uri: CALLBACK.to_owned(), client: client.clone() };
    jwt(text(&app.redeem(&code).await.ok(), "id_token")).1
}

/// Slug: prompt-none. Nothing is shown, whatever is missing.
#[tokio::test]
async fn without_a_page_there_is_a_code_or_an_error() {
    let app = TestApp::new().await;
    let client = app.web_app().await;
    let third_party = app.client(json!({ "redirect_uris": [CALLBACK] })).await;
    let silent = client.ask("openid").with("prompt", "none");
    assert_eq!(Reply::of(&app.browser().get(&silent.url()).await).error(), "login_required");
    let mut browser = app.logged_in(ALICE).await;
    assert!(Reply::of(&browser.get(&silent.url()).await).get("code").is_some());
    let asked = third_party.ask("openid").with("prompt", "none");
    assert_eq!(Reply::of(&browser.get(&asked.url()).await).error(), "consent_required");
    for both in ["none login", "none consent", "none select_account", "none none login"] {
        let reply = Reply::of(&browser.get(&client.ask("openid").with("prompt", both).url()).await);
        assert_eq!(reply.error(), "invalid_request", "{both}");
    }
    app.clock.advance(minutes(10));
    assert!(Reply::of(&browser.get(&silent.clone().with("max_age", "660").url()).await).get("code").is_some());
    for too_old in ["500", "0"] {
        let reply = Reply::of(&browser.get(&silent.clone().with("max_age", too_old).url()).await);
        assert_eq!(reply.error(), "login_required", "{too_old}");
    }
    app.clock.advance(hours(24));
    assert_eq!(Reply::of(&browser.get(&silent.url()).await).error(), "login_required", "the session is over");
}

/// Slugs: login-again, session-fixation.
#[tokio::test]
async fn a_new_login_is_told_as_such() {
    for (name, value) in [("prompt", "login"), ("prompt", "select_account"), ("max_age", "60"), ("max_age", "0")] {
        let app = TestApp::new().await;
        let (client, mut browser) = (app.web_app().await, app.logged_in(ALICE).await);
        let before = browser.cookies["ory_kratos_session"].clone();
        app.clock.advance(minutes(5));
        let page = browser.visit(&client.ask("openid").with(name, value).url()).await;
        assert_eq!(page.status, 200, "{name}={value}: {page:?}");
        let answer = browser.log_in(&page, ALICE).await;
        let told = claims(&app, &client, &answer).await;
        assert!(told["auth_time"].as_i64().unwrap() >= START + 300, "{name}={value}: {told}");
        assert_ne!(browser.cookies["ory_kratos_session"], before, "{name}={value}: a login changes the cookie");
        let mut old = app.browser();
        old.cookies.insert("ory_kratos_session".to_owned(), before);
        let silent = old.get(&client.ask("openid").with("prompt", "none").url()).await;
        assert_eq!(Reply::of(&silent).error(), "login_required", "{name}={value}: the old cookie is dead");
    }
}

/// OIDC Core §2: what was asked for in the request comes back exactly; slug: nonce-exact.
#[tokio::test]
async fn the_id_token_answers_this_request() {
    let app = TestApp::new().await;
    let (client, mut browser) = (app.web_app().await, app.logged_in(ALICE).await);
    for nonce in ["n", "\u{fc} +%26&=\"<", &"n".repeat(2_048)] {
        let answer = browser.get(&client.ask("openid").with("nonce", nonce).url()).await;
        assert_eq!(claims(&app, &client, &answer).await["nonce"], nonce);
    }
    let answer = browser.get(&client.ask("openid").without("nonce").url()).await;
    let told = claims(&app, &client, &answer).await;
    assert!(told.get("nonce").is_none(), "{told}");
    assert_eq!((&told["auth_time"], &told["aud"]), (&json!(START), &json!([client.id])));
    // An assurance that was asked for but not reached is never claimed.
    let answer = browser.get(&client.ask("openid").with("acr_values", "aal2 urn:gold").url()).await;
    let reached = claims(&app, &client, &answer).await;
    assert!(!["aal2", "urn:gold"].iter().any(|acr| reached["acr"] == *acr), "{reached}");
}

/// OIDC Core §3.1.2.1; slug: hint-after-login. The hint is compared with who logs in as well.
#[tokio::test]
async fn another_person_than_the_hinted_one_gets_no_code() {
    let app = TestApp::new().await;
    let client = app.web_app().await;
    let tokens = app.tokens(&client, "openid").await;
    app.person("bob@example.com").await;
    let ask = client.ask("openid").with("id_token_hint", text(&tokens, "id_token"));
    let mut browser = app.browser();
    let page = browser.visit(&ask.url()).await;
    let answer = browser.log_in(&page, "bob@example.com").await;
    let reply = Reply::in_redirect(&answer);
    assert!(reply.is_none_or(|reply| reply.error() == "login_required"), "{answer:?}");
    let mut browser = app.browser();
    let page = browser.visit(&ask.url()).await;
    let answer = browser.log_in(&page, ALICE).await;
    assert!(Reply::of(&answer).get("code").is_some());
}
