//! People: identities, how they prove themselves, the names they log in by, and their addresses.
//!
//! Not here: schemas and what may change together (`identity`).

use diesel::prelude::*;
use serde_json::Value;

use super::column::Json;
use super::error::{StoreError, Within};
use super::row::row;
use super::schema::{credential_identifiers, identities, identity_addresses, identity_credentials};
use super::tx::Tx;
use crate::base::{Id, Instant};
use crate::model::identity::{Address, AddressPurpose, Credential, CredentialKind};
use crate::model::{Identity, IdentityState};

row! { IdentityRow of identities for Identity {
    id: Id<Identity>,
    seq: Id<Identity>,
    schema_id: String,
    state: IdentityState,
    state_changed_at: Instant,
    traits: Json<Value>,
    metadata_public: Option<Json<Value>>,
    metadata_admin: Option<Json<Value>>,
    external_id: Option<String>,
    version: i64,
    created_at: Instant,
    updated_at: Instant,
} }

row! { AddressRow of identity_addresses for Address {
    id: Id<Address>,
    identity_id: Id<Identity>,
    purpose: AddressPurpose,
    via: String,
    value: String,
    status: String,
    verified_at: Option<Instant>,
    created_at: Instant,
    updated_at: Instant,
} }

#[derive(Queryable, Selectable)]
#[diesel(table_name = identity_credentials)]
struct CredentialRow {
    identity_id: Id<Identity>,
    kind: CredentialKind,
    config: Json<Value>,
    version: i64,
}

impl From<CredentialRow> for Credential {
    fn from(row: CredentialRow) -> Self {
        Self { identity_id: row.identity_id, kind: row.kind, config: row.config.0, version: row.version }
    }
}

/// Adds a person with everything of theirs.
///
/// # Errors
/// [`StoreError::Conflict`] with [`super::constraint::IDENTIFIER`], [`super::constraint::ADDRESS`] or
/// [`super::constraint::EXTERNAL_ID`] when somebody else has one of them.
pub fn insert(
    tx: &mut Tx,
    identity: &Identity,
    credentials: &[Credential],
    identifiers: &[(CredentialKind, String)],
    addresses: &[Address],
) -> Result<(), StoreError> {
    let (conn, tenant) = tx.parts();
    diesel::insert_into(identities::table)
        .values((identities::tenant.eq(tenant), IdentityRow::from(identity)))
        .execute(conn)?;
    for credential in credentials {
        add_credential(tx, credential, identity.created_at)?;
    }
    for (kind, identifier) in identifiers {
        let (conn, tenant) = tx.parts();
        diesel::insert_into(credential_identifiers::table)
            .values((
                credential_identifiers::tenant.eq(tenant),
                credential_identifiers::kind.eq(kind),
                credential_identifiers::identifier.eq(identifier),
                credential_identifiers::identity_id.eq(identity.id),
            ))
            .execute(conn)?;
    }
    let (conn, tenant) = tx.parts();
    for address in addresses {
        diesel::insert_into(identity_addresses::table)
            .values((identity_addresses::tenant.eq(tenant), AddressRow::from(address)))
            .execute(conn)?;
    }
    Ok(())
}

/// Adds one way for a person to prove who they are.
///
/// # Errors
/// [`StoreError::Conflict`] when they have one of that kind, or there is no such person.
pub fn add_credential(tx: &mut Tx, credential: &Credential, now: Instant) -> Result<(), StoreError> {
    let (conn, tenant) = tx.parts();
    diesel::insert_into(identity_credentials::table)
        .values((
            identity_credentials::tenant.eq(tenant),
            identity_credentials::identity_id.eq(credential.identity_id),
            identity_credentials::kind.eq(credential.kind),
            identity_credentials::config.eq(Json(credential.config.clone())),
            identity_credentials::version.eq(credential.version),
            identity_credentials::created_at.eq(now),
            identity_credentials::updated_at.eq(now),
        ))
        .execute(conn)?;
    Ok(())
}

/// The person of that id.
///
/// # Errors
/// When the database fails or the row is unreadable.
pub fn find(tx: &mut Tx, id: Id<Identity>) -> Result<Option<Identity>, StoreError> {
    let (conn, tenant) = tx.parts();
    let row: Option<IdentityRow> = identities::table
        .find((tenant, id))
        .select(IdentityRow::as_select())
        .first(conn)
        .optional()
        .within("identities", id)?;
    Ok(row.map(Identity::from))
}

/// The person who logs in by `identifier` (normalised) and this kind of proof.
///
/// # Errors
/// When the database fails or a row is unreadable.
pub fn find_credential_by_identifier(
    tx: &mut Tx,
    kind: CredentialKind,
    identifier: &str,
) -> Result<Option<(Identity, Credential)>, StoreError> {
    // PostgreSQL cannot even be asked for this character.
    if identifier.contains('\0') {
        return Ok(None);
    }
    let (conn, tenant) = tx.parts();
    let row: Option<(IdentityRow, CredentialRow)> = credential_identifiers::table
        .inner_join(
            identities::table.on(identities::tenant
                .eq(credential_identifiers::tenant)
                .and(identities::id.eq(credential_identifiers::identity_id))),
        )
        .inner_join(
            identity_credentials::table.on(identity_credentials::tenant
                .eq(credential_identifiers::tenant)
                .and(identity_credentials::identity_id.eq(credential_identifiers::identity_id))
                .and(identity_credentials::kind.eq(credential_identifiers::kind))),
        )
        .filter(credential_identifiers::tenant.eq(tenant))
        .filter(credential_identifiers::kind.eq(kind).and(credential_identifiers::identifier.eq(identifier)))
        .select((IdentityRow::as_select(), CredentialRow::as_select()))
        .first(conn)
        .optional()
        .within("identities", "")?;
    Ok(row.map(|(identity, credential)| (identity.into(), credential.into())))
}

/// How a person proves who they are, by kind.
///
/// # Errors
/// When the database fails or the row is unreadable.
pub fn credential(tx: &mut Tx, id: Id<Identity>, kind: CredentialKind) -> Result<Option<Credential>, StoreError> {
    let (conn, tenant) = tx.parts();
    let row: Option<CredentialRow> = identity_credentials::table
        .find((tenant, id, kind))
        .select(CredentialRow::as_select())
        .first(conn)
        .optional()
        .within("identity_credentials", id)?;
    Ok(row.map(Credential::from))
}

/// A person's addresses, oldest first.
///
/// # Errors
/// When the database fails or a row is unreadable.
pub fn addresses(tx: &mut Tx, id: Id<Identity>) -> Result<Vec<Address>, StoreError> {
    let (conn, tenant) = tx.parts();
    let rows: Vec<AddressRow> = identity_addresses::table
        .filter(identity_addresses::tenant.eq(tenant).and(identity_addresses::identity_id.eq(id)))
        .order((identity_addresses::created_at, identity_addresses::purpose, identity_addresses::value))
        .select(AddressRow::as_select())
        .load(conn)
        .within("identity_addresses", "")?;
    Ok(rows.into_iter().map(Address::from).collect())
}

/// People in the order they came, after the one with that `seq`, at most `limit`.
///
/// # Errors
/// When the database fails or a row is unreadable.
pub fn list(tx: &mut Tx, after: Option<Id<Identity>>, limit: i64) -> Result<Vec<Identity>, StoreError> {
    let (conn, tenant) = tx.parts();
    let after = after.unwrap_or(Id::from_uuid(uuid::Uuid::nil()));
    let rows: Vec<IdentityRow> = identities::table
        .filter(identities::tenant.eq(tenant).and(identities::seq.gt(after)))
        .order(identities::seq)
        .limit(limit)
        .select(IdentityRow::as_select())
        .load(conn)
        .within("identities", "")?;
    Ok(rows.into_iter().map(Identity::from).collect())
}

/// Writes traits, both metadata and the external id of a person whose version is `expected`; their version becomes the
/// one in `identity`. False when somebody changed them meanwhile.
///
/// # Errors
/// [`StoreError::Conflict`] with [`super::constraint::EXTERNAL_ID`] when somebody else has it.
pub fn update_traits(tx: &mut Tx, identity: &Identity, expected: i64) -> Result<bool, StoreError> {
    let (conn, tenant) = tx.parts();
    let row = IdentityRow::from(identity);
    let changed = diesel::update(identities::table.find((tenant, identity.id)))
        .filter(identities::version.eq(expected))
        .set((
            identities::schema_id.eq(row.schema_id),
            identities::traits.eq(row.traits),
            identities::metadata_public.eq(row.metadata_public),
            identities::metadata_admin.eq(row.metadata_admin),
            identities::external_id.eq(row.external_id),
            identities::version.eq(row.version),
            identities::updated_at.eq(row.updated_at),
        ))
        .execute(conn)?;
    Ok(changed == 1)
}

/// Lets a person log in, or not. True for the one who changed it.
///
/// # Errors
/// When the database fails.
pub fn set_state(tx: &mut Tx, id: Id<Identity>, to: IdentityState, now: Instant) -> Result<bool, StoreError> {
    let (conn, tenant) = tx.parts();
    let changed = diesel::update(identities::table.find((tenant, id)))
        .filter(identities::state.ne(to))
        .set((
            identities::state.eq(to),
            identities::state_changed_at.eq(now),
            identities::updated_at.eq(now),
            identities::version.eq(identities::version + 1),
        ))
        .execute(conn)?;
    Ok(changed == 1)
}

/// Puts `credential` in the place of its version `expected`. False when somebody changed it meanwhile.
///
/// # Errors
/// When the database fails.
pub fn replace_credential(
    tx: &mut Tx,
    credential: &Credential,
    expected: i64,
    now: Instant,
) -> Result<bool, StoreError> {
    let (conn, tenant) = tx.parts();
    let changed = diesel::update(identity_credentials::table.find((tenant, credential.identity_id, credential.kind)))
        .filter(identity_credentials::version.eq(expected))
        .set((
            identity_credentials::config.eq(Json(credential.config.clone())),
            identity_credentials::version.eq(credential.version),
            identity_credentials::updated_at.eq(now),
        ))
        .execute(conn)?;
    Ok(changed == 1)
}

/// Removes a person and everything of theirs. False when there was none.
///
/// # Errors
/// When the database fails.
pub fn delete(tx: &mut Tx, id: Id<Identity>) -> Result<bool, StoreError> {
    let (conn, tenant) = tx.parts();
    Ok(diesel::delete(identities::table.find((tenant, id))).execute(conn)? == 1)
}
