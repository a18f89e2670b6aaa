//! What may happen once happens once, on every node: RFC 6749 §4.1.2 for codes, RFC 9700 §4.14.2 for refresh tokens.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::api::{Answer, Api, Credentials};
use crate::support::db::{Engine, TestDatabase};
use crate::support::person::Person;
use crate::support::server::{Home, Server};

const CALLBACK: &str = "https://diary.example/callback";
/// How many try at the same time.
const RACERS: usize = 50;

/// Two servers over one PostgreSQL: `sallyport dev`, and another process with the same secret and issuer.
struct Pair {
    first: Server,
    second: Server,
    _database: TestDatabase,
}

impl Pair {
    async fn start() -> Self {
        let database = TestDatabase::empty(Engine::Postgres);
        let home = Home::new();
        home.configure_dev(&format!("dsn: {}", database.dsn()));
        let first = Server::dev_in(home, &[]).await;
        let home = Home::new();
        let urls = format!("urls: {{ self: {{ issuer: '{}' }} }}", first.issuer());
        home.configure(&first.secret("SECRETS_SYSTEM"), &format!("dsn: {}\n{urls}", database.dsn()));
        let second = Server::serve(home).await;
        Self { first, second, _database: database }
    }
}

/// Sends the same token request `RACERS` times at once, by turns to each node.
async fn race(nodes: &[Api], client: &Credentials, fields: &[(&str, &str)]) -> Vec<Answer> {
    join_all((0..RACERS).map(|racer| nodes[racer % nodes.len()].token(client, fields))).await
}

/// The answer of the one that won; all others must have been refused.
#[track_caller]
fn winner(answers: Vec<Answer>, what: &str) -> serde_json::Value {
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!(won.len(), 1, "{what}: {} answers are tokens", won.len());
    for answer in &lost {
        assert_eq!((answer.status.as_u16(), answer.error()), (400, "invalid_grant"), "{what}");
    }
    won.into_iter().next().unwrap().body
}

/// Races one code and one refresh token, and sees that what came of them is dead: somebody used them twice.
async fn each_is_used_once(nodes: &[Api], password: &str) {
    let mut alice = Person::new("alice@example.com", password);
    let client = nodes[0].register_web_app(CALLBACK, &json!({})).await;
    let code = alice.allow(&nodes[0], &client.id, CALLBACK, "openid offline_access").await;
    let tokens = winner(race(nodes, &client, &code.fields()).await, "code");
    for node in nodes {
        let answer = node.introspect(tokens["access_token"].as_str().unwrap()).await;
        assert_eq!(answer, json!({ "active": false }), "a code used twice leaves no live token");
    }

    let code = alice.allow(&nodes[0], &client.id, CALLBACK, "openid offline_access").await;
    let tokens = nodes[0].token(&client, &code.fields()).await.ok();
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let tokens = winner(race(nodes, &client, &fields).await, "refresh token");
    for node in nodes {
        for name in ["access_token", "refresh_token"] {
            assert!(!node.is_active(tokens[name].as_str().unwrap()).await, "{name} outlives the reuse of its parent");
        }
    }
}

#[actix_web::test]
async fn fifty_redemptions_at_one_server_on_sqlite_win_once() {
    let server = Server::dev().await;
    each_is_used_once(&[server.api()], &server.secret("DEMO_PASSWORD")).await;
}

#[actix_web::test]
async fn two_servers_on_one_postgresql_behave_as_one() {
    let pair = Pair::start().await;
    let nodes = [pair.first.api(), pair.second.api()];
    each_is_used_once(&nodes, &pair.first.secret("DEMO_PASSWORD")).await;
    a_revocation_is_seen_everywhere_at_once(&nodes).await;
}

async fn a_revocation_is_seen_everywhere_at_once([first, second]: &[Api; 2]) {
    let client = first.register_web_app(CALLBACK, &json!({ "introspect": "own" })).await;
    for _ in 0..20 {
        let token = first.own_token(&client).await;
        // Asked twice, so that whoever remembers answers has one to remember.
        for _ in 0..2 {
            assert!(second.is_active(&token).await);
        }
        first.revoke(&client, &token).await;
        assert!(!second.is_active(&token).await);
        assert_eq!(second.introspect_as(&client, &token).await.ok(), json!({ "active": false }));
    }
}

#[actix_web::test]
async fn three_servers_that_start_first_together_share_their_signing_keys() {
    let database = TestDatabase::empty(Engine::Postgres);
    let starting: Vec<Server> = (0..3)
        .map(|_| {
            let home = Home::new();
            let urls = "urls: { self: { issuer: 'http://localhost:4444' } }";
            home.configure("one-secret-for-all-of-them", &format!("dsn: {}\n{urls}", database.dsn()));
            Server::spawn_serve(home)
        })
        .collect();
    let mut published = Vec::new();
    for mut server in starting {
        server.ready().await;
        published.push((server.api().get("/.well-known/jwks.json").await.ok(), server));
    }
    let first = &published[0].0;
    let mut algorithms: Vec<&str> =
        first["keys"].as_array().unwrap().iter().map(|key| key["alg"].as_str().unwrap()).collect();
    algorithms.sort_unstable();
    assert_eq!(algorithms, ["ES256", "EdDSA", "RS256"], "one active key an algorithm");
    for (keys, _) in &published[1..] {
        assert_eq!(keys, first);
    }
}
