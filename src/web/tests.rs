//! The route tables as a whole: one journey through them, and what every route has in common.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::to_bytes;
use actix_web::dev::ServiceResponse;
use actix_web::http::Method;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::web::Data;
use actix_web::{App, http::header};
use arc_swap::ArcSwap;
use serde_json::{Value, json};

use super::AppState;
use crate::base::{Clock, Gate, Instant, OsRandom, Random, Secret, TestClock};
use crate::config::{Inputs, Interaction, Override, load};
use crate::crypto::{ClientSecrets, KeyState, Keyring, OpaqueKeys, PasswordParams, Passwords, test_keys};
use crate::identity::accounts::NewPerson;
use crate::identity::{Accounts, Parts};
use crate::interaction::{Embedded, External, IdentityFlow, Interactions};
use crate::model::Tenant;
use crate::oauth::Engine;
use crate::render::Pages;
use crate::store::{RecordFacts, Store};

/// A server of https://id.example on an empty database, where Alice lives.
struct House {
    state: Data<AppState>,
    jar: BTreeMap<String, String>,
}

/// What was answered.
struct Seen {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    /// The value of a hidden field of a page.
    fn field(&self, name: &str) -> String {
        let page = scraper::Html::parse_document(&self.body);
        let selector = scraper::Selector::parse(&format!("input[name={name}]")).expect("a selector");
        let found = page.select(&selector).next().unwrap_or_else(|| panic!("no {name} in {}", self.body));
        found.attr("value").unwrap_or_default().to_owned()
    }
}

impl House {
    async fn new(more: &[(&str, &str)]) -> Self {
        let basic = [
            ("dsn", "memory"),
            ("secrets.system", "a system secret of a test"),
            ("urls.self.issuer", "https://id.example"),
        ];
        let overrides = basic.iter().chain(more).map(|(key, value)| Override::new(key, *value, "a test")).collect();
        let settings = load(&Inputs { overrides, ..Inputs::default() }).unwrap_or_else(|problems| panic!("{problems}"));
        let settings = Arc::new(settings);
        let clock: Arc<dyn Clock> = Arc::new(TestClock::at(Instant::from_unix_seconds(1_800_000_000)));
        let random: Arc<dyn Random> = Arc::new(OsRandom);
        let settle = RecordFacts::new(Arc::clone(&clock), Arc::clone(&random));
        let store = Store::open(&settings.database, Tenant::default(), Arc::new(settle)).expect("a database");
        let opaque = Arc::new(OpaqueKeys::new(&settings.secrets.system).expect("secrets"));
        let cheap = PasswordParams { memory: 64, iterations: 1, parallelism: 1 };
        let passwords = Passwords::new(cheap, &*random).expect("parameters");
        let keys = test_keys::ALL.map(|(_, jwk)| (KeyState::Active, Arc::new(test_keys::key(jwk))));
        let embedded = Arc::new(Embedded::new(Arc::clone(&settings), None));
        let flow: Arc<dyn IdentityFlow> = match settings.interaction.clone() {
            Interaction::Embedded { .. } => embedded.clone(),
            Interaction::External { login, consent, logout } => {
                let logout = logout.unwrap_or_else(|| settings.public_url.join("logout").expect("an address"));
                Arc::new(External { login, consent, logout })
            }
        };
        let engine = Arc::new(Engine {
            store: store.clone(),
            settings: Arc::clone(&settings),
            opaque: Arc::clone(&opaque),
            client_secrets: Arc::new(ClientSecrets::new(&settings.secrets.system, passwords).expect("secrets")),
            keyring: ArcSwap::from_pointee(Keyring::new(keys.into()).expect("keys")),
            gate: Gate::new(2, Duration::from_secs(5)),
            claims: embedded,
            clock: Arc::clone(&clock),
            random: Arc::clone(&random),
            right_secrets: Engine::secret_memory(),
        });
        let parts = Parts {
            store,
            tokens: opaque,
            secrets: &settings.secrets,
            settings: settings.identity.clone(),
            public_url: settings.public_url.clone(),
            clock,
            random,
        };
        let accounts = Arc::new(Accounts::new(parts).expect("accounts"));
        let alice = json!({ "email": "alice@example.com" });
        let alice = NewPerson { traits: alice, password: Some(Secret::from("correct horse battery")), verified: true };
        accounts.create(alice).await.expect("alice");
        let interactions = Arc::new(Interactions { engine, flow });
        let state = AppState::new(interactions, accounts, Pages::new().expect("pages"));
        Self { state: Data::new(state), jar: BTreeMap::new() }
    }

    /// Sends one request as the browser with this jar.
    async fn send(&mut self, request: TestRequest) -> Seen {
        let app = init_service(App::new().app_data(self.state.clone()).configure(super::public)).await;
        let cookies: Vec<String> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = request
            .insert_header((header::COOKIE, cookies.join("; ")))
            .peer_addr("192.0.2.1:7".parse().expect("an address"));
        let seen = seen(call_service(&app, request.to_request()).await).await;
        for (_, line) in seen.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = line.split(';').next().and_then(|p| p.split_once('=')).expect("a cookie");
            match value {
                "" => self.jar.remove(name),
                value => self.jar.insert(name.to_owned(), value.to_owned()),
            };
        }
        seen
    }

    async fn admin(&self, request: TestRequest) -> Seen {
        let app = init_service(App::new().app_data(self.state.clone()).configure(super::admin)).await;
        seen(call_service(&app, request.to_request()).await).await
    }

    async fn get(&mut self, uri: &str) -> Seen {
        let path = uri.strip_prefix("https://id.example").unwrap_or(uri);
        self.send(TestRequest::get().uri(path).insert_header((header::ACCEPT, "text/html"))).await
    }

    async fn post(&mut self, uri: &str, form: &[(&str, &str)]) -> Seen {
        let path = uri.strip_prefix("https://id.example").unwrap_or(uri);
        self.send(TestRequest::post().uri(path).set_form(form)).await
    }

    async fn register(&self, client: Value) -> Seen {
        self.admin(TestRequest::post().uri("/admin/clients").set_json(client)).await
    }
}

async fn seen(response: ServiceResponse) -> Seen {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = |v: &header::HeaderValue| v.to_str().expect("text").to_owned();
    let headers = headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let body = to_bytes(response.into_body()).await.unwrap_or_default();
    Seen { status, headers, body: String::from_utf8_lossy(&body).into_owned() }
}

fn parameter(address: &str, name: &str) -> String {
    let url = url::Url::parse(address).expect("an address");
    url.query_pairs().find(|(n, _)| n == name).map(|(_, v)| v.into_owned()).unwrap_or_default()
}

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const AUTH: &str = "/oauth2/auth?client_id=spa&response_type=code&scope=openid+offline_access&state=s123&nonce=n123\
    &redirect_uri=https%3A%2F%2Frp.example%2Fcb&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM\
    &code_challenge_method=S256";

fn spa() -> Value {
    json!({
        "client_id": "spa", "token_endpoint_auth_method": "none", "redirect_uris": ["https://rp.example/cb"],
        "grant_types": ["authorization_code", "refresh_token"], "allowed_cors_origins": ["https://rp.example"],
    })
}

/// From the client's request to the address with its code, by our own pages.
async fn code(house: &mut House) -> String {
    let asked = house.get(AUTH).await;
    assert_eq!(asked.status, 302, "{}", asked.body);
    let started = house.get(asked.header("location")).await;
    assert_eq!(started.status, 303, "{}", started.body);
    let page = house.get(started.header("location")).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let flow = started.header("location").split("flow=").nth(1).expect("a flow").to_owned();
    let csrf = page.field("csrf_token");
    let action = format!("/self-service/login?flow={flow}");
    let wrong =
        [("csrf_token", csrf.as_str()), ("method", "password"), ("identifier", "alice@example.com"), ("password", "x")];
    let refused = house.post(&action, &wrong).await;
    assert_eq!((refused.status, refused.header("location").contains(&flow)), (303, true), "{}", refused.body);
    let right = [&wrong[..3], &[("password", "correct horse battery")]].concat();
    let done = house.post(&action, &right).await;
    assert_eq!(done.status, 303, "{}", done.body);
    let consent = house.get(done.header("location")).await;
    assert_eq!(consent.status, 200, "{}", consent.body);
    let (csrf, challenge) = (consent.field("csrf_token"), consent.field("consent_challenge"));
    let form = [
        ("consent_challenge", challenge.as_str()),
        ("csrf_token", csrf.as_str()),
        ("grant_scope", "openid"),
        ("grant_scope", "offline_access"),
        ("decision", "accept"),
    ];
    let forged = [&form[..1], &form[2..]].concat();
    assert_eq!(house.post("/consent", &forged).await.status, 403);
    let answer = house.post("/consent", &form).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let address = answer.header("location").to_owned();
    assert!(address.starts_with("https://rp.example/cb?"), "{address}");
    assert_eq!(
        (parameter(&address, "state"), parameter(&address, "iss")),
        ("s123".into(), "https://id.example".into())
    );
    parameter(&address, "code")
}

#[actix_web::test]
async fn a_person_logs_in_and_an_app_gets_tokens_that_an_api_introspects() {
    let mut house = House::new(&[]).await;
    assert_eq!(house.register(spa()).await.status, 201);
    let api = house.register(json!({ "client_id": "api", "introspect": "any" })).await;
    let secret = api.json()["client_secret"].as_str().expect("a secret").to_owned();
    let code = code(&mut house).await;
    assert!(
        house.jar.contains_key("ory_kratos_session") && house.jar.keys().filter(|n| n.contains("csrf_")).count() == 1
    );
    let who = house.get("/sessions/whoami").await;
    assert_eq!(who.json()["identity"]["traits"]["email"], "alice@example.com");
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "spa"),
        ("code", code.as_str()),
        ("redirect_uri", "https://rp.example/cb"),
        ("code_verifier", VERIFIER),
    ];
    let request =
        TestRequest::post().uri("/oauth2/token").insert_header((header::ORIGIN, "https://rp.example")).set_form(form);
    let tokens = house.send(request).await;
    assert_eq!(tokens.status, 200, "{}", tokens.body);
    assert_eq!(tokens.header("access-control-allow-origin"), "https://rp.example");
    assert_eq!((tokens.header("vary"), tokens.header("cache-control")), ("Origin", "no-store"));
    let tokens = tokens.json();
    assert!(tokens["id_token"].is_string() && tokens["refresh_token"].is_string(), "{tokens}");
    let access = tokens["access_token"].as_str().expect("a token").to_owned();
    let bearer = TestRequest::get().uri("/userinfo").insert_header((header::AUTHORIZATION, format!("Bearer {access}")));
    let claims = house.send(bearer).await.json();
    let form = [("token", access.as_str()), ("client_id", "api"), ("client_secret", secret.as_str())];
    assert_eq!(house.post("/oauth2/introspect", &form).await.status, 401, "the api is registered for basic");
    let basic = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("api:{secret}"));
    let ask =
        TestRequest::post().uri("/oauth2/introspect").insert_header((header::AUTHORIZATION, format!("Basic {basic}")));
    let live = house.send(ask.set_form([("token", access.as_str())])).await.json();
    assert_eq!((&live["active"], &live["sub"]), (&json!(true), &claims["sub"]));
    let gone = house.post("/oauth2/revoke", &[("client_id", "spa"), ("token", access.as_str())]).await;
    assert_eq!((gone.status, gone.body.as_str()), (200, ""));
    let dead = house.admin(TestRequest::post().uri("/oauth2/introspect").set_form([("token", access.as_str())])).await;
    assert_eq!(dead.json(), json!({ "active": false }));
}

#[actix_web::test]
async fn an_app_of_the_operator_answers_by_the_admin_api() {
    let ui = [("urls.login", "https://ui.example/login"), ("urls.consent", "https://ui.example/consent")];
    let mut house = House::new(&ui).await;
    house.register(spa()).await;
    let asked = house.get(AUTH).await.header("location").to_owned();
    assert!(asked.starts_with("https://ui.example/login?login_challenge="), "{asked}");
    let at = |what: &str, challenge: &str| format!("/admin/oauth2/auth/requests/{what}={challenge}");
    let login = parameter(&asked, "login_challenge");
    let read = house.admin(TestRequest::get().uri(&at("login?login_challenge", &login))).await.json();
    assert_eq!((&read["skip"], &read["client"]["client_id"]), (&json!(false), &json!("spa")));
    let accept =
        || TestRequest::put().uri(&at("login/accept?login_challenge", &login)).set_json(json!({ "subject": "bob" }));
    let accepted = house.admin(accept()).await;
    assert_eq!(accepted.json(), house.admin(accept()).await.json(), "an answer may be repeated");
    let back = accepted.json()["redirect_to"].as_str().expect("an address").to_owned();
    let mut stranger = House { state: house.state.clone(), jar: BTreeMap::new() };
    assert_eq!(stranger.get(&back).await.status, 403, "another browser");
    let asked = house.get(&back).await.header("location").to_owned();
    assert_eq!(house.admin(accept()).await.status, 410, "used");
    let consent = parameter(&asked, "consent_challenge");
    let grant = json!({ "grant_scope": ["openid"], "session": { "id_token": { "role": "admin" } } });
    let accept = TestRequest::put().uri(&at("consent/accept?consent_challenge", &consent)).set_json(grant);
    let back = house.admin(accept).await.json()["redirect_to"].as_str().expect("an address").to_owned();
    let answer = house.get(&back).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert!(!parameter(answer.header("location"), "code").is_empty(), "{}", answer.header("location"));
    assert_ne!(house.get(&back).await.status, 303, "a verifier works once");
}

#[actix_web::test]
async fn signing_out_needs_a_yes_and_ends_the_session() {
    let mut house = House::new(&[]).await;
    house.register(spa()).await;
    code(&mut house).await;
    let asked = house.get("/oauth2/sessions/logout").await;
    let page = house.get(asked.header("location")).await;
    let (csrf, challenge) = (page.field("csrf_token"), page.field("logout_challenge"));
    let form = [("logout_challenge", challenge.as_str()), ("csrf_token", csrf.as_str()), ("decision", "accept")];
    assert_eq!(house.post("/logout", &form[..2]).await.status, 400);
    assert_eq!(house.post("/logout", &form[1..]).await.status, 400);
    let done = house.post("/logout", &form).await;
    assert_eq!(done.status, 200, "{}", done.body);
    assert!(!house.jar.contains_key("ory_kratos_session"));
    assert_eq!(house.get("/sessions/whoami").await.status, 401);
}

#[actix_web::test]
async fn every_answer_is_guarded() {
    let mut house = House::new(&[]).await;
    for (method, uri, status) in [
        (Method::GET, "/nowhere", 404),
        (Method::GET, "/oauth2/token", 405),
        (Method::TRACE, "/oauth2/token", 405),
        (Method::OPTIONS, "/oauth2/token", 204),
        (Method::GET, "/health/alive/", 200),
        (Method::GET, "/health/ready", 200),
        (Method::GET, "/", 200),
        (Method::HEAD, "/.well-known/openid-configuration", 200),
        (Method::GET, "/.well-known/oauth-authorization-server", 200),
        (Method::GET, "/.well-known/jwks.json", 200),
        (Method::GET, "/oauth2/auth", 400),
        (Method::GET, "/oauth2/auth?client_id=%zz", 400),
        (Method::GET, "/consent?consent_challenge=x", 400),
        (Method::GET, "/login?flow=x", 400),
        (Method::GET, "/userinfo", 401),
        (Method::GET, "/admin/clients", 404),
    ] {
        let request = TestRequest::with_uri(uri).method(method.clone()).insert_header((header::ACCEPT, "text/html"));
        let seen = house.send(request).await;
        assert_eq!(seen.status, status, "{method} {uri}: {}", seen.body);
        assert_eq!(seen.header("x-content-type-options"), "nosniff", "{uri}");
        assert_eq!(seen.header("referrer-policy"), "no-referrer", "{uri}");
        assert_eq!(seen.header("strict-transport-security"), "max-age=31536000", "{uri}");
        assert_eq!(seen.header("x-request-id").len(), 24, "{uri}");
        assert_eq!(seen.header("server"), "", "{uri}");
        assert_eq!(seen.header("cache-control").contains("no-store"), !uri.starts_with("/.well-known"), "{uri}");
        assert_eq!(seen.header("allow").is_empty(), !matches!(status, 405 | 204), "{uri}");
        if seen.header("content-type").starts_with("text/html") {
            assert_eq!(seen.header("x-frame-options"), "DENY", "{uri}");
            assert!(seen.header("content-security-policy").contains("frame-ancestors 'none'"), "{uri}");
        }
    }
    let long = format!("/oauth2/auth?state={}", "a".repeat(17_000));
    assert_eq!(house.get(&long).await.status, 414);
    let body = TestRequest::post()
        .uri("/oauth2/token")
        .insert_header((header::CONTENT_TYPE, "application/x-www-form-urlencoded"));
    assert_eq!(house.send(body.set_payload(vec![b'a'; 70_000])).await.status, 413);
}

#[actix_web::test]
async fn an_address_that_begins_too_many_logins_waits() {
    let mut house = House::new(&[("serve.limits.interactions_per_minute_per_address", "2")]).await;
    house.register(spa()).await;
    for _ in 0..2 {
        assert_eq!(house.get(AUTH).await.status, 302);
        assert_eq!(house.get("/login").await.status, 303);
    }
    for uri in [AUTH, "/login", "/self-service/login/browser"] {
        let refused = house.get(uri).await;
        assert_eq!(refused.status, 429, "{uri}");
        assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|s| (1..=60).contains(&s)), "{uri}");
        assert!(refused.header("content-type").starts_with("text/html"), "{uri}");
    }
}

#[actix_web::test]
async fn pages_of_other_origins_read_nothing() {
    let mut house = House::new(&[]).await;
    house.register(spa()).await;
    for (origin, allowed) in
        [("https://rp.example", true), ("https://evil.example", false), ("null", false), ("http://rp.example", false)]
    {
        let preflight = TestRequest::with_uri("/oauth2/token")
            .method(Method::OPTIONS)
            .insert_header((header::ORIGIN, origin))
            .insert_header((header::ACCESS_CONTROL_REQUEST_METHOD, "POST"));
        let seen = house.send(preflight).await;
        let expected = if allowed { origin } else { "" };
        assert_eq!((seen.status, seen.header("access-control-allow-origin")), (204, expected), "{origin}");
        assert_eq!(seen.header("vary"), "Origin");
        let auth = TestRequest::get().uri(AUTH).insert_header((header::ORIGIN, origin));
        assert_eq!(house.send(auth).await.header("access-control-allow-origin"), "", "{origin}");
        let keys = TestRequest::get().uri("/.well-known/jwks.json").insert_header((header::ORIGIN, origin));
        assert_eq!(house.send(keys).await.header("access-control-allow-origin"), "*");
        let refused = TestRequest::post().uri("/oauth2/token").insert_header((header::ORIGIN, origin));
        let seen = house.send(refused.set_form([("grant_type", "refresh_token"), ("client_id", "spa")])).await;
        assert_eq!(
            (seen.status, seen.header("access-control-allow-origin")),
            (400, expected),
            "{origin}: {}",
            seen.body
        );
    }
    let other = json!({ "client_id": "other", "token_endpoint_auth_method": "none" });
    house.register(other).await;
    let crossed = TestRequest::post().uri("/oauth2/token").insert_header((header::ORIGIN, "https://rp.example"));
    let seen = house.send(crossed.set_form([("grant_type", "refresh_token"), ("client_id", "other")])).await;
    assert_eq!(seen.header("access-control-allow-origin"), "", "the origin belongs to another client");
}

#[actix_web::test]
async fn clients_are_administered_in_the_form_clients_know() {
    let house = House::new(&[]).await;
    let made = house.register(json!({ "client_name": "App", "redirect_uris": ["https://rp.example/cb"] })).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let (id, secret) = (made.json()["client_id"].clone(), made.json()["client_secret"].clone());
    let id = id.as_str().expect("an id");
    assert_eq!(made.header("location"), format!("/admin/clients/{id}"));
    assert_eq!(secret.as_str().map(str::len), Some(26));
    assert_eq!(house.register(json!({ "client_id": id })).await.status, 409);
    let path = format!("/clients/{id}");
    let read = house.admin(TestRequest::get().uri(&path)).await.json();
    assert!(read.get("client_secret").is_none() && read["scope"] == "offline_access offline openid");
    let changed = house
        .admin(TestRequest::put().uri(&path).set_json(json!({ "client_name": "B", "client_secret": "abcdef" })))
        .await;
    assert_eq!((changed.status, changed.json()["client_secret"].as_str()), (200, Some("abcdef")), "{}", changed.body);
    let short = house.admin(TestRequest::put().uri(&path).set_json(json!({ "client_secret": "abc" }))).await;
    assert_eq!((short.status, short.json()["error"].as_str()), (400, Some("invalid_client_metadata")));
    for n in 0..3 {
        house.register(json!({ "client_id": format!("z{n}") })).await;
    }
    let page = house.admin(TestRequest::get().uri("/admin/clients?page_size=3")).await;
    assert_eq!(page.json().as_array().map(Vec::len), Some(3));
    let next =
        page.header("link").split("rel=\"first\",<").nth(1).and_then(|l| l.split('>').next()).expect("a next page");
    let last = house.admin(TestRequest::get().uri(next)).await;
    assert_eq!((last.json()[0]["client_id"].as_str(), last.header("link").contains("next")), (Some("z2"), false));
    assert_eq!(house.admin(TestRequest::delete().uri(&path)).await.status, 204);
    let gone = house.admin(TestRequest::delete().uri(&path)).await;
    assert_eq!(
        (gone.status, gone.json()),
        (404, json!({ "error": "Unable to locate the resource", "error_description": "" }))
    );
    let plain = TestRequest::post().uri("/admin/clients").set_payload("{}");
    assert_eq!(house.admin(plain).await.status, 400);
    let cross = TestRequest::get().uri("/admin/clients").insert_header(("sec-fetch-site", "cross-site"));
    assert_eq!(house.admin(cross).await.status, 403);
    let rebound = TestRequest::get().uri("/admin/clients").insert_header((header::HOST, "evil.example:4445"));
    assert_eq!(house.admin(rebound).await.status, 403);
    let unknown = house.admin(TestRequest::get().uri("/admin/oauth2/auth/requests/login?login_challenge=x")).await;
    assert_eq!(unknown.status, 404);
}

#[actix_web::test]
async fn a_key_opens_the_admin_api_where_keys_are_configured() {
    let key = "a-key-of-the-operator-long-enough";
    let house = House::new(&[("serve.admin.auth.keys", key)]).await;
    let ask = || TestRequest::get().uri("/admin/clients");
    let refused = house.admin(ask()).await;
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, "Bearer realm=\"sallyport admin\""));
    let opened = house.admin(ask().insert_header((header::AUTHORIZATION, format!("Bearer {key}")))).await;
    assert_eq!(opened.status, 200);
    assert_eq!(house.admin(TestRequest::get().uri("/health/ready")).await.status, 200);
}
