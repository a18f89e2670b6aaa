//! Sessions of browsers and apps. Not here: what may be done with one (`identity`, `interaction`).

use diesel::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use super::column::{Bytes32, Json, Plain};
use super::error::{StoreError, Within};
use super::row::row;
use super::schema::sessions;
use super::tx::Tx;
use crate::base::{Id, Instant};
use crate::model::{Aal, Device, Identity, Session, Subject};

row! { SessionRow of sessions for Session {
    key: Id<Session>,
    id: Plain,
    digest: Bytes32,
    subject: Subject,
    identity_id: Option<Id<Identity>>,
    authenticated_at: Instant,
    issued_at: Instant,
    expires_at: Instant,
    remembered: bool,
    aal: Aal,
    acr: String,
    amr: Json<Vec<Value>>,
    provider_session_id: Option<String>,
    device: Json<Device>,
    revoked_at: Option<Instant>,
} }

/// Adds a session.
///
/// # Errors
/// When the database fails.
pub fn insert(tx: &mut Tx, session: &Session) -> Result<(), StoreError> {
    let (conn, tenant) = tx.parts();
    diesel::insert_into(sessions::table)
        .values((sessions::tenant.eq(tenant), SessionRow::from(session)))
        .execute(conn)?;
    Ok(())
}

/// The session of that key, ended or not.
///
/// # Errors
/// When the database fails or the row is unreadable.
pub fn find(tx: &mut Tx, key: Id<Session>) -> Result<Option<Session>, StoreError> {
    let (conn, tenant) = tx.parts();
    let row: Option<SessionRow> = sessions::table
        .find((tenant, key))
        .select(SessionRow::as_select())
        .first(conn)
        .optional()
        .within("sessions", key)?;
    Ok(row.map(Session::from))
}

/// The session with that public id (`sid`), ended or not.
///
/// # Errors
/// When the database fails or the row is unreadable.
pub fn find_by_id(tx: &mut Tx, id: Uuid) -> Result<Option<Session>, StoreError> {
    let (conn, tenant) = tx.parts();
    let row: Option<SessionRow> = sessions::table
        .filter(sessions::tenant.eq(tenant).and(sessions::id.eq(Plain(id))))
        .select(SessionRow::as_select())
        .first(conn)
        .optional()
        .within("sessions", id)?;
    Ok(row.map(Session::from))
}

/// Sessions of `subject`, ended ones too, newest first, before the one named, at most `limit`.
///
/// # Errors
/// When the database fails or a row is unreadable.
pub fn list_by_subject(
    tx: &mut Tx,
    subject: &Subject,
    before: Option<Id<Session>>,
    limit: i64,
) -> Result<Vec<Session>, StoreError> {
    let (conn, tenant) = tx.parts();
    let before = before.unwrap_or(Id::from_uuid(Uuid::max()));
    let rows: Vec<SessionRow> = sessions::table
        .filter(sessions::tenant.eq(tenant).and(sessions::subject.eq(subject)).and(sessions::key.lt(before)))
        .order(sessions::key.desc())
        .limit(limit)
        .select(SessionRow::as_select())
        .load(conn)
        .within("sessions", "")?;
    Ok(rows.into_iter().map(Session::from).collect())
}

/// Ends a session, and with it every grant that rests on it. True for the first who does.
///
/// # Errors
/// When the database fails.
pub fn revoke(tx: &mut Tx, key: Id<Session>, now: Instant) -> Result<bool, StoreError> {
    let (conn, tenant) = tx.parts();
    let changed = diesel::update(sessions::table.find((tenant, key)))
        .filter(sessions::revoked_at.is_null())
        .set(sessions::revoked_at.eq(now))
        .execute(conn)?;
    Ok(changed == 1)
}

/// Writes what a session became when its person proved again who they are: everything but its key, its id, whose it
/// is and where it began. False when it was ended meanwhile.
///
/// # Errors
/// When the database fails.
pub fn update(tx: &mut Tx, session: &Session) -> Result<bool, StoreError> {
    let (conn, tenant) = tx.parts();
    let changed = diesel::update(sessions::table.find((tenant, session.key)))
        .filter(sessions::revoked_at.is_null().and(sessions::subject.eq(&session.subject)))
        .set((
            sessions::digest.eq(Bytes32(session.digest)),
            sessions::authenticated_at.eq(session.authenticated_at),
            sessions::expires_at.eq(session.expires_at),
            sessions::remembered.eq(session.remembered),
            sessions::aal.eq(session.aal),
            sessions::acr.eq(&session.acr),
            sessions::amr.eq(Json(session.amr.clone())),
            sessions::provider_session_id.eq(&session.provider_session_id),
        ))
        .execute(conn)?;
    Ok(changed == 1)
}
