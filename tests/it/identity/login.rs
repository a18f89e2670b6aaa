//! The login flow where databases differ: single use, counting under load, look-alikes, and what two tenants share.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use sallyport::base::{Instant, Random, Secret, SeededRandom, TestClock};
use sallyport::config::{Argon2Params, IdentitySettings, SameSite, Secrets, SessionCookie};
use sallyport::crypto::OpaqueKeys;
use sallyport::identity::accounts::{CreateError, NewPerson};
use sallyport::identity::credential::LoginFields;
use sallyport::identity::flow::login::StartLogin;
use sallyport::identity::flow::submit::{LoginInput, LoginOutcome};
use sallyport::identity::flow::{FlowError, FlowType};
use sallyport::identity::{Accounts, Parts};
use sallyport::model::{Aal, Device, Tenant};
use sallyport::store::{RecordFacts, Store};
use serde_json::json;
use url::Url;
use uuid::Uuid;

use crate::support::db::{Engine, TestDatabase, migrated};

const RIGHT: &str = "correct horse battery";
const WRONG: &str = "wrong horse battery";
const HOME: &str = "192.0.2.1";

/// The people of one tenant of a database.
fn accounts(store: Store, clock: Arc<TestClock>, seed: u64) -> Arc<Accounts> {
    let secrets =
        Secrets { system: vec![Secret::from("a system secret")], cookie: vec![Secret::from("a cookie secret")] };
    let cookie = SessionCookie { name: "session".to_owned(), persistent: true, same_site: SameSite::Lax, domain: None };
    let settings = IdentitySettings {
        session_lifespan: Duration::from_secs(3_600),
        session_cookie: cookie,
        login_lifespan: Duration::from_secs(600),
        default_return_url: None,
        argon2: Argon2Params { memory_kib: 64, iterations: 1, parallelism: 1 },
        hash_concurrency: 4,
    };
    let parts = Parts {
        store,
        tokens: Arc::new(OpaqueKeys::new(&secrets.system).unwrap()),
        secrets: &secrets,
        settings,
        public_url: Url::parse("https://id.example").unwrap(),
        clock,
        random: Arc::new(SeededRandom::new(seed)),
    };
    Arc::new(Accounts::new(parts).unwrap())
}

fn open(database: &TestDatabase) -> (Store, Arc<TestClock>) {
    let clock = Arc::new(TestClock::at(Instant::from_unix_seconds(1_800_000_000)));
    let random: Arc<dyn Random> = Arc::new(SeededRandom::new(99));
    let settle = Arc::new(RecordFacts::new(clock.clone(), random));
    (Store::open(&database.config(), Tenant::default(), settle).unwrap(), clock)
}

async fn person(accounts: &Accounts, email: &str) -> Result<(), CreateError> {
    let new = NewPerson { traits: json!({ "email": email }), password: Some(Secret::from(RIGHT)), verified: false };
    accounts.create(new).await.map(|_| ())
}

async fn flow(accounts: &Accounts) -> Uuid {
    let start = StartLogin {
        kind: FlowType::Api,
        request_url: "https://id.example/self-service/login/api".to_owned(),
        return_to: None,
        refresh: false,
        requested_aal: Aal::Aal1,
        current: None,
        interaction: None,
        login_hint: None,
        csrf: None,
    };
    accounts.start_login(start).await.unwrap().id.uuid()
}

async fn answer(accounts: &Accounts, flow: Uuid, password: &str) -> Result<LoginOutcome, FlowError> {
    let input = LoginInput {
        flow,
        csrf: None,
        method: "password".to_owned(),
        fields: LoginFields { identifier: "alice@example.com".to_owned(), password: Secret::from(password) },
        device: Device::default(),
        address: HOME.parse::<IpAddr>().unwrap(),
    };
    let prepared = accounts.prepare_login(input).await?;
    accounts.finish_login(prepared).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_flow_answered_many_times_at_once_makes_one_session() {
    for engine in Engine::ALL {
        let database = migrated(engine);
        let (store, clock) = open(&database);
        let accounts = accounts(store, clock, 1);
        person(&accounts, "alice@example.com").await.unwrap();
        let flow = flow(&accounts).await;
        let tries: Vec<_> = (0..10)
            .map(|_| {
                let accounts = Arc::clone(&accounts);
                tokio::spawn(async move { answer(&accounts, flow, RIGHT).await })
            })
            .collect();
        let mut sessions = Vec::new();
        for attempt in tries {
            match attempt.await.unwrap() {
                Ok(done) => sessions.push(done),
                Err(FlowError::Replaced { .. }) => {}
                Err(other) => panic!("{engine:?}: {other:?}"),
            }
        }
        assert_eq!(sessions.len(), 1, "{engine:?}");
        let current = accounts.current(sessions[0].token.expose()).await.unwrap().unwrap();
        assert_eq!(current.session, sessions[0].session, "{engine:?}: what was stored is what was handed out");
    }
}

/// Two servers on one database count together.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_guesses_on_two_servers_are_cut_off_at_one_limit() {
    for engine in Engine::ALL {
        let database = migrated(engine);
        let (one, clock) = open(&database);
        let (other, _) = open(&database);
        let servers = [accounts(one, clock.clone(), 1), accounts(other, clock, 2)];
        person(&servers[0], "alice@example.com").await.unwrap();
        let flow = flow(&servers[0]).await;
        let tries: Vec<_> = (0..60)
            .map(|n| {
                let accounts = Arc::clone(&servers[n % 2]);
                tokio::spawn(async move { answer(&accounts, flow, WRONG).await })
            })
            .collect();
        let (mut heard, mut turned_away) = (0, 0);
        for attempt in tries {
            match attempt.await.unwrap() {
                Err(FlowError::Form(_)) => heard += 1,
                Err(FlowError::Throttled { retry_after, .. }) if (1..=300).contains(&retry_after) => turned_away += 1,
                other => panic!("{engine:?}: {other:?}"),
            }
        }
        assert_eq!((heard, turned_away), (10, 50), "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_identifier_is_taken_once() {
    for engine in Engine::ALL {
        let database = migrated(engine);
        let (store, clock) = open(&database);
        let accounts = accounts(store, clock, 1);
        let tries: Vec<_> = (0..20)
            .map(|n| {
                let accounts = Arc::clone(&accounts);
                let email = if n % 2 == 0 { "alice@example.com" } else { "ALICE@Example.COM" };
                tokio::spawn(async move { person(&accounts, email).await })
            })
            .collect();
        let mut made = 0;
        for attempt in tries {
            match attempt.await.unwrap() {
                Ok(()) => made += 1,
                Err(CreateError::Taken) => {}
                Err(other) => panic!("{engine:?}: {other:?}"),
            }
        }
        assert_eq!(made, 1, "{engine:?}");
        assert!(answer(&accounts, flow(&accounts).await, RIGHT).await.is_ok(), "{engine:?}");
    }
}

#[tokio::test]
async fn people_sessions_and_attempts_of_another_tenant_are_not_seen() {
    for engine in Engine::ALL {
        let database = migrated(engine);
        let (store, clock) = open(&database);
        let shadow = accounts(store.for_tenant(Tenant::new("shadow")), clock.clone(), 2);
        let accounts = accounts(store, clock, 1);
        person(&shadow, "alice@example.com").await.unwrap();
        let there = answer(&shadow, flow(&shadow).await, RIGHT).await.unwrap();
        let strange = flow(&shadow).await;
        assert!(matches!(accounts.load_login(strange, None).await, Err(FlowError::NotFound)), "{engine:?}");
        assert!(accounts.current(there.token.expose()).await.unwrap().is_none(), "{engine:?}");
        let here = flow(&accounts).await;
        for _ in 0..10 {
            assert!(matches!(answer(&accounts, here, RIGHT).await, Err(FlowError::Form(_))), "{engine:?}");
        }
        assert!(matches!(answer(&accounts, here, RIGHT).await, Err(FlowError::Throttled { .. })), "{engine:?}");
        assert!(answer(&shadow, strange, RIGHT).await.is_ok(), "{engine:?}");
        person(&accounts, "alice@example.com").await.unwrap();
    }
}
