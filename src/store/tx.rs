//! What a storage closure works with: a connection, a tenant, and the facts of what it changed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::conn::Conn;
use super::error::StoreError;
use super::facts;
use super::pool::Line;
use crate::base::{Clock, Id, Instant, Random};
use crate::model::{Fact, Tenant};

/// Most facts of one transaction, those that follow from others included; more is a circle.
const MOST_FACTS: usize = 256;

/// A transaction on behalf of one tenant. Each storage function takes it first, so no query can forget either.
pub struct Tx {
    line: Line,
    tenant: Tenant,
    facts: Vec<Fact>,
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

impl Tx {
    pub(super) const fn new(line: Line, tenant: Tenant) -> Self {
        Self { line, tenant, facts: Vec::new() }
    }

    /// Notes a change of state. What must follow from it happens in this same transaction, before it commits.
    pub fn record(&mut self, fact: Fact) {
        self.facts.push(fact);
    }

    /// Whose data this transaction sees.
    pub const fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// The connection and the tenant's name, for a query.
    pub(super) fn parts(&mut self) -> (&mut Conn, &str) {
        (&mut self.line, self.tenant.as_str())
    }

    pub(super) fn conn(&mut self) -> &mut Conn {
        &mut self.line
    }

    /// Keeps a pooled connection for the next one. Without this it is closed.
    pub(super) fn give_back(self) {
        self.line.give_back();
    }

    /// Runs one job's work and settles its facts. The facts of an earlier job are gone.
    pub(super) fn run<T>(
        &mut self,
        tenant: &Tenant,
        settle: &dyn Settle,
        work: &mut dyn FnMut(&mut Tx) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.tenant != *tenant {
            self.tenant = tenant.clone();
        }
        self.facts.clear();
        let value = work(self)?;
        let mut settled = 0;
        while !self.facts.is_empty() {
            for fact in std::mem::take(&mut self.facts) {
                settled += 1;
                if settled > MOST_FACTS {
                    return Err(StoreError::driver("facts follow from facts without end"));
                }
                settle.settle(self, &fact)?;
            }
        }
        Ok(value)
    }
}

/// Turns facts into what must follow from them.
pub trait Settle: Send + Sync {
    /// Called for each fact inside the transaction that recorded it. Facts it records are settled too.
    ///
    /// # Errors
    /// An error undoes the whole transaction.
    fn settle(&self, tx: &mut Tx, fact: &Fact) -> Result<(), StoreError>;
}

/// Writes each fact to the table of facts, and nothing else.
pub struct RecordFacts {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    latest: Mutex<Instant>,
}

impl RecordFacts {
    /// Facts stamped by this clock.
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { clock, random, latest: Mutex::new(Instant::from_micros(0)) }
    }

    /// A point in time later than every earlier one, so that facts of one microsecond keep their order.
    fn next(&self, now: Instant) -> Instant {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        *latest = now.max(latest.plus(Duration::from_micros(1)));
        *latest
    }
}

impl std::fmt::Debug for RecordFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordFacts").finish_non_exhaustive()
    }
}

impl Settle for RecordFacts {
    fn settle(&self, tx: &mut Tx, fact: &Fact) -> Result<(), StoreError> {
        let now = self.clock.now();
        facts::insert(tx, Id::ordered(self.next(now), &*self.random), fact, now)
    }
}
