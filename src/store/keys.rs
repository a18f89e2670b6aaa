//! Signing keys, sealed. Not here: opening them and choosing the signer (`crypto::keyring`).

use diesel::prelude::*;

use super::error::StoreError;
use super::schema::signing_keys;
use super::tx::Tx;
use crate::base::Instant;

/// A private key as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = signing_keys)]
pub struct StoredKey {
    /// Names the key in headers and in the key set: its RFC 7638 thumbprint.
    pub kid: String,
    /// The algorithm it signs with (RFC 7518 §3.1).
    pub alg: String,
    /// upcoming, active, retiring or retired.
    pub state: String,
    /// The private key, sealed with the system secret.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: Instant,
    /// When it came into its state.
    pub state_changed_at: Instant,
}

/// Every key, oldest first.
///
/// # Errors
/// When the database fails.
pub fn all(tx: &mut Tx) -> Result<Vec<StoredKey>, StoreError> {
    let (conn, tenant) = tx.parts();
    Ok(signing_keys::table
        .filter(signing_keys::tenant.eq(tenant))
        .order((signing_keys::created_at, signing_keys::kid))
        .select(StoredKey::as_select())
        .load(conn)?)
}

/// Adds a key.
///
/// # Errors
/// [`StoreError::Conflict`] when the key is there already.
pub fn insert(tx: &mut Tx, key: &StoredKey) -> Result<(), StoreError> {
    let (conn, tenant) = tx.parts();
    diesel::insert_into(signing_keys::table).values((signing_keys::tenant.eq(tenant), key)).execute(conn)?;
    Ok(())
}

/// Moves a key from the state `from` to the state `to`. False when it is not in that state, or not there.
///
/// # Errors
/// When the database fails.
pub fn set_state(tx: &mut Tx, kid: &str, from: &str, to: &str, now: Instant) -> Result<bool, StoreError> {
    let (conn, tenant) = tx.parts();
    let changed = diesel::update(signing_keys::table.find((tenant, kid)))
        .filter(signing_keys::state.eq(from))
        .set((signing_keys::state.eq(to), signing_keys::state_changed_at.eq(now)))
        .execute(conn)?;
    Ok(changed == 1)
}
