//! Group commit: the one SQLite writer. Many callers share one commit, and each gets its own answer after it.
//!
//! A batch is up to 64 jobs or 2 ms. Each job runs in a savepoint: an error or a panic undoes that job alone. No answer,
//! not even an error, leaves before the COMMIT it may rest on. Not here: PostgreSQL, which commits in groups by itself.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use diesel::connection::SimpleConnection;

use super::access::NewAccess;
use super::conn::{Conn, Role, Source};
use super::dialect;
use super::error::{OpenError, StoreError};
use super::pool::Line;
use super::queue::{Queue, Ticket};
use super::tx::{Settle, Tx};
use crate::model::Tenant;

/// Most jobs in one commit.
const BATCH: usize = 64;
/// A batch that has run for longer takes no more jobs. Unit tests hold a batch open and must not depend on the machine's speed.
const BATCH_TIME: Duration = if cfg!(test) { Duration::from_millis(2_000) } else { Duration::from_millis(2) };

/// The door to the writer thread.
pub(super) struct Writer(Queue<Job>);

/// What the writer can be asked for.
enum Job {
    Append(Append),
    Closure(Box<dyn Work>),
}

/// A row for the access tokens, and who waits for it.
struct Append {
    row: Box<NewAccess>,
    done: Result<(), StoreError>,
    ticket: Ticket<()>,
}

/// A closure of any result type.
trait Work: Send {
    /// Claims the job for the writer; false when its caller has left.
    fn start(&self) -> bool;
    /// Runs it; whether its changes are to be kept.
    fn run(&mut self, tx: &mut Tx, settle: &dyn Settle) -> bool;
    /// Answers its caller: with its own result, or with what became of the commit.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Closure<F, T> {
    tenant: Tenant,
    work: F,
    done: Option<Result<T, StoreError>>,
    ticket: Ticket<T>,
}

impl<F, T> Work for Closure<F, T>
where
    F: FnMut(&mut Tx) -> Result<T, StoreError> + Send,
    T: Send,
{
    fn start(&self) -> bool {
        self.ticket.start()
    }

    fn run(&mut self, tx: &mut Tx, settle: &dyn Settle) -> bool {
        let ran = catch_unwind(AssertUnwindSafe(|| tx.run(&self.tenant, settle, &mut self.work)));
        let done = ran.unwrap_or(Err(StoreError::Panicked));
        let keep = done.is_ok();
        self.done = Some(done);
        keep
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let result = match (committed, self.done) {
            (Ok(()), Some(done)) => done,
            (Ok(()), None) => Err(StoreError::Busy),
            (Err(error), _) => Err(error),
        };
        self.ticket.answer(result);
    }
}

impl Job {
    fn start(&self) -> bool {
        match self {
            Self::Append(append) => append.ticket.start(),
            Self::Closure(work) => work.start(),
        }
    }

    fn run(&mut self, tx: &mut Tx, settle: &dyn Settle) -> bool {
        match self {
            Self::Append(append) => {
                append.done = append.row.insert(tx.conn());
                append.done.is_ok()
            }
            Self::Closure(work) => work.run(tx, settle),
        }
    }

    fn answer(self, committed: Result<(), StoreError>) {
        match self {
            Self::Append(append) => append.ticket.answer(committed.and(append.done)),
            Self::Closure(work) => work.answer(committed),
        }
    }
}

impl Writer {
    /// Opens the writing connection and starts its thread.
    pub(super) fn start(source: Arc<Source>, settle: Arc<dyn Settle>, patience: Duration) -> Result<Self, OpenError> {
        let conn = source.connect(Role::Write).map_err(|error| OpenError(error.to_string()))?;
        let tx = Some(Tx::new(Line::Own(conn), Tenant::default()));
        let worker = move |waiting| Desk { source, settle, waiting, tx }.work();
        Queue::open("store-writer", patience, vec![worker]).map(Self)
    }

    /// Runs `work` in a shared transaction.
    pub(super) async fn write<T, F>(&self, tenant: Tenant, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx) -> Result<T, StoreError> + Send + 'static,
    {
        self.0.submit(|ticket| Job::Closure(Box::new(Closure { tenant, work, done: None, ticket }))).await
    }

    /// Adds an access token.
    pub(super) async fn append(&self, row: NewAccess) -> Result<(), StoreError> {
        let row = Box::new(row);
        self.0.submit(|ticket| Job::Append(Append { row, done: Ok(()), ticket })).await
    }
}

/// The writer's own side.
struct Desk {
    source: Arc<Source>,
    settle: Arc<dyn Settle>,
    waiting: Receiver<Job>,
    tx: Option<Tx>,
}

impl Desk {
    fn work(mut self) {
        while let Ok(first) = self.waiting.recv() {
            self.batch(first);
        }
    }

    fn batch(&mut self, first: Job) {
        let mut jobs = Vec::with_capacity(BATCH);
        match self.share(first, &mut jobs) {
            Ok(()) => {
                for job in jobs {
                    job.answer(Ok(()));
                }
            }
            Err(Broken::NotBegun(error)) => {
                self.tx = None;
                for job in jobs {
                    job.answer(Err(error.clone()));
                }
            }
            // One job, or the disk, spoiled the commit for all: each gets a chance of its own.
            Err(Broken::Begun) => {
                if let Some(tx) = &mut self.tx {
                    let _ = dialect::roll_back(tx.conn());
                }
                self.tx = None;
                for job in jobs {
                    self.alone(job);
                }
            }
        }
    }

    /// Runs jobs in one transaction and commits it.
    fn share(&mut self, first: Job, jobs: &mut Vec<Job>) -> Result<(), Broken> {
        if !first.start() {
            return Ok(());
        }
        jobs.push(first);
        self.connect().map_err(Broken::NotBegun)?;
        let Self { settle, waiting, tx: Some(tx), .. } = self else { return Err(Broken::Begun) };
        dialect::begin(tx.conn()).map_err(|error| Broken::NotBegun(error.into()))?;
        let began = Instant::now();
        let mut next = 0;
        loop {
            while let Some(job) = jobs.get_mut(next) {
                in_savepoint(job, tx, &**settle)?;
                next += 1;
            }
            if jobs.len() >= BATCH || began.elapsed() > BATCH_TIME {
                break;
            }
            match waiting.try_recv() {
                Ok(job) if job.start() => jobs.push(job),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        dialect::commit(tx.conn()).map_err(|_| Broken::Begun)
    }

    /// Runs one job in a transaction of its own.
    fn alone(&mut self, mut job: Job) {
        let committed = self.connect().and_then(|()| {
            let Self { settle, tx: Some(tx), .. } = self else { return Err(StoreError::Busy) };
            dialect::begin(tx.conn())?;
            if job.run(tx, &**settle) {
                dialect::commit(tx.conn())?;
            } else {
                dialect::roll_back(tx.conn())?;
            }
            Ok(())
        });
        if committed.is_err() {
            self.tx = None;
        }
        job.answer(committed);
    }

    fn connect(&mut self) -> Result<(), StoreError> {
        if self.tx.is_none() {
            let conn = self.source.connect(Role::Write)?;
            self.tx = Some(Tx::new(Line::Own(conn), Tenant::default()));
        }
        Ok(())
    }
}

/// How a shared transaction failed.
enum Broken {
    Begun,
    NotBegun(StoreError),
}

/// Runs one job so that its failure leaves no trace of it. Fails when the whole transaction is gone.
fn in_savepoint(job: &mut Job, tx: &mut Tx, settle: &dyn Settle) -> Result<(), Broken> {
    // A single INSERT that fails undoes itself; anything but a conflict may have undone the whole transaction.
    if let Job::Append(append) = job {
        append.done = append.row.insert(tx.conn());
        return match append.done {
            Ok(()) | Err(StoreError::Conflict { .. }) => Ok(()),
            Err(_) => Err(Broken::Begun),
        };
    }
    execute(tx.conn(), "SAVEPOINT job")?;
    let end = if job.run(tx, settle) { "RELEASE job" } else { "ROLLBACK TO job; RELEASE job" };
    execute(tx.conn(), end)
}

fn execute(conn: &mut Conn, sql: &str) -> Result<(), Broken> {
    conn.batch_execute(sql).map_err(|_| Broken::Begun)
}
