//! When storage does not answer (RFC 7009 §2.2.1, RFC 7662 §4): nothing is pretended, and nothing about it is told.

use crate::support::app::TestApp;
use crate::support::client::text;
use crate::support::db::{Engine, execute_on};

/// Slugs: storage-fails-closed, storage-words.
#[tokio::test]
async fn a_failure_is_neither_yes_nor_no() {
    for engine in Engine::ALL {
        let app = TestApp::on(engine).await;
        let (client, api) = (app.web_app().await, app.api("any").await);
        let tokens = app.tokens(&client, "openid offline_access").await;
        let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
        let broken = ["access_tokens", "refresh_tokens", "grants"];
        for table in broken {
            execute_on(app.database(), &format!("ALTER TABLE {table} RENAME TO away_{table}"));
        }
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
        for (what, request) in [
            ("introspection", api.sign(app.public.request("POST", "/oauth2/introspect"), &[("token", access)])),
            ("introspection", app.admin.request("POST", "/admin/oauth2/introspect").form(&[("token", refresh)])),
            ("revocation", client.sign(app.public.request("POST", "/oauth2/revoke"), &[("token", access)])),
            ("revocation", client.sign(app.public.request("POST", "/oauth2/revoke"), &[("token", refresh)])),
            ("userinfo", app.public.request("GET", "/userinfo").bearer(access)),
            ("refresh", client.sign(app.public.request("POST", "/oauth2/token"), &form)),
        ] {
            let answer = request.may_fail().send().await;
            assert!([500, 503].contains(&answer.status), "{engine:?} {what}: {answer:?}");
            let told = answer.description().to_lowercase();
            for word in ["table", "sql", "relation", "tokens", "postgres", "127.0.0.1", "select"] {
                assert!(!told.contains(word), "{engine:?} {what}: {told}");
            }
        }
        for table in broken {
            execute_on(app.database(), &format!("ALTER TABLE away_{table} RENAME TO {table}"));
        }
        assert!(app.is_active(access).await && app.is_active(refresh).await, "{engine:?}: nothing was lost");
        app.refresh(&client, refresh).await.ok();
    }
}
