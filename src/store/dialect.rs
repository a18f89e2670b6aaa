//! After connecting, the only file that looks at which database it is.

use diesel::QueryResult;
use diesel::connection::SimpleConnection;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::query_dsl::RunQueryDsl;

use super::conn::{Conn, MultiBackend};

/// One expression, checked against each database: for what the shared backend cannot express.
macro_rules! both {
    ($conn:expr, $c:ident => $e:expr) => {
        match $conn {
            $crate::store::conn::Conn::Postgres($c) => $e,
            $crate::store::conn::Conn::Sqlite($c) => $e,
        }
    };
}
pub(super) use both;

/// Begins a write transaction.
pub(super) fn begin(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Postgres(c) => c.batch_execute("BEGIN READ WRITE"),
        Conn::Sqlite(c) => c.batch_execute("BEGIN IMMEDIATE"),
    }
}

/// Begins a transaction that only reads. PostgreSQL needs none: each statement sees what was committed before it.
pub(super) fn begin_reading(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Postgres(_) => Ok(()),
        Conn::Sqlite(c) => c.batch_execute("BEGIN DEFERRED"),
    }
}

/// Ends a transaction that only read.
pub(super) fn end_reading(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Postgres(_) => Ok(()),
        Conn::Sqlite(c) => c.batch_execute("COMMIT"),
    }
}

/// Commits. On PostgreSQL a transaction in which a statement failed is an error here even if the failure was
/// swallowed: a bare COMMIT would roll it back and report success.
pub(super) fn commit(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Postgres(c) => c.batch_execute("SELECT 1; COMMIT"),
        Conn::Sqlite(c) => c.batch_execute("COMMIT"),
    }
}

/// Undoes the transaction.
pub(super) fn roll_back(conn: &mut Conn) -> QueryResult<()> {
    both!(conn, c => c.batch_execute("ROLLBACK"))
}

/// An INSERT with what both databases write alike after it: `ON CONFLICT` and the given constant text.
pub(super) struct OnConflict<I> {
    pub(super) insert: I,
    pub(super) clause: &'static str,
}

impl<I: QueryFragment<MultiBackend>> QueryFragment<MultiBackend> for OnConflict<I> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        self.insert.walk_ast(out.reborrow())?;
        out.push_sql(" ON CONFLICT ");
        out.push_sql(self.clause);
        Ok(())
    }
}

impl<I> QueryId for OnConflict<I> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<I> RunQueryDsl<Conn> for OnConflict<I> {}
