//! Queues to threads that own a connection: bounded, answered one by one, and left without harm.
//!
//! Not here: what the threads do ([`super::writer`], [`super::appender`], [`super::lookups`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use tokio::sync::oneshot;

use super::error::{OpenError, StoreError};

/// Most jobs waiting; who comes then is turned away.
const LENGTH: usize = 4_096;

/// The callers' side. Dropping it lets the threads finish what they were given, and waits for them.
pub(super) struct Queue<J> {
    jobs: Option<Sender<J>>,
    threads: Vec<JoinHandle<()>>,
    patience: Duration,
}

/// The thread's side of one job: where the answer goes, and whether the caller still waits for it.
pub(super) struct Ticket<T> {
    claimed: Arc<AtomicBool>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T> Ticket<T> {
    /// Claims the job. False when its caller has left: then it must not be done.
    pub(super) fn start(&self) -> bool {
        !self.reply.is_closed() && !self.claimed.swap(true, Ordering::AcqRel)
    }

    pub(super) fn answer(self, result: Result<T, StoreError>) {
        // A caller that left meanwhile does not want its answer.
        let _ = self.reply.send(result);
    }
}

impl<J: Send + 'static> Queue<J> {
    /// Starts one thread for each of `workers`; they share the jobs. Callers wait at most `patience` for a start.
    pub(super) fn open<W>(name: &str, patience: Duration, workers: Vec<W>) -> Result<Self, OpenError>
    where
        W: FnOnce(Receiver<J>) + Send + 'static,
    {
        let (jobs, waiting) = bounded(LENGTH);
        let mut queue = Self { jobs: Some(jobs), threads: Vec::new(), patience };
        for worker in workers {
            let waiting = waiting.clone();
            let thread = std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || worker(waiting))
                .map_err(|error| OpenError(format!("cannot start a thread: {error}")))?;
            queue.threads.push(thread);
        }
        Ok(queue)
    }

    /// Hands a job in and waits for its answer. A job that has not begun in time is withdrawn; one that has is waited
    /// for, because it may have happened.
    pub(super) async fn submit<T>(&self, job: impl FnOnce(Ticket<T>) -> J) -> Result<T, StoreError> {
        let claimed = Arc::new(AtomicBool::new(false));
        let (reply, mut answer) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or(StoreError::Busy)?;
        jobs.try_send(job(Ticket { claimed: Arc::clone(&claimed), reply })).map_err(|_| StoreError::Busy)?;
        let answered = match tokio::time::timeout(self.patience, &mut answer).await {
            Ok(answered) => answered,
            Err(_) if !claimed.swap(true, Ordering::AcqRel) => return Err(StoreError::Busy),
            Err(_) => answer.await,
        };
        answered.map_err(|_| StoreError::Busy)?
    }
}

impl<J> Drop for Queue<J> {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // The last owner may be a closure that one of these threads just ran.
            if thread.thread().id() != std::thread::current().id() {
                // Jobs catch their own panics; were the thread to panic itself, there is nobody left to tell.
                let _ = thread.join();
            }
        }
    }
}
