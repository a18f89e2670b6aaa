//! The contract of `write`, races, other servers at work, and tenants.

use std::sync::{Arc, Barrier};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, SqliteConnection};
use sallyport::base::OsRandom;
use sallyport::config::{Database, DatabaseKind, Synchronous};
use sallyport::model::grant::RevokedFor;
use sallyport::model::{Stage, Tenant};
use sallyport::store::{
    RecordFacts, Store, StoreError, Tx, clients, facts, flows, grants, identities, interactions, keys, sessions,
    throttles, tokens,
};

use super::sample::{self, later};
use super::{Ground, NOW, open};
use crate::support::db::Engine;

#[tokio::test]
async fn a_job_that_fails_or_panics_spoils_no_neighbour() {
    for engine in Engine::ALL {
        let ground = Ground::new(engine);
        let tasks: Vec<_> = (0..90)
            .map(|n| {
                let store = ground.store.clone();
                tokio::spawn(async move {
                    store
                        .write(move |tx| {
                            clients::insert(tx, &sample::client(&format!("app-{n:02}")))?;
                            match n % 3 {
                                0 => Ok(n),
                                1 => Err(StoreError::Busy),
                                _ => panic!("a job of the test panics"),
                            }
                        })
                        .await
                })
            })
            .collect();
        for (n, task) in tasks.into_iter().enumerate() {
            match (n % 3, task.await.unwrap()) {
                (0, Ok(kept)) => assert_eq!(kept, n),
                (1, Err(StoreError::Busy)) | (2, Err(StoreError::Panicked)) => {}
                (_, other) => panic!("{n}: {other:?}"),
            }
        }
        let kept = ground.store.read(|tx| clients::list(tx, None, 99)).await.unwrap();
        assert_eq!(kept.len(), 30);
        assert!(kept.iter().all(|client| client.id.as_str()[4..].parse::<usize>().unwrap() % 3 == 0));
    }
}

#[tokio::test]
async fn nothing_is_answered_as_kept_that_was_not() {
    // On PostgreSQL a conflict spoils the transaction even when the closure swallows it.
    let ground = Ground::new(Engine::Postgres);
    ground.store.write(|tx| clients::insert(tx, &sample::client("app"))).await.unwrap();
    let swallowed = ground.store.write(|tx| {
        let _ = clients::insert(tx, &sample::client("app"));
        Ok(())
    });
    assert!(swallowed.await.is_err());
    ground.store.write(|tx| clients::insert(tx, &sample::client("next"))).await.unwrap();
}

/// Runs the same change fifty times at once, on two servers, and counts who was first.
async fn winners(
    ground: &Ground,
    change: impl Fn(&mut Tx) -> Result<bool, StoreError> + Send + Sync + 'static,
) -> usize {
    let stores = [ground.store.clone(), open(&ground.database)];
    let change = Arc::new(change);
    let tasks: Vec<_> = (0..50)
        .map(|n: usize| {
            let (store, change) = (stores[n % 2].clone(), Arc::clone(&change));
            tokio::spawn(async move { store.write(move |tx| change(tx)).await.unwrap() })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        won += usize::from(task.await.unwrap());
    }
    won
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_at_once_one_is_first() {
    for engine in Engine::ALL {
        let ground = Ground::new(engine);
        let grant = sample::grant("app", "someone");
        let (code, access, refresh) = (sample::code(&grant), sample::access("app", None), sample::refresh(&grant));
        let (session, interaction, flow) = (sample::session("someone"), sample::interaction(), sample::flow());
        let person = sample::person("a@example.com");
        let rows = (grant.clone(), code.clone(), access.clone(), refresh.clone(), session.clone());
        let more = (interaction.clone(), flow.clone(), person.identity.clone(), person.credentials[0].clone());
        ground
            .store
            .write(move |tx| {
                grants::insert(tx, &rows.0)?;
                tokens::insert_code(tx, &rows.1)?;
                tokens::insert_access(tx, &rows.2)?;
                tokens::insert_refresh(tx, &rows.3)?;
                sessions::insert(tx, &rows.4)?;
                interactions::insert(tx, &more.0)?;
                flows::insert(tx, &more.1)?;
                identities::insert(tx, &more.2, std::slice::from_ref(&more.3), &[], &[])?;
                clients::insert(tx, &sample::client("app"))?;
                keys::insert(tx, &sample::key("k"))
            })
            .await
            .unwrap();
        let (id, credential) = (code.id, person.credentials[0].clone());
        assert_eq!(winners(&ground, move |tx| tokens::mark_code_used(tx, id, NOW)).await, 1);
        let id = access.id;
        assert_eq!(winners(&ground, move |tx| tokens::revoke_access(tx, id, NOW)).await, 1);
        let id = refresh.id;
        assert_eq!(winners(&ground, move |tx| tokens::mark_refresh_used(tx, id, NOW)).await, 1);
        assert_eq!(
            winners(&ground, move |tx| tokens::reuse_refresh(tx, id, NOW.minus(Duration::from_secs(1)), Some(3))).await,
            3
        );
        let key = session.key;
        assert_eq!(winners(&ground, move |tx| sessions::revoke(tx, key, NOW)).await, 1);
        let id = grant.id;
        assert_eq!(winners(&ground, move |tx| grants::revoke(tx, id, RevokedFor::CodeReuse, NOW)).await, 1);
        let mut next = interaction.clone();
        next.stage = Stage::LoginAnswered;
        assert_eq!(winners(&ground, move |tx| interactions::update(tx, &next, &[Stage::LoginAsked])).await, 1);
        let id = flow.id;
        assert_eq!(winners(&ground, move |tx| flows::mark_used(tx, id, NOW)).await, 1);
        assert_eq!(winners(&ground, |tx| keys::set_state(tx, "k", "upcoming", "active", NOW)).await, 1);
        let mut next = sample::client("app");
        next.version = 2;
        assert_eq!(winners(&ground, move |tx| clients::replace(tx, &next, 1)).await, 1);
        let next = sallyport::model::identity::Credential { version: 2, ..credential };
        assert_eq!(winners(&ground, move |tx| identities::replace_credential(tx, &next, 1, NOW)).await, 1);
        let heard = winners(&ground, |tx| Ok(!throttles::take(tx, "pair", b"x", later(60), NOW)?.exceed(10)));
        assert_eq!(heard.await, 10);
    }
}

#[tokio::test]
async fn a_file_that_another_process_holds_is_busy() {
    let ground = Ground::new(Engine::Sqlite);
    let DatabaseKind::Sqlite { path, .. } = ground.database.config().kind else { panic!("a file") };
    let kind = DatabaseKind::Sqlite {
        path: path.clone(),
        synchronous: Synchronous::Full,
        busy_timeout: Duration::from_millis(50),
    };
    let config = Database { kind, max_connections: 2, max_connection_lifetime: None };
    let facts = RecordFacts::new(Arc::new(sallyport::base::SystemClock), Arc::new(OsRandom));
    let store = Store::open(&config, Tenant::default(), Arc::new(facts)).unwrap();
    let mut other = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let refused = store.write(|tx| clients::insert(tx, &sample::client("app"))).await;
    assert!(matches!(refused, Err(StoreError::Busy)), "{refused:?}");
    assert_eq!(store.read(clients::count).await.unwrap(), 0, "reading goes on");
    other.batch_execute("COMMIT").unwrap();
    store.write(|tx| clients::insert(tx, &sample::client("app"))).await.unwrap();
}

/// Reads on several connections at once.
async fn read_side_by_side(store: &Store) -> Vec<Result<i64, StoreError>> {
    let all_here = Arc::new(Barrier::new(3));
    let reads = (0..3).map(|_| {
        let all_here = Arc::clone(&all_here);
        store.read(move |tx| {
            all_here.wait();
            clients::count(tx)
        })
    });
    futures_util::future::join_all(reads).await
}

#[tokio::test]
async fn connections_that_the_server_ended_while_they_were_idle_are_replaced() {
    let ground = Ground::new(Engine::Postgres);
    assert!(read_side_by_side(&ground.store).await.iter().all(|read| matches!(read, Ok(0))));
    let mut other = PgConnection::establish(ground.database.dsn()).unwrap();
    other
        .batch_execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .unwrap();
    ground.store.write(|tx| clients::insert(tx, &sample::client("app"))).await.unwrap();
    let reads = read_side_by_side(&ground.store).await;
    assert!(reads.iter().all(|read| matches!(read, Ok(1))), "{reads:?}");
}

/// The same rows, ids included, for the tenant of `store`.
async fn fill(store: &Store) {
    let rows = Arc::new((
        sample::grant("app", "someone"),
        sample::session("someone"),
        sample::person("a@example.com"),
        sample::access("app", None),
    ));
    for store in [store.clone(), store.for_tenant(Tenant::new("shadow"))] {
        let rows = Arc::clone(&rows);
        store
            .write(move |tx| {
                let (grant, session, person, access) = &*rows;
                clients::insert(tx, &sample::client("app"))?;
                grants::insert(tx, grant)?;
                sessions::insert(tx, session)?;
                tokens::insert_code(tx, &sample::code(grant))?;
                tokens::insert_access(tx, access)?;
                tokens::insert_refresh(tx, &sample::refresh(grant))?;
                keys::insert(tx, &sample::key("k"))?;
                identities::insert(tx, &person.identity, &person.credentials, &person.identifiers, &person.addresses)?;
                tx.record(sallyport::model::Fact::ClientCreated { client: grant.client_id.clone() });
                Ok(())
            })
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn another_tenants_rows_are_never_shown_nor_changed() {
    for engine in Engine::ALL {
        let ground = Ground::new(engine);
        fill(&ground.store).await;
        let shadow = ground.store.for_tenant(Tenant::new("shadow"));
        let counts = |tx: &mut Tx| {
            let subject = sallyport::model::Subject::new("someone");
            let client = sample::client("app").id;
            Ok([
                clients::list(tx, None, 99)?.len(),
                usize::try_from(clients::count(tx)?).unwrap(),
                grants::list_by_subject(tx, &subject, None, 99)?.len(),
                grants::remembered(tx, &subject, &client, NOW, 99)?.len(),
                sessions::list_by_subject(tx, &subject, None, 99)?.len(),
                keys::all(tx)?.len(),
                identities::list(tx, None, 99)?.len(),
                facts::list(tx, None, 99)?.len(),
            ])
        };
        assert_eq!(ground.store.read(counts).await.unwrap(), [1; 8]);
        let changed = ground.store.write(|tx| {
            let grant = grants::list_by_subject(tx, &sallyport::model::Subject::new("someone"), None, 9)?.remove(0);
            assert!(clients::delete(tx, &grant.client_id)?);
            assert!(!grants::liveness(tx, grant.id)?.unwrap().client_exists);
            assert!(grants::revoke(tx, grant.id, RevokedFor::CodeReuse, NOW)?);
            let session = sessions::list_by_subject(tx, &grant.subject, None, 9)?.remove(0);
            assert!(sessions::revoke(tx, session.key, NOW)?);
            let person = identities::list(tx, None, 9)?.remove(0);
            assert!(identities::delete(tx, person.id)?);
            assert!(keys::set_state(tx, "k", "upcoming", "active", NOW)?);
            Ok((grant.id, session.key))
        });
        let (grant, session) = changed.await.unwrap();
        shadow
            .read(move |tx| {
                assert!(grants::liveness(tx, grant)?.unwrap().is_live());
                assert_eq!(sessions::find(tx, session)?.unwrap().revoked_at, None);
                assert_eq!(keys::all(tx)?[0].state, "upcoming");
                counts(tx)
            })
            .await
            .map(|seen| assert_eq!(seen, [1; 8]))
            .unwrap();
        let nobody = ground.store.for_tenant(Tenant::new("nobody"));
        assert_eq!(nobody.read(counts).await.unwrap(), [0; 8]);
        assert_eq!(nobody.client(&sample::client("app").id).await.unwrap(), None);
        assert!(shadow.client(&sample::client("app").id).await.unwrap().is_some());
        assert_eq!(ground.store.client(&sample::client("app").id).await.unwrap(), None);
    }
}

#[tokio::test]
async fn sweeping_takes_what_is_over_from_every_tenant_and_nothing_else() {
    for engine in Engine::ALL {
        let ground = Ground::new(engine);
        fill(&ground.store).await;
        let many: Vec<_> = (0..450).map(|_| sample::access("app", None)).collect();
        ground.store.write(move |tx| many.iter().try_for_each(|row| tokens::insert_access(tx, row))).await.unwrap();
        let system = ground.store.system();
        assert_eq!(system.sweep(NOW).await.unwrap().total(), 0);
        let first = system.sweep(later(601)).await.unwrap();
        assert_eq!(first.0.iter().filter(|(_, n)| *n > 0).collect::<Vec<_>>(), [&("access_tokens", 452)]);
        let rest = system.sweep(later(3 * 24 * 3_600)).await.unwrap();
        let rest: Vec<_> = rest.0.iter().filter(|(_, n)| *n > 0).collect();
        assert_eq!(rest, [&("codes", 2), &("refresh_tokens", 2), &("grants", 2), &("sessions", 2)]);
        assert_eq!(ground.store.read(|tx| identities::list(tx, None, 9)).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_session_outlives_its_end_while_tokens_rest_on_it() {
    for engine in Engine::ALL {
        let ground = Ground::new(engine);
        let session = sample::session("someone");
        let mut grant = sample::grant("app", "someone");
        grant.session_key = Some(session.key);
        grant.expires_at = Some(later(10 * 24 * 3_600));
        let mut forever = sample::grant("app", "someone");
        forever.remember_until = None;
        let (key, ids) = (session.key, [grant.id, forever.id]);
        ground
            .store
            .write(move |tx| {
                sessions::insert(tx, &session)?;
                grants::insert(tx, &grant)?;
                grants::insert(tx, &forever)
            })
            .await
            .unwrap();
        let left = move |tx: &mut Tx| {
            Ok((
                sessions::find(tx, key)?.is_some(),
                grants::find(tx, ids[0])?.is_some(),
                grants::find(tx, ids[1])?.is_some(),
            ))
        };
        ground.store.system().sweep(later(3 * 24 * 3_600)).await.unwrap();
        assert_eq!(ground.store.read(left).await.unwrap(), (true, true, true));
        ground.store.system().sweep(later(20 * 24 * 3_600)).await.unwrap();
        assert_eq!(ground.store.read(left).await.unwrap(), (false, false, true), "a consent for ever stays");
    }
}
