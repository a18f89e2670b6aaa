//! Building a server: signing keys made once however many start together, an identity flow of somebody else's.

use std::sync::Arc;

use sallyport::app::{self, StartError};
use sallyport::base::SigningAlg;
use sallyport::config::{self, Inputs, Override, Settings};
use sallyport::interaction::{Ask, Challenge, IdentityFlow, LoginAsk};
use sallyport::model::{Grant, LoginAnswer, Subject};
use sallyport::oauth::ClaimSource;
use sallyport::store::{StoreError, Tx};
use serde_json::{Map, Value, json};

use crate::support::db::{Engine, TestDatabase, migrated};

fn settings(database: &TestDatabase, secrets: &str) -> Settings {
    let by = "a test";
    let overrides = vec![
        Override::new("dev", "true", by),
        Override::new("dsn", database.dsn(), by),
        Override::new("secrets.system", secrets, by),
    ];
    config::load(&Inputs { overrides, ..Inputs::default() }).expect("settings")
}

async fn kids(settings: Settings) -> Result<Vec<String>, StartError> {
    let app = app::build(settings).finish().await?;
    let keyring = app.engine.keyring.load();
    assert_eq!(keyring.signing_algs(), SigningAlg::ALL);
    let mut kids: Vec<String> = keyring.keys().iter().map(|(_, key)| key.kid().to_owned()).collect();
    kids.sort();
    Ok(kids)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn servers_that_start_together_end_with_the_same_keys() {
    for engine in Engine::ALL {
        let database = migrated(engine);
        let starting: Vec<_> =
            (0..3).map(|_| tokio::spawn(kids(settings(&database, "the first system secret")))).collect();
        let mut all = Vec::new();
        for start in starting {
            all.push(start.await.expect("no panic").expect("started"));
        }
        assert_eq!(all[0].len(), 3, "{engine:?}");
        assert!(all.iter().all(|kids| *kids == all[0]), "{engine:?}: {all:?}");
        // Later starts find the same, also when the secret was rotated.
        let rotated = settings(&database, "the second system secret,the first system secret");
        assert_eq!(kids(rotated).await.expect("started"), all[0], "{engine:?}");
    }
}

#[tokio::test]
async fn keys_without_their_secret_are_one_clear_sentence() {
    let database = migrated(Engine::Sqlite);
    kids(settings(&database, "the first system secret")).await.expect("started");
    let told = kids(settings(&database, "another system secret")).await.expect_err("refused").to_string();
    assert!(told.contains("secrets.system lacks the secret it was sealed with"), "{told}");
    assert!(!told.contains("system secret"), "no secret is told: {told}");
}

/// A flow that knows one person, as an embedder may write it.
struct OnlyAda;

impl ClaimSource for OnlyAda {
    fn claims(&self, _tx: &mut Tx, _grant: &Grant) -> Result<Map<String, Value>, StoreError> {
        Ok(json!({ "name": "Ada" }).as_object().cloned().unwrap_or_default())
    }
}

impl IdentityFlow for OnlyAda {
    fn recognise(&self, _tx: &mut Tx, _ask: &LoginAsk<'_>) -> Result<Option<LoginAnswer>, StoreError> {
        Ok(None)
    }

    fn page(&self, _ask: Ask, _challenge: &Challenge) -> String {
        "https://people.example/".to_owned()
    }

    fn skips_consent(&self) -> bool {
        true
    }

    fn forget(&self, _tx: &mut Tx, _subject: &Subject) -> Result<(), StoreError> {
        Ok(())
    }
}

#[tokio::test]
async fn an_identity_flow_of_ones_own_takes_the_place_of_ours() {
    let database = migrated(Engine::Sqlite);
    let flow: Arc<dyn IdentityFlow> = Arc::new(OnlyAda);
    let settings = settings(&database, "the first system secret");
    let app = app::build(settings).identity_flow(Arc::clone(&flow)).finish().await.expect("built");
    assert!(Arc::ptr_eq(&app.state.interactions.flow, &flow));
}
