//! F2: the one door to the database. A query takes `tx: &mut Tx`, and only [`Store`] gives one.
//!
//! [`Store::read`] and [`Store::write`] run closures on blocking threads; writes on SQLite share commits
//! ([`writer`]). Each topic is a module of functions. Not here: what rows mean (`model`), what follows from facts
//! (whoever implements [`Settle`]).

mod access;
mod appender;
pub mod clients;
mod column;
mod conn;
mod dialect;
pub mod error;
pub mod facts;
pub mod flows;
pub mod grants;
pub mod identities;
pub mod interactions;
pub mod keys;
mod live;
pub mod logouts;
mod lookups;
mod migrate;
mod pool;
mod queue;
mod row;
mod schema;
pub mod sessions;
mod sweep;
#[cfg(test)]
mod tests;
pub mod throttles;
pub mod tokens;
mod tx;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use error::{OpenError, StoreError, constraint};
pub use live::LiveAccess;
pub use migrate::Status;
pub use sweep::{Swept, System};
pub use tx::{RecordFacts, Settle, Tx};

use self::access::NewAccess;
use self::appender::Appender;
use self::conn::{Conn, Role, Source};
use self::lookups::Lookups;
use self::pool::Pool;
use self::writer::Writer;
use crate::base::Gate;
use crate::base::Id;
use crate::base::gate::GateError;
use crate::config::{Database, DatabaseKind, Synchronous};
use crate::model::{AccessRecord, Client, ClientId, Tenant};

/// How long a request may wait for a connection before it is shed.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long another process may hold the SQLite file unless configured.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// On PostgreSQL, how often a closure runs before contention is the caller's problem, and for how long.
const ATTEMPTS: usize = 4;
const ATTEMPT_TIME: Duration = Duration::from_secs(3);

/// The database of one tenant. Clones share everything.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
    tenant: Tenant,
}

struct Inner {
    /// The threads come first: they must end before a temporary file goes.
    lookups: Lookups,
    appends: Appends,
    pool: Pool,
    gate: Gate,
    settle: Arc<dyn Settle>,
    /// Deleted when the last clone of the store goes.
    _folder: Option<tempfile::TempDir>,
}

/// Who writes.
enum Appends {
    /// PostgreSQL: closures on pooled connections, access tokens through a queue.
    Postgres(Appender),
    /// SQLite: one thread writes everything.
    Sqlite(Writer),
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database and applies pending migrations. Blocks; call it before serving.
    ///
    /// # Errors
    /// One sentence for the operator.
    pub fn open(config: &Database, tenant: Tenant, settle: Arc<dyn Settle>) -> Result<Self, OpenError> {
        Self::open_with(config, tenant, settle, true)
    }

    /// Opens the database, and refuses one that lacks migrations. A temporary one is migrated all the same.
    ///
    /// # Errors
    /// One sentence for the operator.
    pub fn open_migrated(config: &Database, tenant: Tenant, settle: Arc<dyn Settle>) -> Result<Self, OpenError> {
        Self::open_with(config, tenant, settle, matches!(config.kind, DatabaseKind::Memory))
    }

    fn open_with(
        config: &Database,
        tenant: Tenant,
        settle: Arc<dyn Settle>,
        migrating: bool,
    ) -> Result<Self, OpenError> {
        let Opened { source, folder, patience } = Opened::of(config)?;
        let mut conn = source.connect(Role::Write).map_err(|error| OpenError(error.to_string()))?;
        if migrating {
            migrate::up(&mut conn)?;
        } else {
            let status = migrate::status(&mut conn)?;
            migrate::refuse_newer(&status)?;
            migrate::refuse_older(&status)?;
        }
        drop(conn);
        let source = Arc::new(source);
        let appends = match &*source {
            Source::Sqlite { .. } => {
                Appends::Sqlite(Writer::start(Arc::clone(&source), Arc::clone(&settle), patience)?)
            }
            Source::Postgres(_) => Appends::Postgres(Appender::start(&source, patience)?),
        };
        // As many permits as connections: who has a permit never waits for a neighbour's connection.
        let width = config.max_connections.max(1);
        let inner = Inner {
            lookups: Lookups::start(&source, PATIENCE)?,
            appends,
            pool: Pool::new(source, width, config.max_connection_lifetime),
            gate: Gate::new(usize::try_from(width).unwrap_or(1), PATIENCE),
            settle,
            _folder: folder,
        };
        Ok(Self { inner: Arc::new(inner), tenant })
    }

    /// The same database for another tenant.
    #[must_use]
    pub fn for_tenant(&self, tenant: Tenant) -> Self {
        Self { inner: Arc::clone(&self.inner), tenant }
    }

    /// All tenants at once, for jobs.
    pub fn system(&self) -> System {
        System(self.clone())
    }

    /// Whose data this store shows.
    pub const fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// Runs a closure that only reads. On SQLite it sees one state of the database throughout, on PostgreSQL each
    /// query sees what was committed before it.
    ///
    /// # Errors
    /// The closure's own; [`StoreError::Busy`] when no connection comes free in time.
    pub async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx) -> Result<T, StoreError> + Send + 'static,
    {
        let (pool, tenant) = (self.inner.pool.clone(), self.tenant.clone());
        through(&self.inner.gate, move || reading(&pool, tenant, work)).await
    }

    /// Runs a closure in a write transaction. `Ok` is answered once it is committed; an `Err` leaves no trace of it. It
    /// may run more than once, so what it is given must not be used up. A [`StoreError::Conflict`] must be returned, not
    /// swallowed: on PostgreSQL it has spoiled the transaction.
    ///
    /// # Errors
    /// The closure's own; [`StoreError::Busy`] when the queue is full or the database is held by somebody else;
    /// [`StoreError::Panicked`] when the closure panicked.
    pub async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx) -> Result<T, StoreError> + Send + 'static,
    {
        if let Appends::Sqlite(writer) = &self.inner.appends {
            return writer.write(self.tenant.clone(), work).await;
        }
        let (pool, tenant, settle) = (self.inner.pool.clone(), self.tenant.clone(), Arc::clone(&self.inner.settle));
        through(&self.inner.gate, move || writing(&pool, &tenant, &*settle, work)).await
    }

    /// Adds an access token, answered once it is committed. Many callers share one commit.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn append_access(&self, record: AccessRecord) -> Result<(), StoreError> {
        let row = NewAccess::new(self.tenant.clone(), record);
        match &self.inner.appends {
            Appends::Postgres(appender) => appender.append(row).await,
            Appends::Sqlite(writer) => writer.append(row).await,
        }
    }

    /// The client of that id. Its row is read each time; its parsed form is shared.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub async fn client(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        let (client, _) = self.inner.lookups.find(&self.tenant, Some(id.clone()), None).await?;
        Ok(client)
    }

    /// An access token with everything that decides whether it works.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub async fn access(&self, id: Id<AccessRecord>) -> Result<Option<LiveAccess>, StoreError> {
        let (_, access) = self.inner.lookups.find(&self.tenant, None, Some(id)).await?;
        Ok(access)
    }

    /// Both in one visit: the client that asks, if one does, and the token it asks about.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub async fn introspection(
        &self,
        caller: Option<&ClientId>,
        token: Id<AccessRecord>,
    ) -> Result<(Option<Arc<Client>>, Option<LiveAccess>), StoreError> {
        self.inner.lookups.find(&self.tenant, caller.cloned(), Some(token)).await
    }
}

/// Applies pending migrations, and names them.
///
/// # Errors
/// One sentence for the operator.
pub fn migrate_up(config: &Database) -> Result<Vec<String>, OpenError> {
    migrate::up(&mut connect(config)?)
}

/// Which migrations the database has and lacks.
///
/// # Errors
/// One sentence for the operator.
pub fn migration_status(config: &Database) -> Result<Status, OpenError> {
    migrate::status(&mut connect(config)?)
}

fn connect(config: &Database) -> Result<Conn, OpenError> {
    Opened::of(config)?.source.connect(Role::Write).map_err(|error| OpenError(error.to_string()))
}

/// What a configured database comes to.
struct Opened {
    source: Source,
    folder: Option<tempfile::TempDir>,
    patience: Duration,
}

impl Opened {
    fn of(config: &Database) -> Result<Self, OpenError> {
        let sqlite = |path: PathBuf, synchronous, busy_timeout| {
            let file = conn::prepare_file(&path)?;
            let source = Source::Sqlite { file, synchronous, busy_timeout };
            Ok(Self { source, folder: None, patience: busy_timeout + PATIENCE })
        };
        match &config.kind {
            DatabaseKind::Memory => {
                let folder = tempfile::Builder::new()
                    .prefix("sallyport-")
                    .tempdir()
                    .map_err(|error| OpenError(format!("cannot make a temporary folder: {error}")))?;
                // Nothing of it outlives the process, so nothing has to be on disk.
                let opened = sqlite(folder.path().join("memory.sqlite"), Synchronous::Normal, BUSY_TIMEOUT)?;
                Ok(Self { folder: Some(folder), ..opened })
            }
            DatabaseKind::Postgres { url } => {
                Ok(Self { source: Source::Postgres(url.clone()), folder: None, patience: PATIENCE })
            }
            DatabaseKind::Sqlite { path, synchronous, busy_timeout } => {
                sqlite(path.clone(), *synchronous, *busy_timeout)
            }
        }
    }
}

async fn through<T: Send + 'static>(
    gate: &Gate,
    job: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    gate.run(job).await.map_err(|error| match error {
        GateError::Busy => StoreError::Busy,
        GateError::Panicked => StoreError::Panicked,
    })?
}

fn reading<T>(
    pool: &Pool,
    tenant: Tenant,
    work: impl FnOnce(&mut Tx) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut tx = Tx::new(pool.take()?, tenant);
    dialect::begin_reading(tx.conn())?;
    let result = work(&mut tx);
    dialect::end_reading(tx.conn())?;
    tx.give_back();
    result
}

/// A write on PostgreSQL: a transaction of its own, tried again when others got in its way.
fn writing<T>(
    pool: &Pool,
    tenant: &Tenant,
    settle: &dyn Settle,
    mut work: impl FnMut(&mut Tx) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let began = Instant::now();
    let mut attempt = 1;
    loop {
        let mut tx = Tx::new(pool.take_for_writing()?, tenant.clone());
        let result = tx.run(tenant, settle, &mut work).and_then(|value| {
            dialect::commit(tx.conn())?;
            Ok(value)
        });
        if result.is_ok() || dialect::roll_back(tx.conn()).is_ok() {
            tx.give_back();
        }
        let again = matches!(result, Err(StoreError::Busy)) && attempt < ATTEMPTS && began.elapsed() < ATTEMPT_TIME;
        if !again {
            return result;
        }
        attempt += 1;
    }
}
