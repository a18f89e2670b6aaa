//! Clients: one row each, its metadata a document, its version counting changes.
//!
//! Not here: the cached look-up every request makes ([`super::Store::client`]).

use diesel::prelude::*;

use super::column::Json;
use super::error::{StoreError, Within};
use super::schema::clients;
use super::tx::Tx;
use crate::base::{Instant, Origin};
use crate::model::client::{ClientMetadata, ClientSecretHash};
use crate::model::{Client, ClientId};

#[derive(Queryable, Selectable)]
#[diesel(table_name = clients)]
struct Row {
    id: ClientId,
    version: i64,
    body: Json<ClientMetadata>,
    secrets: Json<Vec<ClientSecretHash>>,
    created_at: Instant,
    updated_at: Instant,
}

impl From<Row> for Client {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            version: row.version,
            metadata: row.body.0,
            secrets: row.secrets.0,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// The client of that id.
///
/// # Errors
/// When the database fails or the row is unreadable.
pub fn find(tx: &mut Tx, id: &ClientId) -> Result<Option<Client>, StoreError> {
    let (conn, tenant) = tx.parts();
    let row: Option<Row> =
        clients::table.find((tenant, id)).select(Row::as_select()).first(conn).optional().within("clients", id)?;
    Ok(row.map(Client::from))
}

/// Clients in the order of their ids, after the one named, at most `limit`.
///
/// # Errors
/// When the database fails or a row is unreadable.
pub fn list(tx: &mut Tx, after: Option<&ClientId>, limit: i64) -> Result<Vec<Client>, StoreError> {
    let (conn, tenant) = tx.parts();
    let after = after.map_or("", ClientId::as_str);
    let rows: Vec<Row> = clients::table
        .filter(clients::tenant.eq(tenant).and(clients::id.gt(after)))
        .order(clients::id)
        .limit(limit)
        .select(Row::as_select())
        .load(conn)
        .within("clients", "")?;
    Ok(rows.into_iter().map(Client::from).collect())
}

/// Every origin that some client registered for its scripts.
///
/// # Errors
/// When the database fails or a row is unreadable.
pub fn origins(tx: &mut Tx) -> Result<Vec<Origin>, StoreError> {
    let (conn, tenant) = tx.parts();
    let bodies: Vec<Json<ClientMetadata>> =
        clients::table.filter(clients::tenant.eq(tenant)).select(clients::body).load(conn).within("clients", "")?;
    Ok(bodies.into_iter().flat_map(|body| body.0.allowed_cors_origins).collect())
}

/// How many clients there are.
///
/// # Errors
/// When the database fails.
pub fn count(tx: &mut Tx) -> Result<i64, StoreError> {
    let (conn, tenant) = tx.parts();
    Ok(clients::table.filter(clients::tenant.eq(tenant)).count().get_result(conn)?)
}

/// Adds a client.
///
/// # Errors
/// [`StoreError::Conflict`] with [`super::constraint::CLIENT`] when there is one of that id.
pub fn insert(tx: &mut Tx, client: &Client) -> Result<(), StoreError> {
    let (conn, tenant) = tx.parts();
    diesel::insert_into(clients::table)
        .values((
            clients::tenant.eq(tenant),
            clients::id.eq(&client.id),
            clients::version.eq(client.version),
            clients::name.eq(&client.metadata.name),
            clients::owner.eq(&client.metadata.owner),
            clients::body.eq(Json(client.metadata.clone())),
            clients::secrets.eq(Json(client.secrets.clone())),
            clients::created_at.eq(client.created_at),
            clients::updated_at.eq(client.updated_at),
        ))
        .execute(conn)?;
    Ok(())
}

/// Puts `client` in the place of its version `expected`. Its own version should be the next one. False when somebody
/// changed or removed it meanwhile.
///
/// # Errors
/// When the database fails.
pub fn replace(tx: &mut Tx, client: &Client, expected: i64) -> Result<bool, StoreError> {
    let (conn, tenant) = tx.parts();
    let changed = diesel::update(clients::table.find((tenant, &client.id)))
        .filter(clients::version.eq(expected))
        .set((
            clients::version.eq(client.version),
            clients::name.eq(&client.metadata.name),
            clients::owner.eq(&client.metadata.owner),
            clients::body.eq(Json(client.metadata.clone())),
            clients::secrets.eq(Json(client.secrets.clone())),
            clients::updated_at.eq(client.updated_at),
        ))
        .execute(conn)?;
    Ok(changed == 1)
}

/// Removes a client; its tokens are dead from then on. False when there was none.
///
/// # Errors
/// When the database fails.
pub fn delete(tx: &mut Tx, id: &ClientId) -> Result<bool, StoreError> {
    let (conn, tenant) = tx.parts();
    Ok(diesel::delete(clients::table.find((tenant, id))).execute(conn)? == 1)
}
