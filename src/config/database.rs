//! Which database to use, read from `dsn`.

use std::path::PathBuf;
use std::time::Duration;

use crate::base::Secret;

/// The database and its pool.
#[derive(Clone, Debug)]
pub struct Database {
    /// Which kind, and where.
    pub kind: DatabaseKind,
    /// Most connections kept open at the same time (on SQLite: readers; the writer comes on top).
    pub max_connections: u32,
    /// After this long a pooled connection is replaced; `None` keeps it.
    pub max_connection_lifetime: Option<Duration>,
}

/// The kinds of database.
#[derive(Clone, Debug)]
pub enum DatabaseKind {
    /// A temporary SQLite file that is deleted on exit.
    Memory,
    /// PostgreSQL.
    Postgres {
        /// The connection URL without our own parameters; holds the password.
        url: Secret<String>,
    },
    /// An SQLite file.
    Sqlite {
        /// The file.
        path: PathBuf,
        /// When a commit counts as done.
        synchronous: Synchronous,
        /// How long to wait for another process that holds the file.
        busy_timeout: Duration,
    },
}

/// `PRAGMA synchronous` of the SQLite writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronous {
    /// A commit is on disk when it is answered.
    Full,
    /// A commit survives a crash of the process, but the last ones may be lost with the power.
    Normal,
}
