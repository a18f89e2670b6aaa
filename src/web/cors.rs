//! Cross-origin calls (Fetch §3.2): which pages may read the answers of which endpoints.
//!
//! Origins are allowed for every client by configuration, or for one client by its `allowed_cors_origins`. At a preflight
//! the client is not known yet, so an origin that any client registered passes; the answer itself is readable only for
//! the origins of the client that called. Never on `/oauth2/auth`, nor on the admin listener.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderMap, HeaderName, HeaderValue, ORIGIN, VARY,
};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse};
use tokio::sync::Mutex;

use super::state::AppState;
use crate::base::Origin;
use crate::config::Cors;
use crate::model::ClientId;
use crate::store::clients;

/// How long the set of registered origins is remembered.
const REMEMBERED: Duration = Duration::from_secs(5);

/// The client that made a call, noted by its handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallingClient(pub ClientId);

impl CallingClient {
    /// Notes who calls, for a request that comes from a page.
    pub fn note(req: &HttpRequest, client: impl FnOnce() -> Option<ClientId>) {
        if req.headers().contains_key(ORIGIN)
            && let Some(id) = client()
        {
            req.extensions_mut().insert(Self(id));
        }
    }
}

/// For what everybody may read: well-knowns and public keys. Without cookies, so `*` is right.
///
/// # Errors
/// Those of the handler.
pub async fn for_everybody(
    state: Data<AppState>,
    req: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let mut answer = if is_preflight(&req) {
        let mut response = HttpResponse::NoContent().finish();
        let cors = &state.settings().cors;
        preflight_headers(response.headers_mut(), cors);
        req.into_response(response)
    } else {
        next.call(req).await?
    };
    if state.settings().cors.enabled {
        answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    Ok(answer)
}

/// For endpoints that clients call from pages.
///
/// # Errors
/// Those of the handler.
pub async fn for_clients(
    state: Data<AppState>,
    req: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if !state.settings().cors.enabled {
        return next.call(req).await;
    }
    let origin = page_origin(req.headers());
    if is_preflight(&req) {
        let allowed = match &origin {
            Some(origin) => is_known(&state, origin).await,
            None => false,
        };
        let mut response = HttpResponse::NoContent().finish();
        if let Some(origin) = origin.filter(|_| allowed) {
            let cors = &state.settings().cors;
            preflight_headers(response.headers_mut(), cors);
            allow(response.headers_mut(), cors, &origin);
        }
        vary(response.headers_mut());
        return Ok(req.into_response(response));
    }
    let mut answer = next.call(req).await?;
    if let Some(origin) = origin {
        let caller = answer.request().extensions().get::<CallingClient>().map(|c| c.0.clone());
        // Who called is not known when the call failed early; an error tells nothing, and the page must be able to read it.
        let readable = match caller {
            Some(client) => may_read(&state, &origin, &client).await,
            None => !answer.status().is_success() && is_known(&state, &origin).await,
        };
        if readable {
            allow(answer.headers_mut(), &state.settings().cors, &origin);
        }
    }
    vary(answer.headers_mut());
    Ok(answer)
}

fn is_preflight(req: &ServiceRequest) -> bool {
    req.method() == Method::OPTIONS
        && req.headers().contains_key(ORIGIN)
        && req.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The origin of the calling page; `None` for none, `null`, and what is not exactly an origin.
fn page_origin(headers: &HeaderMap) -> Option<Origin> {
    let mut values = headers.get_all(ORIGIN);
    let text = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    Origin::parse(text).ok().filter(|origin| origin.as_str() == text)
}

fn is_for_all(cors: &Cors, origin: &Origin) -> bool {
    cors.allowed_origins.iter().any(|allowed| allowed.matches(origin))
}

async fn may_read(state: &AppState, origin: &Origin, client: &ClientId) -> bool {
    if is_for_all(&state.settings().cors, origin) {
        return true;
    }
    match state.engine.store.client(client).await {
        Ok(found) => found.is_some_and(|c| c.metadata.allowed_cors_origins.contains(origin)),
        Err(_) => false,
    }
}

async fn is_known(state: &AppState, origin: &Origin) -> bool {
    is_for_all(&state.settings().cors, origin) || state.origins.contains(state, origin).await
}

fn allow(headers: &mut HeaderMap, cors: &Cors, origin: &Origin) {
    put(headers, ACCESS_CONTROL_ALLOW_ORIGIN, origin.as_str());
    if cors.allow_credentials {
        put(headers, ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
    }
    if !cors.exposed_headers.is_empty() {
        put(headers, ACCESS_CONTROL_EXPOSE_HEADERS, &cors.exposed_headers.join(", "));
    }
}

fn preflight_headers(headers: &mut HeaderMap, cors: &Cors) {
    put(headers, ACCESS_CONTROL_ALLOW_METHODS, &cors.allowed_methods.join(", "));
    put(headers, ACCESS_CONTROL_ALLOW_HEADERS, &cors.allowed_headers.join(", "));
    if !cors.max_age.is_zero() {
        put(headers, ACCESS_CONTROL_MAX_AGE, &cors.max_age.as_secs().to_string());
    }
}

fn vary(headers: &mut HeaderMap) {
    headers.append(VARY, HeaderValue::from_static("Origin"));
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Origins that some client registered, read at most every few seconds.
#[derive(Default)]
pub struct KnownOrigins {
    read: Mutex<Option<(Instant, Arc<HashSet<Origin>>)>>,
}

impl KnownOrigins {
    async fn contains(&self, state: &AppState, origin: &Origin) -> bool {
        let mut read = self.read.lock().await;
        if let Some((at, known)) = &*read
            && at.elapsed() < REMEMBERED
        {
            return known.contains(origin);
        }
        match state.engine.store.read(clients::origins).await {
            Ok(origins) => {
                let known: Arc<HashSet<Origin>> = Arc::new(origins.into_iter().collect());
                let found = known.contains(origin);
                *read = Some((Instant::now(), known));
                found
            }
            Err(error) => {
                tracing::warn!(error = %error, "the origins of clients could not be read");
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::AllowedOrigin;

    use super::*;

    fn cors(allowed: Vec<AllowedOrigin>, credentials: bool) -> Cors {
        Cors {
            enabled: true,
            allowed_origins: allowed,
            allowed_methods: vec!["GET".into(), "POST".into()],
            allowed_headers: vec!["Authorization".into()],
            exposed_headers: vec!["WWW-Authenticate".into()],
            allow_credentials: credentials,
            max_age: Duration::from_secs(60),
        }
    }

    fn origin(text: &str) -> Origin {
        Origin::parse(text).expect("an origin")
    }

    #[test]
    fn only_a_real_origin_is_one() {
        for (sent, is_origin) in [
            (vec!["https://app.example"], true),
            (vec!["http://localhost:4446"], true),
            (vec!["null"], false),
            (vec!["https://app.example/"], false),
            (vec!["https://APP.example"], false),
            (vec!["https://app.example:443"], false),
            (vec!["https://app.example", "https://evil.example"], false),
            (vec!["https://app.example https://evil.example"], false),
            (vec![], false),
        ] {
            let mut headers = HeaderMap::new();
            for value in &sent {
                headers.append(ORIGIN, HeaderValue::from_static(value));
            }
            assert_eq!(page_origin(&headers).is_some(), is_origin, "{sent:?}");
        }
    }

    #[test]
    fn configured_origins_match_by_their_rule() {
        let below = AllowedOrigin::Below { scheme: "https".into(), suffix: ".example".into() };
        for (allowed, asked, matches) in [
            (vec![], "https://app.example", false),
            (vec![AllowedOrigin::Any], "https://app.example", true),
            (vec![AllowedOrigin::Exact(origin("https://app.example"))], "https://app.example", true),
            (vec![AllowedOrigin::Exact(origin("https://app.example"))], "http://app.example", false),
            (vec![AllowedOrigin::Exact(origin("https://app.example"))], "https://app.example:8443", false),
            (vec![AllowedOrigin::Exact(origin("https://app.example"))], "https://app.example.evil", false),
            (vec![below.clone()], "https://app.example", true),
            (vec![below], "https://evil.test", false),
        ] {
            assert_eq!(is_for_all(&cors(allowed.clone(), false), &origin(asked)), matches, "{allowed:?} {asked}");
        }
    }

    #[test]
    fn the_answer_names_the_origin_itself_and_credentials_only_when_configured() {
        for credentials in [false, true] {
            let mut headers = HeaderMap::new();
            allow(&mut headers, &cors(vec![], credentials), &origin("https://app.example"));
            assert_eq!(
                headers.get(ACCESS_CONTROL_ALLOW_ORIGIN).map(HeaderValue::as_bytes),
                Some(&b"https://app.example"[..])
            );
            assert_eq!(headers.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS), credentials);
        }
        let mut headers = HeaderMap::new();
        preflight_headers(&mut headers, &cors(vec![], false));
        assert_eq!(headers.get(ACCESS_CONTROL_ALLOW_METHODS).map(HeaderValue::as_bytes), Some(&b"GET, POST"[..]));
        assert_eq!(headers.get(ACCESS_CONTROL_MAX_AGE).map(HeaderValue::as_bytes), Some(&b"60"[..]));
    }
}
