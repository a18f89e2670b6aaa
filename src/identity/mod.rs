//! F3: the people: who they are, how they prove it, and the forms they do it with. No HTTP, no OAuth.
//!
//! A flow (login, later registration, recovery, ...) crossed with a method (password, later codes, passkeys, ...) is a
//! cell of a grid: flows are in [`flow`], methods in [`credential`], and neither knows the other by name. [`Accounts`]
//! holds what both need. Not here: the seam to the authorization server (`interaction`), HTTP (`web`).

pub mod accounts;
pub mod credential;
pub mod flow;
pub mod identifier;
pub mod message;
pub mod return_to;
pub mod schema;
pub mod sessions;
#[cfg(test)]
mod testing;
pub mod throttle;
pub mod ui;

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use self::credential::Method;
use self::schema::Schema;
use self::throttle::Rules;
use crate::base::{Clock, Gate, Random};
use crate::config::{IdentitySettings, Secrets};
use crate::crypto::{CryptoError, Fingerprints, OpaqueKeys, PasswordParams, Passwords, Sealer};
use crate::store::Store;

/// How long a login may wait for its turn to be hashed before it is turned away.
const PATIENCE: Duration = Duration::from_secs(3);

/// The people of one tenant, and all that is needed to know them.
pub struct Accounts {
    store: Store,
    gate: Gate,
    tokens: Arc<OpaqueKeys>,
    names: Fingerprints,
    sealer: Sealer,
    passwords: Arc<Passwords>,
    methods: Vec<Arc<dyn Method>>,
    schema: Arc<Schema>,
    rules: Rules,
    settings: IdentitySettings,
    public_url: Url,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

/// What [`Accounts`] are built from.
pub struct Parts<'a> {
    /// The database.
    pub store: Store,
    /// Issues and opens session tokens.
    pub tokens: Arc<OpaqueKeys>,
    /// Names what is counted.
    pub secrets: &'a Secrets,
    /// The settings.
    pub settings: IdentitySettings,
    /// Where browsers reach us, without a slash at the end or with one.
    pub public_url: Url,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
}

impl Accounts {
    /// Everything wired. Hashes one password, so it takes some milliseconds.
    ///
    /// # Errors
    /// [`CryptoError`] when there is no system secret or the hash parameters are impossible.
    pub fn new(parts: Parts<'_>) -> Result<Self, CryptoError> {
        let cost = parts.settings.argon2;
        let params =
            PasswordParams { memory: cost.memory_kib, iterations: cost.iterations, parallelism: cost.parallelism };
        let passwords = Arc::new(Passwords::new(params, &*parts.random)?);
        Ok(Self {
            store: parts.store,
            gate: Gate::new(parts.settings.hash_concurrency, PATIENCE),
            tokens: parts.tokens,
            names: Fingerprints::new(&parts.secrets.system, "login attempts")?,
            sealer: Sealer::new(&parts.secrets.system)?,
            methods: credential::enabled(&passwords),
            passwords,
            schema: Arc::new(Schema::built_in()),
            rules: Rules::default(),
            settings: parts.settings,
            public_url: parts.public_url,
            clock: parts.clock,
            random: parts.random,
        })
    }
}

impl Accounts {
    /// The schema that people follow.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accounts").field("schema", &self.schema.id()).finish_non_exhaustive()
    }
}
