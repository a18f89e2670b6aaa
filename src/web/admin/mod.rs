//! The admin listener: who may call it, and strict JSON bodies. Its endpoints, one file a family.
//!
//! Pages of other sites must not reach it through the operator's own browser: cross-site calls are refused by what the
//! browser says of them, bodies must be declared as JSON (which a page cannot do without a preflight that we never
//! answer), and where nobody is asked who they are, the Host must be this machine.

pub mod clients;
pub mod identities;
pub mod interactions;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CONTENT_TYPE, HOST, HeaderMap};
use actix_web::middleware::Next;
use actix_web::web::{Data, Payload};
use actix_web::{Error, HttpRequest, ResponseError};
use serde::de::DeserializeOwned;

use super::error::{AdminError, Failure};
use super::extract;
use super::state::AppState;
use crate::base::Secret;
use crate::config::{AdminAuth, Settings};

/// Lets through who may administer; `/health/*` is for everybody.
///
/// # Errors
/// Those of the handler.
pub async fn authenticate(
    state: Data<AppState>,
    req: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if req.path().starts_with("/health/") {
        return next.call(req).await;
    }
    match check(state.settings(), req.headers()) {
        Ok(()) => next.call(req).await,
        Err(error) => Ok(req.into_response(Failure::Admin(error).error_response())),
    }
}

fn check(settings: &Settings, headers: &HeaderMap) -> Result<(), AdminError> {
    if headers.get("sec-fetch-site").is_some_and(|site| matches!(site.as_bytes(), b"cross-site" | b"same-site")) {
        return Err(AdminError::forbidden("pages of other sites may not call the admin API"));
    }
    match &settings.admin.auth {
        AdminAuth::Keys(keys) => check_key(keys, headers),
        AdminAuth::Loopback => check_host(settings, headers),
        AdminAuth::MutualTls { keys, .. } if keys.is_empty() => Ok(()),
        AdminAuth::MutualTls { keys, .. } => check_key(keys, headers),
        AdminAuth::Open => Ok(()),
    }
}

/// Compares with every key, so that time does not tell which one was close.
fn check_key(keys: &[Secret<String>], headers: &HeaderMap) -> Result<(), AdminError> {
    let missing = || AdminError::unauthorized("send one of serve.admin.auth.keys as Authorization: Bearer KEY");
    let header = extract::authorization(headers).ok().flatten().ok_or_else(missing)?;
    let (scheme, key) = header.split_at_checked(7).ok_or_else(missing)?;
    if !scheme.eq_ignore_ascii_case(b"bearer ") {
        return Err(missing());
    }
    let key = key.trim_ascii();
    let right = keys.iter().fold(false, |found, known| known.matches(key) | found);
    if right { Ok(()) } else { Err(AdminError::unauthorized("this is not one of serve.admin.auth.keys")) }
}

/// A name of the web that leads here is a page's trick (DNS rebinding): only this machine's own names, and the
/// configured one.
fn check_host(settings: &Settings, headers: &HeaderMap) -> Result<(), AdminError> {
    let Some(host) = headers.get(HOST) else { return Ok(()) };
    let known = host.to_str().ok().and_then(|text| url::Url::parse(&format!("http://{text}/")).ok());
    let is_ours = known.is_some_and(|url| is_this_machine(&url) || is_configured(settings, &url));
    if is_ours {
        Ok(())
    } else {
        Err(AdminError::forbidden("call the admin API by localhost, an IP address, or the host of urls.self.admin"))
    }
}

fn is_this_machine(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(_) => true,
        None => false,
    }
}

fn is_configured(settings: &Settings, url: &url::Url) -> bool {
    settings.admin_url.as_ref().is_some_and(|admin| admin.host_str() == url.host_str())
}

/// A JSON body.
///
/// # Errors
/// 400 in the admin API's form for another media type, wrong JSON, unknown or repeated fields, deep nesting; 413.
pub async fn json<T: DeserializeOwned>(state: &AppState, req: &HttpRequest, payload: Payload) -> Result<T, Failure> {
    let media_type = extract::single(req.headers(), &CONTENT_TYPE).map_err(|_| malformed("Content-Type came twice"))?;
    if !media_type.is_some_and(|t| extract::is_media_type(t, b"application/json")) {
        return Err(malformed("Content-Type must be application/json"));
    }
    let bytes = extract::body(state, req, payload).await?;
    parse(&bytes).map_err(Failure::Admin)
}

/// A JSON body that may be left out.
///
/// # Errors
/// As [`json`].
pub async fn json_or_default<T: DeserializeOwned + Default>(
    state: &AppState,
    req: &HttpRequest,
    payload: Payload,
) -> Result<T, Failure> {
    match req.headers().contains_key(CONTENT_TYPE) {
        true => json(state, req, payload).await,
        false if extract::body(state, req, payload).await?.is_empty() => Ok(T::default()),
        false => Err(malformed("Content-Type must be application/json")),
    }
}

/// What is wrong is told by its place: the text itself may hold secrets.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, AdminError> {
    serde_json::from_slice(bytes).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Data => {
                "a field is unknown, comes twice, or has a value of the wrong type; it ends at"
            }
            _ => "the body is not JSON, or nested too deep; it goes wrong at",
        };
        AdminError::malformed(format!("{what} line {}, column {}", error.line(), error.column()))
    })
}

fn malformed(reason: &'static str) -> Failure {
    AdminError::malformed(reason).into()
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{AUTHORIZATION, HeaderValue};

    use super::*;
    use crate::oauth::register::ClientDocument;

    fn headers(pairs: &[(actix_web::http::header::HeaderName, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(name.clone(), HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn one_right_key_opens() {
        let keys = [Secret::from("first-key-of-the-operator"), Secret::from("second-key-of-the-operator")];
        for (sent, opens) in [
            (vec![(AUTHORIZATION, "Bearer first-key-of-the-operator")], true),
            (vec![(AUTHORIZATION, "bearer second-key-of-the-operator")], true),
            (vec![(AUTHORIZATION, "Bearer first-key-of-the-operato")], false),
            (vec![(AUTHORIZATION, "Bearer ")], false),
            (vec![(AUTHORIZATION, "Basic first-key-of-the-operator")], false),
            (vec![(AUTHORIZATION, "x")], false),
            (vec![(AUTHORIZATION, "Bearer x"), (AUTHORIZATION, "Bearer first-key-of-the-operator")], false),
            (vec![], false),
        ] {
            assert_eq!(check_key(&keys, &headers(&sent)).is_ok(), opens, "{sent:?}");
        }
    }

    #[test]
    fn only_names_of_this_machine_are_its_host() {
        for (host, ours) in [
            ("localhost:4445", true),
            ("127.0.0.1:4445", true),
            ("[::1]:4445", true),
            ("evil.example:4445", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
        ] {
            let url = url::Url::parse(&format!("http://{host}/")).expect("a host");
            assert_eq!(is_this_machine(&url), ours, "{host}");
        }
    }

    #[test]
    fn a_wrong_body_is_told_by_its_place_alone() {
        let deep = format!("{{\"metadata\": {}1{}}}", "[".repeat(200), "]".repeat(200));
        for (bad, place) in [
            ("{\"client_name\": 7}", "line 1, column"),
            ("{\n\"client_name\": \"a\", \"client_name\": \"b\"}", "line 2, column"),
            ("{\"hunter2\": 1}", "line 1, column"),
            ("{\"client_name\": \"hunter2\"", "line 1, column"),
            (deep.as_str(), "line 1, column"),
            ("", "line 1, column 0"),
        ] {
            let error = parse::<ClientDocument>(bad.as_bytes()).map(drop).expect_err("refused");
            assert!(error.reason.contains(place) && !error.reason.contains("hunter2"), "{bad}: {}", error.reason);
        }
    }
}
