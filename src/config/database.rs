//! Which database to use, read from `dsn`.

use std::path::PathBuf;
use std::time::Duration;

use super::reader::Reader;
use super::words;
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

/// Reads `dsn`.
pub(super) fn read(r: &mut Reader<'_>) -> Option<Database> {
    let Some(dsn) = r.text("dsn") else {
        if !r.is_set("dsn") {
            r.refuse("dsn", "required; write sqlite://PATH, postgres://USER:PASSWORD@HOST/NAME, or memory");
        }
        return None;
    };
    let found = match dsn.split_once("://") {
        None if dsn == "memory" => Ok(Found::plain(DatabaseKind::Memory)),
        Some(("sqlite" | "sqlite3", rest)) => sqlite(r, rest),
        Some(("postgres" | "postgresql", rest)) => postgres(&dsn, rest),
        Some(("mysql" | "mariadb", _)) => {
            Err("MySQL is not supported; write sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME".to_owned())
        }
        Some(("cockroach" | "cockroachdb" | "crdb", _)) => {
            Err("CockroachDB is not supported; write sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME".to_owned())
        }
        _ => Err("must be sqlite://PATH, postgres://USER:PASSWORD@HOST/NAME, or memory".to_owned()),
    };
    match found {
        Ok(found) => {
            if let Some(ignored) = found.ignored {
                r.notice(false, "dsn", ignored);
            }
            let cores = u32::try_from(super::cores()).unwrap_or(u32::MAX);
            let usual = match found.kind {
                DatabaseKind::Postgres { .. } => cores.saturating_mul(4).clamp(16, MAX_CONNECTIONS),
                _ => cores.saturating_mul(2).clamp(4, MAX_CONNECTIONS),
            };
            Some(Database {
                kind: found.kind,
                max_connections: found.max_connections.unwrap_or(usual),
                max_connection_lifetime: found.max_connection_lifetime,
            })
        }
        Err(message) => {
            r.refuse("dsn", &message);
            None
        }
    }
}

const MAX_CONNECTIONS: u32 = 1_000;

struct Found {
    kind: DatabaseKind,
    max_connections: Option<u32>,
    max_connection_lifetime: Option<Duration>,
    /// What to say about parameters without effect.
    ignored: Option<&'static str>,
}

impl Found {
    const fn plain(kind: DatabaseKind) -> Self {
        Self { kind, max_connections: None, max_connection_lifetime: None, ignored: None }
    }
}

/// The parameters behind `?`.
fn parameters(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter(|p| !p.is_empty()).map(|p| p.split_once('=').unwrap_or((p, "")))
}

fn max_connections(value: &str) -> Result<u32, String> {
    let allowed = |n: &u32| (1..=MAX_CONNECTIONS).contains(n);
    value
        .parse()
        .ok()
        .filter(allowed)
        .ok_or_else(|| format!("max_conns must be a whole number from 1 to {MAX_CONNECTIONS}"))
}

fn duration(name: &str, value: &str) -> Result<Duration, String> {
    words::duration(value).ok_or_else(|| format!("{name} must be a duration such as 5s or 30m"))
}

fn sqlite(r: &Reader<'_>, rest: &str) -> Result<Found, String> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    if path.is_empty() || path.contains(":memory:") || query.contains("mode=memory") {
        return Err("a database in memory is written memory; a file is written sqlite://PATH".to_owned());
    }
    let (mut synchronous, mut busy_timeout) = (Synchronous::Full, Duration::from_secs(5));
    let mut most = None;
    for (name, value) in parameters(query) {
        match (name, value) {
            ("max_conns", n) => most = Some(max_connections(n)?),
            ("synchronous", "full") => synchronous = Synchronous::Full,
            ("synchronous", "normal") => synchronous = Synchronous::Normal,
            ("synchronous", _) => return Err("synchronous must be full or normal".to_owned()),
            ("busy_timeout", time) => busy_timeout = duration(name, time)?,
            ("_fk", "true" | "on" | "1") | ("mode", "rwc") | ("_journal", "WAL") => {}
            _ => {
                return Err(
                    "knows the parameters max_conns, synchronous and busy_timeout for SQLite; leave the others out"
                        .to_owned(),
                );
            }
        }
    }
    let kind = DatabaseKind::Sqlite { path: r.resolve("dsn", path), synchronous, busy_timeout };
    Ok(Found { max_connections: most, ..Found::plain(kind) })
}

fn postgres(dsn: &str, rest: &str) -> Result<Found, String> {
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    if address.trim_matches('/').is_empty() && !query.contains("host=") {
        return Err("names no host and no database; write postgres://USER:PASSWORD@HOST/NAME".to_owned());
    }
    let mut found = Found::plain(DatabaseKind::Memory);
    let mut theirs = Vec::new();
    for (name, value) in parameters(query) {
        match name {
            "max_conns" => found.max_connections = Some(max_connections(value)?),
            "max_conn_lifetime" => {
                found.max_connection_lifetime = Some(duration(name, value)?).filter(|lifetime| !lifetime.is_zero());
            }
            "max_idle_conns" | "max_conn_idle_time" => {
                found.ignored = Some(
                    "max_idle_conns and max_conn_idle_time have no effect: the pool keeps max_conns connections open",
                );
            }
            _ => theirs.push(format!("{name}={value}")),
        }
    }
    let base = dsn.split_once('?').map_or(dsn, |(base, _)| base);
    let url = if theirs.is_empty() { base.to_owned() } else { format!("{base}?{}", theirs.join("&")) };
    found.kind = DatabaseKind::Postgres { url: Secret::new(url) };
    Ok(found)
}

/// The DSN with its password replaced, to be shown; nothing but `***` when it cannot be read.
pub(super) fn masked(dsn: &str) -> String {
    if dsn == "memory" || dsn.starts_with("sqlite://") {
        return dsn.to_owned();
    }
    let is_readable = |url: &url::Url| {
        matches!(url.scheme(), "postgres" | "postgresql")
            && url.has_host()
            && url.query_pairs().all(|(name, _)| !name.contains("pass"))
    };
    let hide = |mut url: url::Url| {
        let is_hidden = url.password().is_none() || url.set_password(Some("***")).is_ok();
        is_hidden.then(|| url.to_string())
    };
    url::Url::parse(dsn).ok().filter(is_readable).and_then(hide).unwrap_or_else(|| "***".to_owned())
}
