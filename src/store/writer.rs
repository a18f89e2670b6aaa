//! Group commit: the one SQLite writer. Many callers share one commit, and each gets its own answer after it.
//!
//! A batch is up to 64 jobs or 2 ms. Each job runs in a savepoint: an error or a panic undoes that job alone. No answer,
//! not even an error, leaves before the COMMIT it may rest on. Not here: PostgreSQL, which commits in groups by itself.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use diesel::connection::SimpleConnection;
use tokio::sync::oneshot;

use super::access::NewAccess;
use super::conn::{Conn, Role, Source};
use super::dialect;
use super::error::{OpenError, StoreError};
use super::tx::{Settle, Tx};
use crate::model::Tenant;

/// Most jobs in one commit.
const BATCH: usize = 64;
/// A batch that has run for longer takes no more jobs.
const BATCH_TIME: Duration = Duration::from_millis(2);
/// Most jobs waiting; who comes then is turned away.
const QUEUE: usize = 4_096;

/// The door to the writer thread. Dropping it lets the thread finish what it was given.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    patience: Duration,
}

/// What the writer can be asked for.
enum Job {
    Append(Append),
    Closure(Box<dyn Work>),
}

/// A row for the access tokens, and who waits for it.
struct Append {
    row: NewAccess,
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

/// The writer's end of a job: where the answer goes, and whether the caller still waits for it.
struct Ticket<T> {
    claimed: Arc<AtomicBool>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T> Ticket<T> {
    fn start(&self) -> bool {
        !self.reply.is_closed() && !self.claimed.swap(true, Ordering::AcqRel)
    }

    fn answer(self, result: Result<T, StoreError>) {
        // A caller that left meanwhile does not want its answer.
        let _ = self.reply.send(result);
    }
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
        let (jobs, waiting) = bounded(QUEUE);
        let desk = Desk { source, settle, waiting, tx: Some(Tx::new(conn, Tenant::default())) };
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || desk.work())
            .map_err(|error| OpenError(format!("cannot start a thread: {error}")))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), patience })
    }

    /// Runs `work` in a shared transaction.
    pub(super) async fn write<T, F>(&self, tenant: Tenant, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx) -> Result<T, StoreError> + Send + 'static,
    {
        self.submit(|ticket| Job::Closure(Box::new(Closure { tenant, work, done: None, ticket }))).await
    }

    /// Adds an access token.
    pub(super) async fn append(&self, row: NewAccess) -> Result<(), StoreError> {
        self.submit(|ticket| Job::Append(Append { row, done: Ok(()), ticket })).await
    }

    async fn submit<T>(&self, job: impl FnOnce(Ticket<T>) -> Job) -> Result<T, StoreError> {
        let claimed = Arc::new(AtomicBool::new(false));
        let (reply, mut answer) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or(StoreError::Busy)?;
        jobs.try_send(job(Ticket { claimed: Arc::clone(&claimed), reply })).map_err(|_| StoreError::Busy)?;
        let answered = match tokio::time::timeout(self.patience, &mut answer).await {
            Ok(answered) => answered,
            // Not started yet: withdrawn. Started: it will be answered, whatever the answer is.
            Err(_) if !claimed.swap(true, Ordering::AcqRel) => return Err(StoreError::Busy),
            Err(_) => answer.await,
        };
        answered.map_err(|_| StoreError::Busy)?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            // Its jobs catch their own panics; were it to panic itself, there is nobody left to tell.
            let _ = thread.join();
        }
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
            self.tx = Some(Tx::new(self.source.connect(Role::Write)?, Tenant::default()));
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
