//! What the tests of the seam are played with: a server, an app, browsers, and a login UI of somebody else.

use std::ops::Deref;

use serde_json::{Value, json};
use url::Url;

use crate::support::app::{ALICE, Builder, ISSUER, TestApp};
use crate::support::client::{Ask, Client, Code, Reply, jwt};
use crate::support::db::Engine;
use crate::support::http::Answer;
use crate::support::user_agent::{Form, UserAgent};

pub const LOGIN_UI: &str = "https://ui.example/login";
pub const CONSENT_UI: &str = "https://ui.example/consent";
pub const LOGOUT_UI: &str = "https://ui.example/logout";
/// What the app asks for unless a test says otherwise.
pub const ASKED: &str = "openid offline_access email";

/// A server, an app that people must consent to, and Alice.
pub struct Scene {
    pub server: TestApp,
    pub client: Client,
}

impl Deref for Scene {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.server
    }
}

/// A client that sends people to `https://{id}.example/cb`.
pub fn an_app(id: &str, more: &Value) -> Value {
    let mut client = json!({
        "client_id": id,
        "client_name": format!("The {id}"),
        "redirect_uris": [format!("https://{id}.example/cb")],
        "post_logout_redirect_uris": [format!("https://{id}.example/bye")],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": "openid offline_access email profile read write",
        "audience": ["https://api.example"],
    });
    client.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client
}

impl Scene {
    /// A login UI of somebody else answers.
    pub async fn external(engine: Engine) -> Self {
        Self::of(TestApp::builder().on(engine).external(LOGIN_UI, CONSENT_UI).set("urls.logout", LOGOUT_UI)).await
    }

    /// Our own pages answer.
    pub async fn embedded(engine: Engine) -> Self {
        Self::of(TestApp::builder().on(engine)).await
    }

    pub async fn of(builder: Builder) -> Self {
        let server = builder.start().await;
        let client = server.client(an_app("app", &json!({}))).await;
        server.person(ALICE).await;
        Self { server, client }
    }

    /// What the app asks.
    pub fn ask(&self) -> Ask {
        self.client.ask(ASKED)
    }

    /// The address at which the app begins.
    pub fn url(&self) -> String {
        self.ask().url()
    }

    pub fn wait(&self, seconds: u64) {
        self.clock.advance(std::time::Duration::from_secs(seconds));
    }

    /// What the app gets for the code that an answer brings.
    pub async fn redeem(&self, done: &Answer) -> Value {
        self.redeem_as(&self.client, done).await
    }

    pub async fn redeem_as(&self, client: &Client, done: &Answer) -> Value {
        self.server.redeem(&code_in(client, done)).await.ok()
    }

    /// What a UI is told of a challenge.
    pub async fn told(&self, what: &str, challenge: &str) -> Answer {
        self.admin.get(&format!("/admin/oauth2/auth/requests/{what}?{what}_challenge={challenge}")).await
    }

    /// Accepts or rejects a challenge as somebody else's UI does.
    pub async fn answered(&self, what: &str, verb: &str, challenge: &str, body: &Value) -> Answer {
        let path = format!("/admin/oauth2/auth/requests/{what}/{verb}?{what}_challenge={challenge}");
        self.admin.request("PUT", &path).json(body).send().await
    }

    /// Accepts; the address to send the browser to.
    pub async fn accepted(&self, what: &str, challenge: &str, body: Value) -> String {
        let answer = self.answered(what, "accept", challenge, &body).await.ok();
        answer["redirect_to"].as_str().unwrap().to_owned()
    }

    /// Somebody else's UI says who is there; the consent challenge that follows.
    pub async fn ui_logs_in(&self, browser: &mut UserAgent, url: &str, login: Value) -> String {
        let challenge = to_ui(browser, url, LOGIN_UI).await;
        let back = self.accepted("login", &challenge, login).await;
        to_ui(browser, &back, CONSENT_UI).await
    }

    /// The whole way through somebody else's UI; what the app gets.
    pub async fn ui_allows(&self, browser: &mut UserAgent, url: &str, login: Value, consent: Value) -> Answer {
        let challenge = self.ui_logs_in(browser, url, login).await;
        let back = self.accepted("consent", &challenge, consent).await;
        browser.get(&back).await
    }
}

/// Sends a browser to `url`; the challenge with which it arrives at a UI.
pub async fn to_ui(browser: &mut UserAgent, url: &str, ui: &str) -> String {
    challenge_for(&browser.get(url).await, ui)
}

/// The challenge with which an answer sends the browser to a UI.
pub fn challenge_for(answer: &Answer, ui: &str) -> String {
    assert!(matches!(answer.status, 302 | 303), "{answer:?}");
    assert!(answer.location().starts_with(ui), "{} instead of {ui}", answer.location());
    let kind = ui.rsplit('/').next().unwrap();
    param(answer.location(), &format!("{kind}_challenge")).unwrap()
}

/// Opens our login page for `url` and sends it; the answer to the form, nothing followed.
pub async fn log_in(browser: &mut UserAgent, url: &str, email: &str, password: &str) -> Answer {
    let page = browser.visit(url).await;
    send_login(browser, &page, email, password).await
}

pub async fn send_login(browser: &mut UserAgent, page: &Answer, email: &str, password: &str) -> Answer {
    let form = Form::of(page).with("identifier", email).with("password", password).and("method", "password");
    browser.post(&form.action, &form.fields).await
}

/// Opens our consent page, where an answer leads, and presses one of its buttons.
pub async fn decide(browser: &mut UserAgent, asked: &Answer, decision: &str) -> Answer {
    let form = Form::of(&browser.visit(asked.location()).await).and("decision", decision);
    browser.post(&form.action, &form.fields).await
}

/// The code of an answer that goes to a client.
pub fn code_in(client: &Client, done: &Answer) -> Code {
    assert_eq!(done.status, 303, "{done:?}");
    let reply = Reply::of(done);
    let code = reply.get("code").unwrap_or_else(|| panic!("no code: {reply:?}")).to_owned();
    Code { code, redirect_uri: client.redirect_uri().to_owned(), client: client.clone() }
}

/// The error of an answer that goes to the app, and nothing else.
#[track_caller]
pub fn error_to_app(answer: &Answer) -> String {
    let reply = Reply::of(answer);
    assert_eq!((answer.status, reply.address.as_str()), (303, "https://app.example/cb"));
    assert_eq!((reply.get("code"), reply.get("iss")), (None, Some(ISSUER)));
    reply.error().to_owned()
}

/// A page with 403: no code, no way to the app.
#[track_caller]
pub fn is_refused(answer: &Answer) {
    assert_eq!((answer.status, answer.header("location")), (403, None), "{answer:?}");
    assert!(answer.text().contains("request_forbidden"), "{answer:?}");
}

/// A parameter of an address.
pub fn param(address: &str, name: &str) -> Option<String> {
    let url = Url::parse(ISSUER).unwrap().join(address).unwrap();
    url.query_pairs().find(|(n, _)| n == name).map(|(_, value)| value.into_owned())
}

/// The claims of a token in a token answer.
#[track_caller]
pub fn claims(tokens: &Value, name: &str) -> Value {
    jwt(tokens[name].as_str().unwrap_or_else(|| panic!("no {name}: {tokens}"))).1
}

/// The members of an object, in order.
pub fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}
