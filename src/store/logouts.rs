//! Logouts: one row a pause of `/oauth2/sessions/logout`.

use diesel::prelude::*;
use serde_json::Value;

use super::column::{Bytes32, Json};
use super::error::{StoreError, Within};
use super::row::row;
use super::schema::logouts;
use super::tx::Tx;
use crate::base::{Id, Instant};
use crate::model::{ClientId, Logout, LogoutStage, Session, Subject};

row! { LogoutRow of logouts for Logout {
    id: Id<Logout>,
    digest: Bytes32,
    verifier_digest: Option<Bytes32>,
    stage: LogoutStage,
    session_key: Id<Session>,
    subject: Subject,
    client_id: Option<ClientId>,
    request: Json<Value>,
    created_at: Instant,
    expires_at: Instant,
} }

/// Adds a logout.
///
/// # Errors
/// When the database fails.
pub fn insert(tx: &mut Tx, logout: &Logout) -> Result<(), StoreError> {
    let (conn, tenant) = tx.parts();
    diesel::insert_into(logouts::table).values((logouts::tenant.eq(tenant), LogoutRow::from(logout))).execute(conn)?;
    Ok(())
}

/// The logout of that id, whatever its stage.
///
/// # Errors
/// When the database fails or the row is unreadable.
pub fn find(tx: &mut Tx, id: Id<Logout>) -> Result<Option<Logout>, StoreError> {
    let (conn, tenant) = tx.parts();
    let row: Option<LogoutRow> = logouts::table
        .find((tenant, id))
        .select(LogoutRow::as_select())
        .first(conn)
        .optional()
        .within("logouts", id)?;
    Ok(row.map(Logout::from))
}

/// Writes what a logout became, if it is still at one of the stages `expected`. False when it went on meanwhile.
///
/// # Errors
/// When the database fails.
pub fn update(tx: &mut Tx, logout: &Logout, expected: &[LogoutStage]) -> Result<bool, StoreError> {
    let (conn, tenant) = tx.parts();
    let changed = diesel::update(logouts::table.find((tenant, logout.id)))
        .filter(logouts::stage.eq_any(expected.to_vec()))
        .set(LogoutRow::from(logout))
        .execute(conn)?;
    Ok(changed == 1)
}
