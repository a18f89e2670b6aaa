//! Another tenant's rows are not there: not in a list, not by their id, not by their secret.

use serde_json::json;

use crate::support::app::{ALICE, TestApp};
use crate::support::client::{Reply, text};
use crate::support::db::{Engine, execute_on};

/// Every table, parents first.
const TABLES: [&str; 16] = [
    "clients",
    "identities",
    "identity_credentials",
    "credential_identifiers",
    "identity_addresses",
    "sessions",
    "grants",
    "codes",
    "access_tokens",
    "revoked_jwts",
    "refresh_tokens",
    "interactions",
    "logouts",
    "flows",
    "throttles",
    "facts",
];

/// Doubles every row into the tenant `shadow`.
fn double(app: &TestApp) {
    for table in TABLES {
        execute_on(
            app.database(),
            &format!(
                "CREATE TEMP TABLE doubled AS SELECT * FROM {table} WHERE tenant = 'default';
                 UPDATE doubled SET tenant = 'shadow';
                 INSERT INTO {table} SELECT * FROM doubled;
                 DROP TABLE doubled;"
            ),
        );
    }
}

/// Slug: tenant-lists.
#[tokio::test]
async fn doubled_rows_are_seen_once() {
    for engine in Engine::ALL {
        let app = TestApp::on(engine).await;
        let (client, machine) = (app.web_app().await, app.machine().await);
        let mut browser = app.logged_in(ALICE).await;
        let code = app.authorize_in(&mut browser, &client, "openid offline_access").await;
        let tokens = app.redeem(&app.authorize_in(&mut browser, &client, "openid offline_access").await).await.ok();
        double(&app);
        assert_eq!(app.admin.get("/admin/clients").await.ok().as_array().map(Vec::len), Some(2), "{engine:?}");
        app.redeem(&code).await.ok();
        let fresh = app.refresh(&client, text(&tokens, "refresh_token")).await.ok();
        app.client_credentials(&machine, "photos.read").await;
        app.authorize_in(&mut browser, &client, "openid").await;
        app.authorize(&client, "openid").await;
        assert_eq!(app.userinfo(text(&fresh, "access_token")).await.ok()["aud"], json!([client.id]));
        assert_eq!(app.revoke(&client, text(&fresh, "access_token")).await.status, 200);
        assert!(!app.is_active(text(&fresh, "access_token")).await, "{engine:?}: the shadow's grant is no help");
        let gone = app.admin.request("DELETE", &format!("/admin/clients/{}", machine.id)).send().await;
        assert_eq!(gone.status, 204);
        assert_eq!(app.admin.get(&format!("/admin/clients/{}", machine.id)).await.status, 404, "{engine:?}");
        assert_eq!(app.token(&machine, &[("grant_type", "client_credentials")]).await.error(), "401 invalid_client");
    }
}

/// Slug: tenant-lookups. Everything that was handed out moves to the other tenant, and so is worth nothing here.
#[tokio::test]
async fn what_belongs_to_another_tenant_is_unknown() {
    for engine in Engine::ALL {
        let app = TestApp::on(engine).await;
        let (client, machine) = (app.web_app().await, app.machine().await);
        let mut browser = app.logged_in(ALICE).await;
        let code = app.authorize_in(&mut browser, &client, "openid offline_access").await;
        let tokens = app.redeem(&app.authorize_in(&mut browser, &client, "openid offline_access").await).await.ok();
        let machines = app.client_credentials(&machine, "photos.read").await;
        app.spa().await;
        let mut stranger = app.browser();
        let login = stranger.visit(&client.ask("openid").url()).await;
        double(&app);
        for table in TABLES.iter().rev() {
            execute_on(app.database(), &format!("DELETE FROM {table} WHERE tenant = 'default'"));
        }
        for token in [text(&tokens, "access_token"), text(&tokens, "refresh_token"), text(&machines, "access_token")] {
            assert_eq!(app.introspect(token).await, json!({ "active": false }), "{engine:?}");
        }
        assert_eq!(app.userinfo(text(&tokens, "access_token")).await.error(), "401 invalid_token");
        assert_eq!(app.admin.get("/admin/clients").await.ok(), json!([]), "{engine:?}");
        assert_eq!(app.admin.get(&format!("/admin/clients/{}", client.id)).await.status, 404);
        assert_eq!(app.redeem(&code).await.error(), "401 invalid_client");
        assert_eq!(browser.get(&client.ask("openid").url()).await.status, 401, "{engine:?}: an unknown client");
        let preflight = app.public.request("OPTIONS", "/oauth2/token").header("Origin", "https://rp.example");
        let preflight = preflight.header("Access-Control-Request-Method", "POST").send().await;
        assert!(preflight.header("access-control-allow-origin").is_none(), "{engine:?}: whose page is it?");
        // The client alone comes back, with nothing of what it was given.
        execute_on(app.database(), "UPDATE clients SET tenant = 'default'");
        assert_eq!(app.redeem(&code).await.error(), "400 invalid_grant", "{engine:?}");
        assert_eq!(app.refresh(&client, text(&tokens, "refresh_token")).await.error(), "400 invalid_grant");
        let silent = browser.get(&client.ask("openid").with("prompt", "none").url()).await;
        assert_eq!(Reply::of(&silent).error(), "login_required", "{engine:?}: whose session is it?");
        let answer = stranger.log_in(&login, ALICE).await;
        assert!(Reply::in_redirect(&answer).is_none(), "{engine:?}: {answer:?}");
    }
}
