//! What clients do: register, send people to log in, redeem codes, refresh, introspect.
//!
//! Whatever a helper takes for granted stands in its words: [`TestApp::authorize`] goes through with it and gives a
//! [`Code`], [`TestApp::ask`] gives the answer to look at.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sallyport::identity::accounts::CreateError;
use serde_json::{Value, json};
use url::Url;

use super::app::{ALICE, TestApp};
use super::http::{Answer, Request, encode};
use super::user_agent::UserAgent;

/// The first redirect URI of clients.
pub const CALLBACK: &str = "https://rp.example/cb";
/// A PKCE verifier, and the S256 challenge that fits it (RFC 7636 appendix B).
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// Every scope that clients of [`TestApp::web_app`] and [`TestApp::spa`] may ask for.
pub const SCOPES: &str = "openid offline_access email profile photos.read";

/// A registered client.
#[derive(Clone, Debug)]
pub struct Client {
    pub id: String,
    /// None for a public client.
    pub secret: Option<String>,
    /// What registration answered.
    pub document: Value,
}

impl Client {
    /// A registered redirect URI.
    pub fn redirect_uri(&self) -> &str {
        self.document["redirect_uris"][0].as_str().unwrap_or(CALLBACK)
    }

    /// Proves who it is, by the method it is registered with.
    pub fn sign(&self, request: Request, form: &[(&str, &str)]) -> Request {
        let mut form = form.to_vec();
        let method = self.document["token_endpoint_auth_method"].as_str().unwrap_or_default();
        match (method, &self.secret) {
            ("client_secret_basic", Some(secret)) => request.basic(&self.id, secret).form(&form),
            ("client_secret_post", Some(secret)) => {
                form.extend([("client_id", self.id.as_str()), ("client_secret", secret)]);
                request.form(&form)
            }
            _ => {
                form.push(("client_id", &self.id));
                request.form(&form)
            }
        }
    }

    /// An authorization request of this client: code, S256, state and nonce, its first redirect URI.
    pub fn ask(&self, scope: &str) -> Ask {
        Ask(Vec::new())
            .with("client_id", &self.id)
            .with("response_type", "code")
            .with("redirect_uri", self.redirect_uri())
            .with("scope", scope)
            .with("state", "the state of this request")
            .with("nonce", "the nonce of this request")
            .with("code_challenge", CHALLENGE)
            .with("code_challenge_method", "S256")
    }
}

/// The parameters of an authorization request, in order.
#[derive(Clone, Debug)]
pub struct Ask(pub Vec<(String, String)>);

impl Ask {
    /// With this parameter, instead of an earlier one of that name.
    pub fn with(self, name: &str, value: &str) -> Self {
        self.without(name).and(name, value)
    }

    /// With this parameter once more.
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without this parameter.
    pub fn without(mut self, name: &str) -> Self {
        self.0.retain(|(n, _)| n != name);
        self
    }

    /// The address that a browser is sent to.
    pub fn url(&self) -> String {
        format!("/oauth2/auth?{}", encode(&self.0))
    }
}

/// An authorization code, and what belongs to it.
#[derive(Clone, Debug)]
pub struct Code {
    pub code: String,
    pub redirect_uri: String,
    pub client: Client,
}

impl Code {
    /// The form that redeems it.
    pub fn form(&self) -> Vec<(&str, &str)> {
        vec![
            ("grant_type", "authorization_code"),
            ("code", &self.code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", VERIFIER),
        ]
    }
}

/// What a client is told at its redirect URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The address without what was added.
    pub address: String,
    /// The parameters, in order.
    pub params: Vec<(String, String)>,
}

impl Reply {
    /// The reply in a redirect, from its query or fragment; `None` when it leads to no client.
    pub fn in_redirect(answer: &Answer) -> Option<Self> {
        if !(300..400).contains(&answer.status) {
            return None;
        }
        let url = Url::parse(answer.location()).ok()?;
        let added = url.fragment().or(url.query()).unwrap_or_default();
        let params: Vec<_> = url::form_urlencoded::parse(added.as_bytes()).into_owned().collect();
        let is_reply =
            params.iter().any(|(n, _)| n == "code" || n == "error") && params.iter().any(|(n, _)| n == "iss");
        let address = answer.location().split(['?', '#']).next()?.to_owned();
        is_reply.then_some(Self { address, params })
    }

    /// The reply in a redirect that must be one.
    #[track_caller]
    pub fn of(answer: &Answer) -> Self {
        Self::in_redirect(answer).unwrap_or_else(|| panic!("no reply to a client: {answer:?}"))
    }

    /// A parameter that came at most once.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.params.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let first = values.next();
        assert!(values.next().is_none(), "{name} came twice: {self:?}");
        first
    }

    /// The `error`, which must be there.
    #[track_caller]
    pub fn error(&self) -> &str {
        self.get("error").unwrap_or_else(|| panic!("no error: {self:?}"))
    }
}

impl TestApp {
    /// Registers a client.
    pub async fn client(&self, document: Value) -> Client {
        let answer = self.admin.request("POST", "/admin/clients").json(&document).send().await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let document = answer.json();
        let text = |name: &str| document[name].as_str().map(str::to_owned);
        let is_public = document["token_endpoint_auth_method"] == "none";
        Client { id: text("client_id").unwrap(), secret: text("client_secret").filter(|_| !is_public), document }
    }

    /// Registers a first-party app with a secret: [`SCOPES`], refresh tokens, no consent asked, one redirect URI.
    pub async fn web_app(&self) -> Client {
        self.client(json!({
            "client_name": "a web app", "redirect_uris": [CALLBACK], "scope": SCOPES, "skip_consent": true,
            "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
            "audience": ["https://api.example"],
        }))
        .await
    }

    /// The same without a secret.
    pub async fn spa(&self) -> Client {
        self.client(json!({
            "client_name": "a page", "redirect_uris": [CALLBACK], "scope": SCOPES, "skip_consent": true,
            "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
            "token_endpoint_auth_method": "none", "allowed_cors_origins": ["https://rp.example"],
        }))
        .await
    }

    /// Registers a machine: client_credentials for `photos.read` and `photos.write` at `https://api.example`.
    pub async fn machine(&self) -> Client {
        self.client(json!({
            "client_name": "a machine", "scope": "photos.read photos.write", "grant_types": ["client_credentials"],
            "audience": ["https://api.example"],
        }))
        .await
    }

    /// Registers an API that may introspect: `right` is own, audience or any.
    pub async fn api(&self, right: &str) -> Client {
        self.client(json!({
            "client_name": "an API", "grant_types": ["client_credentials"], "introspect": right,
            "audience": ["https://api.example"],
        }))
        .await
    }

    /// A browser in which somebody is logged in; they are made if they are not there.
    pub async fn logged_in(&self, email: &str) -> UserAgent {
        match self.create_person(email).await {
            Ok(_) | Err(CreateError::Taken) => {}
            Err(error) => panic!("{email}: {error}"),
        }
        let mut browser = self.browser();
        let page = browser.visit("/login").await;
        let done = browser.log_in(&page, email).await;
        assert!(done.status < 400 && browser.cookies.contains_key("ory_kratos_session"), "not logged in: {done:?}");
        browser
    }

    /// Sends Alice's browser, where she is logged in, with a request. What comes back is the first thing that is not
    /// a redirect within the issuer.
    pub async fn ask(&self, ask: &Ask) -> Answer {
        self.logged_in(ALICE).await.visit(&ask.url()).await
    }

    /// Lets Alice log in and a first-party client have its code.
    pub async fn authorize(&self, client: &Client, scope: &str) -> Code {
        let mut browser = self.logged_in(ALICE).await;
        self.authorize_in(&mut browser, client, scope).await
    }

    /// Lets a first-party client have a code for whoever is logged in in this browser.
    pub async fn authorize_in(&self, browser: &mut UserAgent, client: &Client, scope: &str) -> Code {
        let ask = client.ask(scope);
        let reply = Reply::of(&browser.visit(&ask.url()).await);
        let code = reply.get("code").unwrap_or_else(|| panic!("no code: {reply:?}")).to_owned();
        Code { code, redirect_uri: client.redirect_uri().to_owned(), client: client.clone() }
    }

    /// A request to the token endpoint by a client.
    pub async fn token(&self, client: &Client, form: &[(&str, &str)]) -> Answer {
        client.sign(self.public.request("POST", "/oauth2/token"), form).send().await
    }

    /// Redeems a code by the client it was issued to.
    pub async fn redeem(&self, code: &Code) -> Answer {
        self.token(&code.client, &code.form()).await
    }

    /// Alice logs in and the client has its tokens: the body of the token endpoint's answer.
    pub async fn tokens(&self, client: &Client, scope: &str) -> Value {
        let code = self.authorize(client, scope).await;
        self.redeem(&code).await.ok()
    }

    /// Refreshes.
    pub async fn refresh(&self, client: &Client, token: &str) -> Answer {
        self.token(client, &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// A machine's token: the body of the token endpoint's answer.
    pub async fn client_credentials(&self, client: &Client, scope: &str) -> Value {
        self.token(client, &[("grant_type", "client_credentials"), ("scope", scope)]).await.ok()
    }

    /// What an operator learns of a token.
    pub async fn introspect(&self, token: &str) -> Value {
        self.admin.post("/admin/oauth2/introspect", &[("token", token)]).await.ok()
    }

    /// What a client learns of a token.
    pub async fn introspect_as(&self, client: &Client, token: &str) -> Answer {
        client.sign(self.public.request("POST", "/oauth2/introspect"), &[("token", token)]).send().await
    }

    /// Whether a token works right now.
    pub async fn is_active(&self, token: &str) -> bool {
        self.introspect(token).await["active"].as_bool().unwrap()
    }

    /// Asks userinfo with a bearer token.
    pub async fn userinfo(&self, token: &str) -> Answer {
        self.public.request("GET", "/userinfo").bearer(token).send().await
    }

    /// Revokes.
    pub async fn revoke(&self, client: &Client, token: &str) -> Answer {
        client.sign(self.public.request("POST", "/oauth2/revoke"), &[("token", token)]).send().await
    }
}

/// A text member of a JSON object, which must be there.
#[track_caller]
pub fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().unwrap_or_else(|| panic!("no {name}: {body}"))
}

/// The header and the claims of a JWT, whoever signed it.
#[track_caller]
pub fn jwt(token: &str) -> (Value, Value) {
    let part = |n| {
        let part = token.split('.').nth(n).unwrap_or_else(|| panic!("no JWT: {token}"));
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    (part(0), part(1))
}
