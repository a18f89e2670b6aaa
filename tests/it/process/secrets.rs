//! No log at any level, and no byte of the database, holds a secret, a code, a token or a cookie that was ever seen.
//!
//! One run through everything, for each format of the log, with a ledger of all that must stay unwritten.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

use crate::support::api::{Answer, Api, Credentials};
use crate::support::person::{Code, Person, authorization_url};
use crate::support::server::{Home, Server};

const CALLBACK: &str = "https://diary.example/callback";
const SCOPE: &str = "openid profile email offline_access";
/// What a browser is handed and must keep to itself, besides its cookies.
const KEPT_BY_BROWSERS: [&str; 8] = [
    "code",
    "consent_challenge",
    "consent_verifier",
    "csrf_token",
    "login_challenge",
    "login_verifier",
    "logout_challenge",
    "logout_verifier",
];

/// What must not be written down, and what each of it is.
#[derive(Default)]
struct Ledger(Vec<(String, String)>);

impl Ledger {
    fn note(&mut self, what: &str, value: &str) {
        assert!(value.len() >= 8, "{what} is too short to look for");
        self.0.push((what.to_owned(), value.to_owned()));
    }

    fn note_tokens(&mut self, answer: &Value) {
        for name in ["access_token", "refresh_token", "id_token"] {
            if let Some(token) = answer[name].as_str() {
                self.note(name, token);
            }
        }
    }

    fn note_client(&mut self, client: &Credentials) {
        let secret = client.secret.as_ref().unwrap();
        self.note("client secret", secret);
        self.note("Basic credentials", &STANDARD.encode(format!("{}:{secret}", client.id)));
    }

    fn note_browser(&mut self, person: &mut Person) {
        for (name, value) in person.seen.drain(..) {
            if name.starts_with("cookie ") || KEPT_BY_BROWSERS.contains(&name.as_str()) {
                self.0.push((name, value));
            }
        }
    }

    /// Whatever is found in `haystack`, by what it is and how it is found.
    fn found_in(&self, haystack: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        for (what, value) in &self.0 {
            // A part is enough for harm: the signature of a JWT, the secret end of an opaque token.
            let tail = &value[value.len().saturating_sub(32)..];
            let encoded: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
            for needle in [value.as_str(), tail, encoded.as_str()] {
                if memchr::memmem::find(haystack, needle.as_bytes()).is_some() {
                    found.push(format!("{what}: {needle}"));
                }
            }
        }
        found
    }
}

/// One run: its server, its client, its ledger.
struct Run {
    api: Api,
    client: Credentials,
    ledger: Ledger,
}

impl Run {
    async fn begin(server: &Server) -> Self {
        let api = server.api();
        let mut ledger = Ledger::default();
        let secrets = fs::read_to_string(server.home.data().join("dev-secrets")).unwrap();
        for (name, value) in secrets.lines().filter_map(|line| line.split_once('=')) {
            ledger.note(name, value);
        }
        let client = api.register_web_app(CALLBACK, &json!({ "introspect": "own" })).await;
        ledger.note_client(&client);
        Self { api, client, ledger }
    }

    async fn token(&mut self, fields: &[(&str, &str)]) -> Answer {
        let answer = self.api.token(&self.client, fields).await;
        self.ledger.note_tokens(&answer.body);
        answer
    }

    /// A person logs in by our form, at last with the right password; the app uses and loses its tokens.
    async fn embedded(&mut self, password: &str) {
        let mut alice = Person::new("alice@example.com", password);
        let code = alice.allow(&self.api, &self.client.id, CALLBACK, SCOPE).await;
        assert_eq!(alice.asked, ["login", "consent"]);
        self.live_a_token_life(&code).await;
        let logout = format!("{}/oauth2/sessions/logout", self.api.issuer);
        assert!(alice.finish(Url::parse(&logout).unwrap()).await.contains("You are logged out"));
        assert_eq!(alice.asked, ["login", "consent", "logout"]);
        self.ledger.note_browser(&mut alice);
    }

    /// Redemption, refresh, introspection, userinfo, revocation; and everything that is refused.
    async fn live_a_token_life(&mut self, code: &Code) {
        self.ledger.note("PKCE verifier", &code.verifier);
        let first = self.token(&code.fields()).await.ok();
        let access = first["access_token"].as_str().unwrap();
        assert_eq!(self.api.userinfo(access).await.status, 200);
        assert_eq!(self.api.introspect_as(&self.client, access).await.ok()["active"], true);
        let refresh = [("grant_type", "refresh_token"), ("refresh_token", first["refresh_token"].as_str().unwrap())];
        let second = self.token(&refresh).await.ok();
        assert!(self.api.is_active(second["access_token"].as_str().unwrap()).await);
        self.api.revoke(&self.client, second["access_token"].as_str().unwrap()).await;
        assert_eq!(self.token(&refresh).await.error(), "invalid_grant");
        assert_eq!(self.token(&code.fields()).await.error(), "invalid_grant");
        assert_eq!(self.api.userinfo(access).await.status, 401);
    }

    /// Login and consent answered over the admin API, as a login app of somebody else does it.
    async fn external(&mut self) {
        let (url, verifier) = authorization_url(&self.api, &self.client.id, CALLBACK, SCOPE);
        let mut browser = Person::new("nobody", "of no consequence");
        let login = browser.step(&url).await;
        assert!(login.as_str().len() < 2_000, "an address that proxies refuse: {login}");
        let to = self.answer(&login, "login", &json!({ "subject": "bob", "remember": true })).await;
        let consent = browser.step(&to).await;
        let granted = json!({ "grant_scope": ["openid", "offline_access"], "remember": true });
        let to = self.answer(&consent, "consent", &granted).await;
        let back = browser.step(&to).await;
        self.ledger.note_browser(&mut browser);
        let code = Code::of(&self.api, &back, verifier, CALLBACK);
        self.live_a_token_life(&code).await;
    }

    async fn answer(&mut self, at: &Url, step: &str, answer: &Value) -> Url {
        let challenge = format!("{step}_challenge");
        let (_, value) = at.query_pairs().find(|(name, _)| *name == challenge).unwrap();
        let path = format!("/admin/oauth2/auth/requests/{step}/accept?{challenge}={value}");
        let accepted = self.api.administer(Method::PUT, &path, answer).await.ok();
        let to = Url::parse(accepted["redirect_to"].as_str().unwrap()).unwrap();
        let (_, verifier) = to.query_pairs().find(|(name, _)| *name == format!("{step}_verifier")).unwrap();
        self.ledger.note(&format!("{step}_verifier"), &verifier);
        to
    }

    /// Clients and people are administered; a client has its JWT.
    async fn administration(&mut self) {
        let made = self.api.register_web_app(CALLBACK, &json!({ "access_token_strategy": "jwt" })).await;
        self.ledger.note_client(&made);
        let jwt = self.api.own_token(&made).await;
        self.ledger.note("JWT access token", &jwt);
        self.ledger.note("its signature", jwt.rsplit('.').next().unwrap());
        assert!(self.api.is_active(&jwt).await);
        let path = format!("/admin/clients/{}", made.id);
        let mut document = self.api.administer(Method::GET, &path, &Value::Null).await.ok();
        document["client_secret"] = "a-secret-that-somebody-chose-by-hand".into();
        self.ledger.note("chosen secret", "a-secret-that-somebody-chose-by-hand");
        self.api.administer(Method::PUT, &path, &document).await.ok();
        let fields = [("grant_type", "client_credentials"), ("client_id", made.id.as_str())];
        let post = [fields[0], fields[1], ("client_secret", "a-secret-that-somebody-chose-by-hand")];
        let public = Credentials { id: made.id.clone(), secret: None };
        assert_eq!(self.api.token(&public, &post).await.error(), "invalid_request", "client_id came twice");
        self.api.administer(Method::DELETE, &path, &Value::Null).await.ok();
        self.ledger.note("password", "a-password-for-carol-5812");
        let password = json!({ "config": { "password": "a-password-for-carol-5812" } });
        let carol = json!({ "schema_id": "default", "traits": { "email": "carol@example.com" },
                            "credentials": { "password": password } });
        self.api.administer(Method::POST, "/admin/identities", &carol).await.ok();
    }

    /// An app without a browser logs a person in: a session token.
    async fn self_service(&mut self, password: &str) {
        let flow = self.api.get("/self-service/login/api").await.ok();
        let action = flow["ui"]["action"].as_str().unwrap();
        for (password, status) in [("a-wrong-password-9274", 400), (password, 200)] {
            self.ledger.note("password", password);
            let answer = json!({ "method": "password", "identifier": "alice@example.com", "password": password });
            let answer = self.api.http.post(action).json(&answer).send().await.unwrap();
            assert_eq!(answer.status(), status);
            let body: Value = answer.json().await.unwrap();
            if let Some(token) = body["session_token"].as_str() {
                self.ledger.note("session token", token);
                let whoami = self.api.http.get(format!("{}/sessions/whoami", self.api.issuer));
                assert_eq!(whoami.header("x-session-token", token).send().await.unwrap().status(), 200);
            }
        }
    }

    /// Secrets where they do not belong, and bodies that cannot be read.
    async fn mistakes(&mut self) {
        let Self { api, client, ledger } = self;
        let wrong = Credentials::new(&client.id, "not-the-secret-of-anybody");
        ledger.note_client(&wrong);
        assert_eq!(api.token(&wrong, &[("grant_type", "client_credentials")]).await.error(), "invalid_client");
        for garbage in ["garbage-that-was-never-a-token", "sp_at_garbage-that-was-never-a-token"] {
            ledger.note("garbage", garbage);
            assert!(!api.is_active(garbage).await);
            assert_eq!(api.userinfo(garbage).await.status, 401);
        }
        let misplaced = "a-token-in-the-address-of-a-request";
        ledger.note("misplaced token", misplaced);
        for path in ["/userinfo?access_token=", "/oauth2/auth?code=", "/login?login_challenge=", "/nowhere?token="] {
            assert!(api.get(&format!("{path}{misplaced}")).await.status.is_client_error(), "{path}");
        }
        for body in [r#"{"client_secret":"a-secret-in-broken-json","#, r#"{"client_name":"a-secret-in-broken-json"}}"#]
        {
            ledger.note("broken body", "a-secret-in-broken-json");
            for url in [format!("{}/admin/clients", api.admin), format!("{}/oauth2/token", api.issuer)] {
                let request = api.http.post(url).header("content-type", "application/json").body(body);
                assert!(request.send().await.unwrap().status().is_client_error());
            }
        }
    }
}

/// Everything with our own form, and what surrounds it.
async fn all_of_it(run: &mut Run, password: &str) {
    run.embedded(password).await;
    run.external().await;
    run.administration().await;
    run.self_service(password).await;
    run.mistakes().await;
    assert!(run.ledger.0.len() > 50, "only {} secrets were seen", run.ledger.0.len());
}

/// Stops the server and looks for the ledger in its log, which must be of that kind, and in its database.
fn nothing_was_written_down(server: Server, ledger: &Ledger, is_that_kind: fn(&str) -> bool) {
    let files = |home: &Home| {
        let names = ["sallyport.db", "sallyport.db-wal"].map(|name| home.data().join(name));
        names.iter().filter_map(|name| fs::read(name).ok()).collect::<Vec<_>>().concat()
    };
    let mut database = files(&server.home);
    let (status, home) = server.stop();
    assert!(status.success());
    // The write-ahead log is moved into the file now.
    database.extend(files(&home));
    let log = fs::read_to_string(home.path().join("stderr")).unwrap();
    assert!(log.lines().count() > 20 && log.lines().all(is_that_kind), "not such a log:\n{log}");
    assert!(log.contains("/oauth2/token"), "requests are logged");
    assert_eq!(ledger.found_in(log.as_bytes()), Vec::<String>::new(), "in the log");
    // What may be found is found: the search is not blind.
    assert!(memchr::memmem::find(&database, b"Travel diary").is_some());
    assert_eq!(ledger.found_in(&database), Vec::<String>::new(), "in the database");
}

async fn start(more: &str, format: &str) -> (Server, Run) {
    let home = Home::new();
    home.configure_dev(more);
    let server = Server::dev_in(home, &[("LOG_LEVEL", "trace"), ("LOG_FORMAT", format)]).await;
    let run = Run::begin(&server).await;
    (server, run)
}

#[actix_web::test]
async fn a_log_for_people_and_the_database_hold_no_secret() {
    let (server, mut run) = start("", "text").await;
    all_of_it(&mut run, &server.secret("DEMO_PASSWORD")).await;
    nothing_was_written_down(server, &run.ledger, |line| line.starts_with("20"));
}

#[actix_web::test]
async fn a_log_for_machines_and_the_database_hold_no_secret() {
    let (server, mut run) = start("", "json").await;
    all_of_it(&mut run, &server.secret("DEMO_PASSWORD")).await;
    nothing_was_written_down(server, &run.ledger, |line| serde_json::from_str::<Value>(line).is_ok());
}

#[actix_web::test]
async fn with_login_pages_of_somebody_else_no_secret_is_written_down() {
    const PAGES: &str = "urls: { login: 'http://localhost:9/in', consent: 'http://localhost:9/may' }";
    let (server, mut run) = start(PAGES, "text").await;
    for _ in 0..2 {
        run.external().await;
    }
    nothing_was_written_down(server, &run.ledger, |line| line.starts_with("20"));
}
