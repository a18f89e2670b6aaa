//! Storage through its public interface, each test on both databases.

mod contract;
mod live;
mod opening;
mod rows;
mod sample;

use std::sync::Arc;

use sallyport::base::{Instant, OsRandom, TestClock};
use sallyport::model::Tenant;
use sallyport::store::{RecordFacts, Store};

use crate::support::db::{Engine, TestDatabase, migrated};

/// A store over a fresh database, which goes when this goes.
pub struct Ground {
    pub store: Store,
    pub database: TestDatabase,
}

/// The moment at which the tests take place.
pub const NOW: Instant = Instant::from_unix_seconds(1_800_000_000);

impl Ground {
    pub fn new(engine: Engine) -> Self {
        let database = migrated(engine);
        let store = open(&database);
        Self { store, database }
    }
}

/// Opens a database as one server more would.
pub fn open(database: &TestDatabase) -> Store {
    let facts = RecordFacts::new(Arc::new(TestClock::at(NOW)), Arc::new(OsRandom));
    Store::open(&database.config(), Tenant::default(), Arc::new(facts)).unwrap()
}
