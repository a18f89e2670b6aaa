//! Codes, access tokens and refresh tokens. What happens once is an update whose row count decides.
//!
//! Not here: the append queue ([`super::Store::append_access`]), live look-ups ([`super::Store::access`]).

use diesel::prelude::*;
use uuid::Uuid;

use super::access::NewAccess;
use super::column::{Bytes32, Json, Plain};
use super::dialect::{OnConflict, both};
use super::error::{StoreError, Within};
use super::row::row;
use super::schema::{access_tokens, codes, refresh_tokens, revoked_jwts};
use super::tx::Tx;
use crate::base::{Id, Instant};
use crate::model::{AccessRecord, ClientId, CodeRecord, Grant, RefreshRecord, ScopeSet, Subject};

row! { CodeRow of codes for CodeRecord {
    id: Id<CodeRecord>,
    digest: Bytes32,
    grant_id: Id<Grant>,
    client_id: ClientId,
    redirect_uri: Option<String>,
    code_challenge: Option<String>,
    issued_at: Instant,
    expires_at: Instant,
    used_at: Option<Instant>,
} }

row! { AccessRow of access_tokens for AccessRecord {
    id: Id<AccessRecord>,
    digest: Bytes32,
    client_id: ClientId,
    subject: Subject,
    grant_id: Option<Id<Grant>>,
    scope: ScopeSet,
    audience: Json<Vec<String>>,
    issued_at: Instant,
    expires_at: Instant,
    revoked_at: Option<Instant>,
} }

row! { RefreshRow of refresh_tokens for RefreshRecord {
    id: Id<RefreshRecord>,
    digest: Bytes32,
    grant_id: Id<Grant>,
    client_id: ClientId,
    scope: ScopeSet,
    access_token_id: Plain,
    issued_at: Instant,
    expires_at: Option<Instant>,
    used_at: Option<Instant>,
    reuses: i64,
} }

/// Adds a code.
///
/// # Errors
/// When the database fails.
pub fn insert_code(tx: &mut Tx, code: &CodeRecord) -> Result<(), StoreError> {
    let (conn, tenant) = tx.parts();
    diesel::insert_into(codes::table).values((codes::tenant.eq(tenant), CodeRow::from(code))).execute(conn)?;
    Ok(())
}

/// The code of that id, used or not.
///
/// # Errors
/// When the database fails or the row is unreadable.
pub fn code(tx: &mut Tx, id: Id<CodeRecord>) -> Result<Option<CodeRecord>, StoreError> {
    let (conn, tenant) = tx.parts();
    let row: Option<CodeRow> = both!(conn, c => codes::table.find((tenant, id)).select(CodeRow::as_select()).first(c))
        .optional()
        .within("codes", id)?;
    Ok(row.map(CodeRecord::from))
}

/// Uses a code up (RFC 6749 §4.1.2). True for the first who does.
///
/// # Errors
/// When the database fails.
pub fn mark_code_used(tx: &mut Tx, id: Id<CodeRecord>, now: Instant) -> Result<bool, StoreError> {
    let (conn, tenant) = tx.parts();
    let changed = both!(conn, c => diesel::update(codes::table.find((tenant, id)))
        .filter(codes::used_at.is_null())
        .set(codes::used_at.eq(now))
        .execute(c))?;
    Ok(changed == 1)
}

/// Adds an access token.
///
/// # Errors
/// When the database fails.
pub fn insert_access(tx: &mut Tx, access: &AccessRecord) -> Result<(), StoreError> {
    let row = NewAccess::new(tx.tenant().clone(), access.clone());
    row.insert(tx.conn())
}

/// The access token of that id, revoked or not. Whether it works also depends on its parents:
/// [`super::Store::access`].
///
/// # Errors
/// When the database fails or the row is unreadable.
pub fn access(tx: &mut Tx, id: Id<AccessRecord>) -> Result<Option<AccessRecord>, StoreError> {
    let (conn, tenant) = tx.parts();
    let row: Option<AccessRow> = access_tokens::table
        .find((tenant, id))
        .select(AccessRow::as_select())
        .first(conn)
        .optional()
        .within("access_tokens", id)?;
    Ok(row.map(AccessRecord::from))
}

/// Revokes one access token by itself. True for the first who does.
///
/// # Errors
/// When the database fails.
pub fn revoke_access(tx: &mut Tx, id: Id<AccessRecord>, now: Instant) -> Result<bool, StoreError> {
    let (conn, tenant) = tx.parts();
    let changed = diesel::update(access_tokens::table.find((tenant, id)))
        .filter(access_tokens::revoked_at.is_null())
        .set(access_tokens::revoked_at.eq(now))
        .execute(conn)?;
    Ok(changed == 1)
}

/// Adds a refresh token.
///
/// # Errors
/// When the database fails.
pub fn insert_refresh(tx: &mut Tx, refresh: &RefreshRecord) -> Result<(), StoreError> {
    let (conn, tenant) = tx.parts();
    let row = RefreshRow::from(refresh);
    both!(conn, c => diesel::insert_into(refresh_tokens::table)
        .values((refresh_tokens::tenant.eq(tenant), row))
        .execute(c))?;
    Ok(())
}

/// The refresh token of that id, used or not.
///
/// # Errors
/// When the database fails or the row is unreadable.
pub fn refresh(tx: &mut Tx, id: Id<RefreshRecord>) -> Result<Option<RefreshRecord>, StoreError> {
    let (conn, tenant) = tx.parts();
    let row: Option<RefreshRow> = both!(conn, c => refresh_tokens::table
        .find((tenant, id))
        .select(RefreshRow::as_select())
        .first(c))
    .optional()
    .within("refresh_tokens", id)?;
    Ok(row.map(RefreshRecord::from))
}

/// Uses a refresh token up (RFC 9700 §4.14.2). True for the first who does.
///
/// # Errors
/// When the database fails.
pub fn mark_refresh_used(tx: &mut Tx, id: Id<RefreshRecord>, now: Instant) -> Result<bool, StoreError> {
    let (conn, tenant) = tx.parts();
    let changed = both!(conn, c => diesel::update(refresh_tokens::table.find((tenant, id)))
        .filter(refresh_tokens::used_at.is_null())
        .set(refresh_tokens::used_at.eq(now))
        .execute(c))?;
    Ok(changed == 1)
}

/// Uses a refresh token once more in its grace period: it was first used after `not_before`, and used again fewer than
/// `most` times (`None`: as often as one likes). False when it may not.
///
/// # Errors
/// When the database fails.
pub fn reuse_refresh(
    tx: &mut Tx,
    id: Id<RefreshRecord>,
    not_before: Instant,
    most: Option<i64>,
) -> Result<bool, StoreError> {
    let (conn, tenant) = tx.parts();
    let changed = diesel::update(refresh_tokens::table.find((tenant, id)))
        .filter(refresh_tokens::used_at.gt(not_before))
        .filter(refresh_tokens::reuses.lt(most.unwrap_or(i64::MAX)))
        .set(refresh_tokens::reuses.eq(refresh_tokens::reuses + 1))
        .execute(conn)?;
    Ok(changed == 1)
}

/// Revokes one JWT access token by its `jti` until it would have expired. Doing it again changes nothing.
///
/// # Errors
/// When the database fails.
pub fn revoke_jwt(tx: &mut Tx, id: Uuid, expires_at: Instant) -> Result<(), StoreError> {
    let (conn, tenant) = tx.parts();
    let insert = diesel::insert_into(revoked_jwts::table).values((
        revoked_jwts::tenant.eq(tenant),
        revoked_jwts::id.eq(Plain(id)),
        revoked_jwts::expires_at.eq(expires_at),
    ));
    OnConflict { insert, clause: "DO NOTHING" }.execute(conn)?;
    Ok(())
}

/// Whether the JWT access token with that `jti` was revoked by itself.
///
/// # Errors
/// When the database fails.
pub fn is_jwt_revoked(tx: &mut Tx, id: Uuid) -> Result<bool, StoreError> {
    let (conn, tenant) = tx.parts();
    let found: Option<Plain> =
        revoked_jwts::table.find((tenant, Plain(id))).select(revoked_jwts::id).first(conn).optional()?;
    Ok(found.is_some())
}
