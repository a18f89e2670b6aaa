//! What is written is read back, value by value, and each change does what its promise says.

use std::time::Duration;

use sallyport::base::Instant;
use sallyport::model::grant::RevokedFor;
use sallyport::model::identity::CredentialKind;
use sallyport::model::{Aal, Fact, IdentityState, LogoutStage, Stage, Subject};
use sallyport::store::{
    StoreError, clients, constraint, facts, flows, grants, identities, interactions, keys, logouts, sessions,
    throttles, tokens,
};

use super::sample::{self, later};
use super::{Ground, NOW};
use crate::support::db::Engine;

#[tokio::test]
async fn clients_are_kept_and_replaced_by_version() {
    for engine in Engine::ALL {
        let ground = Ground::new(engine);
        let client = sample::client("app");
        let (id, before) = (client.id.clone(), client.clone());
        ground.store.write(move |tx| clients::insert(tx, &before)).await.unwrap();
        let again = client.clone();
        let twice = ground.store.write(move |tx| clients::insert(tx, &again)).await;
        assert!(matches!(twice, Err(StoreError::Conflict { constraint: constraint::CLIENT })), "{twice:?}");
        let mut next = client.clone();
        next.version = 2;
        next.metadata.name = "new".into();
        let new = next.clone();
        let changed = ground
            .store
            .write(move |tx| Ok((clients::replace(tx, &new, 1)?, clients::replace(tx, &new, 1)?)))
            .await
            .unwrap();
        assert_eq!(changed, (true, false));
        let found = ground.store.read(move |tx| Ok((clients::find(tx, &id)?, clients::list(tx, None, 9)?))).await;
        assert_eq!(found.unwrap(), (Some(next.clone()), vec![next]));
        let id = client.id.clone();
        let gone = ground.store.write(move |tx| Ok((clients::delete(tx, &id)?, clients::delete(tx, &id)?))).await;
        assert_eq!(gone.unwrap(), (true, false));
    }
}

#[tokio::test]
async fn signing_keys_change_state_once() {
    for engine in Engine::ALL {
        let ground = Ground::new(engine);
        let all = ground.store.write(|tx| {
            keys::insert(tx, &sample::key("k1"))?;
            assert!(keys::set_state(tx, "k1", "upcoming", "active", later(1))?);
            assert!(!keys::set_state(tx, "k1", "upcoming", "active", later(1))?);
            keys::all(tx)
        });
        let all = all.await.unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].state.as_str(), all[0].state_changed_at), ("active", later(1)));
        assert_eq!(all[0].sealed, [0, 255, 7]);
    }
}

#[tokio::test]
async fn a_grant_lives_while_everything_under_it_does() {
    for engine in Engine::ALL {
        let ground = Ground::new(engine);
        let outcome = ground.store.write(|tx| {
            let person = sample::person("a@example.com");
            identities::insert(tx, &person.identity, &[], &[], &[])?;
            let session = sample::session("someone");
            sessions::insert(tx, &session)?;
            clients::insert(tx, &sample::client("app"))?;
            let mut grant = sample::grant("app", "someone");
            grant.identity_id = Some(person.identity.id);
            grant.session_key = Some(session.key);
            grants::insert(tx, &grant)?;
            let free = sample::grant("app", "someone");
            grants::insert(tx, &free)?;
            assert_eq!(grants::find(tx, grant.id)?.as_ref(), Some(&grant));
            assert!(grants::liveness(tx, free.id)?.unwrap().is_live());
            assert_eq!(grants::list_by_session(tx, session.key, 9)?, [grant.clone()]);
            let live = grants::liveness(tx, grant.id)?.unwrap();
            assert!(live.is_live());
            assert_eq!(live.grant, grant);

            identities::set_state(tx, person.identity.id, IdentityState::Inactive, NOW)?;
            assert!(!grants::liveness(tx, grant.id)?.unwrap().identity_active);
            identities::set_state(tx, person.identity.id, IdentityState::Active, NOW)?;
            assert!(grants::liveness(tx, grant.id)?.unwrap().is_live());
            clients::delete(tx, &grant.client_id)?;
            assert!(!grants::liveness(tx, grant.id)?.unwrap().client_exists);
            assert!(!grants::liveness(tx, free.id)?.unwrap().client_exists);
            clients::insert(tx, &sample::client("app"))?;
            assert!(sessions::revoke(tx, session.key, NOW)?);
            assert!(!grants::liveness(tx, grant.id)?.unwrap().session_live);
            identities::delete(tx, person.identity.id)?;
            assert!(!grants::liveness(tx, grant.id)?.unwrap().identity_active);

            assert!(grants::touch_for_mint(tx, free.id, None, Some(free.id.uuid()))?);
            assert_eq!(grants::find(tx, free.id)?.unwrap().expires_at, None);
            assert!(grants::revoke(tx, free.id, RevokedFor::CodeReuse, NOW)?);
            assert!(!grants::revoke(tx, free.id, RevokedFor::CodeReuse, NOW)?);
            assert!(!grants::touch_for_mint(tx, free.id, None, None)?);
            let live = grants::liveness(tx, free.id)?.unwrap();
            assert!(!live.is_live());
            assert_eq!((live.grant.live_from, live.grant.expires_at), (Some(free.id.uuid()), Some(NOW)));
            Ok(())
        });
        outcome.await.unwrap();
    }
}

#[tokio::test]
async fn remembered_grants_are_the_live_ones_of_one_subject_and_client() {
    for engine in Engine::ALL {
        let ground = Ground::new(engine);
        let outcome = ground.store.write(|tx| {
            let wanted = sample::grant("app", "someone");
            let mut over = sample::grant("app", "someone");
            over.remember_until = Some(NOW);
            let mut unasked = sample::grant("app", "someone");
            unasked.remembered = false;
            let gone = sample::grant("app", "someone");
            for grant in [&wanted, &over, &unasked, &gone] {
                grants::insert(tx, grant)?;
            }
            grants::insert(tx, &sample::grant("other", "someone"))?;
            grants::insert(tx, &sample::grant("app", "another"))?;
            grants::revoke(tx, gone.id, RevokedFor::ConsentWithdrawn, NOW)?;
            let found = grants::remembered(tx, &wanted.subject, &wanted.client_id, NOW, 9)?;
            assert_eq!(found, std::slice::from_ref(&wanted));
            let mut mine: Vec<_> = grants::list_by_subject(tx, &wanted.subject, None, 9)?;
            assert_eq!(mine.len(), 4);
            assert!(mine.windows(2).all(|pair| pair[0].id > pair[1].id));
            let page = grants::list_by_subject(tx, &wanted.subject, Some(mine[1].id), 1)?;
            assert_eq!(page, [mine.remove(2)]);
            let why = RevokedFor::ConsentWithdrawn;
            let subject = &wanted.subject;
            assert_eq!(grants::revoke_by_subject_client(tx, subject, Some(&wanted.client_id), why, NOW)?.len(), 3);
            assert_eq!(grants::revoke_by_subject_client(tx, subject, None, why, NOW)?.len(), 1);
            assert_eq!(grants::list_by_subject(tx, &Subject::new("another"), None, 9)?.len(), 1);
            Ok(())
        });
        outcome.await.unwrap();
    }
}

#[tokio::test]
async fn codes_and_tokens_are_used_once() {
    for engine in Engine::ALL {
        let ground = Ground::new(engine);
        let outcome = ground.store.write(|tx| {
            let grant = sample::grant("app", "someone");
            let (code, access, refresh) =
                (sample::code(&grant), sample::access("app", Some(&grant)), sample::refresh(&grant));
            tokens::insert_code(tx, &code)?;
            tokens::insert_access(tx, &access)?;
            tokens::insert_refresh(tx, &refresh)?;
            assert_eq!(tokens::code(tx, code.id)?.as_ref(), Some(&code));
            assert_eq!(tokens::access(tx, access.id)?.as_ref(), Some(&access));
            assert_eq!(tokens::refresh(tx, refresh.id)?.as_ref(), Some(&refresh));
            assert_eq!(tokens::code(tx, sample::code(&grant).id)?, None);

            assert!(tokens::mark_code_used(tx, code.id, later(1))?);
            assert!(!tokens::mark_code_used(tx, code.id, later(2))?);
            assert_eq!(tokens::code(tx, code.id)?.unwrap().used_at, Some(later(1)));
            assert!(tokens::revoke_access(tx, access.id, NOW)?);
            assert!(!tokens::revoke_access(tx, access.id, NOW)?);

            assert!(!tokens::reuse_refresh(tx, refresh.id, NOW, None)?, "not used at all yet");
            assert!(tokens::mark_refresh_used(tx, refresh.id, later(10))?);
            assert!(!tokens::mark_refresh_used(tx, refresh.id, later(10))?);
            assert!(tokens::reuse_refresh(tx, refresh.id, later(9), Some(2))?);
            assert!(tokens::reuse_refresh(tx, refresh.id, later(9), Some(2))?);
            assert!(!tokens::reuse_refresh(tx, refresh.id, later(9), Some(2))?, "too often");
            assert!(tokens::reuse_refresh(tx, refresh.id, later(9), None)?);
            assert!(!tokens::reuse_refresh(tx, refresh.id, later(10), None)?, "too late");

            let jti = access.id.uuid();
            assert!(!tokens::is_jwt_revoked(tx, jti)?);
            tokens::revoke_jwt(tx, jti, NOW)?;
            tokens::revoke_jwt(tx, jti, NOW)?;
            assert!(tokens::is_jwt_revoked(tx, jti)?);
            Ok(())
        });
        outcome.await.unwrap();
    }
}

#[tokio::test]
async fn sessions_are_found_by_key_and_by_public_id() {
    for engine in Engine::ALL {
        let ground = Ground::new(engine);
        let outcome = ground.store.write(|tx| {
            let mut session = sample::session("someone");
            sessions::insert(tx, &session)?;
            sessions::insert(tx, &sample::session("another"))?;
            assert_eq!(sessions::find(tx, session.key)?.as_ref(), Some(&session));
            assert_eq!(sessions::find_by_id(tx, session.id)?.as_ref(), Some(&session));
            session.authenticated_at = later(5);
            session.expires_at = later(9_999);
            session.aal = Aal::Aal1;
            session.amr.clear();
            assert!(sessions::update(tx, &session)?);
            assert_eq!(sessions::list_by_subject(tx, &session.subject, None, 9)?, [session.clone()]);
            let mut other = session.clone();
            other.subject = Subject::new("another");
            assert!(!sessions::update(tx, &other)?, "a session never changes hands");
            assert!(sessions::revoke(tx, session.key, NOW)?);
            assert!(!sessions::revoke(tx, session.key, NOW)?);
            assert!(!sessions::update(tx, &session)?, "an ended session stays ended");
            Ok(())
        });
        outcome.await.unwrap();
    }
}

#[tokio::test]
async fn pauses_go_on_from_the_stage_they_are_at() {
    for engine in Engine::ALL {
        let ground = Ground::new(engine);
        let outcome = ground.store.write(|tx| {
            let mut it = sample::interaction();
            interactions::insert(tx, &it)?;
            assert_eq!(interactions::find(tx, it.id)?.as_ref(), Some(&it));
            it.stage = Stage::ConsentAsked;
            it.login = None;
            assert!(!interactions::update(tx, &it, &[Stage::ConsentAsked, Stage::Done])?);
            assert!(interactions::update(tx, &it, &[Stage::LoginAnswered, Stage::LoginAsked])?);
            assert!(!interactions::update(tx, &it, &[Stage::LoginAsked])?);
            assert!(!interactions::update(tx, &it, &[])?);
            assert_eq!(interactions::find(tx, it.id)?.as_ref(), Some(&it));
            assert!(interactions::delete(tx, it.id)?);
            assert!(!interactions::delete(tx, it.id)?);

            let mut logout = sample::logout();
            logouts::insert(tx, &logout)?;
            logout.stage = LogoutStage::Confirmed;
            logout.verifier_digest = Some([2; 32]);
            assert!(logouts::update(tx, &logout, &[LogoutStage::Asked])?);
            assert!(!logouts::update(tx, &logout, &[LogoutStage::Asked])?);
            assert_eq!(logouts::find(tx, logout.id)?, Some(logout));

            let mut flow = sample::flow();
            flows::insert(tx, &flow)?;
            assert_eq!(flows::find(tx, flow.id)?.as_ref(), Some(&flow));
            flow.body = serde_json::json!({});
            assert!(!flows::update(tx, &flow, "passed")?);
            assert!(flows::update(tx, &flow, "choose_method")?);
            assert!(flows::mark_used(tx, flow.id, NOW)?);
            assert!(!flows::mark_used(tx, flow.id, NOW)?);
            assert!(!flows::update(tx, &flow, "choose_method")?);
            Ok(())
        });
        outcome.await.unwrap();
    }
}

#[tokio::test]
async fn people_are_found_by_what_they_log_in_with() {
    for engine in Engine::ALL {
        let ground = Ground::new(engine);
        let outcome = ground.store.write(|tx| {
            let sample::Person { mut identity, credentials, identifiers, addresses } = sample::person("a@example.com");
            identities::insert(tx, &identity, &credentials, &identifiers, &addresses)?;
            let kind = CredentialKind::Password;
            let found = identities::find_credential_by_identifier(tx, kind, "a@example.com")?;
            assert_eq!(found, Some((identity.clone(), credentials[0].clone())));
            for unknown in ["", "A@example.com", "a@example.com\0", "%"] {
                assert_eq!(identities::find_credential_by_identifier(tx, kind, unknown)?, None);
            }
            assert_eq!(identities::addresses(tx, identity.id)?, addresses);
            assert_eq!(identities::credential(tx, identity.id, kind)?, Some(credentials[0].clone()));
            let mut credential = credentials[0].clone();
            credential.version = 2;
            assert!(identities::replace_credential(tx, &credential, 1, NOW)?);
            assert!(!identities::replace_credential(tx, &credential, 1, NOW)?);
            identity.version = 2;
            identity.traits = serde_json::json!({ "email": "b@example.com" });
            identity.metadata_public = None;
            assert!(identities::update_traits(tx, &identity, 1)?);
            assert!(!identities::update_traits(tx, &identity, 1)?);
            assert_eq!(identities::find(tx, identity.id)?.as_ref(), Some(&identity));
            let second = sample::person("c@example.com").identity;
            identities::insert(tx, &second, &[], &[], &[])?;
            assert_eq!(identities::list(tx, None, 9)?.len(), 2);
            assert_eq!(identities::list(tx, Some(identity.seq.min(second.seq)), 9)?.len(), 1);
            assert!(identities::delete(tx, identity.id)?);
            assert_eq!(identities::addresses(tx, identity.id)?, []);
            assert_eq!(identities::find_credential_by_identifier(tx, kind, "a@example.com")?, None);
            Ok(())
        });
        outcome.await.unwrap();
    }
}

#[tokio::test]
async fn what_another_person_has_is_named() {
    for engine in Engine::ALL {
        let ground = Ground::new(engine);
        ground
            .store
            .write(|tx| {
                let p = sample::person("a@example.com");
                identities::insert(tx, &p.identity, &p.credentials, &p.identifiers, &p.addresses)
            })
            .await
            .unwrap();
        for (clash, named) in [(0, constraint::IDENTIFIER), (1, constraint::ADDRESS), (2, constraint::EXTERNAL_ID)] {
            let refused = ground.store.write(move |tx| {
                let theirs = sample::person("a@example.com");
                let mut mine = sample::person("b@example.com");
                match clash {
                    0 => mine.identifiers = theirs.identifiers,
                    1 => mine.addresses[0].value = theirs.addresses[0].value.clone(),
                    _ => mine.identity.external_id = theirs.identity.external_id,
                }
                identities::insert(tx, &mine.identity, &mine.credentials, &mine.identifiers, &mine.addresses)
            });
            let error = refused.await.unwrap_err();
            assert!(error.is_conflict(named), "{error:?}");
        }
        let orphan = ground.store.write(|tx| {
            let p = sample::person("d@example.com");
            identities::add_credential(tx, &p.credentials[0], NOW)
        });
        assert!(orphan.await.unwrap_err().is_conflict(constraint::PARENT));
        let left = ground.store.read(|tx| identities::list(tx, None, 9)).await.unwrap();
        assert_eq!(left.len(), 1, "a refused person leaves nothing");
    }
}

#[tokio::test]
async fn attempts_are_counted_in_windows() {
    for engine in Engine::ALL {
        let ground = Ground::new(engine);
        let outcome = ground.store.write(|tx| {
            let minute = |n: u64| NOW.plus(Duration::from_secs(60 * n));
            let count = |tx: &mut _, now: Instant| {
                let attempts = throttles::take(tx, "pair", &[1; 32], now.plus(Duration::from_secs(60)), now).unwrap();
                (attempts.count, attempts.window_ends_at)
            };
            assert_eq!(throttles::peek(tx, "pair", &[1; 32], NOW)?, None);
            assert_eq!(count(tx, NOW), (1, minute(1)));
            assert_eq!(count(tx, later(30)), (2, minute(1)));
            throttles::give_back(tx, "pair", &[1; 32], later(30))?;
            assert_eq!(throttles::peek(tx, "pair", &[1; 32], later(30))?.unwrap().count, 1);
            assert_eq!(count(tx, later(60)), (1, minute(2)), "the window is over at its end");
            assert_eq!(throttles::take(tx, "account", &[1; 32], minute(9), NOW)?.count, 1);
            throttles::reset(tx, "pair", &[1; 32])?;
            assert_eq!(count(tx, later(61)).0, 1);
            Ok(())
        });
        outcome.await.unwrap();
    }
}

#[tokio::test]
async fn facts_are_kept_in_the_order_they_were_recorded() {
    for engine in Engine::ALL {
        let ground = Ground::new(engine);
        let client = sample::client("app").id;
        for n in 0..3 {
            let client = client.clone();
            ground
                .store
                .write(move |tx| {
                    tx.record(Fact::ClientCreated { client: client.clone() });
                    tx.record(Fact::SessionEnded { session: uuid::Uuid::from_u128(n), subject: Subject::new("s") });
                    Ok(())
                })
                .await
                .unwrap();
        }
        let rows = ground.store.read(|tx| facts::list(tx, None, 99)).await.unwrap();
        let kinds: Vec<&str> = rows.iter().map(|row| row.kind.as_str()).collect();
        assert_eq!(kinds, ["client_created", "session_ended"].repeat(3));
        assert_eq!((rows[0].client_id.as_ref(), rows[0].created_at), (Some(&client), NOW));
        assert_eq!(rows[5].detail, serde_json::json!({ "session": uuid::Uuid::from_u128(2) }));
        let after = rows[3].id;
        let rest = ground.store.read(move |tx| facts::list(tx, Some(after), 99)).await.unwrap();
        assert_eq!(rest, rows[4..]);
    }
}
