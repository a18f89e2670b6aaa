//! Look-ups that every request makes, answered in batches: who waits at the same time shares one visit.
//!
//! On SQLite a batch is one read transaction of prepared single-row statements, on PostgreSQL one query a kind. Rows are
//! read each time; only the parsed form of an unchanged client row is remembered.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;
use diesel::prelude::*;
use diesel::r2d2::R2D2Connection;

use super::conn::{Conn, Role, Source};
use super::dialect;
use super::error::{OpenError, StoreError};
use super::live::{self, AccessPart, ClientPart, GrantPart, LiveAccess, LiveRow};
use super::queue::{Queue, Ticket};
use super::schema::{access_tokens, clients, grants, identities, sessions};
use crate::base::Id;
use crate::model::{AccessRecord, Client, ClientId, Tenant};

/// Most look-ups in one batch.
const BATCH: usize = 256;
/// Most parsed clients that are remembered.
const CLIENTS: u64 = 10_000;

/// The door to the reading threads.
pub(super) struct Lookups {
    queue: Queue<Lookup>,
    parsed: moka::sync::Cache<(Tenant, ClientId), Arc<Parsed>>,
}

/// A client, and the row it was made of.
struct Parsed {
    row: Arc<ClientPart>,
    client: Arc<Client>,
}

/// One visit: a client, a token, or both.
struct Lookup {
    tenant: Tenant,
    client: Option<ClientId>,
    token: Option<Id<AccessRecord>>,
    ticket: Ticket<Found>,
}

#[derive(Default)]
struct Found {
    client: Option<Arc<ClientPart>>,
    access: Option<LiveRow>,
}

impl Lookups {
    /// Starts the threads; they connect when there is something to do.
    pub(super) fn start(source: &Arc<Source>, patience: Duration) -> Result<Self, OpenError> {
        let threads = match **source {
            // One thread keeps up with two cores' worth of callers; more would only make the batches smaller.
            Source::Sqlite { .. } => std::thread::available_parallelism().map_or(1, |n| n.get() / 2).clamp(1, 4),
            // While one waits for the server, the other gathers the next batch.
            Source::Postgres(_) => 2,
        };
        let worker = || {
            let source = Arc::clone(source);
            move |waiting: Receiver<Lookup>| Desk { source, conn: None }.work(&waiting)
        };
        let queue = Queue::open("store-lookup", patience, (0..threads).map(|_| worker()).collect())?;
        Ok(Self { queue, parsed: moka::sync::Cache::new(CLIENTS) })
    }

    /// A client and a token in one visit; what was not asked for is `None`.
    pub(super) async fn find(
        &self,
        tenant: &Tenant,
        client: Option<ClientId>,
        token: Option<Id<AccessRecord>>,
    ) -> Result<(Option<Arc<Client>>, Option<LiveAccess>), StoreError> {
        let asked = tenant.clone();
        let found = self.queue.submit(|ticket| Lookup { tenant: asked, client, token, ticket }).await?;
        let client = found.client.map(|row| self.parse(tenant, row)).transpose()?;
        Ok((client, found.access.map(live::live_access).transpose()?))
    }

    /// The client of that row, parsed only when the row is not the one that was parsed last.
    fn parse(&self, tenant: &Tenant, row: Arc<ClientPart>) -> Result<Arc<Client>, StoreError> {
        let key = (tenant.clone(), row.id().clone());
        if let Some(known) = self.parsed.get(&key)
            && (Arc::ptr_eq(&known.row, &row) || known.row == row)
        {
            return Ok(Arc::clone(&known.client));
        }
        let client = Arc::new(live::client_of(&row)?);
        self.parsed.insert(key, Arc::new(Parsed { row, client: Arc::clone(&client) }));
        Ok(client)
    }
}

struct Desk {
    source: Arc<Source>,
    conn: Option<Conn>,
}

/// The clients of one batch: each is read once, in the batch's own transaction.
type Clients = HashMap<(Tenant, ClientId), Option<Arc<ClientPart>>>;

impl Desk {
    fn work(mut self, waiting: &Receiver<Lookup>) {
        while let Ok(first) = waiting.recv() {
            let more = waiting.try_iter().take(BATCH - 1);
            let batch: Vec<Lookup> = std::iter::once(first).chain(more).filter(|job| job.ticket.start()).collect();
            self.answer(batch);
        }
    }

    fn answer(&mut self, batch: Vec<Lookup>) {
        let was_idle = self.conn.is_some();
        let found = match self.visit(&batch) {
            // The connection may have died while it was idle: ask again on a new one.
            Err(StoreError::Driver(_)) if was_idle => self.visit(&batch),
            found => found,
        };
        match found {
            // An unreadable row is the trouble of those who asked for it.
            Err(StoreError::Corrupt { .. }) if batch.len() > 1 => {
                for job in batch {
                    self.answer(vec![job]);
                }
            }
            Ok(found) => {
                for (job, found) in batch.into_iter().zip(found) {
                    job.ticket.answer(Ok(found));
                }
            }
            Err(error) => {
                for job in batch {
                    job.ticket.answer(Err(error.clone()));
                }
            }
        }
    }

    /// What each look-up found, in their order. Without a connection afterwards when that broke.
    fn visit(&mut self, batch: &[Lookup]) -> Result<Vec<Found>, StoreError> {
        let conn = match &mut self.conn {
            Some(conn) => conn,
            none => none.insert(self.source.connect(Role::Read)?),
        };
        let found = match conn {
            Conn::Postgres(c) => on_postgres(c, batch),
            Conn::Sqlite(_) => on_sqlite(conn, batch),
        };
        if conn.is_broken() || found.is_err() {
            self.conn = None;
        }
        found
    }
}

fn on_sqlite(conn: &mut Conn, batch: &[Lookup]) -> Result<Vec<Found>, StoreError> {
    dialect::begin_reading(conn)?;
    let Conn::Sqlite(c) = conn else { return Err(StoreError::Busy) };
    let mut known = Clients::new();
    let mut all = Vec::with_capacity(batch.len());
    for job in batch {
        let mut found = Found::default();
        if let Some(id) = &job.client {
            found.client = client_row(c, &mut known, &job.tenant, id)?;
        }
        if let Some(id) = job.token {
            found.access = live_row(c, &mut known, &job.tenant, id)?;
        }
        all.push(found);
    }
    dialect::end_reading(conn)?;
    Ok(all)
}

fn client_row(
    c: &mut SqliteConnection,
    known: &mut Clients,
    tenant: &Tenant,
    id: &ClientId,
) -> QueryResult<Option<Arc<ClientPart>>> {
    let key = (tenant.clone(), id.clone());
    if let Some(row) = known.get(&key) {
        return Ok(row.clone());
    }
    let row: Option<ClientPart> =
        clients::table.find((tenant.as_str(), id)).select(ClientPart::as_select()).first(c).optional()?;
    Ok(known.entry(key).or_insert(row.map(Arc::new)).clone())
}

/// The rows of one token, by statements that stay prepared: one wide join would be prepared anew each time.
fn live_row(
    c: &mut SqliteConnection,
    known: &mut Clients,
    of: &Tenant,
    id: Id<AccessRecord>,
) -> QueryResult<Option<LiveRow>> {
    let tenant = of.as_str();
    let access: Option<AccessPart> =
        access_tokens::table.find((tenant, id)).select(AccessPart::as_select()).first(c).optional()?;
    let Some(access) = access else { return Ok(None) };
    let client = client_row(c, known, of, &access.client_id)?.map(|row| row.version());
    let grant: Option<GrantPart> = match access.grant_id {
        Some(id) => grants::table.find((tenant, id)).select(GrantPart::as_select()).first(c).optional()?,
        None => None,
    };
    let session = match grant.as_ref().and_then(|grant| grant.session_key) {
        Some(key) => {
            sessions::table.find((tenant, key)).select(sessions::revoked_at).first(c).optional()?.map(|end| (key, end))
        }
        None => None,
    };
    let identity = match grant.as_ref().and_then(|grant| grant.identity_id) {
        Some(id) => identities::table.find((tenant, id)).select(identities::state).first(c).optional()?,
        None => None,
    };
    let session = session.map_or((None, None), |(key, end)| (Some(key), end));
    Ok(Some((access, client, grant, session, identity)))
}

fn on_postgres(c: &mut PgConnection, batch: &[Lookup]) -> Result<Vec<Found>, StoreError> {
    let mut all: Vec<Found> = batch.iter().map(|_| Found::default()).collect();
    let mut tenants: Vec<&Tenant> = batch.iter().map(|job| &job.tenant).collect();
    tenants.sort_unstable_by_key(|tenant| tenant.as_str());
    tenants.dedup();
    for tenant in tenants {
        // Two callers may ask for the same row: it goes to each who asked.
        let mut callers: HashMap<&ClientId, Vec<usize>> = HashMap::new();
        let mut tokens: HashMap<Id<AccessRecord>, Vec<usize>> = HashMap::new();
        for (at, job) in batch.iter().enumerate().filter(|(_, job)| job.tenant == *tenant) {
            if let Some(id) = &job.client {
                callers.entry(id).or_default().push(at);
            }
            if let Some(id) = job.token {
                tokens.entry(id).or_default().push(at);
            }
        }
        for row in client_rows(c, tenant, callers.keys().copied().collect())? {
            let row = Arc::new(row);
            for at in callers.get(row.id()).into_iter().flatten() {
                all[*at].client = Some(Arc::clone(&row));
            }
        }
        for row in live_rows(c, tenant, tokens.keys().copied().collect())? {
            for at in tokens.get(&row.0.id()).into_iter().flatten() {
                all[*at].access = Some(row.clone());
            }
        }
    }
    Ok(all)
}

fn client_rows(c: &mut PgConnection, tenant: &Tenant, ids: Vec<&ClientId>) -> QueryResult<Vec<ClientPart>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    clients::table
        .filter(clients::tenant.eq(tenant.as_str()).and(clients::id.eq_any(ids)))
        .select(ClientPart::as_select())
        .load(c)
}

fn live_rows(c: &mut PgConnection, tenant: &Tenant, ids: Vec<Id<AccessRecord>>) -> QueryResult<Vec<LiveRow>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let of_client = clients::tenant.eq(access_tokens::tenant).and(clients::id.eq(access_tokens::client_id));
    let of_grant = grants::tenant.eq(access_tokens::tenant).and(grants::id.nullable().eq(access_tokens::grant_id));
    let of_session = sessions::tenant.eq(access_tokens::tenant).and(sessions::key.nullable().eq(grants::session_key));
    let of_person = identities::tenant.eq(access_tokens::tenant).and(identities::id.nullable().eq(grants::identity_id));
    access_tokens::table
        .left_join(clients::table.on(of_client))
        .left_join(grants::table.on(of_grant))
        .left_join(sessions::table.on(of_session))
        .left_join(identities::table.on(of_person))
        .filter(access_tokens::tenant.eq(tenant.as_str()).and(access_tokens::id.eq_any(ids)))
        .select((
            AccessPart::as_select(),
            clients::version.nullable(),
            Option::<GrantPart>::as_select(),
            (sessions::key.nullable(), sessions::revoked_at.nullable()),
            identities::state.nullable(),
        ))
        .load(c)
}
