//! A server's API as a client or an operator calls it, over HTTP.

use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

/// A client that follows no redirects.
pub fn http() -> Client {
    Client::builder().redirect(Policy::none()).no_proxy().build().unwrap()
}

/// A client of the server: its id and, if it is confidential, its secret.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub id: String,
    pub secret: Option<String>,
}

impl Credentials {
    pub fn new(id: &str, secret: &str) -> Self {
        Self { id: id.to_owned(), secret: Some(secret.to_owned()) }
    }

    fn sign(&self, request: RequestBuilder) -> RequestBuilder {
        request.basic_auth(&self.id, self.secret.as_ref())
    }
}

/// An answer: its status, and its JSON or `null`.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub body: Value,
}

impl Answer {
    /// The body of a 2xx answer.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!(self.status.is_success(), "{}: {}", self.status, self.body);
        self.body
    }

    /// The error code of an OAuth refusal.
    #[track_caller]
    pub fn error(&self) -> &str {
        assert!(self.status.is_client_error(), "{}: {}", self.status, self.body);
        self.body["error"].as_str().unwrap_or_else(|| panic!("no error code in {}", self.body))
    }
}

/// Both listeners of a server.
#[derive(Clone)]
pub struct Api {
    pub http: Client,
    pub issuer: String,
    pub admin: String,
}

impl Api {
    pub fn new(issuer: &str, admin: &str) -> Self {
        Self { http: http(), issuer: issuer.to_owned(), admin: admin.to_owned() }
    }

    /// `POST /oauth2/token` with HTTP Basic, or with `client_id` for a public client. An error is a lost connection.
    pub async fn try_token(&self, client: &Credentials, fields: &[(&str, &str)]) -> reqwest::Result<Answer> {
        let request = self.http.post(format!("{}/oauth2/token", self.issuer));
        let mut fields = fields.to_vec();
        let request = match client.secret {
            Some(_) => client.sign(request),
            None => {
                fields.push(("client_id", &client.id));
                request
            }
        };
        send(request.form(&fields)).await
    }

    pub async fn token(&self, client: &Credentials, fields: &[(&str, &str)]) -> Answer {
        self.try_token(client, fields).await.unwrap()
    }

    /// An access token for the client itself.
    pub async fn own_token(&self, client: &Credentials) -> String {
        let answer = self.token(client, &[("grant_type", "client_credentials")]).await.ok();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    pub async fn refresh(&self, client: &Credentials, token: &str) -> Answer {
        self.token(client, &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    pub async fn revoke(&self, client: &Credentials, token: &str) {
        let request = client.sign(self.http.post(format!("{}/oauth2/revoke", self.issuer)));
        send(request.form(&[("token", token)])).await.unwrap().ok();
    }

    /// What the admin API says of a token.
    pub async fn introspect(&self, token: &str) -> Value {
        let request = self.http.post(format!("{}/admin/oauth2/introspect", self.admin));
        send(request.form(&[("token", token)])).await.unwrap().ok()
    }

    /// What the public endpoint says to this client of a token.
    pub async fn introspect_as(&self, client: &Credentials, token: &str) -> Answer {
        let request = client.sign(self.http.post(format!("{}/oauth2/introspect", self.issuer)));
        send(request.form(&[("token", token)])).await.unwrap()
    }

    pub async fn is_active(&self, token: &str) -> bool {
        self.introspect(token).await["active"].as_bool().unwrap()
    }

    pub async fn userinfo(&self, token: &str) -> Answer {
        send(self.http.get(format!("{}/userinfo", self.issuer)).bearer_auth(token)).await.unwrap()
    }

    /// A document of the public listener.
    pub async fn get(&self, path: &str) -> Answer {
        send(self.http.get(format!("{}{path}", self.issuer))).await.unwrap()
    }

    /// The admin API.
    pub async fn administer(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = self.http.request(method, format!("{}{path}", self.admin));
        let request = if body.is_null() { request } else { request.json(body) };
        send(request).await.unwrap()
    }

    /// Registers a client; the server makes its secret.
    pub async fn register(&self, document: &Value) -> Credentials {
        let made = self.administer(Method::POST, "/admin/clients", document).await.ok();
        let word = |name: &str| made[name].as_str().map(str::to_owned);
        Credentials { id: word("client_id").unwrap(), secret: word("client_secret") }
    }

    /// A confidential web app that may do everything, with this redirect URI.
    pub async fn register_web_app(&self, redirect_uri: &str, more: &Value) -> Credentials {
        let mut document = json!({
            "client_name": "Travel diary",
            "redirect_uris": [redirect_uri],
            "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
            "response_types": ["code"],
            "scope": "openid profile email offline_access",
            "token_endpoint_auth_method": "client_secret_basic",
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            document[name] = value.clone();
        }
        self.register(&document).await
    }
}

async fn send(request: RequestBuilder) -> reqwest::Result<Answer> {
    let answer = request.send().await?;
    let status = answer.status();
    let text = answer.text().await?;
    Ok(Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::Null) })
}
