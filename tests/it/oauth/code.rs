//! Authorization codes (RFC 6749 §4.1, RFC 9700 §4.5): one use, one client, one address, a short time.

use sallyport::model::IdentityState;
use sallyport::store::identities;
use serde_json::json;

use crate::support::app::{ALICE, TestApp};
use crate::support::client::{CALLBACK, SCOPES, VERIFIER, text};
use crate::support::clock::{hours, minutes, seconds};
use crate::support::db::Engine;

const INVALID_GRANT: &str = "400 invalid_grant";

#[tokio::test]
async fn a_code_becomes_tokens() {
    for engine in Engine::ALL {
        let app = TestApp::on(engine).await;
        for client in [app.web_app().await, app.spa().await] {
            let tokens = app.tokens(&client, "openid offline_access").await;
            assert_eq!(tokens["token_type"], "bearer");
            assert_eq!(tokens["expires_in"], 3_600);
            assert_eq!(tokens["scope"], "openid offline_access");
            for name in ["access_token", "refresh_token"] {
                assert!(app.is_active(text(&tokens, name)).await, "{name}");
            }
            assert!(tokens["id_token"].is_string());
            assert_eq!(tokens.as_object().unwrap().len(), 6, "{tokens}");
        }
    }
}

/// RFC 6749 §4.1.2; slugs: code-replay, code-replay-late, code-replay-restart.
#[tokio::test]
async fn a_code_used_twice_revokes_the_family() {
    for engine in Engine::ALL {
        for late in [seconds(0), seconds(30), hours(2)] {
            let app = TestApp::on(engine).await;
            let code = app.authorize(&app.web_app().await, "openid offline_access").await;
            let first = app.redeem(&code).await.ok();
            let second = app.refresh(&code.client, text(&first, "refresh_token")).await.ok();
            app.clock.advance(late);
            let app = app.restarted(|same| same).await;
            assert_eq!(app.redeem(&code).await.error(), INVALID_GRANT, "{engine:?}");
            for token in [&first, &second] {
                assert!(!app.is_active(text(token, "access_token")).await, "{engine:?} {late:?}");
                assert!(!app.is_active(text(token, "refresh_token")).await, "{engine:?} {late:?}");
            }
            let again = app.refresh(&code.client, text(&second, "refresh_token")).await;
            assert_eq!(again.error(), INVALID_GRANT, "{engine:?}");
        }
    }
}

/// Slug: code-expired. Nothing sweeps here: the time alone decides.
#[tokio::test]
async fn a_code_works_for_its_lifetime() {
    let app = TestApp::builder().set("ttl.auth_code", "5m").start().await;
    let client = app.web_app().await;
    let (one, other) = (app.authorize(&client, "openid").await, app.authorize(&client, "openid").await);
    app.clock.advance(minutes(5) - seconds(1));
    app.redeem(&one).await.ok();
    app.clock.advance(seconds(1));
    assert_eq!(app.redeem(&other).await.error(), INVALID_GRANT);
}

/// Slugs: code-other-client, code-rebound.
#[tokio::test]
async fn a_code_belongs_to_its_client() {
    for engine in Engine::ALL {
        let app = TestApp::on(engine).await;
        let (owner, thief) = (app.web_app().await, app.web_app().await);
        for thief in [thief, app.spa().await] {
            let mut code = app.authorize(&owner, "openid offline_access").await;
            code.client = thief.clone();
            assert_eq!(app.redeem(&code).await.error(), INVALID_GRANT);
            // Naming the owner does not help: the client that proved itself counts.
            let mut form = code.form();
            form.push(("client_id", &owner.id));
            let answer = app.token(&thief, &form).await;
            assert!(["400 invalid_request", "401 invalid_client"].contains(&answer.error().as_str()), "{answer:?}");
            // The owner is not harmed by it.
            code.client = owner.clone();
            app.redeem(&code).await.ok();
        }
    }
}

/// RFC 6749 §4.1.3; slug: code-redirect-uri.
#[tokio::test]
async fn the_address_is_said_again() {
    let app = TestApp::new().await;
    let client =
        app.client(json!({ "redirect_uris": [CALLBACK, "https://rp.example/other"], "skip_consent": true })).await;
    let code = app.authorize(&client, "openid").await;
    for wrong in ["https://rp.example/other", "https://rp.example/cb/", "https://evil.example/", ""] {
        let mut form = code.form();
        form[2].1 = wrong;
        assert_eq!(app.token(&client, &form).await.error(), INVALID_GRANT, "{wrong}");
    }
    let form: Vec<_> = code.form().into_iter().filter(|(name, _)| *name != "redirect_uri").collect();
    assert_eq!(app.token(&client, &form).await.error(), INVALID_GRANT, "left out");
    app.redeem(&code).await.ok();
}

/// Slugs: code-bit-flip, token-kinds.
#[tokio::test]
async fn nothing_but_a_whole_code_is_a_code() {
    let app = TestApp::new().await;
    let client = app.web_app().await;
    let tokens = app.tokens(&client, "openid offline_access").await;
    let (code, other) = (app.authorize(&client, "openid").await, app.authorize(&client, "openid").await);
    let bytes = code.code.as_bytes();
    let mut wrong: Vec<String> = Vec::new();
    for at in (6..bytes.len()).step_by(7) {
        let mut flipped = bytes.to_vec();
        flipped[at] = if flipped[at] == b'A' { b'B' } else { b'A' };
        wrong.push(String::from_utf8(flipped).unwrap());
    }
    let half = bytes.len() / 2;
    wrong.extend([
        format!("{}{}", &code.code[..half], &other.code[half..]),
        code.code[..code.code.len() - 1].to_owned(),
        format!("{}A", code.code),
        code.code.replacen("_ac_", "_at_", 1),
        code.code.to_uppercase(),
        text(&tokens, "access_token").to_owned(),
        text(&tokens, "refresh_token").to_owned(),
        text(&tokens, "id_token").to_owned(),
        text(&tokens, "access_token").replacen("_at_", "_ac_", 1),
        "x".to_owned(),
        "x".repeat(10_000),
        "\u{fc}\u{202e}".to_owned(),
    ]);
    for presented in wrong {
        let mut form = code.form();
        form[1].1 = &presented;
        assert_eq!(app.token(&client, &form).await.error(), INVALID_GRANT, "{presented}");
    }
    app.redeem(&code).await.ok();
    app.redeem(&other).await.ok();
    assert!(app.is_active(text(&tokens, "access_token")).await, "none of that was a replay");
}

/// Slug: grant-mixing.
#[tokio::test]
async fn a_code_is_no_other_grant() {
    let app = TestApp::new().await;
    let client = app.web_app().await;
    let code = app.authorize(&client, "openid offline_access").await;
    let refresh = |name, value| [("grant_type", "refresh_token"), (name, value)];
    assert_eq!(app.token(&client, &refresh("code", &code.code)).await.error(), "400 invalid_request");
    assert_eq!(app.token(&client, &refresh("refresh_token", &code.code)).await.error(), INVALID_GRANT);
    let no_code = [("grant_type", "authorization_code"), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)];
    assert_eq!(app.token(&client, &no_code).await.error(), "400 invalid_request");
    app.redeem(&code).await.ok();
}

/// Slug: code-after-the-end. What the code stands for must still be so when it is redeemed.
#[tokio::test]
async fn a_code_dies_with_what_it_stands_for() {
    for engine in Engine::ALL {
        let app = TestApp::on(engine).await;
        let alice = app.person(ALICE).await.id;

        let client = app.web_app().await;
        let code = app.authorize(&client, SCOPES).await;
        let gone = app.admin.request("DELETE", &format!("/admin/clients/{}", client.id)).send().await;
        assert_eq!(gone.status, 204, "{gone:?}");
        assert_eq!(app.redeem(&code).await.error(), "401 invalid_client");

        let client = app.web_app().await;
        let mut browser = app.logged_in(ALICE).await;
        let code = app.authorize_in(&mut browser, &client, SCOPES).await;
        let tokens = app.redeem(&app.authorize_in(&mut browser, &client, SCOPES).await).await.ok();
        let now = sallyport::base::Clock::now(&*app.clock);
        let set = move |state| move |tx: &mut sallyport::store::Tx| identities::set_state(tx, alice, state, now);
        assert!(app.store.write(set(IdentityState::Inactive)).await.unwrap());
        assert_eq!(app.redeem(&code).await.error(), INVALID_GRANT, "{engine:?}: deactivated");
        assert!(!app.is_active(text(&tokens, "access_token")).await, "{engine:?}");
        assert_eq!(app.refresh(&client, text(&tokens, "refresh_token")).await.error(), INVALID_GRANT, "{engine:?}");
    }
}
