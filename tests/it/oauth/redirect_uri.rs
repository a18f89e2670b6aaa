//! Where answers go (RFC 6749 §3.1.2, RFC 8252 §7.3, RFC 9700 §2.1, §4.11, §4.12): to a registered address, letter by
//! letter, or nowhere.

use serde_json::json;

use super::stops;
use crate::support::app::{ALICE, TestApp};
use crate::support::client::{CALLBACK, Client, Reply};
use crate::support::user_agent::{Form, UserAgent};

const NATIVE: &str = "http://127.0.0.1/n";

async fn app() -> (TestApp, Client, UserAgent) {
    let app = TestApp::new().await;
    let uris = [CALLBACK, "https://rp.example/q?a=1", NATIVE, "http://[::1]:7/n", "http://localhost:7/n", "app.x:/cb"];
    let client = app.client(json!({ "redirect_uris": uris, "skip_consent": true })).await;
    let browser = app.logged_in(ALICE).await;
    (app, client, browser)
}

#[tokio::test]
async fn registered_addresses_get_the_answer() {
    let (_app, client, mut browser) = app().await;
    for good in [
        CALLBACK,
        "https://rp.example/q?a=1",
        NATIVE,
        "http://127.0.0.1:9/n",
        "http://127.0.0.1:65535/n",
        "http://[::1]/n",
        "http://[::1]:8/n",
        "http://localhost:7/n",
        "app.x:/cb",
    ] {
        let answer = browser.get(&client.ask("openid").with("redirect_uri", good).url()).await;
        let reply = Reply::of(&answer);
        assert!(reply.get("code").is_some() && answer.location().starts_with(good), "{good}: {answer:?}");
    }
    // What was registered stays in the query, and comes once.
    let answer = browser.get(&client.ask("openid").with("redirect_uri", "https://rp.example/q?a=1").url()).await;
    assert!(answer.location().starts_with("https://rp.example/q?a=1&code="), "{answer:?}");
}

/// Slugs: redirect-case, redirect-segments, redirect-query, redirect-dots, redirect-userinfo, redirect-scheme,
/// redirect-loopback, redirect-control.
#[tokio::test]
async fn anything_else_gets_nothing() {
    let (_app, client, mut browser) = app().await;
    let long = format!("{CALLBACK}{}", "x".repeat(2_100));
    for bad in [
        "https://rp.example/CB",
        "https://RP.example/cb",
        "https://rp.example/cb/",
        "https://rp.example/cb/x",
        "https://rp.example/other",
        "https://rp.example",
        "https://rp.example/cb?x=1",
        "https://rp.example/cb?code=x&state=y",
        "https://rp.example/cb#f",
        "https://rp.example/cb#",
        "https://rp.example/q?a=1&b=2",
        "https://rp.example/q?b=2&a=1",
        "https://rp.example/q",
        "https://rp.example/cb/../x",
        "https://rp.example/x/../cb",
        "https://rp.example/cb/%2e%2e/x",
        "https://rp.example/cb/..;/x",
        "https://rp.example//cb",
        "https://rp.example/cb%2F",
        "https://rp.example/cb%00",
        "https://rp.example@evil.example/cb",
        "https://evil.example\\@rp.example/cb",
        "https://rp.example%2f.evil.example/cb",
        "https://rpXexample/cb",
        "https://evil.example/https://rp.example/cb",
        "http://rp.example/cb",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///cb",
        " https://rp.example/cb",
        "\thttps://rp.example/cb",
        "https://rp.example/cb\r\nX-Injected: yes",
        "https://rp.example/cb\n",
        "http://127.0.0.1:9/other",
        "http://127.0.0.1:9/n?x=1",
        "http://127.0.0.1.evil.example:9/n",
        "http://127.0.0.1:9@evil.example/n",
        "http://127.1/n",
        "http://0/n",
        "http://0x7f000001/n",
        "http://[::ffff:127.0.0.1]/n",
        "https://127.0.0.1/n",
        "http://localhost:8/n",
        "http://localhost/n",
        "app.x:/other",
        "app.x://cb",
        "*",
        "/cb",
        &long,
    ] {
        let answer = browser.get(&client.ask("openid").with("redirect_uri", bad).url()).await;
        stops(&answer, bad);
        assert!(answer.header("x-injected").is_none() && !answer.text().contains("evil.example"), "{bad}: {answer:?}");
    }
}

/// Slug: redirect-missing.
#[tokio::test]
async fn an_address_may_be_left_out_only_where_there_is_no_choice() {
    let (app, several, mut browser) = app().await;
    stops(&browser.get(&several.ask("offline").without("redirect_uri").url()).await, "several");
    let one = app.client(json!({ "redirect_uris": [CALLBACK], "skip_consent": true })).await;
    let answer = browser.get(&one.ask("offline").without("redirect_uri").url()).await;
    assert_eq!(Reply::of(&answer).address, CALLBACK);
    // OIDC Core §3.1.2.1: required.
    stops(&browser.get(&one.ask("openid").without("redirect_uri").url()).await, "openid");
    stops(&browser.get(&one.ask("openid").with("redirect_uri", "").url()).await, "an empty one is none");
    let none = app.client(json!({ "skip_consent": true })).await;
    stops(&browser.get(&none.ask("offline").without("redirect_uri").url()).await, "nothing registered");
    stops(&browser.get(&none.ask("offline").url()).await, "the first one seen is not trusted");
}

/// Slug: redirect-twice.
#[tokio::test]
async fn an_address_comes_once() {
    let (_app, client, mut browser) = app().await;
    for (first, second) in
        [(CALLBACK, "https://evil.example/"), ("https://evil.example/", CALLBACK), (CALLBACK, CALLBACK)]
    {
        let ask = client.ask("openid").with("redirect_uri", first).and("redirect_uri", second);
        stops(&browser.get(&ask.url()).await, first);
    }
    let (query, form) = (client.ask("openid").url(), [("redirect_uri", "https://evil.example/")]);
    stops(&browser.post(&query, &form).await, "in query and form");
}

/// Slug: redirect-error-paths. No error is a reason to trust an address.
#[tokio::test]
async fn errors_never_go_to_an_unproven_address() {
    let (app, client, mut browser) = app().await;
    let evil = client.ask("openid").with("redirect_uri", "https://evil.example/cb");
    for ask in [
        evil.clone().with("scope", "nobody.registered.this"),
        evil.clone().with("response_type", "token"),
        evil.clone().with("response_type", "nonsense"),
        evil.clone().with("response_mode", "form_post"),
        evil.clone().with("response_mode", "nonsense"),
        evil.clone().with("prompt", "none"),
        evil.clone().with("prompt", "none login"),
        evil.clone().with("request", "e30.e30."),
        evil.clone().with("request_uri", "https://evil.example/object"),
        evil.clone().and("state", "twice"),
        evil.clone().without("code_challenge"),
        evil.clone().with("id_token_hint", "x"),
        evil.clone().with("client_id", "nobody"),
        evil.clone().without("client_id"),
    ] {
        stops(&browser.get(&ask.url()).await, &ask.url());
        stops(&app.browser().get(&ask.url()).await, "nobody is logged in");
    }
}

/// Slug: redirect-registration.
#[tokio::test]
async fn dangerous_addresses_cannot_be_registered() {
    let app = TestApp::new().await;
    for bad in [
        "https://*.rp.example/cb",
        "https://rp.example/*",
        "https://rp.example/(cb|x)|y",
        "https://rp.example/cb#f",
        "https://rp.example/cb#",
        "http://rp.example/cb",
        "https://user:secret@rp.example/cb",
        "https://rp.example/a/../b",
        "javascript:alert(1)",
        "JAVASCRIPT:alert(1)",
        "\tjavascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://rp.example/x",
        "/cb",
        "",
    ] {
        let answer = app.admin.request("POST", "/admin/clients").json(&json!({ "redirect_uris": [bad] })).send().await;
        assert_eq!(answer.error(), "400 invalid_redirect_uri", "{bad}");
        let document = json!({ "redirect_uris": [CALLBACK], "post_logout_redirect_uris": [bad] });
        let answer = app.admin.request("POST", "/admin/clients").json(&document).send().await;
        assert_eq!(answer.status, 400, "{bad}");
    }
}

/// RFC 9700 §4.12; slug: redirect-307. What was posted must not be posted on.
#[tokio::test]
async fn after_a_form_nothing_is_repeated() {
    let app = TestApp::new().await;
    app.person(ALICE).await;
    let client = app.client(json!({ "redirect_uris": [CALLBACK] })).await;
    let mut browser = app.browser();
    let login = browser.visit(&client.ask("openid").url()).await;
    let form = Form::of(&login).with("identifier", ALICE).with("password", crate::support::app::PASSWORD);
    let form = form.and("method", "password");
    let answer = browser.post(&form.action, &form.fields).await;
    assert!([302, 303].contains(&answer.status), "{answer:?}");
    let consent = browser.follow(answer).await;
    let form = Form::of(&consent).and("decision", "accept");
    let answer = browser.post(&form.action, &form.fields).await;
    assert!([302, 303].contains(&answer.status) && Reply::of(&answer).get("code").is_some(), "{answer:?}");
    let posted = browser.post("/oauth2/auth", &client.ask("openid").with("prompt", "none").0).await;
    assert_eq!(posted.status, 303, "{posted:?}");
}
