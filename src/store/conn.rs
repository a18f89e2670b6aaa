//! Connections: how one is opened on each database.
//!
//! SQLite readers are `query_only`; PostgreSQL sessions are read-only unless a write transaction says otherwise.
//! Not here: the pool ([`super::pool`]), the one SQLite writer ([`super::writer`]).

use std::fs::OpenOptions;
use std::path::Path;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, SqliteConnection};

use super::error::{OpenError, StoreError};
use crate::base::Secret;
use crate::config::Synchronous;

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
