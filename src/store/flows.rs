//! Self-service flows: rows whose body only `identity` reads.

use diesel::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use super::column::{Bytes32, Json, Plain};
use super::error::{StoreError, Within};
use super::row::row;
use super::schema::flows;
use super::tx::Tx;
use crate::base::Instant;
use crate::model::token::Digest;

/// A self-service flow as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    /// The id clients see; random, and the only way to the flow.
    pub id: Uuid,
    /// login, registration and so on.
    pub kind: String,
    /// Where it stands, in the words of its kind.
    pub state: String,
    /// The interaction it answers, if any.
    pub interaction_id: Option<Uuid>,
    /// Of the anti-forgery value in the browser's cookie; `None` when no browser is involved.
    pub csrf_digest: Option<Digest>,
    /// The rest of it.
    pub body: Value,
    /// When it began.
    pub issued_at: Instant,
    /// When it may not be sent any more.
    pub expires_at: Instant,
    /// When it was done.
    pub used_at: Option<Instant>,
}

row! { FlowRow of flows for Flow {
    id: Plain,
    kind: String,
    state: String,
    interaction_id: Option<Plain>,
    csrf_digest: Option<Bytes32>,
    body: Json<Value>,
    issued_at: Instant,
    expires_at: Instant,
    used_at: Option<Instant>,
} }

/// Adds a flow.
///
/// # Errors
/// When the database fails.
pub fn insert(tx: &mut Tx, flow: &Flow) -> Result<(), StoreError> {
    let (conn, tenant) = tx.parts();
    diesel::insert_into(flows::table).values((flows::tenant.eq(tenant), FlowRow::from(flow))).execute(conn)?;
    Ok(())
}

/// The flow of that id, done or not.
///
/// # Errors
/// When the database fails or the row is unreadable.
pub fn find(tx: &mut Tx, id: Uuid) -> Result<Option<Flow>, StoreError> {
    let (conn, tenant) = tx.parts();
    let row: Option<FlowRow> = flows::table
        .find((tenant, Plain(id)))
        .select(FlowRow::as_select())
        .first(conn)
        .optional()
        .within("flows", id)?;
    Ok(row.map(Flow::from))
}

/// Writes state and body of a flow that is in state `expected` and not done. False when it went on meanwhile.
///
/// # Errors
/// When the database fails.
pub fn update(tx: &mut Tx, flow: &Flow, expected: &str) -> Result<bool, StoreError> {
    let (conn, tenant) = tx.parts();
    let changed = diesel::update(flows::table.find((tenant, Plain(flow.id))))
        .filter(flows::used_at.is_null().and(flows::state.eq(expected)))
        .set((
            flows::state.eq(&flow.state),
            flows::body.eq(Json(flow.body.clone())),
            flows::expires_at.eq(flow.expires_at),
        ))
        .execute(conn)?;
    Ok(changed == 1)
}

/// Uses a flow up. True for the first who does.
///
/// # Errors
/// When the database fails.
pub fn mark_used(tx: &mut Tx, id: Uuid, now: Instant) -> Result<bool, StoreError> {
    let (conn, tenant) = tx.parts();
    let changed = diesel::update(flows::table.find((tenant, Plain(id))))
        .filter(flows::used_at.is_null())
        .set(flows::used_at.eq(now))
        .execute(conn)?;
    Ok(changed == 1)
}
