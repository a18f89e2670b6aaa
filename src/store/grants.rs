//! Grants: one row is the parent of a whole family of tokens, and revoking it is one change.
//!
//! Not here: which grants may be reused or minted from (`oauth`, `interaction`).

use diesel::prelude::*;
use uuid::Uuid;

use super::column::{Json, Plain};
use super::dialect::both;
use super::error::{StoreError, Within};
use super::row::row;
use super::schema::{clients, grants, identities, sessions};
use super::tx::Tx;
use crate::base::{Id, Instant};
use crate::model::grant::RevokedFor;
use crate::model::{ClientId, Grant, GrantDetail, Identity, IdentityState, ScopeSet, Session, Subject};

row! { GrantRow of grants for Grant {
    id: Id<Grant>,
    client_id: ClientId,
    subject: Subject,
    identity_id: Option<Id<Identity>>,
    session_key: Option<Id<Session>>,
    scope: ScopeSet,
    audience: Json<Vec<String>>,
    detail: Json<GrantDetail>,
    remembered: bool,
    skipped: bool,
    remember_until: Option<Instant>,
    live_from: Option<Plain>,
    created_at: Instant,
    expires_at: Option<Instant>,
    revoked_at: Option<Instant>,
} }

/// A grant, and whether everything it rests on is still there.
#[derive(Clone, Debug, PartialEq)]
pub struct Liveness {
    /// The grant, revoked or not.
    pub grant: Grant,
    /// Its session was not ended; true when it rests on none. A session that ran out has not been ended.
    pub session_live: bool,
    /// Its person may log in; true when the person is not ours.
    pub identity_active: bool,
    /// Its client was not removed.
    pub client_exists: bool,
}

impl Liveness {
    /// Whether tokens of the grant work, so far as they do not die by themselves.
    pub const fn is_live(&self) -> bool {
        self.grant.revoked_at.is_none() && self.session_live && self.identity_active && self.client_exists
    }
}

/// Whether an ended session or an inactive person stands against a grant. Found by outer joins.
pub(super) struct Parents {
    /// Its key and when it was ended.
    pub(super) session: (Option<Id<Session>>, Option<Instant>),
    pub(super) identity: Option<IdentityState>,
}

impl Parents {
    pub(super) fn session_live(&self, key: Option<Id<Session>>) -> bool {
        key.is_none() || (self.session.0 == key && self.session.1.is_none())
    }

    pub(super) fn identity_active(&self, id: Option<Id<Identity>>) -> bool {
        id.is_none() || self.identity == Some(IdentityState::Active)
    }
}

/// What revoking changes: from then on nothing of it is alive.
#[derive(AsChangeset)]
#[diesel(table_name = grants)]
struct Revoked {
    revoked_at: Instant,
    revoked_for: RevokedFor,
    remembered: bool,
    expires_at: Instant,
}

impl Revoked {
    const fn new(why: RevokedFor, now: Instant) -> Self {
        Self { revoked_at: now, revoked_for: why, remembered: false, expires_at: now }
    }
}

/// Adds a grant.
///
/// # Errors
/// When the database fails.
pub fn insert(tx: &mut Tx, grant: &Grant) -> Result<(), StoreError> {
    let (conn, tenant) = tx.parts();
    diesel::insert_into(grants::table).values((grants::tenant.eq(tenant), GrantRow::from(grant))).execute(conn)?;
    Ok(())
}

/// The grant of that id, revoked or not.
///
/// # Errors
/// When the database fails or the row is unreadable.
pub fn find(tx: &mut Tx, id: Id<Grant>) -> Result<Option<Grant>, StoreError> {
    let (conn, tenant) = tx.parts();
    let row: Option<GrantRow> =
        grants::table.find((tenant, id)).select(GrantRow::as_select()).first(conn).optional().within("grants", id)?;
    Ok(row.map(Grant::from))
}

/// The grant of that id and what it rests on, in one query.
///
/// # Errors
/// When the database fails or the row is unreadable.
pub fn liveness(tx: &mut Tx, id: Id<Grant>) -> Result<Option<Liveness>, StoreError> {
    let (conn, tenant) = tx.parts();
    type Row = (GrantRow, (Option<Id<Session>>, Option<Instant>), Option<IdentityState>, Option<i64>);
    let row: Option<Row> = both!(conn, c => grants::table
        .left_join(
            sessions::table
                .on(sessions::tenant.eq(grants::tenant).and(sessions::key.nullable().eq(grants::session_key))),
        )
        .left_join(
            identities::table
                .on(identities::tenant.eq(grants::tenant).and(identities::id.nullable().eq(grants::identity_id))),
        )
        .left_join(clients::table.on(clients::tenant.eq(grants::tenant).and(clients::id.eq(grants::client_id))))
        .filter(grants::tenant.eq(tenant).and(grants::id.eq(id)))
        .select((
            GrantRow::as_select(),
            (sessions::key.nullable(), sessions::revoked_at.nullable()),
            identities::state.nullable(),
            clients::version.nullable(),
        ))
        .first(c))
    .optional()
    .within("grants", id)?;
    Ok(row.map(|(grant, session, identity, client)| {
        let grant = Grant::from(grant);
        let parents = Parents { session, identity };
        Liveness {
            session_live: parents.session_live(grant.session_key),
            identity_active: parents.identity_active(grant.identity_id),
            client_exists: client.is_some(),
            grant,
        }
    }))
}

/// Revokes a grant, and with it every token that came of it; it is no longer remembered, and may be swept. True for the
/// first who does.
///
/// # Errors
/// When the database fails.
pub fn revoke(tx: &mut Tx, id: Id<Grant>, why: RevokedFor, now: Instant) -> Result<bool, StoreError> {
    let (conn, tenant) = tx.parts();
    let changed = diesel::update(grants::table.find((tenant, id)))
        .filter(grants::revoked_at.is_null())
        .set(Revoked::new(why, now))
        .execute(conn)?;
    Ok(changed == 1)
}

/// Checks again that the grant is not revoked and locks its row, before tokens are made of it. It will not be swept
/// before `expires_at` (`None`: never); with `live_from`, its access tokens before that one are dead. False when revoked.
///
/// # Errors
/// When the database fails.
pub fn touch_for_mint(
    tx: &mut Tx,
    id: Id<Grant>,
    expires_at: Option<Instant>,
    live_from: Option<Uuid>,
) -> Result<bool, StoreError> {
    let (conn, tenant) = tx.parts();
    let target = diesel::update(grants::table.find((tenant, id))).filter(grants::revoked_at.is_null());
    let changed = match live_from {
        Some(first) => {
            let target = target.set((grants::expires_at.eq(expires_at), grants::live_from.eq(Plain(first))));
            both!(conn, c => target.execute(c))?
        }
        None => {
            let target = target.set(grants::expires_at.eq(expires_at));
            both!(conn, c => target.execute(c))?
        }
    };
    Ok(changed == 1)
}

/// Grants that `subject` gave to `client` for later requests too, newest first, at most `limit`.
///
/// # Errors
/// When the database fails or a row is unreadable.
pub fn remembered(
    tx: &mut Tx,
    subject: &Subject,
    client: &ClientId,
    now: Instant,
    limit: i64,
) -> Result<Vec<Grant>, StoreError> {
    let (conn, tenant) = tx.parts();
    let rows: Vec<GrantRow> = grants::table
        .filter(grants::tenant.eq(tenant).and(grants::subject.eq(subject)).and(grants::client_id.eq(client)))
        .filter(grants::remembered.eq(true).and(grants::revoked_at.is_null()))
        .filter(grants::remember_until.is_null().or(grants::remember_until.gt(now)))
        .order(grants::id.desc())
        .limit(limit)
        .select(GrantRow::as_select())
        .load(conn)
        .within("grants", "")?;
    Ok(rows.into_iter().map(Grant::from).collect())
}

/// Grants of `subject` that are not revoked, newest first, before the one named, at most `limit`.
///
/// # Errors
/// When the database fails or a row is unreadable.
pub fn list_by_subject(
    tx: &mut Tx,
    subject: &Subject,
    before: Option<Id<Grant>>,
    limit: i64,
) -> Result<Vec<Grant>, StoreError> {
    let (conn, tenant) = tx.parts();
    let before = before.unwrap_or(Id::from_uuid(Uuid::max()));
    let rows: Vec<GrantRow> = grants::table
        .filter(grants::tenant.eq(tenant).and(grants::subject.eq(subject)))
        .filter(grants::revoked_at.is_null().and(grants::id.lt(before)))
        .order(grants::id.desc())
        .limit(limit)
        .select(GrantRow::as_select())
        .load(conn)
        .within("grants", "")?;
    Ok(rows.into_iter().map(Grant::from).collect())
}

/// Grants that rest on a session and are not revoked, oldest first, at most `limit`: whom to tell when it ends.
///
/// # Errors
/// When the database fails or a row is unreadable.
pub fn list_by_session(tx: &mut Tx, session: Id<Session>, limit: i64) -> Result<Vec<Grant>, StoreError> {
    let (conn, tenant) = tx.parts();
    let rows: Vec<GrantRow> = grants::table
        .filter(grants::tenant.eq(tenant).and(grants::session_key.eq(session)))
        .filter(grants::revoked_at.is_null())
        .order((grants::client_id, grants::id))
        .limit(limit)
        .select(GrantRow::as_select())
        .load(conn)
        .within("grants", "")?;
    Ok(rows.into_iter().map(Grant::from).collect())
}

/// Revokes what `subject` gave: to `client`, or to everybody. The grants that this call revoked.
///
/// # Errors
/// When the database fails.
pub fn revoke_by_subject_client(
    tx: &mut Tx,
    subject: &Subject,
    client: Option<&ClientId>,
    why: RevokedFor,
    now: Instant,
) -> Result<Vec<(Id<Grant>, ClientId)>, StoreError> {
    let (conn, tenant) = tx.parts();
    let target = diesel::update(grants::table)
        .filter(grants::tenant.eq(tenant).and(grants::subject.eq(subject)).and(grants::revoked_at.is_null()));
    let change = Revoked::new(why, now);
    let returned = (grants::id, grants::client_id);
    Ok(match client {
        Some(client) => {
            target.filter(grants::client_id.eq(client)).set(change).returning(returned).get_results(conn)?
        }
        None => target.set(change).returning(returned).get_results(conn)?,
    })
}
