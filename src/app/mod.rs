//! F6: builds everything from the settings, starts it, drains it, stops it.
//!
//! [`build`] is also the way in for those who use Sallyport as a library: an identity flow, a clock or a source of chance
//! of their own takes the place of ours. Not here: what the parts do; each is on its own floor.

mod keys;
pub mod listen;
pub mod observe;
pub mod seed;
mod serve;
mod tls;
mod traffic;

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Data;
use arc_swap::ArcSwap;

pub use crate::web::demo::Demo;

pub use self::serve::{Bound, Listeners, Running, bind, run, serve, start};

use self::keys::KeyRoom;
use crate::base::{Clock, Gate, OsRandom, Random, SystemClock};
use crate::config::{Interaction, Problems, Settings};
use crate::crypto::{ClientSecrets, CryptoError, OpaqueKeys, PasswordParams, Passwords, Sealer};
use crate::identity::{Accounts, Parts};
use crate::interaction::{Embedded, External, IdentityFlow, Interactions};
use crate::model::Tenant;
use crate::oauth::{ClaimSource, Engine};
use crate::render::{Pages, RenderError};
use crate::store::{OpenError, RecordFacts, Store, StoreError};
use crate::web::AppState;

/// How long a request may wait for its turn to hash before it is shed.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why the server does not start. Each is a sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The operator wanted it to end at once.
    #[error("stopped before the requests in flight were done, because a second signal came")]
    Aborted,
    /// The configuration names something that cannot be used.
    #[error(transparent)]
    Config(#[from] Problems),
    /// A secret or a parameter of hashing cannot be used.
    #[error("cryptography: {0}")]
    Crypto(#[from] CryptoError),
    /// The operating system refused something.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The signing keys cannot be used.
    #[error("{0}")]
    Keys(String),
    /// A listener does not get its address.
    #[error("{0}")]
    Listen(String),
    /// The database cannot be opened.
    #[error("{0}")]
    Open(#[from] OpenError),
    /// A page template is broken.
    #[error(transparent)]
    Pages(#[from] RenderError),
    /// Demo data cannot be written.
    #[error("{0}")]
    Seed(String),
    /// The database fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Begins to build a server with these settings.
pub fn build(settings: Settings) -> Builder {
    Builder {
        settings: Arc::new(settings),
        flow: None,
        clock: Arc::new(SystemClock),
        random: Arc::new(OsRandom),
        is_migrating: true,
    }
}

/// A server to be; everything may be replaced until [`Builder::finish`].
pub struct Builder {
    settings: Arc<Settings>,
    flow: Option<Arc<dyn IdentityFlow>>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    is_migrating: bool,
}

/// A server that is built but listens nowhere yet.
pub struct App {
    /// The checked configuration.
    pub settings: Arc<Settings>,
    /// The database.
    pub store: Store,
    /// The authorization server.
    pub engine: Arc<Engine>,
    /// The people.
    pub accounts: Arc<Accounts>,
    /// What handlers reach.
    pub state: Data<AppState>,
    demo: Option<Data<Demo>>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl App {
    /// Serves the demo app as well, with what it knows of this server.
    #[must_use]
    pub fn with_demo(mut self, demo: Demo) -> Self {
        self.demo = Some(Data::new(demo));
        self
    }
}

impl Builder {
    /// The settings it is built from.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Lets `flow` answer login, consent and logout instead of the configured one.
    #[must_use]
    pub fn identity_flow(mut self, flow: Arc<dyn IdentityFlow>) -> Self {
        self.flow = Some(flow);
        self
    }

    /// Takes the time from `clock`.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Takes chance from `random`. Signing keys are made by the operating system's all the same.
    #[must_use]
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// Refuses a database that lacks migrations instead of applying them.
    #[must_use]
    pub fn without_migrating(mut self) -> Self {
        self.is_migrating = false;
        self
    }

    /// Opens the database and makes what is missing in it, signing keys included.
    ///
    /// # Errors
    /// [`StartError`], one sentence for the operator.
    pub async fn finish(self) -> Result<App, StartError> {
        let store = self.open().await?;
        let secrets = &self.settings.secrets;
        let sealer = Sealer::new(&secrets.system)?;
        let room = KeyRoom { store: &store, sealer: &sealer, clock: &*self.clock, random: &*self.random };
        let keyring = room.keyring().await?;
        let opaque = Arc::new(OpaqueKeys::new(&secrets.system)?);
        let flow = self.flow.clone().unwrap_or_else(|| configured_flow(&self.settings));
        let claims: Arc<dyn ClaimSource> = Arc::clone(&flow) as Arc<dyn ClaimSource>;
        let identity = &self.settings.identity;
        let engine = Arc::new(Engine {
            store: store.clone(),
            settings: Arc::clone(&self.settings),
            opaque: Arc::clone(&opaque),
            client_secrets: Arc::new(ClientSecrets::new(&secrets.system, self.passwords()?)?),
            keyring: ArcSwap::from_pointee(keyring),
            gate: Gate::new(identity.hash_concurrency, PATIENCE),
            claims,
            clock: Arc::clone(&self.clock),
            random: Arc::clone(&self.random),
            right_secrets: Engine::secret_memory(),
        });
        let accounts = Arc::new(Accounts::new(Parts {
            store: store.clone(),
            tokens: opaque,
            secrets,
            settings: identity.clone(),
            public_url: self.settings.public_url.clone(),
            clock: Arc::clone(&self.clock),
            random: Arc::clone(&self.random),
        })?);
        let interactions = Arc::new(Interactions { engine: Arc::clone(&engine), flow });
        let state = Data::new(AppState::new(interactions, Arc::clone(&accounts), Pages::new()?));
        let Self { settings, clock, random, .. } = self;
        Ok(App { settings, store, engine, accounts, state, demo: None, clock, random })
    }

    async fn open(&self) -> Result<Store, StartError> {
        let database = self.settings.database.clone();
        let settle = Arc::new(RecordFacts::new(Arc::clone(&self.clock), Arc::clone(&self.random)));
        let is_migrating = self.is_migrating;
        let opening = tokio::task::spawn_blocking(move || {
            if is_migrating {
                Store::open(&database, Tenant::default(), settle)
            } else {
                Store::open_migrated(&database, Tenant::default(), settle)
            }
        });
        Ok(opening.await.map_err(|_| StoreError::Panicked)??)
    }

    fn passwords(&self) -> Result<Passwords, CryptoError> {
        let cost = self.settings.identity.argon2;
        let params =
            PasswordParams { memory: cost.memory_kib, iterations: cost.iterations, parallelism: cost.parallelism };
        Passwords::new(params, &*self.random)
    }
}

/// Who answers login, consent and logout by the settings.
fn configured_flow(settings: &Arc<Settings>) -> Arc<dyn IdentityFlow> {
    match &settings.interaction {
        Interaction::Embedded { ui_url } => Arc::new(Embedded::new(Arc::clone(settings), ui_url.clone())),
        Interaction::External { login, consent, logout } => {
            let ours = || {
                let mut url = settings.public_url.clone();
                let path = format!("{}/logout", url.path().trim_end_matches('/'));
                url.set_path(&path);
                url
            };
            let logout = logout.clone().unwrap_or_else(ours);
            Arc::new(External { login: login.clone(), consent: consent.clone(), logout })
        }
    }
}
