//! Authorization codes in bulk: the whole journey over the server's own HTTP interface.
//!
//! The bench plays the browser and the login and consent application at once: five requests a code
//! (authorize, accept login, return, accept consent, return), each code with fresh cookies.

use std::fmt::Write as _;

use crate::http::Request;
use crate::load::Traffic;
use crate::response::Answer;
use crate::server::{ADMIN, PUBLIC};

/// Fetches codes for one authorization request until it has enough.
#[derive(Debug)]
pub struct Journeys {
    target: String,
    browsers: Vec<Browser>,
    begun: usize,
    wanted: usize,
    /// The codes fetched.
    pub codes: Vec<String>,
}

#[derive(Debug, Default)]
struct Browser {
    cookies: Vec<(String, String)>,
    step: Step,
}

#[derive(Debug, Default)]
enum Step {
    #[default]
    Begin,
    AcceptLogin(String),
    ReturnFromLogin(String),
    AcceptConsent(String),
    ReturnFromConsent(String),
}

impl Journeys {
    /// Will fetch `wanted` codes from `target`, an authorization request's path and query, on `lanes` browsers.
    pub fn of(target: String, wanted: usize, lanes: usize) -> Self {
        let browsers = (0..lanes).map(|_| Browser::default()).collect();
        Self { target, browsers, begun: 0, wanted, codes: Vec::with_capacity(wanted) }
    }
}

impl Traffic for Journeys {
    fn next(&mut self, lane: usize, out: &mut Vec<u8>) -> Option<usize> {
        let browser = &mut self.browsers[lane];
        match &browser.step {
            Step::Begin => {
                self.begun = Some(self.begun).filter(|begun| *begun < self.wanted)? + 1;
                browser.cookies.clear();
                browser.visit(&self.target, out);
                Some(PUBLIC)
            }
            Step::ReturnFromLogin(target) | Step::ReturnFromConsent(target) => {
                browser.visit(target, out);
                Some(PUBLIC)
            }
            Step::AcceptLogin(challenge) => {
                accept("login", challenge, r#"{"subject":"bench-person","remember":false}"#, out);
                Some(ADMIN)
            }
            Step::AcceptConsent(challenge) => {
                let answer = r#"{"grant_scope":["openid","offline_access"],"remember":false,"session":{}}"#;
                accept("consent", challenge, answer, out);
                Some(ADMIN)
            }
        }
    }

    fn answered(&mut self, lane: usize, answer: &Answer<'_>) -> Result<(), String> {
        let browser = &mut self.browsers[lane];
        browser.step = match std::mem::take(&mut browser.step) {
            Step::Begin => Step::AcceptLogin(browser.redirected(answer, "login_challenge")?),
            Step::AcceptLogin(_) => Step::ReturnFromLogin(redirect_to(answer)?),
            Step::ReturnFromLogin(_) => Step::AcceptConsent(browser.redirected(answer, "consent_challenge")?),
            Step::AcceptConsent(_) => Step::ReturnFromConsent(redirect_to(answer)?),
            Step::ReturnFromConsent(_) => {
                self.codes.push(browser.redirected(answer, "code")?);
                Step::Begin
            }
        };
        Ok(())
    }
}

impl Browser {
    fn visit(&self, target: &str, out: &mut Vec<u8>) {
        let mut headers = String::new();
        for (index, (name, value)) in self.cookies.iter().enumerate() {
            let _ = write!(headers, "{}{name}={value}", if index == 0 { "cookie: " } else { "; " });
        }
        if !headers.is_empty() {
            headers.push_str("\r\n");
        }
        Request { method: "GET", target, headers: &headers, ..Request::default() }.write(out);
    }

    /// Keeps the cookies of a redirect and takes one parameter out of its target.
    fn redirected(&mut self, answer: &Answer<'_>, parameter: &str) -> Result<String, String> {
        for cookie in answer.headers("set-cookie") {
            if let Some((name, value)) = cookie.split(';').next().and_then(|pair| pair.split_once('=')) {
                self.cookies.retain(|(known, _)| known != name);
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        let location = answer.headers("location").next().filter(|_| matches!(answer.status, 302 | 303));
        let location = location.ok_or_else(|| {
            let said = String::from_utf8_lossy(&answer.body[..answer.body.len().min(300)]).into_owned();
            format!("expected a redirect with {parameter}, got status {}: {said}", answer.status)
        })?;
        let url = url::Url::parse(location).map_err(|error| format!("the redirect's target is no URL: {error}"))?;
        let value = url.query_pairs().find(|(key, _)| key == parameter).map(|(_, value)| value.into_owned());
        value.ok_or_else(|| {
            let error = url.query_pairs().find(|(key, _)| key == "error_description" || key == "error");
            let error = error.map_or_else(String::new, |(_, text)| format!(": {text}"));
            format!("the redirect lacks {parameter}{error}")
        })
    }
}

fn accept(kind: &str, challenge: &str, body: &str, out: &mut Vec<u8>) {
    let challenge = crate::http::escape(challenge);
    let target = format!("/admin/oauth2/auth/requests/{kind}/accept?{kind}_challenge={challenge}");
    Request { method: "PUT", target: &target, content_type: "application/json", body, ..Request::default() }.write(out);
}

/// Path and query of the `redirect_to` that an accepted challenge is answered with.
fn redirect_to(answer: &Answer<'_>) -> Result<String, String> {
    crate::traffic::require(answer, 200, "\"redirect_to\"")?;
    let value: serde_json::Value =
        serde_json::from_slice(answer.body).map_err(|error| format!("the accepted challenge's answer: {error}"))?;
    let text = value["redirect_to"].as_str().ok_or("redirect_to is no string")?;
    let url = url::Url::parse(text).map_err(|error| format!("redirect_to is no URL: {error}"))?;
    Ok(format!("{}?{}", url.path(), url.query().unwrap_or_default()))
}
