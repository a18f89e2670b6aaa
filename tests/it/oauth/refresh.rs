//! Refresh tokens (RFC 6749 §6, RFC 9700 §4.14, OIDC Core §12): rotated at every use, and what a second use means.

use serde_json::{Value, json};

use crate::support::app::{Builder, TestApp};
use crate::support::client::{CALLBACK, Client, jwt, text};
use crate::support::clock::{hours, minutes, seconds};
use crate::support::db::Engine;

const INVALID_GRANT: &str = "400 invalid_grant";
const OFFLINE: &str = "openid offline_access photos.read";
const PERIOD: &str = "oauth2.grant.refresh_token.rotation_grace_period";
const COUNT: &str = "oauth2.grant.refresh_token.rotation_grace_reuse_count";

async fn tokens(builder: Builder) -> (TestApp, Client, Value) {
    let app = builder.start().await;
    let client = app.web_app().await;
    let tokens = app.tokens(&client, OFFLINE).await;
    (app, client, tokens)
}

async fn are_active(app: &TestApp, tokens: &Value) -> [bool; 2] {
    [app.is_active(text(tokens, "access_token")).await, app.is_active(text(tokens, "refresh_token")).await]
}

/// Slugs: refresh-rotation, refresh-reuse.
#[tokio::test]
async fn each_use_gives_a_new_pair_and_a_second_use_ends_the_family() {
    for engine in Engine::ALL {
        for format in ["opaque", "jwt"] {
            let builder = TestApp::builder().on(engine).set("strategies.access_token", format);
            let (app, client, first) = tokens(builder).await;
            let second = app.refresh(&client, text(&first, "refresh_token")).await.ok();
            assert_ne!(first["refresh_token"], second["refresh_token"]);
            assert_eq!(second["scope"], OFFLINE);
            assert_eq!(are_active(&app, &first).await, [false, false], "{engine:?} {format}");
            assert_eq!(are_active(&app, &second).await, [true, true], "{engine:?} {format}");
            let third = app.refresh(&client, text(&second, "refresh_token")).await.ok();
            assert_eq!(app.refresh(&client, text(&first, "refresh_token")).await.error(), INVALID_GRANT);
            for dead in [&first, &second, &third] {
                assert_eq!(are_active(&app, dead).await, [false, false], "{engine:?} {format}");
            }
            assert_eq!(app.refresh(&client, text(&third, "refresh_token")).await.error(), INVALID_GRANT);
        }
    }
}

/// Slug: refresh-restart.
#[tokio::test]
async fn a_used_token_stays_used_after_a_restart() {
    for engine in Engine::ALL {
        let (app, client, first) = tokens(TestApp::builder().on(engine)).await;
        let second = app.refresh(&client, text(&first, "refresh_token")).await.ok();
        let app = app.restarted(|same| same).await;
        assert_eq!(are_active(&app, &second).await, [true, true], "{engine:?}: what was answered is there");
        assert_eq!(app.refresh(&client, text(&first, "refresh_token")).await.error(), INVALID_GRANT, "{engine:?}");
        assert_eq!(are_active(&app, &second).await, [false, false], "{engine:?}: the family is dead");
    }
}

/// Slug: refresh-lost-answer. A client that did not get the answer may ask again for a while.
#[tokio::test]
async fn within_the_grace_period_a_used_token_works_again() {
    for engine in Engine::ALL {
        for format in ["opaque", "jwt"] {
            let builder = TestApp::builder().on(engine).set(PERIOD, "30s").set("strategies.access_token", format);
            let (app, client, first) = tokens(builder).await;
            let second = app.refresh(&client, text(&first, "refresh_token")).await.ok();
            assert_eq!(are_active(&app, &first).await, [false, false], "the twin dies: {engine:?} {format}");
            app.clock.advance(seconds(20));
            let again = app.refresh(&client, text(&first, "refresh_token")).await.ok();
            assert_ne!(second["refresh_token"], again["refresh_token"]);
            for live in [&second, &again] {
                assert_eq!(are_active(&app, live).await, [true, true], "{engine:?} {format}");
            }
            // The time counts from the first use.
            app.clock.advance(seconds(10));
            assert_eq!(app.refresh(&client, text(&first, "refresh_token")).await.error(), INVALID_GRANT);
            for dead in [&second, &again] {
                assert_eq!(are_active(&app, dead).await, [false, false], "{engine:?} {format}");
            }
        }
    }
}

/// Slug: refresh-grace-count.
#[tokio::test]
async fn within_the_grace_period_the_count_is_a_limit_too() {
    for engine in Engine::ALL {
        let builder = TestApp::builder().on(engine).set(PERIOD, "1h").set(COUNT, "2");
        let (app, client, first) = tokens(builder).await;
        let mut pairs = Vec::new();
        for _ in 0..3 {
            pairs.push(app.refresh(&client, text(&first, "refresh_token")).await.ok());
        }
        assert_eq!(app.refresh(&client, text(&first, "refresh_token")).await.error(), INVALID_GRANT, "{engine:?}");
        for pair in &pairs {
            assert_eq!(are_active(&app, pair).await, [false, false], "{engine:?}: one family, one end");
        }
    }
}

/// Slug: refresh-other-client.
#[tokio::test]
async fn a_token_belongs_to_its_client() {
    for engine in Engine::ALL {
        let (app, client, first) = tokens(TestApp::builder().on(engine)).await;
        for other in [app.web_app().await, app.spa().await] {
            assert_eq!(app.refresh(&other, text(&first, "refresh_token")).await.error(), INVALID_GRANT);
        }
        assert_eq!(are_active(&app, &first).await, [true, true], "{engine:?}: the owner is not harmed");
        app.refresh(&client, text(&first, "refresh_token")).await.ok();
    }
}

/// RFC 6749 §6; slug: refresh-scope.
#[tokio::test]
async fn the_scope_can_only_shrink() {
    for engine in Engine::ALL {
        let (app, client, first) = tokens(TestApp::builder().on(engine)).await;
        let ask = async |token: &str, scope: &str| {
            app.token(&client, &[("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)]).await
        };
        for more in ["openid offline_access photos.read email", "email", "openid photos.*", "openid \u{a0}", "a\"b"] {
            assert_eq!(ask(text(&first, "refresh_token"), more).await.error(), "400 invalid_scope", "{more}");
        }
        let less = ask(text(&first, "refresh_token"), "photos.read offline_access").await.ok();
        assert_eq!(less["scope"], "photos.read offline_access");
        assert!(less.get("id_token").is_none(), "no openid, no ID token: {less}");
        assert_eq!(app.introspect(text(&less, "access_token")).await["scope"], "photos.read offline_access");
    }
}

/// Slug: refresh-narrowed-client. What a client may no longer have it no longer gets.
#[tokio::test]
async fn a_narrowed_registration_counts_at_once() {
    let (app, client, first) = tokens(TestApp::builder()).await;
    let put = async |change: Value| {
        let mut document = client.document.clone();
        let changed = document.as_object_mut().unwrap();
        changed.remove("client_secret");
        changed.extend(change.as_object().unwrap().clone());
        let path = format!("/admin/clients/{}", client.id);
        app.admin.request("PUT", &path).json(&document).send().await.ok();
    };
    put(json!({ "scope": "openid offline_access" })).await;
    assert_eq!(app.refresh(&client, text(&first, "refresh_token")).await.error(), "400 invalid_scope");
    put(json!({ "grant_types": ["authorization_code"] })).await;
    assert_eq!(app.refresh(&client, text(&first, "refresh_token")).await.error(), "400 unauthorized_client");
    put(json!({})).await;
    app.refresh(&client, text(&first, "refresh_token")).await.ok();
    let gone = app.admin.request("DELETE", &format!("/admin/clients/{}", client.id)).send().await;
    assert_eq!(gone.status, 204);
    assert_eq!(are_active(&app, &first).await, [false, false]);
}

#[tokio::test]
async fn a_token_lives_its_time_from_each_rotation() {
    let (app, client, first) = tokens(TestApp::builder().set("ttl.refresh_token", "2h")).await;
    app.clock.advance(hours(2) - seconds(1));
    let second = app.refresh(&client, text(&first, "refresh_token")).await.ok();
    app.clock.advance(hours(2));
    assert_eq!(are_active(&app, &second).await, [false, false]);
    assert_eq!(app.refresh(&client, text(&second, "refresh_token")).await.error(), INVALID_GRANT);
    let (app, client, first) = tokens(TestApp::builder().set("ttl.refresh_token", "-1")).await;
    app.clock.advance(hours(24 * 20));
    app.refresh(&client, text(&first, "refresh_token")).await.ok();
}

/// OIDC Core §11; slug: refresh-unasked.
#[tokio::test]
async fn a_refresh_token_needs_offline_access_and_the_grant_type() {
    let app = TestApp::new().await;
    let client = app.web_app().await;
    assert!(app.tokens(&client, "openid").await.get("refresh_token").is_none());
    let without = json!({ "redirect_uris": [CALLBACK], "skip_consent": true, "grant_types": ["authorization_code"] });
    let client = app.client(without).await;
    assert!(app.tokens(&client, "openid offline_access").await.get("refresh_token").is_none());
}

/// OIDC Core §12.2: the new ID token tells of the same login.
#[tokio::test]
async fn a_new_id_token_tells_of_the_same_login() {
    let (app, client, first) = tokens(TestApp::builder()).await;
    app.clock.advance(minutes(30));
    let second = app.refresh(&client, text(&first, "refresh_token")).await.ok();
    let ((_, before), (_, after)) = (jwt(text(&first, "id_token")), jwt(text(&second, "id_token")));
    for same in ["iss", "sub", "aud", "auth_time", "sid", "rat", "acr", "amr"] {
        assert_eq!(before[same], after[same], "{same}");
    }
    assert!(after["iat"].as_i64() > before["iat"].as_i64());
    assert_ne!(before["jti"], after["jti"]);
    assert_ne!(before["at_hash"], after["at_hash"]);
}

/// Slug: token-kinds.
#[tokio::test]
async fn each_token_is_good_for_one_thing() {
    let (app, client, first) = tokens(TestApp::builder()).await;
    let (access, refresh) = (text(&first, "access_token"), text(&first, "refresh_token"));
    assert_eq!(app.refresh(&client, access).await.error(), INVALID_GRANT);
    assert_eq!(app.refresh(&client, text(&first, "id_token")).await.error(), INVALID_GRANT);
    assert_eq!(app.refresh(&client, &access.replacen("_at_", "_rt_", 1)).await.error(), INVALID_GRANT);
    assert_eq!(app.userinfo(refresh).await.error(), "401 invalid_token");
    assert_eq!(app.userinfo(&refresh.replacen("_rt_", "_at_", 1)).await.error(), "401 invalid_token");
    assert_eq!(app.token(&client, &[("grant_type", "refresh_token")]).await.error(), "400 invalid_request");
    assert_eq!(are_active(&app, &first).await, [true, true]);
}
