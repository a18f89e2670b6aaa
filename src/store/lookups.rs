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
use super::live::{self, ClientPart, LiveAccess, LiveRow, live_rows};
use super::queue::{Queue, Ticket};
use super::schema::{access_tokens, clients};
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

/// The clients of one batch: each is read once.
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
            let key = (job.tenant.clone(), id.clone());
            found.client = match known.get(&key) {
                Some(row) => row.clone(),
                None => {
                    let row: Option<ClientPart> = clients::table
                        .find((job.tenant.as_str(), id))
                        .select(ClientPart::as_select())
                        .first(c)
                        .optional()?;
                    known.entry(key).or_insert(row.map(Arc::new)).clone()
                }
            };
        }
        if let Some(id) = job.token {
            let this = access_tokens::tenant.eq(job.tenant.as_str()).and(access_tokens::id.eq(id));
            found.access = live_rows!(this).first(c).optional()?;
        }
        all.push(found);
    }
    dialect::end_reading(conn)?;
    Ok(all)
}

fn on_postgres(c: &mut PgConnection, batch: &[Lookup]) -> Result<Vec<Found>, StoreError> {
    let mut all: Vec<Found> = batch.iter().map(|_| Found::default()).collect();
    let mut tenants: Vec<&Tenant> = batch.iter().map(|job| &job.tenant).collect();
    tenants.sort_unstable_by_key(|tenant| tenant.as_str());
    tenants.dedup();
    for tenant in tenants {
        let mine = || batch.iter().enumerate().filter(|(_, job)| job.tenant == *tenant);
        let mut ids: Vec<&ClientId> = mine().filter_map(|(_, job)| job.client.as_ref()).collect();
        ids.sort_unstable();
        ids.dedup();
        let rows: Vec<ClientPart> = if ids.is_empty() {
            Vec::new()
        } else {
            clients::table
                .filter(clients::tenant.eq(tenant.as_str()).and(clients::id.eq_any(ids)))
                .select(ClientPart::as_select())
                .load(c)?
        };
        let rows: HashMap<ClientId, Arc<ClientPart>> =
            rows.into_iter().map(|row| (row.id().clone(), Arc::new(row))).collect();
        for (at, job) in mine() {
            all[at].client = job.client.as_ref().and_then(|id| rows.get(id)).cloned();
        }
        let ids: Vec<Id<AccessRecord>> = mine().filter_map(|(_, job)| job.token).collect();
        if ids.is_empty() {
            continue;
        }
        // Two callers may ask for the same token, so a row goes to each who asked.
        let mut wanted: HashMap<Id<AccessRecord>, Vec<usize>> = HashMap::new();
        for (at, job) in mine() {
            if let Some(id) = job.token {
                wanted.entry(id).or_default().push(at);
            }
        }
        let these = access_tokens::tenant.eq(tenant.as_str()).and(access_tokens::id.eq_any(ids));
        let rows: Vec<LiveRow> = live_rows!(these).load(c)?;
        for row in rows {
            let Some(mut places) = wanted.remove(&row.0.id()) else { continue };
            let last = places.pop();
            for at in places {
                all[at].access = Some(row.clone());
            }
            if let Some(at) = last {
                all[at].access = Some(row);
            }
        }
    }
    Ok(all)
}
