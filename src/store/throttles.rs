//! Attempts, counted by what was attempted and by whom, in windows of time. Not here: how many are heard (`identity`).

use diesel::prelude::*;

use super::dialect::both;
use super::error::StoreError;
use super::schema::throttles;
use super::tx::Tx;
use crate::base::Instant;

/// How often something was attempted in the present window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    /// This attempt included.
    pub count: i64,
    /// When counting starts afresh.
    pub window_ends_at: Instant,
}

impl Attempts {
    /// Whether this attempt is one too many.
    pub fn exceed(&self, limit: u32) -> bool {
        self.count > i64::from(limit)
    }
}

/// Counts an attempt. The first one, and the first after its window, opens a window until `window_ends_at`.
///
/// # Errors
/// When the database fails.
pub fn take(
    tx: &mut Tx,
    what: &str,
    whom: &[u8],
    window_ends_at: Instant,
    now: Instant,
) -> Result<Attempts, StoreError> {
    let (conn, tenant) = tx.parts();
    // Bound, not written into the text: the statement is prepared once.
    const UPSERT: &str = "INSERT INTO throttles (tenant, what, whom, attempts, window_ends_at) VALUES ($1, $2, $3, 1, $4) \
        ON CONFLICT (tenant, what, whom) DO UPDATE SET \
        attempts = CASE WHEN throttles.window_ends_at <= $5 THEN 1 ELSE throttles.attempts + 1 END, \
        window_ends_at = CASE WHEN throttles.window_ends_at <= $5 THEN excluded.window_ends_at ELSE throttles.window_ends_at END \
        RETURNING attempts, window_ends_at";
    let row: Row = both!(conn, c => diesel::sql_query(UPSERT)
        .bind::<diesel::sql_types::Text, _>(tenant)
        .bind::<diesel::sql_types::Text, _>(what)
        .bind::<diesel::sql_types::Binary, _>(whom)
        .bind::<super::column::SqlInstant, _>(window_ends_at)
        .bind::<super::column::SqlInstant, _>(now)
        .get_result(c))?;
    Ok(Attempts { count: row.attempts, window_ends_at: row.window_ends_at })
}

#[derive(QueryableByName)]
#[diesel(table_name = throttles)]
struct Row {
    attempts: i64,
    window_ends_at: Instant,
}

/// What was counted so far, without counting. `None` when the window is over.
///
/// # Errors
/// When the database fails.
pub fn peek(tx: &mut Tx, what: &str, whom: &[u8], now: Instant) -> Result<Option<Attempts>, StoreError> {
    let (conn, tenant) = tx.parts();
    let row: Option<(i64, Instant)> = throttles::table
        .find((tenant, what, whom))
        .filter(throttles::window_ends_at.gt(now))
        .select((throttles::attempts, throttles::window_ends_at))
        .first(conn)
        .optional()?;
    Ok(row.map(|(count, window_ends_at)| Attempts { count, window_ends_at }))
}

/// Gives one attempt of the present window back: it was none after all.
///
/// # Errors
/// When the database fails.
pub fn give_back(tx: &mut Tx, what: &str, whom: &[u8], now: Instant) -> Result<(), StoreError> {
    let (conn, tenant) = tx.parts();
    diesel::update(throttles::table.find((tenant, what, whom)))
        .filter(throttles::window_ends_at.gt(now).and(throttles::attempts.gt(0)))
        .set(throttles::attempts.eq(throttles::attempts - 1))
        .execute(conn)?;
    Ok(())
}

/// Forgets what was counted.
///
/// # Errors
/// When the database fails.
pub fn reset(tx: &mut Tx, what: &str, whom: &[u8]) -> Result<(), StoreError> {
    let (conn, tenant) = tx.parts();
    diesel::delete(throttles::table.find((tenant, what, whom))).execute(conn)?;
    Ok(())
}
