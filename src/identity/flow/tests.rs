//! The login flow from its first form to a session, on a real database.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use super::submit::{self, Applied, LoginInput};
use super::{FlowError, FlowType};
use crate::base::{Id, Secret};
use crate::identity::credential::LoginFields;
use crate::identity::testing::{BROWSER, HOME, House, RIGHT, input, said, without_ids};
use crate::model::identity::{CredentialKind, IdentityState};
use crate::store::identities;

const WRONG: &str = "wrong horse battery";

#[tokio::test]
async fn the_right_password_makes_a_session() {
    let (house, alice) = House::with_alice().await;
    let done = house.log_in(" ALICE@example.com ", RIGHT).await.expect("signed in");
    assert_eq!((done.identity.id, done.session.subject.as_str()), (alice.id, alice.id.to_string().as_str()));
    assert_eq!((done.answer.amr.clone(), done.answer.acr.as_str()), (vec!["pwd".to_owned()], "aal1"));
    assert_eq!((done.answer.identity_id, done.answer.remember), (Some(alice.id.uuid()), true));
    assert_eq!(done.answer.authenticated_at, done.session.authenticated_at.micros());
    let current = house.accounts.current(done.token.expose()).await.expect("read").expect("live");
    assert_eq!(current.session, done.session);
    let addresses = house.accounts.addresses(alice.id).await.expect("read");
    let body = house.accounts.session_json(&current.session, &current.identity, &addresses);
    without_ids(|| insta::assert_json_snapshot!(body));
}

#[tokio::test]
async fn each_login_has_a_token_of_its_own() {
    let (house, _) = House::with_alice().await;
    let mut seen = HashSet::new();
    for _ in 0..3 {
        let done = house.log_in("alice@example.com", RIGHT).await.expect("signed in");
        assert!(seen.insert(done.token.expose().clone()) && seen.insert(done.session.id.to_string()));
    }
}

/// attack case: the answer must not tell which accounts exist, are disabled or have no password.
#[tokio::test]
async fn unknown_disabled_and_passwordless_accounts_answer_like_a_wrong_password() {
    let (house, _) = House::with_alice().await;
    house.person("nopassword@example.com", None).await;
    let disabled = house.person("disabled@example.com", Some(RIGHT)).await;
    disable(&house, disabled.id.uuid()).await;
    let mut answers = HashSet::new();
    for who in
        ["alice@example.com", "nobody@example.com", "nopassword@example.com", "disabled@example.com", "not\u{7}valid"]
    {
        let before = house.looked_at();
        let Err(FlowError::Form(flow)) = house.log_in(who, WRONG).await else { panic!("expected a form for {who}") };
        let mut body = house.accounts.login_json(&flow, Some("masked"));
        body["id"] = json!("-");
        body["ui"]["action"] = json!("-");
        assert!(!body.to_string().contains(WRONG));
        body["ui"]["nodes"][1]["attributes"]["value"] = json!("-");
        answers.insert(body.to_string());
        assert_eq!(house.looked_at(), before + 1, "{who} costs as much as any other");
    }
    assert_eq!(answers.len(), 1, "{answers:#?}");
    assert!(answers.iter().all(|answer| answer.contains("4000006")));
}

#[tokio::test]
async fn a_disabled_account_is_told_so_once_the_password_is_proven() {
    let (house, alice) = House::with_alice().await;
    let before = house.log_in("alice@example.com", RIGHT).await.expect("signed in");
    disable(&house, alice.id.uuid()).await;
    assert_eq!(said(house.log_in("alice@example.com", RIGHT).await), [4_010_011]);
    assert_eq!(house.accounts.current(before.token.expose()).await.expect("read"), None, "sessions die at once");
}

#[tokio::test]
async fn a_wrong_answer_keeps_the_identifier_and_its_message_for_the_page() {
    let (house, _) = House::with_alice().await;
    let flow = house.flow().await;
    assert_eq!(said(house.answer(flow.id.uuid(), "Alice@example.com", WRONG, HOME).await), [4_000_006]);
    let shown = house.accounts.load_login(flow.id.uuid(), Some(BROWSER)).await.expect("the same flow");
    without_ids(|| insta::assert_json_snapshot!(house.accounts.login_json(&shown, Some("masked"))));
    assert!(house.answer(flow.id.uuid(), "Alice@example.com", RIGHT, HOME).await.is_ok(), "and may be answered again");
}

#[tokio::test]
async fn empty_fields_and_unknown_methods_are_named_and_cost_nothing() {
    let (house, _) = House::with_alice().await;
    for (who, password, missing) in
        [("", RIGHT, "identifier"), ("alice@example.com", "", "password"), (" ", "", "identifier")]
    {
        let Err(FlowError::Form(flow)) = house.log_in(who, password).await else { panic!("expected a form") };
        assert_eq!(flow.detail.missing.as_deref(), Some(missing));
        let ui = house.accounts.login_ui(&flow, None);
        let told: Vec<_> =
            ui.nodes.iter().filter(|node| !node.messages.is_empty()).map(|n| n.attributes.name).collect();
        assert_eq!(told, [missing]);
    }
    let flow = house.flow().await.id.uuid();
    for method in ["totp", "", "Password"] {
        let odd = LoginInput { method: method.to_owned(), ..input(flow, "alice@example.com", RIGHT, HOME) };
        assert_eq!(said(house.accounts.prepare_login(odd).await), [4_010_002]);
    }
    assert_eq!(house.looked_at(), 0);
}

#[tokio::test]
async fn an_expired_flow_is_replaced_by_one_for_the_same_purpose() {
    let (house, _) = House::with_alice().await;
    let challenge = (Id::from_uuid(Uuid::from_u128(5)), "a challenge".to_owned());
    let start = super::login::StartLogin {
        return_to: Some("https://app.example/home/x".to_owned()),
        interaction: Some(challenge.clone()),
        ..house.start()
    };
    let old = house.accounts.start_login(start).await.expect("a flow");
    house.wait(3_600);
    let Err(FlowError::Expired(seen)) = house.accounts.load_login(old.id.uuid(), Some(BROWSER)).await else {
        panic!("expected an expired flow")
    };
    assert_eq!(seen.id, old.id);
    let answer = house.answer(old.id.uuid(), "alice@example.com", RIGHT, HOME).await;
    let Err(FlowError::Replaced { flow, expired_at }) = answer else { panic!("expected a new flow") };
    assert_eq!(flow.detail.messages[0].id, 4_010_001);
    assert_eq!((flow.interaction, flow.detail.request.login_challenge.clone()), (Some(challenge.0), Some(challenge.1)));
    assert_eq!((flow.detail.return_to.clone(), expired_at), (old.detail.return_to, old.expires_at));
    assert_ne!(flow.id, old.id);
    assert_eq!(house.looked_at(), 0, "nobody looks at what an expired form says");
    assert!(house.answer(flow.id.uuid(), "alice@example.com", RIGHT, HOME).await.is_ok());
}

#[tokio::test]
async fn a_flow_that_runs_out_while_it_is_answered_makes_no_session() {
    let (house, _) = House::with_alice().await;
    let sent = input(house.flow().await.id.uuid(), "alice@example.com", RIGHT, HOME);
    let prepared = house.accounts.prepare_login(sent).await.expect("proven");
    house.wait(3_600);
    assert_eq!(said(house.accounts.finish_login(prepared).await), [4_010_001]);
}

#[tokio::test]
async fn a_flow_works_once() {
    let (house, _) = House::with_alice().await;
    let flow = house.flow().await.id.uuid();
    let both = [
        house.accounts.prepare_login(input(flow, "alice@example.com", RIGHT, HOME)).await.expect("proven"),
        house.accounts.prepare_login(input(flow, "alice@example.com", RIGHT, HOME)).await.expect("proven"),
    ];
    let [first, second] = both;
    let token = house.accounts.finish_login(first).await.expect("signed in").token;
    assert_eq!(said(house.accounts.finish_login(second).await), [4_010_007], "both were proven at the same time");
    assert_eq!(said(house.answer(flow, "alice@example.com", RIGHT, HOME).await), [4_010_007]);
    assert!(house.accounts.current(token.expose()).await.expect("read").is_some());
}

#[tokio::test]
async fn what_changed_between_proof_and_write_is_seen() {
    let (house, alice) = House::with_alice().await;
    let proven = |flow| house.accounts.prepare_login(input(flow, "alice@example.com", RIGHT, HOME));
    let flow = house.flow().await.id.uuid();
    let prepared = proven(flow).await.expect("proven");
    let mut newer = credential(&house, "alice@example.com").await;
    newer.config = json!({ "hashed_password": "$argon2id$changed" });
    newer.version += 1;
    let (version, now) = (newer.version - 1, house.accounts.clock.now());
    let swap = move |tx: &mut crate::store::Tx| identities::replace_credential(tx, &newer, version, now);
    assert!(house.accounts.store.write(swap).await.expect("written"));
    let again = prepared.clone();
    let applied = house.accounts.store.write(move |tx| submit::apply(tx, &again, now)).await.expect("no fault");
    assert!(matches!(applied, Applied::AccountChanged));
    assert_eq!(said(house.accounts.finish_login(prepared).await), [4_000_006]);

    let bob = house.person("bob@example.com", Some(RIGHT)).await;
    let flow = house.flow().await.id.uuid();
    let prepared = house.accounts.prepare_login(input(flow, "bob@example.com", RIGHT, HOME)).await.expect("proven");
    disable(&house, bob.id.uuid()).await;
    assert!(house.accounts.finish_login(prepared).await.is_err());
    assert_ne!(alice.id, bob.id);
}

#[tokio::test]
async fn an_outdated_hash_is_renewed_by_the_login_that_proves_it() {
    let house = House::with_cost(2);
    let old = House::with_cost(1).accounts.passwords;
    let person = house.person("alice@example.com", Some(RIGHT)).await;
    let mut credential_now = credential(&house, "alice@example.com").await;
    let hash = old.hash(RIGHT.as_bytes(), &*house.accounts.random).expect("hashed");
    credential_now.config = json!({ "hashed_password": hash });
    let (version, now) = (credential_now.version, house.accounts.clock.now());
    let swap = move |tx: &mut crate::store::Tx| identities::replace_credential(tx, &credential_now, version, now);
    assert!(house.accounts.store.write(swap).await.expect("written"));
    assert_eq!(house.log_in("alice@example.com", RIGHT).await.expect("signed in").identity.id, person.id);
    let renewed = credential(&house, "alice@example.com").await;
    let phc = renewed.config["hashed_password"].as_str().expect("a hash").to_owned();
    assert!(phc.contains("t=2") && renewed.version > version);
    house.log_in("alice@example.com", RIGHT).await.expect("the new hash verifies");
    assert_eq!(credential(&house, "alice@example.com").await, renewed, "and is not renewed again");
}

#[tokio::test]
async fn a_browser_flow_belongs_to_one_browser() {
    let (house, _) = House::with_alice().await;
    let flow = house.flow().await.id.uuid();
    for csrf in [None, Some([8; 32])] {
        assert!(matches!(house.accounts.load_login(flow, csrf).await, Err(FlowError::Csrf)));
        let stolen = LoginInput { csrf, ..input(flow, "alice@example.com", RIGHT, HOME) };
        assert!(matches!(house.accounts.prepare_login(stolen).await, Err(FlowError::Csrf)));
    }
    let start = super::login::StartLogin { kind: FlowType::Api, csrf: None, ..house.start() };
    let api = house.accounts.start_login(start).await.expect("a flow").id.uuid();
    assert!(house.accounts.load_login(api, None).await.is_ok());
    assert!(matches!(house.accounts.load_login(api, Some(BROWSER)).await, Err(FlowError::Csrf)));
    assert!(matches!(house.accounts.load_login(Uuid::from_u128(1), None).await, Err(FlowError::NotFound)));
    assert_eq!(house.looked_at(), 0);
}

#[tokio::test]
async fn whoever_is_signed_in_is_asked_again_only_on_request_and_only_as_themselves() {
    let (house, _) = House::with_alice().await;
    house.person("bob@example.com", Some(RIGHT)).await;
    let done = house.log_in("alice@example.com", RIGHT).await.expect("signed in");
    let current = house.accounts.current(done.token.expose()).await.expect("read");
    let start = super::login::StartLogin { current, ..house.start() };
    let again = house.accounts.start_login(start.clone()).await;
    assert!(matches!(again, Err(FlowError::AlreadySignedIn)));
    let start = super::login::StartLogin { refresh: true, ..start };
    let flow = house.accounts.start_login(start).await.expect("a flow");
    assert_eq!(flow.detail.messages[0].id, 1_010_003);
    let ui = house.accounts.login_ui(&flow, Some("masked"));
    let identifier = ui.nodes.iter().find(|node| node.attributes.name == "identifier").expect("a field");
    assert_eq!(identifier.attributes.value, Some(json!("alice@example.com")));
    assert_eq!(said(house.answer(flow.id.uuid(), "bob@example.com", RIGHT, HOME).await), [4_000_006]);
    house.wait(60);
    let renewed = house.answer(flow.id.uuid(), "alice@example.com", RIGHT, HOME).await.expect("confirmed");
    assert!(renewed.session.authenticated_at > done.session.authenticated_at);
    assert!(renewed.session.expires_at > done.session.expires_at);
    assert_eq!((renewed.session.id, renewed.session.amr.len()), (done.session.id, 1), "what rests on it goes on");
    let live = async |token: &Secret<String>| house.accounts.current(token.expose()).await.expect("read");
    assert_eq!(live(&renewed.token).await.map(|c| c.session), Some(renewed.session));
    assert_eq!(live(&done.token).await, None, "the old token is dead");
    let stranger = super::login::StartLogin { refresh: true, ..house.start() };
    let flow = house.accounts.start_login(stranger).await.expect("a flow");
    assert_eq!(flow.detail.refresh, None, "refresh means nothing when nobody is signed in");
}

#[tokio::test]
async fn when_a_client_asks_again_the_same_person_goes_on_and_another_begins_anew() {
    let (house, _) = House::with_alice().await;
    house.person("bob@example.com", Some(RIGHT)).await;
    let done = house.log_in("alice@example.com", RIGHT).await.expect("signed in");
    let mut token = done.token.expose().clone();
    for (who, same) in [("alice@example.com", true), ("bob@example.com", false)] {
        let current = house.accounts.current(&token).await.expect("read");
        let interaction = Some((Id::from_uuid(Uuid::from_u128(5)), "a challenge".to_owned()));
        let start = super::login::StartLogin { current, interaction, ..house.start() };
        let flow = house.accounts.start_login(start).await.expect("a flow");
        assert_eq!(flow.detail.refresh, None, "somebody else may sign in instead");
        let next = house.answer(flow.id.uuid(), who, RIGHT, HOME).await.expect("signed in");
        assert_eq!((next.session.id == done.session.id, *next.token.expose() == token), (same, false), "{who}");
        if same {
            token = next.token.expose().clone();
        }
    }
    assert!(house.accounts.current(&token).await.expect("read").is_some(), "what Alice's apps hold goes on");
}

#[tokio::test]
async fn a_session_that_ended_is_not_renewed() {
    let (house, alice) = House::with_alice().await;
    for ends_before_the_proof in [true, false] {
        let done = house.log_in("alice@example.com", RIGHT).await.expect("signed in");
        let current = house.accounts.current(done.token.expose()).await.expect("read");
        let start = super::login::StartLogin { current, refresh: true, ..house.start() };
        let flow = house.accounts.start_login(start).await.expect("a flow").id.uuid();
        let prepare = || house.accounts.prepare_login(input(flow, "alice@example.com", RIGHT, HOME));
        if ends_before_the_proof {
            assert!(house.accounts.log_out(done.session.clone()).await.expect("written"));
            let begun = house.accounts.finish_login(prepare().await.expect("proven")).await.expect("signed in");
            assert_eq!(begun.identity.id, alice.id);
            assert_ne!(begun.session.id, done.session.id);
        } else {
            let prepared = prepare().await.expect("proven");
            assert!(house.accounts.log_out(done.session).await.expect("written"));
            assert_eq!(said(house.accounts.finish_login(prepared).await), [4_010_007]);
        }
    }
}

#[tokio::test]
async fn only_allowed_addresses_are_returned_to() {
    let house = House::new();
    for (raw, allowed) in [
        ("https://app.example/home/1", true),
        ("https://id.example/self-service/settings", true),
        ("https://evil.example/", false),
        ("//evil.example", false),
    ] {
        let start = super::login::StartLogin { return_to: Some(raw.to_owned()), ..house.start() };
        assert_eq!(house.accounts.start_login(start).await.is_ok(), allowed, "{raw}");
    }
}

#[tokio::test]
async fn a_hint_fills_the_form_and_long_addresses_are_cut() {
    let house = House::new();
    let start = super::login::StartLogin {
        login_hint: Some("alice@example.com".to_owned()),
        request_url: format!("https://id.example/login?x={}", "a".repeat(10_000)),
        ..house.start()
    };
    let flow = house.accounts.start_login(start.clone()).await.expect("a flow");
    assert_eq!(flow.detail.identifier.as_deref(), Some("alice@example.com"));
    assert_eq!(flow.detail.request.url, "https://id.example/login");
    let bad = super::login::StartLogin { login_hint: Some("a\r\nb".to_owned()), ..start };
    assert_eq!(house.accounts.start_login(bad).await.expect("a flow").detail.identifier, None);
}

/// attack case: a burst of guesses at the same time is cut off by the counter, not by luck.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_guesses_are_cut_off_at_the_limit() {
    let (house, _) = House::with_alice().await;
    let house = Arc::new(house);
    let limit = house.accounts.rules.pair.limit as usize;
    let mut flows = Vec::new();
    for _ in 0..100 {
        flows.push(house.flow().await.id.uuid());
    }
    let spelled = ["alice@example.com", "ALICE@example.com", "ali\u{200B}ce@example.com", " alice@example.com"];
    let tries: Vec<_> = flows
        .into_iter()
        .enumerate()
        .map(|(n, flow)| {
            let house = Arc::clone(&house);
            tokio::spawn(async move { house.answer(flow, spelled[n % spelled.len()], WRONG, HOME).await })
        })
        .collect();
    let mut throttled = 0;
    for attempt in tries {
        match attempt.await.expect("joined") {
            Err(FlowError::Throttled { retry_after, .. }) => {
                assert!((1..=300).contains(&retry_after));
                throttled += 1;
            }
            Err(FlowError::Form(_)) => {}
            other => panic!("expected a refusal, got {other:?}"),
        }
    }
    assert_eq!((house.looked_at(), throttled), (limit, 100 - limit));
    assert_eq!(said(house.log_in("alice@example.com", RIGHT).await), [4_010_101], "the right one is not heard either");
    assert!(
        house.log_in_from("alice@example.com", RIGHT, "198.51.100.7").await.is_ok(),
        "elsewhere Alice is not locked out"
    );
    house.wait(300);
    assert!(house.log_in("alice@example.com", RIGHT).await.is_ok(), "the window ends");
}

/// attack case: strangers who guess from everywhere cannot lock the owner out of a known place.
#[tokio::test]
async fn guesses_from_everywhere_do_not_lock_out_a_known_place() {
    let (house, _) = House::with_alice().await;
    house.log_in("alice@example.com", RIGHT).await.expect("signed in at home");
    let limit = house.accounts.rules.account.limit;
    let flow = house.flow().await.id.uuid();
    for n in 0..limit {
        let from = format!("2001:db8:0:{n:x}::1");
        assert_eq!(said(house.answer(flow, "alice@example.com", WRONG, &from).await), [4_000_006]);
    }
    let stranger = house.log_in_from("alice@example.com", RIGHT, "203.0.113.9").await;
    assert_eq!(said(stranger), [4_010_101]);
    assert!(house.log_in("alice@example.com", RIGHT).await.is_ok());
}

#[tokio::test]
async fn one_password_tried_on_everybody_is_cut_off_and_addresses_of_a_subscriber_are_one() {
    let (house, _) = House::with_alice().await;
    let flow = house.flow().await.id.uuid();
    let limit = house.accounts.rules.address.limit;
    for n in 0..limit {
        let (who, from) = (format!("person{n}@example.com"), format!("2001:db8:1:2:{n:x}::1"));
        assert_eq!(said(house.answer(flow, &who, WRONG, &from).await), [4_000_006]);
    }
    let next = house.answer(flow, "alice@example.com", RIGHT, "2001:db8:1:2:ffff::1").await;
    assert_eq!(said(next), [4_010_101]);
    assert!(house.answer(flow, "alice@example.com", RIGHT, "2001:db8:1:3::1").await.is_ok());
}

#[tokio::test]
async fn attempts_that_succeed_are_not_counted() {
    let (house, _) = House::with_alice().await;
    for n in 0..(house.accounts.rules.account.limit + 5) {
        assert!(house.log_in("alice@example.com", RIGHT).await.is_ok(), "login {n}");
    }
}

#[tokio::test]
async fn long_passwords_cost_nothing() {
    let (house, _) = House::with_alice().await;
    let long =
        LoginFields { identifier: "alice@example.com".to_owned(), password: Secret::new("x".repeat(10_000_000)) };
    let flow = house.flow().await.id.uuid();
    let sent = LoginInput { fields: long, ..input(flow, "", "", HOME) };
    assert_eq!(said(house.accounts.prepare_login(sent).await), [4_000_006]);
}

async fn disable(house: &House, id: Uuid) {
    let now = house.accounts.clock.now();
    let changed = house
        .accounts
        .store
        .write(move |tx| identities::set_state(tx, Id::from_uuid(id), IdentityState::Inactive, now))
        .await
        .expect("written");
    assert!(changed);
}

async fn credential(house: &House, who: &'static str) -> crate::model::identity::Credential {
    let find = |tx: &mut crate::store::Tx| identities::find_credential_by_identifier(tx, CredentialKind::Password, who);
    house.accounts.store.read(find).await.expect("read").expect("found").1
}
