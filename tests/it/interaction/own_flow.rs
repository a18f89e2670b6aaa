//! An identity flow of somebody's own, through the library's public door.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sallyport::interaction::{Ask, Challenge, IdentityFlow, LoginAsk};
use sallyport::model::{Grant, LoginAnswer, Subject};
use sallyport::oauth::ClaimSource;
use sallyport::store::{StoreError, Tx};
use serde_json::{Map, Value, json};

use super::scene::{Scene, an_app, claims, code_in, param};
use crate::support::app::TestApp;
use crate::support::client::{Reply, text};
use crate::support::db::Engine;

/// Knows everybody who was here before, and lets them in once the first question is answered.
#[derive(Default)]
struct Porter {
    recognised: AtomicUsize,
    forgotten: AtomicUsize,
}

impl ClaimSource for Porter {
    fn claims(&self, _tx: &mut Tx, grant: &Grant) -> Result<Map<String, Value>, StoreError> {
        Ok(Map::from_iter([("name".to_owned(), json!(format!("Guest {}", grant.subject.as_str())))]))
    }
}

impl IdentityFlow for Porter {
    fn recognise(&self, _tx: &mut Tx, ask: &LoginAsk<'_>) -> Result<Option<LoginAnswer>, StoreError> {
        self.recognised.fetch_add(1, Ordering::SeqCst);
        Ok(Some(LoginAnswer {
            subject: ask.session.subject.as_str().to_owned(),
            acr: "by-face".to_owned(),
            authenticated_at: ask.session.authenticated_at.micros(),
            ..LoginAnswer::default()
        }))
    }

    fn page(&self, ask: Ask, challenge: &Challenge) -> String {
        let room = match ask {
            Ask::Login => "door",
            Ask::Consent => "desk",
            Ask::Logout => "way-out",
        };
        format!("https://porter.example/{room}?ticket={}", challenge.token.expose())
    }

    fn skips_consent(&self) -> bool {
        true
    }

    fn forget(&self, _tx: &mut Tx, _subject: &Subject) -> Result<(), StoreError> {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[actix_web::test]
async fn a_flow_of_ones_own_answers_in_the_place_of_ours() {
    for engine in Engine::ALL {
        let porter = Arc::new(Porter::default());
        let scene = Scene::of(TestApp::builder().on(engine).flow(porter.clone())).await;
        let trusted = scene.server.client(an_app("trusted", &json!({"skip_consent": true}))).await;
        let mut browser = scene.browser();
        let ticket = ticket(browser.get(&scene.client.ask("openid profile").url()).await.location(), "door");
        let login = json!({"subject": "7", "remember": true});
        let back = scene.accepted("login", &ticket, login).await;
        let ticket = self::ticket(browser.get(&back).await.location(), "desk");
        let back = scene.accepted("consent", &ticket, json!({"grant_scope": ["openid", "profile"]})).await;
        let tokens = scene.redeem(&browser.get(&back).await).await;
        let id = claims(&tokens, "id_token");
        assert_eq!((&id["sub"], &id["name"]), (&json!("7"), &json!("Guest 7")), "{engine:?}");
        assert_eq!(scene.userinfo(text(&tokens, "access_token")).await.ok()["name"], json!("Guest 7"));
        assert_eq!(porter.recognised.load(Ordering::SeqCst), 0);

        // The second time it is known at once who is there, and the trusted app asks nothing.
        let done = browser.get(&trusted.ask("openid").url()).await;
        code_in(&trusted, &done);
        let id = claims(&scene.redeem_as(&trusted, &done).await, "id_token");
        assert_eq!((&id["sub"], &id["acr"]), (&json!("7"), &json!("by-face")));
        assert_eq!(porter.recognised.load(Ordering::SeqCst), 1);

        let out = browser.get("/oauth2/sessions/logout").await;
        let back = scene.accepted("logout", &self::ticket(out.location(), "way-out"), json!({})).await;
        browser.get(&back).await;
        assert_eq!(porter.forgotten.load(Ordering::SeqCst), 1);
        let silent = trusted.ask("openid").with("prompt", "none").url();
        assert_eq!(Reply::of(&browser.get(&silent).await).error(), "login_required");
        to_ui_of_porter(&mut browser, &trusted.ask("openid").url()).await;
    }
}

fn ticket(address: &str, room: &str) -> String {
    assert!(address.starts_with(&format!("https://porter.example/{room}?")), "{address}");
    param(address, "ticket").unwrap()
}

async fn to_ui_of_porter(browser: &mut crate::support::user_agent::UserAgent, url: &str) {
    ticket(browser.get(url).await.location(), "door");
}
