//! The moment at which tests begin, and words for lengths of time.

use std::sync::Arc;
use std::time::Duration;

use sallyport::base::{Instant, TestClock};

/// 2027-01-15T08:00:00Z.
pub const START: i64 = 1_800_000_000;

/// A clock that stands at [`START`].
pub fn at_start() -> Arc<TestClock> {
    Arc::new(TestClock::at(Instant::from_unix_seconds(START)))
}

/// So many seconds.
pub const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// So many minutes.
pub const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

/// So many hours.
pub const fn hours(count: u64) -> Duration {
    minutes(count * 60)
}
