//! Deletes what is over: rows by their time, in small transactions, tenant by tenant, so that nobody waits for it.
//!
//! What still has a meaning stays: an expired row that would be asked for is kept for a day, a consent for as long as it
//! is remembered, an ended session until the tokens that rest on it are dead. Facts are kept for ever.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::Store;
use super::column::SqlInstant;
use super::dialect::both;
use super::error::StoreError;
use super::tx::Tx;
use crate::base::Instant;
use crate::model::Tenant;

/// Most rows in one transaction.
const CHUNK: i64 = 200;
/// How long a row that is over is kept, where being asked for it has a better answer than not knowing it.
const KEPT: Duration = Duration::from_secs(24 * 3_600);

/// Which rows of a table are over. In the condition `$2` is the moment before which they ended.
struct Rule {
    table: &'static str,
    key: &'static str,
    by: &'static str,
    over: &'static str,
    kept: Duration,
}

const RULES: &[Rule] = &[
    Rule::of("access_tokens", "expires_at", "expires_at < $2", Duration::ZERO),
    Rule::of("codes", "expires_at", "expires_at < $2", KEPT),
    Rule::of("refresh_tokens", "expires_at", "expires_at < $2", KEPT),
    Rule::of("revoked_jwts", "expires_at", "expires_at < $2", Duration::ZERO),
    Rule::of("grants", "expires_at", "remembered = FALSE AND expires_at < $2", KEPT),
    Rule::of("grants", "remember_until", "remembered = TRUE AND remember_until < $2 AND expires_at < $2", KEPT),
    Rule {
        table: "sessions",
        key: "key",
        by: "expires_at",
        over: "expires_at < $2 AND NOT EXISTS (SELECT 1 FROM grants WHERE grants.tenant = sessions.tenant \
               AND grants.session_key = sessions.key AND (grants.expires_at IS NULL OR grants.expires_at >= $2))",
        kept: KEPT,
    },
    Rule::of("interactions", "expires_at", "expires_at < $2", KEPT),
    Rule::of("logouts", "expires_at", "expires_at < $2", KEPT),
    Rule::of("flows", "expires_at", "expires_at < $2", KEPT),
    Rule {
        table: "throttles",
        key: "what, whom",
        by: "window_ends_at",
        over: "window_ends_at < $2",
        kept: Duration::ZERO,
    },
];

impl Rule {
    const fn of(table: &'static str, by: &'static str, over: &'static str, kept: Duration) -> Self {
        Self { table, key: "id", by, over, kept }
    }
}

/// The whole database, all tenants in it: for jobs only.
#[derive(Clone, Debug)]
pub struct System(pub(super) Store);

/// How many rows were deleted, by table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept(pub Vec<(&'static str, u64)>);

impl Swept {
    /// Rows of all tables.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|(_, rows)| rows).sum()
    }

    fn count(&mut self, table: &'static str, rows: u64) {
        match self.0.iter_mut().find(|(known, _)| *known == table) {
            Some((_, counted)) => *counted += rows,
            None => self.0.push((table, rows)),
        }
    }
}

impl System {
    /// Deletes every row that is over at `now`, of every tenant.
    ///
    /// # Errors
    /// When the database fails or is busy; what was deleted until then stays deleted.
    pub async fn sweep(&self, now: Instant) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        for rule in RULES {
            let before = now.minus(rule.kept);
            let mut after = String::new();
            while let Some(tenant) = self.tenant_after(rule, after).await? {
                let store = self.0.for_tenant(Tenant::new(&tenant));
                loop {
                    let rows = store.write(move |tx| delete(tx, rule, before)).await?;
                    swept.count(rule.table, rows.unsigned_abs());
                    if rows < CHUNK {
                        break;
                    }
                }
                after = tenant;
            }
        }
        Ok(swept)
    }

    /// The next tenant with rows in that table, found by one step in its key.
    async fn tenant_after(&self, rule: &'static Rule, after: String) -> Result<Option<String>, StoreError> {
        let next = move |tx: &mut Tx| {
            let sql = format!("SELECT tenant FROM {} WHERE tenant > $1 ORDER BY tenant LIMIT 1", rule.table);
            let found: Option<TenantRow> =
                both!(tx.conn(), c => diesel::sql_query(sql).bind::<Text, _>(&after).get_result(c).optional())?;
            Ok(found.map(|row| row.tenant))
        };
        self.0.read(next).await
    }
}

#[derive(QueryableByName)]
struct TenantRow {
    #[diesel(sql_type = Text)]
    tenant: String,
}

fn delete(tx: &mut Tx, rule: &Rule, before: Instant) -> Result<i64, StoreError> {
    let Rule { table, key, by, over, .. } = rule;
    let sql = format!(
        "DELETE FROM {table} WHERE tenant = $1 AND ({key}) IN \
         (SELECT {key} FROM {table} WHERE tenant = $1 AND {over} ORDER BY {by} LIMIT $3)"
    );
    let (conn, tenant) = tx.parts();
    let rows = both!(conn, c => diesel::sql_query(sql)
        .bind::<Text, _>(tenant)
        .bind::<SqlInstant, _>(before)
        .bind::<BigInt, _>(CHUNK)
        .execute(c))?;
    Ok(i64::try_from(rows).unwrap_or(i64::MAX))
}
