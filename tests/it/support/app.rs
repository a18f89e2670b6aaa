//! A whole server of a test's own: the real route tables of both listeners on free loopback ports, over a database of its
//! own, with the clock and the chance of the test.
//!
//! ```ignore
//! let app = TestApp::new().await;                               // SQLite, as an operator would run it, issuer ISSUER
//! let app = TestApp::builder().on(Engine::Postgres).set("ttl.access_token", "5m").start().await;
//! let client = app.client(json!({ "redirect_uris": [CALLBACK] })).await;
//! let code = app.authorize(&client, "openid offline_access").await;
//! let tokens = app.redeem(&code).await.ok();
//! app.clock.advance(hours(1));
//! assert!(!app.is_active(tokens["access_token"].as_str().unwrap()).await);
//! ```
//!
//! Settings are said in configuration keys and checked as an operator's are. Signing keys are those of `keys/test`.
//! Password hashes are cheap. Not here: requests ([`super::http`]), cookies and pages ([`super::user_agent`]), what
//! clients do ([`super::client`]).

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use actix_web::dev::ServerHandle;
use actix_web::{App as WebApp, HttpServer};
use sallyport::app;
use sallyport::base::{Random, Secret, SeededRandom, SigningAlg, TestClock};
use sallyport::config::{Argon2Params, Inputs, Override, Settings, load};
use sallyport::crypto::{KeyState, Purpose, Sealer, SigningKey};
use sallyport::identity::Accounts;
use sallyport::identity::accounts::{CreateError, NewPerson};
use sallyport::interaction::IdentityFlow;
use sallyport::model::{Identity, Tenant};
use sallyport::store::keys::StoredKey;
use sallyport::store::{RecordFacts, Store, keys};
use sallyport::web;
use serde_json::json;
use tokio::sync::oneshot;

use super::clock;
use super::db::{Engine, Template, TestDatabase};
use super::http::Http;
use super::user_agent::UserAgent;

/// The issuer, unless a test says otherwise. Nobody resolves this name: browsers of tests know where it is.
pub const ISSUER: &str = "https://id.example";
/// The first of `secrets.system`.
pub const SYSTEM_SECRET: &str = "a system secret for tests";
/// The password of every person.
pub const PASSWORD: &str = "correct horse battery";
/// The e-mail address of the person who is always there.
pub const ALICE: &str = "alice@example.com";

/// The keys that sign, by algorithm.
pub const SIGNING_KEYS: [(SigningAlg, &str); 3] = [
    (SigningAlg::EdDsa, include_str!("../../../keys/test/eddsa.jwk.json")),
    (SigningAlg::Es256, include_str!("../../../keys/test/es256.jwk.json")),
    (SigningAlg::Rs256, include_str!("../../../keys/test/rs256.jwk.json")),
];

/// A running server.
pub struct TestApp {
    /// What clients and browsers call.
    pub public: Http,
    /// What operators call.
    pub admin: Http,
    /// The server's clock; it stands still but for a millisecond a request.
    pub clock: Arc<TestClock>,
    /// The checked configuration.
    pub settings: Arc<Settings>,
    /// The people.
    pub accounts: Arc<Accounts>,
    /// The database, for looking behind the scenes.
    pub store: Store,
    builder: Builder,
    // Ends before the database goes.
    server: Option<Server>,
    database: Arc<TestDatabase>,
}

/// A server to be.
#[derive(Clone)]
pub struct Builder {
    engine: Engine,
    overrides: Vec<(String, String)>,
    flow: Option<Arc<dyn IdentityFlow>>,
    clock: Arc<TestClock>,
    is_live: bool,
}

struct Server {
    handles: Vec<ServerHandle>,
    thread: JoinHandle<()>,
}

/// What the server's own thread hands over when it answers.
struct Started {
    settings: Arc<Settings>,
    accounts: Arc<Accounts>,
    store: Store,
    handles: Vec<ServerHandle>,
}

impl TestApp {
    /// A server on SQLite.
    pub async fn new() -> Self {
        Self::builder().start().await
    }

    /// A server on this database.
    pub async fn on(engine: Engine) -> Self {
        Self::builder().on(engine).start().await
    }

    /// A server to be, on SQLite unless said otherwise.
    pub fn builder() -> Builder {
        Builder { engine: Engine::Sqlite, overrides: Vec::new(), flow: None, clock: clock::at_start(), is_live: false }
    }

    /// A second server over the same database, with the same clock and settings.
    pub async fn beside(&self) -> Self {
        self.builder.clone().start_over(Arc::clone(&self.database)).await
    }

    /// Stops the server and starts another one over the same database, its settings changed.
    pub async fn restarted(mut self, change: impl FnOnce(Builder) -> Builder) -> Self {
        drop(self.server.take());
        let (builder, database) = (change(self.builder.clone()), Arc::clone(&self.database));
        drop(self);
        builder.start_over(database).await
    }

    /// What a server over the same database, its settings changed, says instead of starting.
    pub async fn refusal(&self, change: impl FnOnce(Builder) -> Builder) -> String {
        let builder = change(self.builder.clone());
        let settings = builder.settings(&self.database, [self.public.address, self.admin.address]);
        match app::build(settings).clock(builder.clock).random(chance()).finish().await {
            Ok(_) => panic!("it starts"),
            Err(error) => error.to_string(),
        }
    }

    /// The database of this test.
    pub fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// A browser without any cookie.
    pub fn browser(&self) -> UserAgent {
        UserAgent::new(self.public.clone(), self.settings.issuer.as_str())
    }

    /// Makes a person with this e-mail address, and [`PASSWORD`].
    pub async fn person(&self, email: &str) -> Identity {
        self.create_person(email).await.unwrap()
    }

    pub(super) async fn create_person(&self, email: &str) -> Result<Identity, CreateError> {
        let password = Some(Secret::from(PASSWORD));
        let traits = json!({ "email": email });
        self.accounts.create(NewPerson { traits, password, verified: true }).await
    }
}

impl Builder {
    /// On this database.
    pub const fn on(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self
    }

    /// Sets a configuration key. Lists are a JSON array, or have commas between the items. The last word counts.
    pub fn set(mut self, key: &str, value: impl Into<String>) -> Self {
        self.overrides.push((key.to_owned(), value.into()));
        self
    }

    /// Login, consent and logout are answered by an app of the operator's.
    pub fn external(self, login: &str, consent: &str) -> Self {
        self.set("urls.login", login).set("urls.consent", consent)
    }

    /// Login, consent and logout are answered by `flow`.
    pub fn flow(mut self, flow: Arc<dyn IdentityFlow>) -> Self {
        self.flow = Some(flow);
        self
    }

    /// The issuer is the address where the server really listens, in development mode: for clients of other people.
    pub const fn live(mut self) -> Self {
        self.is_live = true;
        self
    }

    /// Starts it over a database of its own.
    pub async fn start(self) -> TestApp {
        let database = Arc::new(migrated_with_keys(self.engine));
        self.start_over(database).await
    }

    async fn start_over(self, database: Arc<TestDatabase>) -> TestApp {
        let [public, admin] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let addresses = [&public, &admin].map(|l| l.local_addr().unwrap());
        let (settings, builder) = (self.settings(&database, addresses), self.clone());
        let (tell, told) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(builder.serve(settings, [public, admin], tell));
        });
        let started = told.await.expect("the server starts; its own message stands above");
        let [public, admin] = addresses.map(|address| Http::new(address, Arc::clone(&self.clock)));
        let Started { settings, accounts, store, handles } = started;
        let server = Some(Server { handles, thread });
        TestApp {
            public,
            admin,
            clock: Arc::clone(&self.clock),
            settings,
            accounts,
            store,
            builder: self,
            server,
            database,
        }
    }

    fn settings(&self, database: &TestDatabase, [public, _]: [SocketAddr; 2]) -> Settings {
        let separator = if database.dsn().contains('?') { '&' } else { '?' };
        let mut keys = BTreeMap::from([
            ("dsn".to_owned(), format!("{}{separator}max_conns=4", database.dsn())),
            ("secrets.system".to_owned(), json!([SYSTEM_SECRET]).to_string()),
            ("secrets.cookie".to_owned(), json!(["a cookie secret for tests"]).to_string()),
            ("serve.limits.interactions_per_minute_per_address".to_owned(), "1000000".to_owned()),
        ]);
        if self.is_live {
            keys.insert("dev".to_owned(), "true".to_owned());
            keys.insert("urls.self.issuer".to_owned(), format!("http://localhost:{}", public.port()));
        } else {
            keys.insert("urls.self.issuer".to_owned(), ISSUER.to_owned());
        }
        keys.extend(self.overrides.iter().cloned());
        let overrides = keys.into_iter().map(|(key, value)| Override::new(&key, value, "the test")).collect();
        let mut settings =
            load(&Inputs { overrides, ..Inputs::default() }).unwrap_or_else(|problems| panic!("{problems}"));
        // Less than any operator could say: what passwords cost is tested beside the hashing.
        settings.identity.argon2 = Argon2Params { memory_kib: 64, iterations: 1, parallelism: 1 };
        settings
    }

    /// Runs on a thread of its own until it is stopped.
    async fn serve(self, settings: Settings, listeners: [TcpListener; 2], tell: oneshot::Sender<Started>) {
        let mut building = app::build(settings).clock(self.clock).random(chance());
        if let Some(flow) = self.flow {
            building = building.identity_flow(flow);
        }
        let app = building.finish().await.unwrap_or_else(|error| panic!("the server does not start: {error}"));
        let limits = app.settings.limits;
        let [public, admin] = listeners;
        let state = app.state.clone();
        let public = HttpServer::new(move || WebApp::new().app_data(state.clone()).configure(web::public))
            .workers(2)
            .client_request_timeout(limits.header_timeout)
            .disable_signals()
            .listen(public)
            .unwrap()
            .run();
        let state = app.state.clone();
        let admin = HttpServer::new(move || WebApp::new().app_data(state.clone()).configure(web::admin))
            .workers(1)
            .client_request_timeout(limits.header_timeout)
            .disable_signals()
            .listen(admin)
            .unwrap()
            .run();
        let handles = vec![public.handle(), admin.handle()];
        let _ = tell.send(Started { settings: app.settings, accounts: app.accounts, store: app.store, handles });
        drop((app.engine, app.state));
        let (public, admin) = tokio::join!(public, admin);
        public.and(admin).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for handle in &self.handles {
            // What is sent counts; waiting for it is the thread's business.
            drop(handle.stop(false));
        }
        while !self.thread.is_finished() {
            std::thread::yield_now();
        }
    }
}

/// Chance that differs from server to server, and is the same in every run of a test alone.
fn chance() -> Arc<dyn Random> {
    static SERVERS: AtomicU64 = AtomicU64::new(1);
    Arc::new(SeededRandom::new(SERVERS.fetch_add(1, Ordering::Relaxed)))
}

/// A fresh database with the tables of this version and the signing keys of `keys/test`.
fn migrated_with_keys(engine: Engine) -> TestDatabase {
    static POSTGRES: Template = Template::new(Engine::Postgres, fill);
    static SQLITE: Template = Template::new(Engine::Sqlite, fill);
    match engine {
        Engine::Postgres => POSTGRES.database(),
        Engine::Sqlite => SQLITE.database(),
    }
}

/// On a thread of its own: whoever asks may stand on a runtime already.
fn fill(database: &TestDatabase) {
    let config = database.config();
    let filling = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (clock, random) = (clock::at_start(), Arc::new(SeededRandom::new(0)));
            let settle = Arc::new(RecordFacts::new(clock, random.clone()));
            let store = Store::open(&config, Tenant::default(), settle).unwrap();
            let sealer = Sealer::new(&[Secret::from(SYSTEM_SECRET)]).unwrap();
            let rows = SIGNING_KEYS.map(|(_, jwk)| sealed(jwk, &sealer, &*random));
            store.write(move |tx| rows.iter().try_for_each(|row| keys::insert(tx, row))).await.unwrap();
        });
    });
    filling.join().unwrap();
}

/// A key as the server keeps it.
pub fn sealed(jwk: &str, sealer: &Sealer, random: &dyn Random) -> StoredKey {
    let key = SigningKey::from_private_jwk(&Secret::from(jwk)).unwrap();
    let belonging = format!("{}\n{}", Tenant::default().as_str(), key.kid());
    let now = sallyport::base::Instant::from_unix_seconds(clock::START);
    StoredKey {
        kid: key.kid().to_owned(),
        alg: key.alg().as_str().to_owned(),
        state: KeyState::Active.as_str().to_owned(),
        sealed: sealer.seal(
            Purpose::SigningKey,
            belonging.as_bytes(),
            key.to_private_jwk().expose().as_bytes(),
            random,
        ),
        created_at: now,
        state_changed_at: now,
    }
}
