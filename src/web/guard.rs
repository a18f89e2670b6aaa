//! What surrounds every request: its id and address, size of its address line, panics, headers of the answer, the log line.
//!
//! Not here: cross-origin rules ([`super::cors`]), counting logins ([`super::limit`]), who may use the admin API.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;
use std::time::Instant;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::Method;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::http::uri::{PathAndQuery, Uri};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, HttpResponse};

use super::error::{self, Cause};
use super::extract::{ClientAddress, RequestId};
use super::proxy;
use super::state::AppState;
use crate::base::Random;
use crate::config::RequestLog;

/// Longest path and query, in bytes.
const MAX_URI: usize = 16 * 1_024;
/// Longest request id that is taken over from a proxy.
const MAX_REQUEST_ID: usize = 64;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Surrounds requests of the public listener.
///
/// # Errors
/// Those the handler left unanswered, with our headers on them.
pub async fn public(
    state: Data<AppState>,
    req: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let log = state.settings().public.request_log;
    surround(&state, log, req, next).await
}

/// Surrounds requests of the admin listener.
///
/// # Errors
/// Those the handler left unanswered, with our headers on them.
pub async fn admin(
    state: Data<AppState>,
    req: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let log = state.settings().admin.listener.request_log;
    surround(&state, log, req, next).await
}

/// What is known of a request before it is answered.
struct Seen {
    started: Instant,
    id: String,
    address: Option<std::net::IpAddr>,
    method: Method,
    is_health: bool,
    hsts: bool,
}

async fn surround(
    state: &AppState,
    log: RequestLog,
    mut req: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let seen = see(state, &req);
    req.extensions_mut().insert(RequestId(seen.id.clone()));
    if let Some(address) = seen.address {
        req.extensions_mut().insert(ClientAddress(address));
    }
    if req.uri().path_and_query().is_some_and(|p| p.as_str().len() > MAX_URI) {
        let mut answer = req.into_response(error::uri_too_long());
        finish(&seen, log, "(too long)", answer.response_mut());
        return Ok(answer);
    }
    trim_slash(&mut req);
    let unanswered = match caught(next.call(req)).await {
        Ok(Ok(mut answer)) => {
            let route = answer.request().match_pattern();
            finish(&seen, log, route.as_deref().unwrap_or("(unknown)"), answer.response_mut());
            return Ok(answer);
        }
        Ok(Err(error)) => HttpResponse::from_error(error),
        Err(Panicked) => error::panicked(),
    };
    let mut response = unanswered;
    finish(&seen, log, "(failed)", &mut response);
    Err(InternalError::from_response("the request failed", response).into())
}

fn see(state: &AppState, req: &ServiceRequest) -> Seen {
    let settings = state.settings();
    let peer = req.peer_addr().map(|address| address.ip());
    let trusted = peer.is_some_and(|peer| proxy::is_trusted(peer, &settings.trusted_proxies));
    let id = req.headers().get(REQUEST_ID).filter(|_| trusted).and_then(given_id);
    Seen {
        started: Instant::now(),
        id: id.unwrap_or_else(|| fresh_id(&*state.engine.random)),
        address: peer.map(|peer| proxy::client_address(peer, req.headers(), &settings.trusted_proxies)),
        method: req.method().clone(),
        is_health: req.path().starts_with("/health/"),
        hsts: settings.issuer.is_https(),
    }
}

/// A request id as a trusted proxy sends it.
fn given_id(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok()?;
    let is_id = (1..=MAX_REQUEST_ID).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b));
    is_id.then(|| text.to_owned())
}

fn fresh_id(random: &dyn Random) -> String {
    let bytes: [u8; 12] = random.bytes();
    let mut id = String::with_capacity(24);
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            id.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
    id
}

/// Strips slashes at the end of the path.
fn trim_slash(req: &mut ServiceRequest) {
    let path = req.path();
    let trimmed = path.trim_end_matches('/');
    if trimmed.len() == path.len() || trimmed.is_empty() {
        return;
    }
    let path_and_query = match req.uri().query() {
        Some(query) => format!("{trimmed}?{query}"),
        None => trimmed.to_owned(),
    };
    let mut parts = req.uri().clone().into_parts();
    let Ok(path_and_query) = PathAndQuery::try_from(path_and_query) else { return };
    parts.path_and_query = Some(path_and_query);
    if let Ok(uri) = Uri::from_parts(parts) {
        req.match_info_mut().get_mut().update(&uri);
        req.head_mut().uri = uri;
    }
}

struct Panicked;

/// Runs a handler so that its panic is an answer to its own caller only.
async fn caught<T>(mut handler: Pin<Box<dyn Future<Output = T>>>) -> Result<T, Panicked> {
    poll_fn(move |cx| match catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(done)) => Poll::Ready(Ok(done)),
        Err(_) => Poll::Ready(Err(Panicked)),
    })
    .await
}

fn finish<B>(seen: &Seen, log: RequestLog, route: &str, response: &mut HttpResponse<B>) {
    put_headers(seen, response.headers_mut());
    let status = response.status().as_u16();
    if let Some(cause) = response.extensions().get::<Cause>() {
        let cause = cause.0.as_str();
        if status >= 500 {
            tracing::error!(request.id = seen.id, error = cause, "{} {route} failed: {cause}", seen.method);
        } else {
            tracing::debug!(request.id = seen.id, error = cause, "{} {route} was refused: {cause}", seen.method);
        }
    }
    if log.enabled && !(seen.is_health && log.disable_for_health) {
        let duration_us = u64::try_from(seen.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::info!(
            http.method = seen.method.as_str(),
            http.route = route,
            http.status = status,
            duration_us,
            request.id = seen.id,
            client.address = seen.address.map(tracing::field::display),
            "answered {} {route} with {status}",
            seen.method
        );
    }
}

/// Headers of every answer; one that a handler set stays.
fn put_headers(seen: &Seen, headers: &mut HeaderMap) {
    if let Ok(id) = HeaderValue::from_str(&seen.id) {
        headers.insert(REQUEST_ID, id);
    }
    let is_html = headers.get(CONTENT_TYPE).is_some_and(|t| t.as_bytes().starts_with(b"text/html"));
    let is_read = seen.method == Method::GET || seen.method == Method::HEAD;
    let cache = if is_read { "private, no-cache, no-store, must-revalidate" } else { "no-store" };
    let mut put = |name: HeaderName, value: &'static str| {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    };
    put(X_CONTENT_TYPE_OPTIONS, "nosniff");
    put(REFERRER_POLICY, "no-referrer");
    put(CACHE_CONTROL, cache);
    put(RESOURCE_POLICY, "same-origin");
    if seen.hsts {
        put(STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    if is_html {
        put(X_FRAME_OPTIONS, "DENY");
        put(PERMISSIONS_POLICY, "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()");
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;
    use crate::base::SeededRandom;

    #[test]
    fn slashes_at_the_end_are_stripped_and_the_query_stays() {
        for (from, to) in [
            ("/oauth2/token/", "/oauth2/token"),
            ("/oauth2/token///?a=1", "/oauth2/token?a=1"),
            ("/oauth2/token?a=/", "/oauth2/token?a=/"),
            ("/", "/"),
            ("//", "//"),
        ] {
            let mut req = TestRequest::with_uri(from).to_srv_request();
            trim_slash(&mut req);
            assert_eq!(req.uri().to_string(), to, "{from}");
            assert_eq!(req.match_info().as_str(), req.path());
        }
    }

    #[test]
    fn request_ids_are_ours_or_plain() {
        let id = fresh_id(&SeededRandom::new(1));
        assert!(id.len() == 24 && id.bytes().all(|b| b.is_ascii_hexdigit()));
        for (given, taken) in
            [("abc-1.2:3_X", true), ("", false), ("a b", false), ("a\"", false), (&"a".repeat(65), false)]
        {
            let value = HeaderValue::from_str(given).expect("a header");
            assert_eq!(given_id(&value).is_some(), taken, "{given}");
        }
    }

    #[actix_web::test]
    async fn a_panic_is_caught() {
        assert!(caught(Box::pin(async { 7 })).await.is_ok_and(|n| n == 7));
        let boom: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async { panic!("on purpose") });
        assert!(caught(boom).await.is_err());
    }
}
