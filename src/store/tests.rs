//! What only the inside can see: the writer's settings, its commits that fail, jobs that nobody waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::dialect::both;
use super::*;
use crate::base::{Instant as Moment, OsRandom, TestClock};
use crate::model::Fact;

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

#[derive(QueryableByName)]
struct Word {
    #[diesel(sql_type = Text)]
    w: String,
}

fn number(tx: &mut Tx, sql: &str) -> i64 {
    let row: Number = both!(tx.conn(), c => diesel::sql_query(sql).get_result(c)).unwrap();
    row.n
}

fn store() -> (Store, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let kind = DatabaseKind::Sqlite {
        path: folder.path().join("t.sqlite"),
        synchronous: Synchronous::Full,
        busy_timeout: Duration::from_millis(200),
    };
    let config = Database { kind, max_connections: 2, max_connection_lifetime: None };
    let facts = RecordFacts::new(Arc::new(TestClock::at(Moment::from_unix_seconds(1))), Arc::new(OsRandom));
    (Store::open(&config, Tenant::default(), Arc::new(facts)).unwrap(), folder)
}

fn record(tx: &mut Tx, n: u128) {
    tx.record(Fact::SessionEnded { session: uuid::Uuid::from_u128(n), subject: crate::model::Subject::new("s") });
}

#[tokio::test]
async fn the_writer_is_durable_and_readers_cannot_write() {
    let (store, _folder) = store();
    let settings = store.write(|tx| {
        let mode: Word = both!(tx.conn(), c => diesel::sql_query("SELECT journal_mode AS w FROM pragma_journal_mode").get_result(c))?;
        Ok((
            number(tx, "SELECT synchronous AS n FROM pragma_synchronous"),
            number(tx, "SELECT foreign_keys AS n FROM pragma_foreign_keys"),
            mode.w,
        ))
    });
    assert_eq!(settings.await.unwrap(), (2, 1, "wal".to_owned()));
    let read = store.read(|tx| {
        assert_eq!(number(tx, "SELECT query_only AS n FROM pragma_query_only"), 1);
        both!(tx.conn(), c => c.batch_execute("DELETE FROM facts"))?;
        Ok(())
    });
    assert!(matches!(read.await, Err(StoreError::Driver(_))));
}

/// Leaves a row without a parent, which SQLite only minds at the commit.
fn spoil_the_commit(tx: &mut Tx) -> Result<(), StoreError> {
    both!(tx.conn(), c => c.batch_execute(
        "PRAGMA defer_foreign_keys = ON; INSERT INTO credential_identifiers VALUES ('default', 'password', 'x', x'00')"
    ))?;
    Ok(())
}

#[tokio::test]
async fn a_commit_that_fails_is_the_trouble_of_its_cause_alone() {
    let (store, _folder) = store();
    // While the first job holds the writer, the others gather behind it and join its batch.
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let mut begun = Some(begun);
    let first = store.write(move |tx| {
        counted.fetch_add(1, Ordering::SeqCst);
        begun.take().map(|b| b.send(()));
        // The second time nobody can release it any more, and this returns at once.
        let _ = held.recv();
        record(tx, 1);
        Ok(())
    });
    let behind = async {
        has_begun.await.unwrap();
        tokio::join!(
            store.write(spoil_the_commit),
            store.write(|tx| {
                record(tx, 2);
                Ok(7)
            }),
            async { drop(release) }
        )
    };
    let (first, (bad, good, ())) = tokio::join!(first, behind);
    first.unwrap();
    assert!(matches!(bad, Err(StoreError::Conflict { constraint: constraint::PARENT })), "{bad:?}");
    assert_eq!(good.unwrap(), 7);
    assert_eq!(runs.load(Ordering::SeqCst), 2, "the shared commit failed, so each ran again alone");
    let kept = store.read(|tx| facts::list(tx, None, 9)).await.unwrap();
    assert_eq!(kept.len(), 2, "each neighbour is kept once, though it ran twice");
    store.write(|_| Ok(())).await.unwrap();
}

#[tokio::test]
async fn a_job_whose_caller_left_before_it_began_is_skipped() {
    let (store, _folder) = store();
    let ran = Arc::new(AtomicUsize::new(0));
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let mut begun = Some(begun);
    let blocker = tokio::spawn({
        let store = store.clone();
        async move {
            store
                .write(move |_| {
                    begun.take().map(|b| b.send(()));
                    let _ = held.recv_timeout(Duration::from_secs(5));
                    Ok(())
                })
                .await
        }
    });
    has_begun.await.unwrap();
    let count = Arc::clone(&ran);
    let leaving = store.write(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    assert!(tokio::time::timeout(Duration::from_millis(20), leaving).await.is_err(), "it waits behind the blocker");
    release.send(()).unwrap();
    blocker.await.unwrap().unwrap();
    store.write(|_| Ok(())).await.unwrap();
    assert_eq!(ran.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn facts_that_follow_from_facts_without_end_undo_the_transaction() {
    struct Circle;
    impl Settle for Circle {
        fn settle(&self, tx: &mut Tx, fact: &Fact) -> Result<(), StoreError> {
            tx.record(fact.clone());
            Ok(())
        }
    }
    let config = Database { kind: DatabaseKind::Memory, max_connections: 1, max_connection_lifetime: None };
    let store = Store::open(&config, Tenant::default(), Arc::new(Circle)).unwrap();
    let refused = store.write(|tx| {
        record(tx, 1);
        Ok(())
    });
    assert!(matches!(refused.await, Err(StoreError::Driver(_))));
}

#[test]
fn both_migration_folders_have_the_same_names() {
    let pending = |kind| {
        let config = Database { kind, max_connections: 1, max_connection_lifetime: None };
        migration_status(&config).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let status = pending(DatabaseKind::Sqlite {
        path: folder.path().join("t.sqlite"),
        synchronous: Synchronous::Full,
        busy_timeout: Duration::ZERO,
    });
    assert_eq!(status.applied, Vec::<String>::new());
    assert_eq!(status.pending, migrate::postgres_names());
}
