//! A bounded door to blocking threads: work that blocks or burns CPU enters with a permit or is turned away.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

/// Lets at most a fixed number of blocking jobs run at a time.
#[derive(Clone, Debug)]
pub struct Gate {
    permits: Arc<Semaphore>,
    patience: Duration,
}

/// Why a job did not run to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// No permit came free in time; the caller should shed the request (503 with Retry-After).
    #[error("no permit came free in time")]
    Busy,
    /// The job panicked.
    #[error("the job panicked")]
    Panicked,
}

impl Gate {
    /// A gate for `width` jobs at a time, whose callers wait at most `patience`.
    pub fn new(width: usize, patience: Duration) -> Self {
        Self { permits: Arc::new(Semaphore::new(width.max(1))), patience }
    }

    /// Runs `job` on a blocking thread.
    ///
    /// # Errors
    /// [`GateError::Busy`] when no permit came free in time, [`GateError::Panicked`] when the job panicked.
    pub async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, GateError> {
        let waiting = Arc::clone(&self.permits).acquire_owned();
        let permit = tokio::time::timeout(self.patience, waiting)
            .await
            .map_err(|_| GateError::Busy)?
            .map_err(|_| GateError::Busy)?;
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            job()
        })
        .await
        .map_err(|_| GateError::Panicked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_gate_turns_away_and_recovers() {
        let gate = Gate::new(1, Duration::from_millis(5));
        let (release, held) = std::sync::mpsc::channel::<()>();
        let first = tokio::spawn({
            let gate = gate.clone();
            async move { gate.run(move || held.recv().is_ok()).await }
        });
        while gate.permits.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(gate.run(|| ()).await, Err(GateError::Busy));
        release.send(()).expect("the first job waits for this");
        assert_eq!(first.await.expect("joined"), Ok(true));
        assert_eq!(gate.run(|| 7).await, Ok(7));
        assert_eq!(gate.run(|| panic!("boom")).await, Err::<(), _>(GateError::Panicked));
    }
}
