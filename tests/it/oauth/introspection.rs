//! Introspection (RFC 7662) for operators and for clients: what a token is worth, and to whom that is told.

use serde_json::json;

use crate::support::app::{ALICE, TestApp};
use crate::support::client::text;
use crate::support::clock::{START, hours, seconds};
use crate::support::db::Engine;

/// The fields clients compare: which are there, which are left out.
#[tokio::test]
async fn a_live_token_is_told_in_full() {
    for engine in Engine::ALL {
        for format in ["opaque", "jwt"] {
            let app = TestApp::builder().on(engine).set("strategies.access_token", format).start().await;
            let alice = app.person(ALICE).await.id.to_string();
            let client = app.web_app().await;
            let tokens = app.tokens(&client, "openid offline_access").await;
            let shape = |kind: &str, lifetime: i64| {
                json!({
                    "active": true, "scope": "openid offline_access", "client_id": client.id, "sub": alice,
                    "exp": START + lifetime, "iat": START, "nbf": START, "aud": [], "iss": "https://id.example",
                    "token_type": "Bearer", "token_use": kind,
                })
            };
            let access = app.introspect(text(&tokens, "access_token")).await;
            assert_eq!(access, shape("access_token", 3_600), "{engine:?} {format}");
            let refresh = app.introspect(text(&tokens, "refresh_token")).await;
            assert_eq!(refresh, shape("refresh_token", 720 * 3_600), "{engine:?}");
        }
    }
}

/// RFC 7662 §2.2: nothing but `active: false`; slug: introspect-garbage.
#[tokio::test]
async fn anything_else_is_inactive_and_nothing_more() {
    let app = TestApp::new().await;
    let api = app.api("any").await;
    let client = app.web_app().await;
    let tokens = app.tokens(&client, "openid offline_access").await;
    let access = text(&tokens, "access_token");
    let mut flipped = access.as_bytes().to_vec();
    let last = flipped.len() - 1;
    flipped[last] = if flipped[last] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).unwrap();
    let code = app.authorize(&client, "openid").await;
    for token in [
        "x",
        " ",
        "sp_at_",
        "ory_at_x.y",
        "e30.e30.",
        "a.b.c",
        &"x".repeat(20_000),
        "\u{fc}",
        &flipped,
        &access[..access.len() - 1],
        &access.replacen("_at_", "_rt_", 1),
        text(&tokens, "id_token"),
        &code.code,
        client.secret.as_deref().unwrap(),
    ] {
        assert_eq!(app.introspect(token).await, json!({ "active": false }), "{token}");
        assert_eq!(app.introspect_as(&api, token).await.ok(), json!({ "active": false }), "{token}");
    }
    app.clock.advance(hours(1) - seconds(1));
    assert!(app.is_active(access).await);
    app.clock.advance(seconds(1));
    assert_eq!(app.introspect(access).await, json!({ "active": false }), "expired");
    for form in [&[][..], &[("token", "")], &[("scope", "openid")]] {
        assert_eq!(app.admin.post("/admin/oauth2/introspect", form).await.error(), "400 invalid_request");
    }
}

/// Slugs: introspect-foreign, introspect-refresh.
#[tokio::test]
async fn a_client_sees_what_its_right_says() {
    for format in ["opaque", "jwt"] {
        let app = TestApp::builder().set("strategies.access_token", format).start().await;
        let machine = app.machine().await;
        let cc = |audience: &'static str| {
            let form = [("grant_type", "client_credentials"), ("audience", audience)];
            let (app, machine) = (&app, &machine);
            async move { app.token(machine, &form).await.ok() }
        };
        let for_api = cc("https://api.example").await;
        let for_nobody = app.client_credentials(&machine, "photos.read").await;
        let persons = app.tokens(&app.web_app().await, "openid offline_access").await;
        for (right, sees) in [
            ("own", [true, false, false, false]),
            ("audience", [true, true, false, false]),
            ("any", [true, true, true, true]),
        ] {
            let api = app
                .client(json!({
                    "grant_types": ["client_credentials"], "introspect": right, "audience": ["https://api.example"],
                }))
                .await;
            let own = app.token(&api, &[("grant_type", "client_credentials")]).await.ok();
            let asked = [
                text(&own, "access_token"),
                text(&for_api, "access_token"),
                text(&for_nobody, "access_token"),
                text(&persons, "refresh_token"),
            ];
            for (n, token) in asked.into_iter().enumerate() {
                let seen = app.introspect_as(&api, token).await.ok();
                assert_eq!(seen["active"], sees[n], "{format} {right} {n}: {seen}");
                assert_eq!(seen.as_object().unwrap().len() > 1, sees[n], "{format} {right} {n}: {seen}");
            }
        }
    }
}

/// Slugs: introspect-anonymous, introspect-public-client. RFC 7662 §2.1: the endpoint must ask who is there.
#[tokio::test]
async fn only_clients_with_the_right_may_ask() {
    let app = TestApp::new().await;
    let (without, public) = (app.machine().await, app.spa().await);
    let token = app.client_credentials(&without, "photos.read").await;
    let token = text(&token, "access_token");
    assert_eq!(app.introspect_as(&without, token).await.error(), "403 access_denied");
    assert_eq!(app.introspect_as(&public, token).await.error(), "401 invalid_client");
    assert_eq!(app.public.post("/oauth2/introspect", &[("token", token)]).await.error(), "401 invalid_client");
    let bearer = app.public.request("POST", "/oauth2/introspect").bearer(token).form(&[("token", token)]);
    assert_eq!(bearer.send().await.error(), "401 invalid_client");
    let wrong = app.public.request("POST", "/oauth2/introspect").basic(&without.id, "wrong").form(&[("token", token)]);
    assert_eq!(wrong.send().await.error(), "401 invalid_client");
    let document = json!({ "token_endpoint_auth_method": "none", "introspect": "own" });
    let answer = app.admin.request("POST", "/admin/clients").json(&document).send().await;
    assert_eq!(answer.error(), "400 invalid_client_metadata", "not even by registration");
}

/// The caller may say what it needs; slug: introspect-scope.
#[tokio::test]
async fn a_token_without_the_needed_scope_is_inactive() {
    let app = TestApp::new().await;
    let machine = app.machine().await;
    let tokens = app.client_credentials(&machine, "photos.read").await;
    for (scope, active) in [
        ("photos.read", true),
        ("photos.write", false),
        ("photos.read photos.write", false),
        ("photos", false),
        ("\"", false),
        ("", true),
    ] {
        let form = [("token", text(&tokens, "access_token")), ("scope", scope)];
        let seen = app.admin.post("/admin/oauth2/introspect", &form).await.ok();
        assert_eq!(seen["active"], active, "{scope}");
    }
    // A cached answer of the first question never answers the second.
    assert!(app.is_active(text(&tokens, "access_token")).await);
}

/// The hint changes nothing but the order of looking; both spellings of the path are known.
#[tokio::test]
async fn hints_and_spellings_change_nothing() {
    let app = TestApp::new().await;
    let tokens = app.tokens(&app.web_app().await, "openid offline_access").await;
    for path in ["/admin/oauth2/introspect", "/oauth2/introspect"] {
        for hint in ["access_token", "refresh_token", "nonsense"] {
            for token in ["access_token", "refresh_token"] {
                let form = [("token", text(&tokens, token)), ("token_type_hint", hint)];
                assert_eq!(app.admin.post(path, &form).await.ok()["token_use"], token, "{path} {hint}");
            }
        }
    }
}
