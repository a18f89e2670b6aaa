//! What happens once happens once, however many ask at the same time (RFC 6749 §4.1.2, §10.5, RFC 9700 §4.14.2).
//!
//! Of parallel uses one wins, and the others count as a second use: the family is dead afterwards. Two processes over one
//! PostgreSQL race elsewhere; here it is two servers of one process.

use std::collections::BTreeMap;

use crate::support::app::TestApp;
use crate::support::client::text;
use crate::support::db::Engine;
use crate::support::http::{Answer, Request};

const MANY: usize = 50;

/// Sends a request many times at once, on every server in turn.
async fn at_once(requests: Vec<Request>) -> Vec<Answer> {
    let sent: Vec<_> = requests.into_iter().map(|request| tokio::spawn(request.send())).collect();
    let mut answers = Vec::new();
    for answer in sent {
        answers.push(answer.await.unwrap());
    }
    answers
}

fn counted(answers: &[Answer]) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    for answer in answers {
        let told = if answer.status == 200 { "200".to_owned() } else { answer.error() };
        *count.entry(told).or_default() += 1;
    }
    count
}

fn one_of_many() -> BTreeMap<String, usize> {
    BTreeMap::from([("200".to_owned(), 1), ("400 invalid_grant".to_owned(), MANY - 1)])
}

fn requests(servers: &[&TestApp], build: impl Fn(&TestApp) -> Request) -> Vec<Request> {
    (0..MANY).map(|n| build(servers[n % servers.len()])).collect()
}

/// Slugs: code-race, code-race-nodes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_code_is_redeemed_once() {
    for engine in Engine::ALL {
        let app = TestApp::on(engine).await;
        let other = if engine == Engine::Postgres { Some(app.beside().await) } else { None };
        let servers: Vec<&TestApp> = std::iter::once(&app).chain(&other).collect();
        let client = app.web_app().await;
        let code = app.authorize(&client, "openid offline_access").await;
        let answers = at_once(requests(&servers, |server| {
            client.sign(server.public.request("POST", "/oauth2/token"), &code.form())
        }))
        .await;
        assert_eq!(counted(&answers), one_of_many(), "{engine:?}");
        let winner = answers.iter().find(|answer| answer.status == 200).unwrap().ok();
        for token in ["access_token", "refresh_token"] {
            assert!(!app.is_active(text(&winner, token)).await, "{engine:?}: somebody else has this code too");
        }
    }
}

/// Slugs: refresh-race, refresh-race-nodes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_refresh_token_is_used_once() {
    for engine in Engine::ALL {
        let app = TestApp::on(engine).await;
        let other = if engine == Engine::Postgres { Some(app.beside().await) } else { None };
        let servers: Vec<&TestApp> = std::iter::once(&app).chain(&other).collect();
        let client = app.web_app().await;
        let tokens = app.tokens(&client, "openid offline_access").await;
        let form = [("grant_type", "refresh_token"), ("refresh_token", text(&tokens, "refresh_token"))];
        let answers =
            at_once(requests(&servers, |server| client.sign(server.public.request("POST", "/oauth2/token"), &form)))
                .await;
        assert_eq!(counted(&answers), one_of_many(), "{engine:?}");
        let winner = answers.iter().find(|answer| answer.status == 200).unwrap().ok();
        assert!(!app.is_active(text(&winner, "access_token")).await, "{engine:?}");
        assert_eq!(app.refresh(&client, text(&winner, "refresh_token")).await.error(), "400 invalid_grant");
    }
}

/// Slug: refresh-race-grace. With a count of K a token gives K pairs more, never one above it, all of one family.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_a_grace_period_the_count_holds_in_parallel_too() {
    for engine in Engine::ALL {
        let builder = TestApp::builder()
            .on(engine)
            .set("oauth2.grant.refresh_token.rotation_grace_period", "60s")
            .set("oauth2.grant.refresh_token.rotation_grace_reuse_count", "9");
        let app = builder.start().await;
        let client = app.web_app().await;
        let tokens = app.tokens(&client, "openid offline_access").await;
        let form = [("grant_type", "refresh_token"), ("refresh_token", text(&tokens, "refresh_token"))];
        let answers =
            at_once(requests(&[&app], |server| client.sign(server.public.request("POST", "/oauth2/token"), &form)))
                .await;
        let count = counted(&answers);
        assert!(count["200"] <= 10, "{engine:?}: {count:?}");
        assert_eq!(count.values().sum::<usize>(), MANY);
        assert_eq!(count.len(), 2, "{engine:?}: {count:?}");
        for winner in answers.iter().filter(|answer| answer.status == 200) {
            assert!(!app.is_active(text(&winner.ok(), "access_token")).await, "{engine:?}: the count was passed");
        }
    }
}

/// Slug: client-create-race.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_client_id_is_taken_once() {
    for engine in Engine::ALL {
        let app = TestApp::on(engine).await;
        let document = serde_json::json!({ "client_id": "the-only-one" });
        let answers =
            at_once(requests(&[&app], |server| server.admin.request("POST", "/admin/clients").json(&document))).await;
        let mut statuses = BTreeMap::<u16, usize>::new();
        for answer in &answers {
            *statuses.entry(answer.status).or_default() += 1;
        }
        assert_eq!(statuses, BTreeMap::from([(201, 1), (409, MANY - 1)]), "{engine:?}");
    }
}
