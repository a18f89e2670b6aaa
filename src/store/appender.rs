//! Access tokens on PostgreSQL: many callers' rows in one INSERT. On SQLite they ride in the writer's commits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use diesel::PgConnection;
use diesel::pg::sql_types::Bytea;
use diesel::r2d2::R2D2Connection;
use diesel::sql_types::{Array, Nullable, Text};
use diesel::{QueryResult, RunQueryDsl};

use super::access::NewAccess;
use super::column::{SqlInstant, SqlJson, SqlUuid};
use super::conn::{Conn, Role, Source};
use super::error::{OpenError, StoreError};
use super::queue::{Queue, Ticket};

/// Most rows in one INSERT.
const BATCH: usize = 256;
/// While one thread waits for a commit, the other gathers the next rows.
const THREADS: usize = 2;
/// A connection idle for longer is asked whether it is still there before it is used.
const TRUSTED_IDLE: Duration = Duration::from_secs(5);

const INSERT: &str = "INSERT INTO access_tokens \
    (tenant, id, digest, client_id, subject, grant_id, scope, audience, issued_at, expires_at, revoked_at) \
    SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

/// Rows on their way to PostgreSQL.
pub(super) struct Appender(Queue<Append>);

struct Append {
    row: NewAccess,
    ticket: Ticket<()>,
}

impl Appender {
    /// Starts the threads; they connect when there is something to do.
    pub(super) fn start(source: &Arc<Source>, patience: Duration) -> Result<Self, OpenError> {
        let worker = || {
            let source = Arc::clone(source);
            move |waiting: Receiver<Append>| Desk { source, conn: None, used: Instant::now() }.work(&waiting)
        };
        Queue::open("store-append", patience, (0..THREADS).map(|_| worker()).collect()).map(Self)
    }

    /// Adds a row; answered when it is committed.
    pub(super) async fn append(&self, row: NewAccess) -> Result<(), StoreError> {
        self.0.submit(|ticket| Append { row, ticket }).await
    }
}

struct Desk {
    source: Arc<Source>,
    conn: Option<PgConnection>,
    used: Instant,
}

impl Desk {
    fn work(mut self, waiting: &Receiver<Append>) {
        while let Ok(first) = waiting.recv() {
            let more = waiting.try_iter().take(BATCH - 1);
            let batch: Vec<Append> = std::iter::once(first).chain(more).filter(|job| job.ticket.start()).collect();
            self.write(batch);
        }
    }

    fn write(&mut self, batch: Vec<Append>) {
        let rows: Vec<&NewAccess> = batch.iter().map(|job| &job.row).collect();
        match self.insert(&rows) {
            // One row spoiled the statement for all: each gets a chance of its own.
            Err(StoreError::Conflict { .. }) if batch.len() > 1 => {
                for job in batch {
                    let alone = self.insert(&[&job.row]);
                    job.ticket.answer(alone);
                }
            }
            result => {
                for job in batch {
                    job.ticket.answer(result.clone());
                }
            }
        }
    }

    fn insert(&mut self, rows: &[&NewAccess]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let doubtful = self.used.elapsed() > TRUSTED_IDLE;
        if doubtful && self.conn.as_mut().is_some_and(|conn| conn.ping().is_err()) {
            self.conn = None;
        }
        if self.conn.is_none()
            && let Conn::Postgres(conn) = self.source.connect(Role::Write)?
        {
            self.conn = Some(conn);
        }
        let conn = self.conn.as_mut().ok_or(StoreError::Busy)?;
        let inserted = insert(conn, rows);
        self.used = Instant::now();
        if conn.is_broken() {
            self.conn = None;
        }
        inserted?;
        Ok(())
    }
}

fn insert(conn: &mut PgConnection, rows: &[&NewAccess]) -> QueryResult<usize> {
    fn column<'r, T>(rows: &[&'r NewAccess], of: impl Fn(&'r NewAccess) -> T) -> Vec<T> {
        rows.iter().map(|row| of(row)).collect()
    }
    diesel::sql_query(INSERT)
        .bind::<Array<Text>, _>(column(rows, |r| r.tenant.as_str()))
        .bind::<Array<SqlUuid>, _>(column(rows, |r| r.row.id))
        .bind::<Array<Bytea>, _>(column(rows, |r| r.row.digest))
        .bind::<Array<Text>, _>(column(rows, |r| r.row.client_id.as_str()))
        .bind::<Array<Text>, _>(column(rows, |r| r.row.subject.as_str()))
        .bind::<Array<Nullable<SqlUuid>>, _>(column(rows, |r| r.row.grant_id))
        .bind::<Array<Text>, _>(column(rows, |r| r.row.scope.as_str()))
        .bind::<Array<SqlJson>, _>(column(rows, |r| &r.row.audience))
        .bind::<Array<SqlInstant>, _>(column(rows, |r| r.row.issued_at))
        .bind::<Array<SqlInstant>, _>(column(rows, |r| r.row.expires_at))
        .bind::<Array<Nullable<SqlInstant>>, _>(column(rows, |r| r.row.revoked_at))
        .execute(conn)
}
