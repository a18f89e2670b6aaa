//! Live look-ups and the append queue: nothing is remembered that could change.

use std::sync::Arc;

use sallyport::base::Id;
use sallyport::base::OsRandom;
use sallyport::model::grant::RevokedFor;
use sallyport::model::{AccessRecord, ClientId, IdentityState};
use sallyport::store::{StoreError, clients, grants, identities, sessions, tokens};

use super::sample::{self, later};
use super::{Ground, NOW, open};
use crate::support::db::Engine;

#[tokio::test]
async fn appended_tokens_are_found_by_every_server_at_once() {
    for engine in Engine::ALL {
        let ground = Ground::new(engine);
        let other = open(&ground.database);
        let app = sample::client("app");
        let client = app.clone();
        ground.store.write(move |tx| clients::insert(tx, &client)).await.unwrap();
        let records: Vec<AccessRecord> = (0..200).map(|_| sample::access("app", None)).collect();
        let tasks: Vec<_> = records
            .iter()
            .cloned()
            .map(|record| {
                let store = ground.store.clone();
                tokio::spawn(async move { store.append_access(record).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        let tasks: Vec<_> = records
            .iter()
            .cloned()
            .map(|record| {
                let store = other.clone();
                tokio::spawn(async move {
                    let caller = ClientId::new("app");
                    let (client, live) = store.introspection(Some(&caller), record.id).await.unwrap();
                    let live = live.unwrap();
                    assert_eq!(client.unwrap().id, caller);
                    assert!(live.is_live(NOW) && live.grant.is_none());
                    assert!(!live.is_live(later(600)), "its time ends");
                    assert_eq!(live.record, record);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let twice = ground.store.append_access(records[0].clone()).await;
        assert!(matches!(twice, Err(StoreError::Conflict { .. })), "{twice:?}");
        assert_eq!(ground.store.access(Id::ordered(NOW, &OsRandom)).await.unwrap(), None);
        assert_eq!(ground.store.client(&ClientId::new("nobody")).await.unwrap(), None);
    }
}

#[tokio::test]
async fn every_parent_that_goes_takes_the_token_with_it() {
    for engine in Engine::ALL {
        let ground = Ground::new(engine);
        let other = open(&ground.database);
        let person = sample::person("a@example.com").identity;
        let session = sample::session("someone");
        let mut grant = sample::grant("app", "someone");
        grant.identity_id = Some(person.id);
        grant.session_key = Some(session.key);
        let (access, mut orphan) = (sample::access("app", Some(&grant)), sample::access("app", Some(&grant)));
        orphan.grant_id = Some(sample::ordered());
        let rows = (person.clone(), session.clone(), grant.clone(), access.clone(), orphan.clone());
        ground
            .store
            .write(move |tx| {
                let (person, session, grant, access, orphan) = &rows;
                identities::insert(tx, person, &[], &[], &[])?;
                sessions::insert(tx, session)?;
                clients::insert(tx, &sample::client("app"))?;
                grants::insert(tx, grant)?;
                tokens::insert_access(tx, access)?;
                tokens::insert_access(tx, orphan)
            })
            .await
            .unwrap();
        let is_live = || async { other.access(access.id).await.unwrap().unwrap().is_live(NOW) };
        let live = other.access(access.id).await.unwrap().unwrap();
        assert_eq!((live.grant.as_ref(), &live.record), (Some(&grant), &access));
        assert!(is_live().await);
        assert!(!other.access(orphan.id).await.unwrap().unwrap().is_live(NOW), "its grant is gone");

        let id = person.id;
        ground.store.write(move |tx| identities::set_state(tx, id, IdentityState::Inactive, NOW)).await.unwrap();
        assert!(!is_live().await);
        ground.store.write(move |tx| identities::set_state(tx, id, IdentityState::Active, NOW)).await.unwrap();
        assert!(is_live().await);
        let client = grant.client_id.clone();
        ground.store.write(move |tx| clients::delete(tx, &client)).await.unwrap();
        assert!(!is_live().await);
        ground.store.write(|tx| clients::insert(tx, &sample::client("app"))).await.unwrap();
        assert!(is_live().await);
        let (grant, newer) = (grant.id, sample::ordered::<AccessRecord>().uuid());
        ground.store.write(move |tx| grants::touch_for_mint(tx, grant, None, Some(newer))).await.unwrap();
        assert_eq!(is_live().await, access.id.uuid() >= newer, "a refresh ended what came before");
        let own = access.id.uuid();
        ground.store.write(move |tx| grants::touch_for_mint(tx, grant, None, Some(own))).await.unwrap();
        assert!(is_live().await);
        let key = session.key;
        ground.store.write(move |tx| sessions::revoke(tx, key, NOW)).await.unwrap();
        assert!(!is_live().await);
        ground.store.write(move |tx| grants::revoke(tx, grant, RevokedFor::ClientRequest, NOW)).await.unwrap();
        let live = other.access(access.id).await.unwrap().unwrap();
        assert_eq!(live.grant.unwrap().revoked_at, Some(NOW));
        let id = access.id;
        assert!(ground.store.write(move |tx| tokens::revoke_access(tx, id, NOW)).await.unwrap());
        assert_eq!(other.access(id).await.unwrap().unwrap().record.revoked_at, Some(NOW));
    }
}

#[tokio::test]
async fn a_client_is_parsed_once_and_never_stale() {
    for engine in Engine::ALL {
        let ground = Ground::new(engine);
        let id = ClientId::new("app");
        ground.store.write(|tx| clients::insert(tx, &sample::client("app"))).await.unwrap();
        let first = ground.store.client(&id).await.unwrap().unwrap();
        let second = ground.store.client(&id).await.unwrap().unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(*first, sample::client("app"));
        // Removed and made again within the same microsecond, at the same version, with another secret.
        let gone = id.clone();
        ground
            .store
            .write(move |tx| {
                clients::delete(tx, &gone)?;
                let mut client = sample::client("app");
                client.secrets.clear();
                clients::insert(tx, &client)
            })
            .await
            .unwrap();
        assert!(ground.store.client(&id).await.unwrap().unwrap().secrets.is_empty());
        ground.store.write(move |tx| clients::delete(tx, &ClientId::new("app"))).await.unwrap();
        assert_eq!(ground.store.client(&id).await.unwrap(), None);
    }
}
