//! Connections: how one is opened on each database, and the small pool behind the permits.
//!
//! SQLite readers are `query_only`; PostgreSQL sessions are read-only unless a write transaction says otherwise.
//! Not here: who may have a connection when ([`super::Store`]), the one SQLite writer ([`super::writer`]).

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::r2d2::R2D2Connection;
use diesel::{Connection, PgConnection, SqliteConnection};

use super::dialect;
use super::error::{OpenError, StoreError};
use super::tx::Tx;
use crate::base::Secret;
use crate::config::Synchronous;
use crate::model::Tenant;

/// A connection to either database; queries are written once on it.
#[derive(diesel::MultiConnection)]
pub enum Conn {
    /// PostgreSQL.
    Postgres(PgConnection),
    /// SQLite.
    Sqlite(SqliteConnection),
}

/// Where connections come from.
#[derive(Debug)]
pub(super) enum Source {
    /// A PostgreSQL server.
    Postgres(Secret<String>),
    /// An SQLite file, by its absolute path.
    Sqlite { file: String, synchronous: Synchronous, busy_timeout: Duration },
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Read,
    Write,
}

/// A connection idle for longer is asked whether it is still there before it is used.
const TRUSTED_IDLE: Duration = Duration::from_secs(5);

impl Source {
    /// A new connection.
    pub(super) fn connect(&self, role: Role) -> Result<Conn, StoreError> {
        match self {
            Self::Postgres(url) => {
                let mut conn = PgConnection::establish(&with_limits(url.expose())).map_err(|error| {
                    let why = error.to_string();
                    StoreError::driver(format!("cannot connect to PostgreSQL: {}", why.trim()))
                })?;
                conn.batch_execute(
                    "SET statement_timeout = '10s'; SET lock_timeout = '5s'; \
                     SET idle_in_transaction_session_timeout = '30s'; SET TimeZone = 'UTC'; \
                     SET default_transaction_isolation = 'read committed'",
                )?;
                if role == Role::Read {
                    conn.batch_execute("SET default_transaction_read_only = on")?;
                }
                Ok(Conn::Postgres(conn))
            }
            Self::Sqlite { file, synchronous, busy_timeout } => {
                let mut conn = SqliteConnection::establish(file)
                    .map_err(|error| StoreError::driver(format!("cannot open {file}: {error}")))?;
                let wait = busy_timeout.as_millis();
                conn.batch_execute(&format!("PRAGMA busy_timeout = {wait}; PRAGMA foreign_keys = ON"))?;
                match (role, synchronous) {
                    (Role::Read, _) => conn.batch_execute("PRAGMA query_only = ON")?,
                    (Role::Write, Synchronous::Full) => {
                        conn.batch_execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")?;
                    }
                    (Role::Write, Synchronous::Normal) => {
                        conn.batch_execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")?;
                    }
                }
                Ok(Conn::Sqlite(conn))
            }
        }
    }
}

/// Creates the file of a new database, readable by its owner alone, and finds its absolute path.
pub(super) fn prepare_file(path: &Path) -> Result<String, OpenError> {
    let shown = path.display();
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| {
        OpenError(format!(
            "cannot open the database file {shown}: {error}; its folder must exist and be writable by this user"
        ))
    })?;
    let absolute = std::path::absolute(path)
        .map_err(|error| OpenError(format!("cannot find the database file {shown}: {error}")))?;
    absolute
        .to_str()
        .map(str::to_owned)
        .ok_or_else(|| OpenError(format!("the path of the database file {shown} must be UTF-8")))
}

/// The URL with limits for a server that does not answer, where the operator set none.
fn with_limits(url: &str) -> String {
    let mut url = url.to_owned();
    for (key, value) in [
        ("connect_timeout", "5"),
        ("keepalives_idle", "5"),
        ("keepalives_interval", "2"),
        ("keepalives_count", "3"),
        ("tcp_user_timeout", "10000"),
        ("application_name", "sallyport"),
    ] {
        if !url.contains(&format!("{key}=")) {
            let joint = if url.contains('?') { '&' } else { '?' };
            url.push_str(&format!("{joint}{key}={value}"));
        }
    }
    url
}

/// Idle connections. Whoever takes one holds a permit, so there are never more than permits.
#[derive(Debug)]
pub(super) struct Pool {
    source: std::sync::Arc<Source>,
    lifetime: Option<Duration>,
    idle: Mutex<Vec<Pooled>>,
}

/// A connection and its age.
pub(super) struct Pooled {
    pub(super) conn: Conn,
    opened: Instant,
    used: Instant,
}

impl std::fmt::Debug for Pooled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pooled").field("opened", &self.opened).finish_non_exhaustive()
    }
}

impl Pooled {
    fn new(conn: Conn) -> Self {
        let now = Instant::now();
        Self { conn, opened: now, used: now }
    }

    /// Lets `work` use the connection. A panic loses it.
    pub(super) fn lend<T>(self, tenant: Tenant, work: impl FnOnce(&mut Tx) -> T) -> (T, Self) {
        let Self { conn, opened, used } = self;
        let mut tx = Tx::new(conn, tenant);
        let result = work(&mut tx);
        (result, Self { conn: tx.into_conn(), opened, used })
    }
}

impl Pool {
    pub(super) fn new(source: std::sync::Arc<Source>, lifetime: Option<Duration>) -> Self {
        Self { source, lifetime, idle: Mutex::default() }
    }

    /// An idle connection that works, or a new one.
    pub(super) fn take(&self) -> Result<Pooled, StoreError> {
        let now = Instant::now();
        loop {
            let Some(mut pooled) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop() else {
                return Ok(Pooled::new(self.source.connect(Role::Read)?));
            };
            let too_old = self.lifetime.is_some_and(|most| now.duration_since(pooled.opened) > most);
            let doubtful = now.duration_since(pooled.used) > TRUSTED_IDLE;
            if too_old || (doubtful && pooled.conn.ping().is_err()) {
                continue;
            }
            return Ok(pooled);
        }
    }

    /// An idle connection on which a transaction has begun. One that broke while idle is replaced.
    pub(super) fn take_for_writing(&self) -> Result<Pooled, StoreError> {
        let mut pooled = self.take()?;
        if dialect::begin(&mut pooled.conn).is_err() {
            self.give_back(pooled);
            pooled = Pooled::new(self.source.connect(Role::Read)?);
            dialect::begin(&mut pooled.conn)?;
        }
        Ok(pooled)
    }

    /// Keeps a connection for the next one, unless it broke: then its neighbours are doubtful as well.
    pub(super) fn give_back(&self, mut pooled: Pooled) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if pooled.conn.is_broken() {
            idle.clear();
        } else {
            pooled.used = Instant::now();
            idle.push(pooled);
        }
    }
}
