//! The table of facts: what changed, in order.

use diesel::prelude::*;
use serde_json::{Value, json};

use super::column::Json;
use super::error::StoreError;
use super::schema::facts;
use super::tx::Tx;
use crate::base::{Id, Instant};
use crate::model::{ClientId, Fact, Subject};

/// A fact as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct FactRow {
    /// Time-ordered.
    pub id: Id<Fact>,
    /// The word for what changed.
    pub kind: String,
    /// Whom it concerns.
    pub subject: Option<Subject>,
    /// Which client it concerns.
    pub client_id: Option<ClientId>,
    /// What else is to be known: ids and reasons.
    pub detail: Value,
    /// When it was recorded.
    pub created_at: Instant,
}

/// Keeps a fact.
///
/// # Errors
/// When the database fails.
pub fn insert(tx: &mut Tx, id: Id<Fact>, fact: &Fact, now: Instant) -> Result<(), StoreError> {
    let (conn, tenant) = tx.parts();
    diesel::insert_into(facts::table)
        .values((
            facts::tenant.eq(tenant),
            facts::id.eq(id),
            facts::kind.eq(fact.kind()),
            facts::subject.eq(fact.subject()),
            facts::client_id.eq(fact.client()),
            facts::detail.eq(Json(detail(fact))),
            facts::created_at.eq(now),
        ))
        .execute(conn)?;
    Ok(())
}

/// Facts in the order they were recorded, after the one named, at most `limit`.
///
/// # Errors
/// When the database fails or a row is unreadable.
pub fn list(tx: &mut Tx, after: Option<Id<Fact>>, limit: i64) -> Result<Vec<FactRow>, StoreError> {
    let (conn, tenant) = tx.parts();
    let after = after.unwrap_or(Id::from_uuid(uuid::Uuid::nil()));
    type Row = (Id<Fact>, String, Option<Subject>, Option<ClientId>, Json<Value>, Instant);
    let rows: Vec<Row> = facts::table
        .filter(facts::tenant.eq(tenant).and(facts::id.gt(after)))
        .order(facts::id)
        .limit(limit)
        .select((facts::id, facts::kind, facts::subject, facts::client_id, facts::detail, facts::created_at))
        .load(conn)?;
    let fact = |(id, kind, subject, client_id, detail, created_at): Row| FactRow {
        id,
        kind,
        subject,
        client_id,
        detail: detail.0,
        created_at,
    };
    Ok(rows.into_iter().map(fact).collect())
}

fn detail(fact: &Fact) -> Value {
    match fact {
        Fact::GrantMade { grant, .. } => json!({ "grant": grant }),
        Fact::GrantRevoked { grant, why, .. } => json!({ "grant": grant, "why": why.as_str() }),
        Fact::SessionBegun { session, .. } | Fact::SessionEnded { session, .. } => json!({ "session": session }),
        Fact::ClientCreated { .. }
        | Fact::ClientDeleted { .. }
        | Fact::ClientUpdated { .. }
        | Fact::IdentityCreated { .. } => json!({}),
    }
}
