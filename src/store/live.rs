//! What a live access token rests on, found in one visit: its row, its grant, and whether client, session and person
//! still stand behind them. Rows come as the database keeps them; whoever asked makes values of them.

use diesel::prelude::*;
use serde::de::DeserializeOwned;

use super::column::{Bytes32, Plain, RawJson};
use super::error::StoreError;
use super::grants::Parents;
use super::schema::{access_tokens, clients, grants};
use crate::base::{Id, Instant};
use crate::model::{AccessRecord, Client, ClientId, Grant, Identity, IdentityState, ScopeSet, Session, Subject};

/// An access token and everything that decides whether it works. Nothing of it is ever remembered: each look-up asks.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveAccess {
    /// The token, revoked or not.
    pub record: AccessRecord,
    /// Its parent, revoked or not; `None` for client credentials, and when the parent is gone.
    pub grant: Option<Grant>,
    /// The session of its grant was not ended; true when it rests on none.
    pub session_live: bool,
    /// The person of its grant may log in; true when the person is not ours.
    pub identity_active: bool,
    /// The client it was issued to was not removed.
    pub client_exists: bool,
}

impl LiveAccess {
    /// Whether the token works at `now`.
    pub fn is_live(&self, now: Instant) -> bool {
        let record = &self.record;
        let by_itself = record.revoked_at.is_none() && now < record.expires_at && self.client_exists;
        let by_grant = match (record.grant_id, &self.grant) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(_), Some(grant)) => {
                grant.revoked_at.is_none() && grant.live_from.is_none_or(|first| record.id.uuid() >= first)
            }
        };
        by_itself && by_grant && self.session_live && self.identity_active
    }
}

/// A token's row as it lies there.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = access_tokens)]
pub(super) struct AccessPart {
    id: Id<AccessRecord>,
    digest: Bytes32,
    pub(super) client_id: ClientId,
    subject: Subject,
    pub(super) grant_id: Option<Id<Grant>>,
    scope: String,
    audience: RawJson,
    issued_at: Instant,
    expires_at: Instant,
    revoked_at: Option<Instant>,
}

/// A grant's row as it lies there.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = grants)]
pub(super) struct GrantPart {
    id: Id<Grant>,
    client_id: ClientId,
    subject: Subject,
    pub(super) identity_id: Option<Id<Identity>>,
    pub(super) session_key: Option<Id<Session>>,
    scope: String,
    audience: RawJson,
    detail: RawJson,
    remembered: bool,
    skipped: bool,
    remember_until: Option<Instant>,
    live_from: Option<Plain>,
    created_at: Instant,
    expires_at: Option<Instant>,
    revoked_at: Option<Instant>,
}

/// A client's row as it lies there; equal rows are the same client.
#[derive(Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = clients)]
pub(super) struct ClientPart {
    id: ClientId,
    version: i64,
    body: RawJson,
    secrets: RawJson,
    created_at: Instant,
    updated_at: Instant,
}

/// All rows of one token: token, its client's version, grant, session's key and end, person's state.
pub(super) type LiveRow =
    (AccessPart, Option<i64>, Option<GrantPart>, (Option<Id<Session>>, Option<Instant>), Option<IdentityState>);

/// The token that these rows describe.
pub(super) fn live_access(row: LiveRow) -> Result<LiveAccess, StoreError> {
    let (access, client, grant, session, identity) = row;
    let parents = Parents { session, identity };
    let grant = grant.map(grant_of).transpose()?;
    Ok(LiveAccess {
        session_live: parents.session_live(grant.as_ref().and_then(|g| g.session_key)),
        identity_active: parents.identity_active(grant.as_ref().and_then(|g| g.identity_id)),
        client_exists: client.is_some(),
        grant,
        record: record_of(access)?,
    })
}

fn record_of(row: AccessPart) -> Result<AccessRecord, StoreError> {
    let corrupt = |column: &str| corrupt("access_tokens", column, row.id);
    Ok(AccessRecord {
        id: row.id,
        digest: row.digest.0,
        client_id: row.client_id,
        subject: row.subject,
        grant_id: row.grant_id,
        scope: ScopeSet::parse(&row.scope).map_err(|_| corrupt("scope"))?,
        audience: parsed(&row.audience).ok_or_else(|| corrupt("audience"))?,
        issued_at: row.issued_at,
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
    })
}

fn grant_of(row: GrantPart) -> Result<Grant, StoreError> {
    let corrupt = |column: &str| corrupt("grants", column, row.id);
    Ok(Grant {
        id: row.id,
        client_id: row.client_id,
        subject: row.subject,
        identity_id: row.identity_id,
        session_key: row.session_key,
        scope: ScopeSet::parse(&row.scope).map_err(|_| corrupt("scope"))?,
        audience: parsed(&row.audience).ok_or_else(|| corrupt("audience"))?,
        detail: parsed(&row.detail).ok_or_else(|| corrupt("detail"))?,
        remembered: row.remembered,
        skipped: row.skipped,
        remember_until: row.remember_until,
        live_from: row.live_from.map(|plain| plain.0),
        created_at: row.created_at,
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
    })
}

/// The client that this row describes.
pub(super) fn client_of(row: &ClientPart) -> Result<Client, StoreError> {
    let corrupt = |column: &str| corrupt("clients", column, &row.id);
    Ok(Client {
        id: row.id.clone(),
        version: row.version,
        metadata: parsed(&row.body).ok_or_else(|| corrupt("body"))?,
        secrets: parsed(&row.secrets).ok_or_else(|| corrupt("secrets"))?,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

impl ClientPart {
    pub(super) const fn version(&self) -> i64 {
        self.version
    }

    pub(super) const fn id(&self) -> &ClientId {
        &self.id
    }
}

impl AccessPart {
    pub(super) const fn id(&self) -> Id<AccessRecord> {
        self.id
    }
}

fn parsed<T: DeserializeOwned>(raw: &RawJson) -> Option<T> {
    serde_json::from_str(&raw.0).ok()
}

fn corrupt(table: &'static str, column: &str, id: impl ToString) -> StoreError {
    StoreError::Corrupt { table, column: column.to_owned(), id: id.to_string() }
}
