//! People to test with: accounts on a temporary database, a clock that stands still, and somebody called Alice.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use url::Url;
use uuid::Uuid;

use super::accounts::NewPerson;
use super::credential::{LoginFields, LoginForm, Method, Verdict};
use super::flow::login::{LoginFlow, StartLogin};
use super::flow::submit::{LoginInput, LoginOutcome};
use super::flow::{FlowError, FlowType};
use super::ui::Node;
use super::{Accounts, Parts};
use crate::base::{Instant, Random, Secret, SeededRandom, TestClock};
use crate::config::{Argon2Params, Database, DatabaseKind, IdentitySettings, SameSite, Secrets, SessionCookie};
use crate::crypto::OpaqueKeys;
use crate::model::identity::{Credential, CredentialKind};
use crate::model::{Aal, Device, Identity, Tenant};
use crate::store::{RecordFacts, Store};

/// Alice's password.
pub const RIGHT: &str = "correct horse battery";
/// The anti-forgery secret of the browser in these tests, hashed.
pub const BROWSER: [u8; 32] = [7; 32];
/// Where Alice sits.
pub const HOME: &str = "192.0.2.1";

/// Accounts, and the hands on their clock and on the number of passwords they looked at.
pub struct House {
    pub accounts: Accounts,
    pub clock: Arc<TestClock>,
    pub looked_at: Arc<AtomicUsize>,
}

impl House {
    pub fn new() -> Self {
        Self::with_cost(1)
    }

    /// Hashes with this many passes.
    pub fn with_cost(iterations: u32) -> Self {
        let clock = Arc::new(TestClock::at(Instant::from_unix_seconds(1_800_000_000)));
        let random: Arc<dyn Random> = Arc::new(SeededRandom::new(7));
        let settle = RecordFacts::new(clock.clone(), Arc::clone(&random));
        let store = Store::open(&database(), Tenant::default(), Arc::new(settle)).expect("a temporary database");
        let secrets =
            Secrets { system: vec![Secret::from("a system secret")], cookie: vec![Secret::from("a cookie secret")] };
        let mut accounts = Accounts::new(Parts {
            store,
            tokens: Arc::new(OpaqueKeys::new(&secrets.system).expect("a secret")),
            secrets: &secrets,
            settings: settings(iterations),
            public_url: Url::parse("https://id.example").expect("an address"),
            clock: clock.clone(),
            random,
        })
        .expect("accounts");
        let looked_at = Arc::new(AtomicUsize::new(0));
        let counting = |inner| Arc::new(Counting { inner, looked_at: Arc::clone(&looked_at) }) as Arc<dyn Method>;
        accounts.methods = accounts.methods.drain(..).map(counting).collect();
        Self { accounts, clock, looked_at }
    }

    /// A house where Alice lives.
    pub async fn with_alice() -> (Self, Identity) {
        let house = Self::new();
        let alice = house.person("Alice@example.com", Some(RIGHT)).await;
        (house, alice)
    }

    pub async fn person(&self, email: &str, password: Option<&str>) -> Identity {
        let new =
            NewPerson { traits: json!({ "email": email }), password: password.map(Secret::from), verified: false };
        self.accounts.create(new).await.expect("a new person")
    }

    pub fn start(&self) -> StartLogin {
        StartLogin {
            kind: FlowType::Browser,
            request_url: "https://id.example/self-service/login/browser".to_owned(),
            return_to: None,
            refresh: false,
            requested_aal: Aal::Aal1,
            current: None,
            interaction: None,
            login_hint: None,
            csrf: Some(BROWSER),
        }
    }

    pub async fn flow(&self) -> LoginFlow {
        self.accounts.start_login(self.start()).await.expect("a flow")
    }

    /// Answers `flow` from `address`.
    pub async fn answer(
        &self,
        flow: Uuid,
        who: &str,
        password: &str,
        address: &str,
    ) -> Result<LoginOutcome, FlowError> {
        let prepared = self.accounts.prepare_login(input(flow, who, password, address)).await?;
        self.accounts.finish_login(prepared).await
    }

    /// A new flow, answered from home.
    pub async fn log_in(&self, who: &str, password: &str) -> Result<LoginOutcome, FlowError> {
        self.answer(self.flow().await.id.uuid(), who, password, HOME).await
    }

    pub async fn log_in_from(&self, who: &str, password: &str, address: &str) -> Result<LoginOutcome, FlowError> {
        self.answer(self.flow().await.id.uuid(), who, password, address).await
    }

    pub fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub fn looked_at(&self) -> usize {
        self.looked_at.load(Ordering::SeqCst)
    }
}

pub fn input(flow: Uuid, who: &str, password: &str, address: &str) -> LoginInput {
    LoginInput {
        flow,
        csrf: Some(BROWSER),
        method: "password".to_owned(),
        fields: LoginFields { identifier: who.to_owned(), password: Secret::from(password) },
        device: Device { ip_address: Some(address.to_owned()), user_agent: Some("a browser".to_owned()) },
        address: address.parse::<IpAddr>().expect("an address"),
    }
}

/// The numbers of the messages above a form that came back.
pub fn said<T: std::fmt::Debug>(result: Result<T, FlowError>) -> Vec<u32> {
    match result {
        Err(FlowError::Form(flow) | FlowError::Replaced { flow, .. } | FlowError::Throttled { flow, .. }) => {
            flow.detail.messages.iter().map(|message| message.id).collect()
        }
        other => panic!("expected a form, got {other:?}"),
    }
}

/// Takes a snapshot in which every id reads the same.
pub fn without_ids(snapshot: impl FnOnce()) {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "[id]");
    settings.bind(snapshot);
}

fn database() -> Database {
    Database { kind: DatabaseKind::Memory, max_connections: 4, max_connection_lifetime: None }
}

fn settings(iterations: u32) -> IdentitySettings {
    IdentitySettings {
        session_lifespan: Duration::from_secs(24 * 3_600),
        session_cookie: SessionCookie {
            name: "ory_kratos_session".to_owned(),
            persistent: true,
            same_site: SameSite::Lax,
            domain: None,
        },
        login_lifespan: Duration::from_secs(3_600),
        default_return_url: Some(Url::parse("https://app.example/home").expect("an address")),
        argon2: Argon2Params { memory_kib: 64, iterations, parallelism: 1 },
        hash_concurrency: 4,
    }
}

/// A method that counts how often it looked at a proof.
struct Counting {
    inner: Arc<dyn Method>,
    looked_at: Arc<AtomicUsize>,
}

impl Method for Counting {
    fn kind(&self) -> CredentialKind {
        self.inner.kind()
    }
    fn login_nodes(&self, form: &LoginForm<'_>) -> Vec<Node> {
        self.inner.login_nodes(form)
    }
    fn missing(&self, given: &LoginFields) -> Option<&'static str> {
        self.inner.missing(given)
    }
    fn verify(&self, credential: Option<&Credential>, given: &LoginFields, random: &dyn Random) -> Verdict {
        self.looked_at.fetch_add(1, Ordering::SeqCst);
        self.inner.verify(credential, given, random)
    }
}
