//! Revocation (RFC 7009): a client gives back what is its own, and everything of the same grant goes with it.

use crate::support::app::TestApp;
use crate::support::client::text;
use crate::support::db::Engine;

/// RFC 7009 §2.1; slugs: revoke-refresh, revoke-access, revoke-public.
#[tokio::test]
async fn either_token_ends_the_grant() {
    for engine in Engine::ALL {
        for format in ["opaque", "jwt"] {
            for given_back in ["refresh_token", "access_token"] {
                let builder = TestApp::builder().on(engine).set("strategies.access_token", format);
                let app = builder.start().await;
                // A public client proves nothing but its name.
                for client in [app.web_app().await, app.spa().await] {
                    let first = app.tokens(&client, "openid offline_access").await;
                    let other = app.tokens(&client, "openid offline_access").await;
                    let second = app.refresh(&client, text(&first, "refresh_token")).await.ok();
                    let answer = app.revoke(&client, text(&second, given_back)).await;
                    assert_eq!((answer.status, answer.body.len()), (200, 0));
                    for token in ["access_token", "refresh_token"] {
                        assert!(!app.is_active(text(&second, token)).await, "{engine:?} {format} {given_back} {token}");
                        assert!(app.is_active(text(&other, token)).await, "another grant lives on");
                    }
                    assert_eq!(app.userinfo(text(&second, "access_token")).await.error(), "401 invalid_token");
                    let again = app.refresh(&client, text(&second, "refresh_token")).await;
                    assert_eq!(again.error(), "400 invalid_grant", "{engine:?}");
                    assert_eq!(app.revoke(&client, text(&second, given_back)).await.status, 200, "once more is fine");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_machine_gives_back_its_token() {
    for engine in Engine::ALL {
        for format in ["opaque", "jwt"] {
            let app = TestApp::builder().on(engine).set("strategies.access_token", format).start().await;
            let machine = app.machine().await;
            let (one, other) = (app.client_credentials(&machine, "").await, app.client_credentials(&machine, "").await);
            assert_eq!(app.revoke(&machine, text(&one, "access_token")).await.status, 200);
            assert!(!app.is_active(text(&one, "access_token")).await, "{engine:?} {format}");
            assert!(app.is_active(text(&other, "access_token")).await, "{engine:?} {format}");
            let app = app.restarted(|same| same).await;
            assert!(!app.is_active(text(&one, "access_token")).await, "{engine:?} {format}: after a restart");
        }
    }
}

/// RFC 7009 §2.2; slugs: revoke-foreign, revoke-unknown. Nothing happens, and nothing is told.
#[tokio::test]
async fn what_is_not_the_clients_stays() {
    for engine in Engine::ALL {
        let app = TestApp::on(engine).await;
        let (owner, other) = (app.web_app().await, app.web_app().await);
        let tokens = app.tokens(&owner, "openid offline_access").await;
        for token in ["access_token", "refresh_token"] {
            assert_eq!(app.revoke(&other, text(&tokens, token)).await.status, 200);
        }
        for unknown in ["x", "sp_at_", "sp_rt_x", "e30.e30.x", text(&tokens, "id_token"), &"x".repeat(10_000)] {
            assert_eq!(app.revoke(&owner, unknown).await.status, 200, "{unknown}");
        }
        for token in ["access_token", "refresh_token"] {
            assert!(app.is_active(text(&tokens, token)).await, "{engine:?} {token}");
        }
    }
}

#[tokio::test]
async fn the_client_must_prove_itself() {
    let app = TestApp::new().await;
    let client = app.web_app().await;
    let tokens = app.tokens(&client, "openid offline_access").await;
    let token = ("token", text(&tokens, "refresh_token"));
    let path = "/oauth2/revoke";
    assert_eq!(app.public.post(path, &[token]).await.error(), "401 invalid_client");
    assert_eq!(app.public.post(path, &[token, ("client_id", &client.id)]).await.error(), "401 invalid_client");
    let wrong = app.public.request("POST", path).basic(&client.id, "wrong").form(&[token]);
    assert_eq!(wrong.send().await.error(), "401 invalid_client");
    let nothing = client.sign(app.public.request("POST", path), &[("token_type_hint", "access_token")]);
    assert_eq!(nothing.send().await.error(), "400 invalid_request");
    assert!(app.is_active(token.1).await);
}
