//! F5: what the server does without being asked. Each job runs at its own pace until the server stops.

mod sweep;

pub use sweep::Sweeper;
