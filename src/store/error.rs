//! What can go wrong between us and the database, in four words that callers decide by.
//!
//! A missing row is not an error but `None`; a lost compare-and-set is `false`.

use std::error::Error as StdError;
use std::fmt::Display;
use std::sync::Arc;

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, DeserializeFieldError, Error as DieselError};

/// Why the database did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Too much to do, or another process holds the lock: shed the request (503 with Retry-After).
    #[error("the database is busy")]
    Busy,
    /// A row with this key is there already, or the row it belongs to is gone.
    #[error("the row conflicts with another one ({constraint})")]
    Conflict {
        /// Which rule it broke: one of [`constraint`], the same word on both databases.
        constraint: &'static str,
    },
    /// A row holds what this version cannot read: edited by hand, or written by a newer version.
    #[error("column {column} of table {table} holds an unreadable value (row {id})")]
    Corrupt {
        /// Of which table.
        table: &'static str,
        /// In which column.
        column: String,
        /// Of which row; empty in lists.
        id: String,
    },
    /// The database cannot be reached, or refused a statement.
    #[error("the database failed: {0}")]
    Driver(#[source] Arc<dyn StdError + Send + Sync>),
    /// The caller's own closure panicked; nothing of it was kept.
    #[error("a storage job panicked")]
    Panicked,
}

/// The rules that [`StoreError::Conflict`] can name.
pub mod constraint {
    /// A client of that id exists.
    pub const CLIENT: &str = "clients_pkey";
    /// Somebody has that external id.
    pub const EXTERNAL_ID: &str = "identities_external_id_unique";
    /// Somebody logs in by that name.
    pub const IDENTIFIER: &str = "credential_identifiers_pkey";
    /// Somebody has that address.
    pub const ADDRESS: &str = "identity_addresses_purpose_via_value_unique";
    /// The row it belongs to does not exist.
    pub const PARENT: &str = "foreign_key";
    /// A rule that no caller needs to tell from others.
    pub const OTHER: &str = "other";
}

/// The name PostgreSQL gives a rule, and how SQLite tells that it was broken.
const RULES: &[(&str, &str)] = &[
    (constraint::CLIENT, "clients.tenant, clients.id"),
    (constraint::EXTERNAL_ID, "identities.tenant, identities.external_id"),
    (
        constraint::IDENTIFIER,
        "credential_identifiers.tenant, credential_identifiers.kind, credential_identifiers.identifier",
    ),
    (
        constraint::ADDRESS,
        "identity_addresses.tenant, identity_addresses.purpose, identity_addresses.via, identity_addresses.value",
    ),
];

impl StoreError {
    /// An error of our own making, said in one sentence.
    pub(super) fn driver(sentence: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Driver(Arc::from(sentence.into()))
    }

    /// Whether it is a conflict with this rule.
    pub fn is_conflict(&self, with: &str) -> bool {
        matches!(self, Self::Conflict { constraint } if *constraint == with)
    }
}

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::DatabaseError(kind, information) => of_database(kind, &*information),
            DieselError::DeserializationError(inner) => {
                let field = inner.downcast_ref::<DeserializeFieldError>();
                let column = field.and_then(|f| f.field_name.clone()).unwrap_or_default();
                Self::Corrupt { table: "", column, id: String::new() }
            }
            other => Self::driver(other),
        }
    }
}

fn of_database(kind: DatabaseErrorKind, information: &(dyn DatabaseErrorInformation + Send + Sync)) -> StoreError {
    let message = information.message();
    match kind {
        DatabaseErrorKind::UniqueViolation => {
            let broken = |(name, columns): &&(&str, &str)| match information.constraint_name() {
                Some(given) => given == *name,
                None => message.strip_prefix("UNIQUE constraint failed: ") == Some(columns),
            };
            let constraint = RULES.iter().find(broken).map_or(constraint::OTHER, |(name, _)| name);
            StoreError::Conflict { constraint }
        }
        DatabaseErrorKind::ForeignKeyViolation => StoreError::Conflict { constraint: constraint::PARENT },
        DatabaseErrorKind::SerializationFailure => StoreError::Busy,
        // PostgreSQL's deadlocks and SQLite's locks have no kind of their own in diesel.
        _ if message == "deadlock detected" || message.starts_with("database is locked") => StoreError::Busy,
        _ => StoreError::driver(format!("{kind:?}: {message}")),
    }
}

/// Says of which row an unreadable value is.
pub(super) trait Within<T> {
    /// The result, with table and row filled in where a value was unreadable.
    fn within(self, table: &'static str, id: impl Display) -> Result<T, StoreError>;
}

impl<T, E: Into<StoreError>> Within<T> for Result<T, E> {
    fn within(self, table: &'static str, id: impl Display) -> Result<T, StoreError> {
        self.map_err(|error| match error.into() {
            StoreError::Corrupt { column, .. } => StoreError::Corrupt { table, column, id: id.to_string() },
            other => other,
        })
    }
}

/// Why the database cannot be used at all; one sentence for the operator, without its password.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(pub(super) String);
