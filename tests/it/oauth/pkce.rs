//! PKCE (RFC 7636, RFC 9700 §2.1.1, §4.8): S256, for whom it must be, and no way around it.

use serde_json::json;

use crate::support::app::{ALICE, TestApp};
use crate::support::client::{CALLBACK, CHALLENGE, Reply, VERIFIER};
use crate::support::db::Engine;

const INVALID_GRANT: &str = "400 invalid_grant";

/// Slugs: pkce-missing, pkce-plain.
#[tokio::test]
async fn a_public_client_must_use_s256() {
    let app = TestApp::new().await;
    let (client, mut browser) = (app.spa().await, app.logged_in(ALICE).await);
    let ask = client.ask("openid");
    for bad in [
        ask.clone().without("code_challenge").without("code_challenge_method"),
        ask.clone().without("code_challenge"),
        ask.clone().with("code_challenge", ""),
        ask.clone().without("code_challenge_method"),
        ask.clone().with("code_challenge_method", "plain"),
        ask.clone().with("code_challenge_method", "plain").with("code_challenge", VERIFIER),
        ask.clone().with("code_challenge_method", "s256"),
        ask.clone().with("code_challenge_method", "S512"),
        ask.clone().with("code_challenge", "short"),
        ask.clone().with("code_challenge", &format!("{CHALLENGE}=")),
        ask.clone().with("code_challenge", &CHALLENGE.replace('E', "+")),
    ] {
        let reply = Reply::of(&browser.get(&bad.url()).await);
        assert_eq!(reply.error(), "invalid_request", "{bad:?}");
        assert!(reply.get("code").is_none() && reply.get("state").is_some(), "{reply:?}");
    }
    assert!(Reply::of(&browser.get(&ask.url()).await).get("code").is_some());
}

/// A confidential client may do without, unless everybody must; half of it is refused all the same.
#[tokio::test]
async fn who_must_use_it_is_configured() {
    for (enforced, code_comes) in [("false", true), ("true", false)] {
        let app = TestApp::builder().set("oauth2.pkce.enforced", enforced).start().await;
        let (client, mut browser) = (app.web_app().await, app.logged_in(ALICE).await);
        let ask = client.ask("openid").without("code_challenge");
        let reply = Reply::of(&browser.get(&ask.url()).await);
        assert_eq!(reply.error(), "invalid_request", "a method without a challenge");
        let reply = Reply::of(&browser.get(&ask.without("code_challenge_method").url()).await);
        assert_eq!(reply.get("code").is_some(), code_comes, "{reply:?}");
    }
    let app = TestApp::builder().set("oauth2.pkce.enforced_for_public_clients", "false").start().await;
    let (client, mut browser) = (app.spa().await, app.logged_in(ALICE).await);
    let ask = client.ask("openid").without("code_challenge").without("code_challenge_method");
    assert!(Reply::of(&browser.get(&ask.url()).await).get("code").is_some(), "the operator said so");
}

/// Slugs: pkce-wrong-then-none, pkce-none, pkce-malformed. A failed attempt takes nothing away from the next check.
#[tokio::test]
async fn the_verifier_must_fit_each_time() {
    for engine in Engine::ALL {
        let app = TestApp::on(engine).await;
        for client in [app.spa().await, app.web_app().await] {
            let code = app.authorize(&client, "openid").await;
            let long = VERIFIER.repeat(3);
            let padded = format!("{VERIFIER}=");
            for wrong in
                [Some("x"), Some(&*"y".repeat(43)), Some(CHALLENGE), Some(&padded), Some(&long), Some(""), None]
            {
                let mut form = code.form();
                match wrong {
                    Some(verifier) => form[3].1 = verifier,
                    None => drop(form.pop()),
                }
                assert_eq!(app.token(&client, &form).await.error(), INVALID_GRANT, "{engine:?} {wrong:?}");
            }
            app.redeem(&code).await.ok();
        }
    }
}

/// RFC 9700 §4.8.2; slug: pkce-downgrade. A verifier without a challenge means that somebody took the challenge away.
#[tokio::test]
async fn a_verifier_without_a_challenge_is_refused() {
    let app = TestApp::new().await;
    let (client, mut browser) = (app.web_app().await, app.logged_in(ALICE).await);
    let ask = client.ask("openid").without("code_challenge").without("code_challenge_method");
    let reply = Reply::of(&browser.get(&ask.url()).await);
    let code = reply.get("code").unwrap();
    let mut form = vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)];
    form.push(("code_verifier", VERIFIER));
    assert_eq!(app.token(&client, &form).await.error(), INVALID_GRANT);
    form.pop();
    app.token(&client, &form).await.ok();
}

/// Slug: pkce-other-request. The challenge belongs to its code.
#[tokio::test]
async fn the_verifier_of_another_request_does_not_fit() {
    let app = TestApp::new().await;
    let client = app.client(json!({ "redirect_uris": [CALLBACK], "skip_consent": true })).await;
    let mut browser = app.logged_in(ALICE).await;
    let other = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ";
    let challenge_of_other = "fEXiGJYCyFJ5w7LvlIdNNUtdZmMPgRlaP9uBa1v4lBM";
    assert_ne!(challenge_of_other, CHALLENGE);
    let code = app.authorize_in(&mut browser, &client, "openid").await;
    let mut form = code.form();
    form[3].1 = other;
    assert_eq!(app.token(&client, &form).await.error(), INVALID_GRANT);
}
