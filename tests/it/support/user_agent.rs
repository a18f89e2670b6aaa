//! A browser without a screen: it keeps cookies, follows redirects within the issuer, reads forms and sends them.
//!
//! The issuer's addresses lead to the test's server, whatever name they have. What leads elsewhere is not followed:
//! [`Answer::location`] tells it. Not here: pages with scripts ([`super::browser`]).

use std::collections::BTreeMap;

use scraper::{ElementRef, Html, Selector};

use super::app::PASSWORD;
use super::http::{Answer, Http, Request, encode};

/// More redirects than any journey has.
const MANY: usize = 20;

/// A browser.
#[derive(Clone, Debug)]
pub struct UserAgent {
    http: Http,
    issuer: String,
    /// Cookies by name.
    pub cookies: BTreeMap<String, String>,
}

/// A form of a page, filled in as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// Where it leads.
    pub action: String,
    /// get or post.
    pub method: String,
    /// What it sends, in order: hidden fields, texts, and what is ticked. No button yet.
    pub fields: Vec<(String, String)>,
}

impl UserAgent {
    pub fn new(http: Http, issuer: &str) -> Self {
        Self { http, issuer: issuer.trim_end_matches('/').to_owned(), cookies: BTreeMap::new() }
    }

    /// One GET, nothing followed.
    pub async fn get(&mut self, url: &str) -> Answer {
        let path = self.path(url).unwrap_or_else(|| panic!("{url} leads elsewhere"));
        self.send(self.http.request("GET", &path)).await
    }

    /// One POST of a form, nothing followed.
    pub async fn post<N: AsRef<str>, V: AsRef<str>>(&mut self, url: &str, fields: &[(N, V)]) -> Answer {
        let path = self.path(url).unwrap_or_else(|| panic!("{url} leads elsewhere"));
        self.send(self.http.request("POST", &path).form(fields)).await
    }

    /// Goes to an address and on as far as redirects lead within the issuer.
    pub async fn visit(&mut self, url: &str) -> Answer {
        let answer = self.get(url).await;
        self.follow(answer).await
    }

    /// Sends a form by one of its buttons (`""` for none), and goes on as far as redirects lead within the issuer.
    pub async fn submit(&mut self, form: &Form, button: &str, value: &str) -> Answer {
        let mut fields = form.fields.clone();
        if !button.is_empty() {
            fields.push((button.to_owned(), value.to_owned()));
        }
        let answer = if form.method == "get" {
            self.get(&format!("{}?{}", form.action, encode(&fields))).await
        } else {
            self.post(&form.action, &fields).await
        };
        self.follow(answer).await
    }

    /// Goes on as far as redirects lead within the issuer.
    pub async fn follow(&mut self, mut answer: Answer) -> Answer {
        for _ in 0..MANY {
            let next = match (300..400).contains(&answer.status) {
                true => self.path(answer.location()),
                false => None,
            };
            let Some(path) = next else { return answer };
            answer = self.send(self.http.request("GET", &path)).await;
        }
        panic!("redirects without end: {answer:?}");
    }

    /// Fills in and sends the login page that `page` is.
    pub async fn log_in(&mut self, page: &Answer, email: &str) -> Answer {
        let form = Form::of(page).with("identifier", email).with("password", PASSWORD);
        self.submit(&form, "method", "password").await
    }

    /// Sends a request with the browser's cookies, and keeps those of the answer.
    pub async fn send(&mut self, request: Request) -> Answer {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = if cookies.is_empty() { request } else { request.header("Cookie", cookies.join("; ")) };
        let answer = request.send().await;
        for cookie in answer.all("set-cookie") {
            self.keep(cookie);
        }
        answer
    }

    /// RFC 6265 §5.3, as far as a server that means `Max-Age=0` by removing goes.
    fn keep(&mut self, cookie: &str) {
        let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
        let (name, value) = pair.split_once('=').unwrap_or_else(|| panic!("no cookie: {cookie}"));
        let is_removed = attributes.split(';').any(|a| a.trim().eq_ignore_ascii_case("max-age=0"));
        if is_removed {
            self.cookies.remove(name.trim());
        } else {
            self.cookies.insert(name.trim().to_owned(), value.trim().to_owned());
        }
    }

    /// Path and query on the test's server; `None` when the address is elsewhere.
    fn path(&self, url: &str) -> Option<String> {
        if url.starts_with('/') && !url.starts_with("//") {
            return Some(url.to_owned());
        }
        let rest = url.strip_prefix(&self.issuer)?;
        match rest.chars().next() {
            None => Some("/".to_owned()),
            Some('/') => Some(rest.to_owned()),
            Some('?') => Some(format!("/{rest}")),
            Some(_) => None,
        }
    }
}

impl Form {
    /// The only form of a page.
    #[track_caller]
    pub fn of(page: &Answer) -> Self {
        assert_eq!(page.status, 200, "{page:?}");
        Self::read(page.text()).unwrap_or_else(|| panic!("not one form: {page:?}"))
    }

    fn read(html: &str) -> Option<Self> {
        let page = Html::parse_document(html);
        let (forms, fields) = (selector("form"), selector("input, select, textarea"));
        let mut found = page.select(&forms);
        let form = found.next()?;
        if found.next().is_some() {
            return None;
        }
        let attribute = |name| form.value().attr(name).unwrap_or_default();
        Some(Self {
            action: attribute("action").to_owned(),
            method: attribute("method").to_ascii_lowercase(),
            fields: form.select(&fields).filter_map(field).collect(),
        })
    }

    /// With this value in a field that is there.
    #[track_caller]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let field = self.fields.iter_mut().find(|(n, _)| n == name);
        value.clone_into(&mut field.unwrap_or_else(|| panic!("the form has no {name}")).1);
        self
    }

    /// Without the fields of this name.
    pub fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(n, _)| n != name);
        self
    }

    /// With a field that the page does not have.
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The values of the fields of this name.
    pub fn values(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect()
    }
}

/// What an element sends (HTML §4.10.21.4): boxes only when ticked, buttons only when pressed.
fn field(element: ElementRef<'_>) -> Option<(String, String)> {
    let attribute = |name| element.value().attr(name);
    let is_box = matches!(attribute("type"), Some("checkbox" | "radio"));
    let is_button = matches!(attribute("type"), Some("submit" | "button" | "reset" | "image"));
    if is_button || (is_box && attribute("checked").is_none()) {
        return None;
    }
    let fallback = if is_box { "on" } else { "" };
    Some((attribute("name")?.to_owned(), attribute("value").unwrap_or(fallback).to_owned()))
}

fn selector(text: &str) -> Selector {
    Selector::parse(text).unwrap()
}
