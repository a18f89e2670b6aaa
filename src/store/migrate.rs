//! Brings a database to this version's schema. The migrations of both folders are inside the binary.
//!
//! Not here: what the tables hold ([`super::schema`]), how migrations are written (`migrations/README.md`).

use std::collections::BTreeSet;

use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::conn::Conn;
use super::error::OpenError;

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// Held while migrating on PostgreSQL, so that of several servers starting at once one migrates and the rest wait.
const LOCK: i64 = 0x53_41_4c_4c_59;

/// Where a database stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Migrations it has, oldest first.
    pub applied: Vec<String>,
    /// Migrations it still needs, oldest first.
    pub pending: Vec<String>,
    /// Migrations it has that this version does not know: it was migrated by a newer one.
    pub unknown: Vec<String>,
}

/// Where the database stands; changes nothing but the list of applied migrations, which it creates if need be.
///
/// # Errors
/// One sentence when the database cannot be read.
pub(super) fn status(conn: &mut Conn) -> Result<Status, OpenError> {
    let (known, applied) = match conn {
        Conn::Postgres(c) => {
            (names(&MigrationSource::<diesel::pg::Pg>::migrations(&POSTGRES).map_err(unreadable)?), applied(c)?)
        }
        Conn::Sqlite(c) => {
            (names(&MigrationSource::<diesel::sqlite::Sqlite>::migrations(&SQLITE).map_err(unreadable)?), applied(c)?)
        }
    };
    // The database keeps a migration's version only: the digits of its name before the first underscore.
    let version = |name: &String| name.split('_').next().unwrap_or_default().replace('-', "");
    let has = |name: &&String| applied.contains(&version(name));
    let versions: BTreeSet<String> = known.iter().map(version).collect();
    Ok(Status {
        applied: known.iter().filter(has).cloned().collect(),
        pending: known.iter().filter(|name| !has(name)).cloned().collect(),
        unknown: applied.iter().filter(|found| !versions.contains(*found)).cloned().collect(),
    })
}

/// Applies what is pending, each migration in a transaction of its own.
///
/// # Errors
/// One sentence when the database was migrated by a newer version, or when a migration fails.
pub(super) fn up(conn: &mut Conn) -> Result<Vec<String>, OpenError> {
    if let Conn::Postgres(c) = conn {
        c.batch_execute(&format!("SET statement_timeout = 0; SET lock_timeout = 0; SELECT pg_advisory_lock({LOCK})"))
            .map_err(unreadable)?;
    }
    let done = up_alone(conn);
    if let Conn::Postgres(c) = conn {
        c.batch_execute(&format!("SELECT pg_advisory_unlock({LOCK})")).map_err(unreadable)?;
    }
    done
}

fn up_alone(conn: &mut Conn) -> Result<Vec<String>, OpenError> {
    let before = status(conn)?;
    refuse_newer(&before)?;
    let ran = match conn {
        Conn::Postgres(c) => c.run_pending_migrations(POSTGRES).map(|_| ()),
        Conn::Sqlite(c) => c.run_pending_migrations(SQLITE).map(|_| ()),
    };
    match ran {
        Ok(()) => Ok(before.pending),
        // On SQLite another process may have been first: then there is nothing left to do.
        Err(_) if status(conn).is_ok_and(|after| after.pending.is_empty()) => Ok(Vec::new()),
        Err(error) => Err(OpenError(format!("a migration failed and was rolled back: {error}"))),
    }
}

/// Refuses a database from a newer version: this one could misread or damage it.
///
/// # Errors
/// One sentence that names what is unknown.
pub(super) fn refuse_newer(status: &Status) -> Result<(), OpenError> {
    if status.unknown.is_empty() {
        return Ok(());
    }
    Err(OpenError(format!(
        "the database was migrated by a newer version (unknown here: {}); start that version, or restore the backup from before",
        status.unknown.join(", ")
    )))
}

/// Refuses a database that lacks a migration.
///
/// # Errors
/// One sentence that names what is missing.
pub(super) fn refuse_older(status: &Status) -> Result<(), OpenError> {
    if status.pending.is_empty() {
        return Ok(());
    }
    Err(OpenError(format!(
        "the database lacks migrations ({}); run `sallyport migrate sql up`",
        status.pending.join(", ")
    )))
}

fn names<DB: diesel::backend::Backend>(migrations: &[Box<dyn Migration<DB>>]) -> Vec<String> {
    let mut names: Vec<String> = migrations.iter().map(|m| m.name().to_string()).collect();
    names.sort();
    names
}

#[cfg(test)]
pub(super) fn postgres_names() -> Vec<String> {
    names(&MigrationSource::<diesel::pg::Pg>::migrations(&POSTGRES).expect("embedded migrations are readable"))
}

fn applied<DB: diesel::backend::Backend>(conn: &mut impl MigrationHarness<DB>) -> Result<BTreeSet<String>, OpenError> {
    let versions = conn.applied_migrations().map_err(unreadable)?;
    Ok(versions.iter().map(ToString::to_string).collect())
}

fn unreadable(error: impl std::fmt::Display) -> OpenError {
    OpenError(format!("cannot read which migrations the database has: {error}"))
}
