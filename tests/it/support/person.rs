//! A person at a browser without scripts: follows redirects, keeps cookies, fills in the forms of our pages.
//!
//! Not here: a real browser ([`super::browser`]).

use oauth2::PkceCodeChallenge;
use reqwest::header::{ACCEPT, COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Client, Response};
use scraper::{Html, Selector};
use url::Url;

use super::api::{Api, http};

/// Redirects and forms until it is a loop.
const HOPS: usize = 20;

/// Somebody with a password.
pub struct Person {
    http: Client,
    identifier: String,
    password: String,
    cookies: Vec<Cookie>,
    /// What was asked, in order: `login`, `consent`, `logout`.
    pub asked: Vec<&'static str>,
    /// Everything this browser was handed: values of cookies, of hidden fields and of addresses, by name.
    pub seen: Vec<(String, String)>,
}

struct Cookie {
    name: String,
    value: String,
    path: String,
}

/// A code that waits to be redeemed.
pub struct Code {
    pub code: String,
    pub verifier: String,
    pub redirect_uri: String,
}

impl Code {
    /// The code in the answer `back`.
    pub fn of(api: &Api, back: &Url, verifier: String, redirect_uri: &str) -> Self {
        let of = |name: &str| back.query_pairs().find(|(n, _)| n == name).map(|(_, value)| value.into_owned());
        let code = of("code").unwrap_or_else(|| panic!("no code in {back}"));
        assert_eq!(of("iss").as_ref(), Some(&api.issuer), "RFC 9207 §2");
        Self { code, verifier, redirect_uri: redirect_uri.to_owned() }
    }

    /// The token request that redeems it.
    pub fn fields(&self) -> [(&str, &str); 4] {
        [
            ("grant_type", "authorization_code"),
            ("code", &self.code),
            ("code_verifier", &self.verifier),
            ("redirect_uri", &self.redirect_uri),
        ]
    }
}

/// The address at which a person begins: a request for a code with PKCE; and the verifier to redeem it with.
pub fn authorization_url(api: &Api, client_id: &str, redirect_uri: &str, scope: &str) -> (Url, String) {
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let mut url = Url::parse(&format!("{}/oauth2/auth", api.issuer)).unwrap();
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", client_id)
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("scope", scope)
        .append_pair("state", "what-the-app-was-doing")
        .append_pair("code_challenge", challenge.as_str())
        .append_pair("code_challenge_method", "S256");
    (url, verifier.into_secret())
}

/// A form as a browser would send it.
struct Form {
    action: Url,
    is_post: bool,
    fields: Vec<(String, String)>,
    kind: &'static str,
}

impl Person {
    pub fn new(identifier: &str, password: &str) -> Self {
        let (identifier, password) = (identifier.to_owned(), password.to_owned());
        Self { http: http(), identifier, password, cookies: Vec::new(), asked: Vec::new(), seen: Vec::new() }
    }

    /// Opens `url` and does what is asked until the browser is sent to `until`; that address, which is not opened.
    pub async fn visit(&mut self, url: Url, until: &str) -> Url {
        self.walk(url, Some(until)).await.unwrap_or_else(|(at, page)| panic!("nothing asks at {at}: {page}"))
    }

    /// Opens `url` and does what is asked until a page asks nothing any more; what that page says.
    pub async fn finish(&mut self, url: Url) -> String {
        self.walk(url, None).await.unwrap_err().1
    }

    /// Where the browser is sent, or else the last page: its address, and what it says.
    async fn walk(&mut self, mut at: Url, until: Option<&str>) -> Result<Url, (Url, String)> {
        let mut form = None;
        for _ in 0..HOPS {
            let answer = self.send(&at, form.take()).await;
            if let Some(to) = answer.headers().get(LOCATION) {
                at = at.join(to.to_str().unwrap()).unwrap();
                self.notice_address(&at);
                if until.is_some_and(|until| at.as_str().starts_with(until)) {
                    return Ok(at);
                }
                continue;
            }
            let page = answer.text().await.unwrap();
            let Some(next) = read_form(&at, &page) else { return Err((at, words(&page))) };
            let next = self.answer(next, &page);
            at = next.action.clone();
            form = Some(next);
        }
        panic!("still on the way after {HOPS} steps, at {at}");
    }

    /// Lets a client have a code: authorization code flow with PKCE, login and consent where they are asked for.
    pub async fn allow(&mut self, api: &Api, client_id: &str, redirect_uri: &str, scope: &str) -> Code {
        let (url, verifier) = authorization_url(api, client_id, redirect_uri, scope);
        let back = self.visit(url, redirect_uri).await;
        Code::of(api, &back, verifier, redirect_uri)
    }

    /// Opens `url` and gives where the browser is sent, following nothing.
    pub async fn step(&mut self, url: &Url) -> Url {
        let answer = self.send(url, None).await;
        let to = answer.headers().get(LOCATION).unwrap_or_else(|| panic!("{url} leads nowhere: {}", answer.status()));
        let to = url.join(to.to_str().unwrap()).unwrap();
        self.notice_address(&to);
        to
    }

    async fn send(&mut self, url: &Url, form: Option<Form>) -> Response {
        let mut request = match form {
            Some(form) if form.is_post => {
                let origin = url.origin().ascii_serialization();
                self.http.post(url.clone()).form(&form.fields).header(ORIGIN, origin)
            }
            Some(form) => {
                let mut url = url.clone();
                url.query_pairs_mut().clear().extend_pairs(&form.fields);
                self.http.get(url)
            }
            None => self.http.get(url.clone()),
        };
        let sent: Vec<String> = self
            .cookies
            .iter()
            .filter(|cookie| url.path().starts_with(&cookie.path))
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        if !sent.is_empty() {
            request = request.header(COOKIE, sent.join("; "));
        }
        let answer = request.header(ACCEPT, "text/html").send().await.unwrap();
        for line in answer.headers().get_all(SET_COOKIE) {
            self.keep(line.to_str().unwrap());
        }
        answer
    }

    fn keep(&mut self, line: &str) {
        let mut parts = line.split("; ");
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let attributes: Vec<(&str, &str)> = parts.map(|part| part.split_once('=').unwrap_or((part, ""))).collect();
        let attribute = |name: &str| attributes.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| *v);
        let path = attribute("path").unwrap_or("/").to_owned();
        self.cookies.retain(|cookie| cookie.name != name || cookie.path != path);
        if attribute("max-age") == Some("0") || value.is_empty() {
            return;
        }
        self.seen.push((format!("cookie {name}"), value.to_owned()));
        self.cookies.push(Cookie { name: name.to_owned(), value: value.to_owned(), path });
    }

    fn notice_address(&mut self, url: &Url) {
        self.seen.extend(url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())));
    }

    fn answer(&mut self, mut form: Form, page: &str) -> Form {
        self.seen.extend(form.fields.iter().cloned());
        let more = match form.kind {
            "login" => {
                assert_ne!(self.asked.last(), Some(&"login"), "the login was refused: {}", words(page));
                let method = ("method".to_owned(), "password".to_owned());
                form.fields.retain(|(name, _)| !["identifier", "password", "method"].contains(&name.as_str()));
                let who = ("identifier".to_owned(), self.identifier.clone());
                vec![who, ("password".to_owned(), self.password.clone()), method]
            }
            _ => vec![("decision".to_owned(), "accept".to_owned())],
        };
        form.fields.extend(more);
        self.asked.push(form.kind);
        form
    }
}

fn read_form(at: &Url, page: &str) -> Option<Form> {
    let select = |css: &str| Selector::parse(css).unwrap();
    let document = Html::parse_document(page);
    let form = document.select(&select("form")).next()?;
    let attribute = |name| form.value().attr(name).filter(|value: &&str| !value.is_empty());
    let action = attribute("action").map_or_else(|| at.clone(), |action| at.join(action).unwrap());
    let is_post = attribute("method").is_some_and(|method| method.eq_ignore_ascii_case("post"));
    let mut fields = Vec::new();
    for control in form.select(&select("input[name]")) {
        let attribute = |name| control.value().attr(name);
        let is_tick = matches!(attribute("type"), Some("checkbox" | "radio"));
        if attribute("type") != Some("submit") && (!is_tick || attribute("checked").is_some()) {
            fields.push((attribute("name").unwrap().to_owned(), attribute("value").unwrap_or_default().to_owned()));
        }
    }
    let has = |name: &str| form.select(&select(&format!("[name={name}]"))).next().is_some();
    let kinds = [("password", "login"), ("consent_challenge", "consent"), ("logout_challenge", "logout")];
    let kind = kinds.into_iter().find(|(name, _)| has(name))?.1;
    Some(Form { action, is_post, fields, kind })
}

/// What a page says, for messages of failed tests.
fn words(page: &str) -> String {
    let text: Vec<&str> = page.split_whitespace().collect();
    let document = Html::parse_document(&text.join(" "));
    let body = Selector::parse("body").unwrap();
    let said: String = document.select(&body).flat_map(|body| body.text()).collect();
    said.chars().take(600).collect()
}
