//! Has expired rows deleted every now and then, so that no table grows with its past. Not here: which rows, and how
//! many at a time (`store`).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::base::{Clock, Random};
use crate::store::Store;

/// About how long between two sweeps.
const PERIOD: Duration = Duration::from_secs(60);

/// Sweeps one database.
pub struct Sweeper {
    /// The database.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance: servers that start together do not sweep together.
    pub random: Arc<dyn Random>,
}

impl Sweeper {
    /// Sweeps every now and then until `stopped` says so, or its sender is gone.
    pub async fn run(self, mut stopped: watch::Receiver<bool>) {
        let database = self.store.system();
        loop {
            tokio::select! {
                () = tokio::time::sleep(jittered(PERIOD, &*self.random)) => {}
                _ = stopped.changed() => return,
            }
            tokio::select! {
                swept = database.sweep(self.clock.now()) => match swept {
                    Ok(swept) if swept.total() == 0 => {}
                    Ok(swept) => tracing::debug!(rows = swept.total(), "swept {} expired rows", swept.total()),
                    // The rows stay for the next sweep; what they mean is decided by their time, not by their absence.
                    Err(error) => tracing::warn!(error = %error, "the sweep stopped early: {error}"),
                },
                _ = stopped.changed() => return,
            }
        }
    }
}

/// Between three quarters and five quarters of `period`.
fn jittered(period: Duration, random: &dyn Random) -> Duration {
    let chance = u32::from(u16::from_be_bytes(random.bytes()));
    period * 3 / 4 + period / 2 * chance / u32::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SeededRandom;

    #[test]
    fn servers_that_start_together_do_not_sweep_together() {
        let random = SeededRandom::new(1);
        let waits: Vec<Duration> = (0..100).map(|_| jittered(PERIOD, &random)).collect();
        assert!(waits.iter().all(|wait| (PERIOD * 3 / 4..=PERIOD * 5 / 4).contains(wait)));
        assert!(waits.iter().any(|wait| *wait < PERIOD) && waits.iter().any(|wait| *wait > PERIOD));
    }
}
