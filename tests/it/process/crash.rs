//! kill -9 under load: what was answered is there after the restart.
//!
//! Nothing here depends on the moment of the kill; several rounds let it fall where it may.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::api::{Api, Credentials};
use crate::support::person::Person;
use crate::support::server::{Home, Server};

const CALLBACK: &str = "https://diary.example/callback";
const ROUNDS: usize = 4;
/// Connections that ask for tokens of the client itself, without a pause.
const MACHINES: usize = 12;
/// Token families that are refreshed without a pause.
const FAMILIES: usize = 4;
/// A refresh whose answer was lost in the crash may be repeated, and once more: not oftener.
const ONE_LOST_ANSWER: &str = "oauth2: { grant: { refresh_token: \
                               { rotation_grace_period: 5m, rotation_grace_reuse_count: 1 } } }";

/// Everything that was answered.
#[derive(Default)]
struct Ledger {
    access_tokens: Mutex<Vec<String>>,
}

impl Ledger {
    fn note(&self, token: &str) {
        self.access_tokens.lock().unwrap().push(token.to_owned());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.access_tokens.lock().unwrap())
    }
}

/// Asks for tokens until the server is gone.
async fn machine(api: Api, client: Credentials, ledger: Arc<Ledger>) {
    while let Ok(answer) = api.try_token(&client, &[("grant_type", "client_credentials")]).await {
        ledger.note(answer.ok()["access_token"].as_str().unwrap());
    }
}

/// Refreshes until the server is gone; the last refresh token that was answered. (Access tokens die with each rotation,
/// so with one whose answer was lost as well: there is nothing to note.)
async fn family(api: Api, client: Credentials, first: String) -> String {
    let mut last = first;
    loop {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", last.as_str())];
        let Ok(answer) = api.try_token(&client, &fields).await else { return last };
        last = answer.ok()["refresh_token"].as_str().unwrap().to_owned();
    }
}

/// A family of tokens that alice allowed; its first refresh token.
async fn begin_family(api: &Api, alice: &mut Person, client: &Credentials) -> String {
    let code = alice.allow(api, &client.id, CALLBACK, "openid offline_access").await;
    api.token(client, &code.fields()).await.ok()["refresh_token"].as_str().unwrap().to_owned()
}

/// Goes on with a family whose last answer may have been lost: once, perhaps twice, never three times.
async fn go_on(api: &Api, client: &Credentials, last: &str) {
    let first = api.refresh(client, last).await;
    assert_eq!(first.status, 200, "a family is lost: {}", first.body);
    assert!(api.is_active(first.body["refresh_token"].as_str().unwrap()).await);
    api.refresh(client, last).await;
    let third = api.refresh(client, last).await;
    assert_eq!(third.error(), "invalid_grant", "a rotated token goes on working");
    assert!(!api.is_active(first.body["refresh_token"].as_str().unwrap()).await, "its reuse ends the family");
}

#[actix_web::test]
async fn what_was_answered_survives_a_kill() {
    let home = Home::new();
    home.configure_dev(ONE_LOST_ANSWER);
    let mut server = Server::dev_in(home, &[]).await;
    let client = server.api().register_web_app(CALLBACK, &json!({})).await;
    let mut answered = 0;
    for round in 0..ROUNDS {
        let api = server.api();
        let mut alice = Person::new("alice@example.com", &server.secret("DEMO_PASSWORD"));
        let mut beginnings = Vec::new();
        for _ in 0..FAMILIES {
            beginnings.push(begin_family(&api, &mut alice, &client).await);
        }
        let ledger = Arc::new(Ledger::default());
        let load = |_| actix_web::rt::spawn(machine(api.clone(), client.clone(), Arc::clone(&ledger)));
        let machines: Vec<_> = (0..MACHINES).map(load).collect();
        let refresh = |first| actix_web::rt::spawn(family(api.clone(), client.clone(), first));
        let families: Vec<_> = beginnings.into_iter().map(refresh).collect();
        let moment: u64 = rand::random_range(150..600);
        tokio::time::sleep(Duration::from_millis(moment)).await;
        let home = server.kill();
        join_all(machines).await;
        let last: Vec<String> = join_all(families).await.into_iter().map(Result::unwrap).collect();

        server = Server::dev_in(home, &[]).await;
        let api = server.api();
        let tokens = ledger.take();
        answered += tokens.len();
        for some in tokens.chunks(32) {
            let alive = join_all(some.iter().map(|token| api.is_active(token))).await;
            assert!(alive.into_iter().all(|is| is), "round {round}, after {moment} ms: an answered token is gone");
        }
        for last in &last {
            go_on(&api, &client, last).await;
        }
    }
    assert!(answered > ROUNDS * MACHINES, "hardly any load: {answered} tokens");
}
