//! The pool of connections: `r2d2` over whichever database the scheme of the URL chose.
//!
//! Whoever asks for a connection holds a permit, and there are as many permits as connections, so nobody waits for a
//! neighbour. Connections are opened when they are needed and kept open. One is closed unless whoever used it gives
//! it back: a panic or an early return loses it. Not here: the permits ([`super::Store`]), how a connection is opened
//! ([`super::conn`]).

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::r2d2::R2D2Connection;

use super::conn::{Conn, Role, Source};
use super::dialect;
use super::error::StoreError;

/// A connection idle for longer is asked whether it is still there before it is used.
const TRUSTED_IDLE: Duration = Duration::from_secs(5);
/// How long a caller waits for a connection to be opened. Attempts that fail are repeated meanwhile.
const OPENING: Duration = Duration::from_secs(1);

/// Connections for reading, and on PostgreSQL for writing too. Clones share everything.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    connections: r2d2::Pool<Manager>,
    health: Arc<Health>,
}

/// Opens connections to the database that the source names, and judges those that come back.
#[derive(Debug)]
pub(super) struct Manager {
    source: Arc<Source>,
    lifetime: Option<Duration>,
    health: Arc<Health>,
}

/// What was last seen of the database.
#[derive(Debug, Default)]
struct Health {
    /// How often a connection was found broken. Those from before are doubtful as well.
    breaks: AtomicU64,
    /// Why no connection could be opened, since one last could.
    cause: Mutex<Option<StoreError>>,
}

/// Remembers why a connection could not be opened; `r2d2` itself only keeps trying until its caller gives up.
#[derive(Debug)]
struct Remember(Arc<Health>);

/// A connection and what is known of it.
pub(super) struct Kept {
    conn: Conn,
    opened: Instant,
    used: Instant,
    breaks: u64,
    /// False from when it is taken until it is given back.
    is_sound: bool,
}

/// The connection of a transaction.
pub(super) enum Line {
    /// One that belongs to a single thread.
    Own(Conn),
    /// One of the pool's.
    Pooled(r2d2::PooledConnection<Manager>),
}

impl Pool {
    /// A pool without connections yet, for as many callers at a time.
    pub(super) fn new(source: Arc<Source>, width: u32, lifetime: Option<Duration>) -> Self {
        let health = Arc::new(Health::default());
        let connections = r2d2::Pool::builder()
            .max_size(width)
            .min_idle(Some(0))
            .connection_timeout(OPENING)
            .max_lifetime(lifetime)
            // What is idle costs little, its prepared statements are worth keeping, and keep-alives find the dead.
            .idle_timeout(None)
            .test_on_check_out(false)
            .error_handler(Box::new(Remember(Arc::clone(&health))))
            .build_unchecked(Manager { source, lifetime, health: Arc::clone(&health) });
        Self { connections, health }
    }

    /// An idle connection that works, or a new one.
    ///
    /// # Errors
    /// Why none could be opened; [`StoreError::Busy`] when the database has not said so in time.
    pub(super) fn take(&self) -> Result<Line, StoreError> {
        loop {
            let mut kept = self.connections.get().map_err(|_| self.health.cause())?;
            kept.is_sound = false;
            if self.health.trusts(&kept) || kept.conn.ping().is_ok() {
                return Ok(Line::Pooled(kept));
            }
        }
    }

    /// A connection on which a transaction has begun. One that broke while idle is replaced.
    ///
    /// # Errors
    /// As [`Self::take`], and what the database says to the transaction.
    pub(super) fn take_for_writing(&self) -> Result<Line, StoreError> {
        let mut line = self.take()?;
        if dialect::begin(&mut line).is_err() {
            self.health.doubt();
            drop(line);
            line = self.take()?;
            dialect::begin(&mut line)?;
        }
        Ok(line)
    }
}

impl r2d2::ManageConnection for Manager {
    type Connection = Kept;
    type Error = StoreError;

    fn connect(&self) -> Result<Kept, StoreError> {
        let breaks = self.health.breaks.load(Ordering::Relaxed);
        let conn = self.source.connect(Role::Read)?;
        self.health.remember(None);
        let now = Instant::now();
        Ok(Kept { conn, opened: now, used: now, breaks, is_sound: true })
    }

    fn is_valid(&self, kept: &mut Kept) -> Result<(), StoreError> {
        Ok(kept.conn.ping()?)
    }

    fn has_broken(&self, kept: &mut Kept) -> bool {
        let is_broken = kept.conn.is_broken();
        if is_broken {
            self.health.doubt();
        }
        // `r2d2` looks for old connections among the idle ones only; one in constant use is never seen there.
        let is_old = self.lifetime.is_some_and(|most| kept.opened.elapsed() > most);
        is_broken || is_old || !kept.is_sound
    }
}

impl r2d2::HandleError<StoreError> for Remember {
    fn handle_error(&self, error: StoreError) {
        self.0.remember(Some(error));
    }
}

impl Health {
    fn remember(&self, cause: Option<StoreError>) {
        *self.cause.lock().unwrap_or_else(PoisonError::into_inner) = cause;
    }

    fn cause(&self) -> StoreError {
        self.cause.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or(StoreError::Busy)
    }

    fn doubt(&self) {
        self.breaks.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether it can be used unasked.
    fn trusts(&self, kept: &Kept) -> bool {
        kept.breaks == self.breaks.load(Ordering::Relaxed) && kept.used.elapsed() <= TRUSTED_IDLE
    }
}

impl Line {
    /// Keeps a pooled connection for the next one, unless it broke.
    pub(super) fn give_back(self) {
        if let Self::Pooled(mut kept) = self {
            kept.is_sound = true;
            kept.used = Instant::now();
        }
    }
}

impl Deref for Line {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        match self {
            Self::Own(conn) => conn,
            Self::Pooled(kept) => &kept.conn,
        }
    }
}

impl DerefMut for Line {
    fn deref_mut(&mut self) -> &mut Conn {
        match self {
            Self::Own(conn) => conn,
            Self::Pooled(kept) => &mut kept.conn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Secret;
    use crate::config::Synchronous;

    fn on_file(lifetime: Option<Duration>) -> (Pool, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.sqlite").to_str().unwrap().to_owned();
        let source = Source::Sqlite { file, synchronous: Synchronous::Full, busy_timeout: Duration::from_millis(200) };
        (Pool::new(Arc::new(source), 2, lifetime), folder)
    }

    fn open(pool: &Pool) -> (u32, u32) {
        let state = pool.connections.state();
        (state.connections, state.idle_connections)
    }

    #[test]
    fn connections_are_opened_when_needed_and_kept() {
        let (pool, _folder) = on_file(None);
        assert_eq!(open(&pool), (0, 0));
        for _ in 0..3 {
            let line = pool.take().unwrap();
            assert_eq!(open(&pool), (1, 0));
            line.give_back();
            assert_eq!(open(&pool), (1, 1));
        }
    }

    #[test]
    fn one_that_is_not_given_back_is_lost() {
        let (pool, _folder) = on_file(None);
        drop(pool.take().unwrap());
        assert_eq!(open(&pool), (0, 0));
        let other = pool.clone();
        let panicked = std::thread::spawn(move || {
            let _line = other.take().unwrap();
            panic!("a job panics");
        });
        assert!(panicked.join().is_err());
        assert_eq!(open(&pool), (0, 0));
        pool.take().unwrap().give_back();
    }

    #[test]
    fn one_past_its_lifetime_is_closed_when_it_comes_back() {
        let (pool, _folder) = on_file(Some(Duration::from_nanos(1)));
        pool.take().unwrap().give_back();
        assert_eq!(open(&pool), (0, 0));
    }

    #[test]
    fn a_broken_one_makes_its_neighbours_doubtful() {
        let (pool, _folder) = on_file(None);
        let (first, second) = (pool.take().unwrap(), pool.take().unwrap());
        let Line::Pooled(kept) = &first else { panic!("not of the pool") };
        assert!(pool.health.trusts(kept));
        pool.health.doubt();
        assert!(!pool.health.trusts(kept));
        second.give_back();
    }

    #[test]
    fn a_database_that_is_down_is_said_soon_with_its_cause_and_without_its_password() {
        let source = Source::Postgres(Secret::new("postgres://u:hunter2@127.0.0.1:1/x".to_owned()));
        let pool = Pool::new(Arc::new(source), 2, None);
        let began = Instant::now();
        for _ in 0..2 {
            let error = pool.take().map(drop).unwrap_err();
            let shown = format!("{error} {error:?} {pool:?}");
            assert!(matches!(error, StoreError::Driver(_)), "{shown}");
            assert!(shown.contains("cannot connect to PostgreSQL"), "{shown}");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        assert!(began.elapsed() < 4 * OPENING, "{:?}", began.elapsed());
    }
}
