//! From a request to the values that use-cases take: strict forms, one Authorization header, ids, addresses, preferences.
//!
//! Not here: what parameters mean (`oauth`), how addresses are believed ([`super::proxy`]).

use std::net::IpAddr;

use actix_web::http::Method;
use actix_web::http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, USER_AGENT,
};
use actix_web::web::{Bytes, Payload};
use actix_web::{HttpMessage, HttpRequest};

use super::cors::CallingClient;
use super::error::Failure;
use super::state::AppState;
use crate::interaction::Browser;
use crate::oauth::client_auth::Presented;
use crate::oauth::{OAuthError, Params};

/// Parameters that belong in the body of a POST: in a URL they would be logged on the way (RFC 6749 §2.3.1, §3.2).
const BODY_ONLY: [&str; 12] = [
    "access_token",
    "client_assertion",
    "client_id",
    "client_secret",
    "code",
    "code_verifier",
    "grant_type",
    "password",
    "refresh_token",
    "scope",
    "token",
    "username",
];

/// The id that names this request in log and answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(pub String);

impl RequestId {
    /// The id of `req`, once [`super::guard`] has seen it.
    pub fn of(req: &HttpRequest) -> Option<String> {
        req.extensions().get::<Self>().map(|id| id.0.clone())
    }
}

/// The caller's address behind trusted proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The address `req` comes from, once [`super::guard`] has seen it.
    pub fn of(req: &HttpRequest) -> Option<IpAddr> {
        req.extensions().get::<Self>().map(|address| address.0)
    }
}

/// A form post of a client: its parameters and how it proves itself.
pub struct ClientCall {
    authorization: Option<Vec<u8>>,
    /// The form.
    pub params: Params,
}

impl ClientCall {
    /// Reads a POST to an endpoint for clients.
    ///
    /// # Errors
    /// As [`form`], [`authorization`] and [`refuse_in_query`].
    pub async fn read(state: &AppState, req: &HttpRequest, payload: Payload) -> Result<Self, Failure> {
        refuse_in_query(req)?;
        let authorization = authorization(req.headers())?.map(<[u8]>::to_vec);
        let params = form(state, req, payload).await?;
        let named = || Presented::read(authorization.as_deref(), &params).ok().map(|presented| presented.client_id);
        CallingClient::note(req, named);
        Ok(Self { authorization, params })
    }

    /// The Authorization header as it came.
    pub fn authorization(&self) -> Option<&[u8]> {
        self.authorization.as_deref()
    }
}

/// The one value of a header.
///
/// # Errors
/// `invalid_request` when it came twice.
pub fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a [u8]>, OAuthError> {
    let mut values = headers.get_all(name);
    let first = values.next();
    if values.next().is_some() {
        return Err(OAuthError::invalid_request("a header that may come once came twice"));
    }
    Ok(first.map(|v| v.as_bytes()))
}

/// The Authorization header.
///
/// # Errors
/// `invalid_request` when it came twice.
pub fn authorization(headers: &HeaderMap) -> Result<Option<&[u8]>, OAuthError> {
    single(headers, &AUTHORIZATION)
}

/// The parameters of the URL.
///
/// # Errors
/// `invalid_request` as [`Params::decode`] says.
pub fn query(req: &HttpRequest) -> Result<Params, OAuthError> {
    Params::decode(req.query_string().as_bytes())
}

/// Refuses a URL that carries what belongs in the body.
///
/// # Errors
/// `invalid_request` when it does, and for a query that cannot be decoded.
pub fn refuse_in_query(req: &HttpRequest) -> Result<(), OAuthError> {
    if req.query_string().is_empty() {
        return Ok(());
    }
    let query = query(req)?;
    if BODY_ONLY.iter().any(|name| query.has(name)) {
        return Err(OAuthError::invalid_request(
            "parameters of this endpoint go into the body, never into the URL (RFC 6749 §3.2)",
        ));
    }
    Ok(())
}

/// The form of a request: `application/x-www-form-urlencoded` in UTF-8 and nothing else. No body at all is an empty form.
///
/// # Errors
/// `invalid_request` for another media type, charset or encoding; [`Failure::BodyTooLarge`] before anything is parsed.
pub async fn form(state: &AppState, req: &HttpRequest, payload: Payload) -> Result<Params, Failure> {
    let media_type = single(req.headers(), &CONTENT_TYPE)?;
    let is_form = media_type.is_some_and(|t| is_media_type(t, b"application/x-www-form-urlencoded"));
    let bytes = body(state, req, payload).await?;
    let is_empty = media_type.is_none() && bytes.is_empty();
    if !is_form && !is_empty {
        return Err(
            OAuthError::invalid_request("Content-Type must be application/x-www-form-urlencoded, in UTF-8").into()
        );
    }
    Ok(Params::decode(&bytes)?)
}

/// The whole body, up to the configured size.
///
/// # Errors
/// [`Failure::BodyTooLarge`]; `invalid_request` for a compressed body and one that ends early.
pub async fn body(state: &AppState, req: &HttpRequest, payload: Payload) -> Result<Bytes, Failure> {
    let limit = state.settings().limits.body;
    let announced =
        single(req.headers(), &CONTENT_LENGTH)?.and_then(|v| std::str::from_utf8(v).ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > limit)) {
        return Err(Failure::BodyTooLarge);
    }
    if single(req.headers(), &CONTENT_ENCODING)?.is_some_and(|v| !v.eq_ignore_ascii_case(b"identity")) {
        return Err(OAuthError::invalid_request("the body must not be compressed").into());
    }
    match payload.to_bytes_limited(limit).await {
        Err(_) => Err(Failure::BodyTooLarge),
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(OAuthError::invalid_request("the body could not be read to its end").into()),
    }
}

/// Whether a Content-Type is this media type, without parameters but for `charset=utf-8`.
pub(super) fn is_media_type(value: &[u8], wanted: &[u8]) -> bool {
    let mut parts = value.split(|b| *b == b';').map(<[u8]>::trim_ascii);
    let is_type = parts.next().is_some_and(|t| t.eq_ignore_ascii_case(wanted));
    is_type
        && parts.all(|p| {
            p.is_empty() || p.eq_ignore_ascii_case(b"charset=utf-8") || p.eq_ignore_ascii_case(b"charset=\"utf-8\"")
        })
}

/// What kind of text the caller reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A person's browser.
    Html,
    /// A program.
    Json,
    /// A terminal.
    Plain,
}

impl Wanted {
    /// The first known media type of `Accept`; `None` when anything will do.
    pub fn by(req: &HttpRequest) -> Option<Self> {
        let accept = req.headers().get(ACCEPT)?.to_str().ok()?;
        accept.split(',').find_map(|part| match part.split(';').next().unwrap_or_default().trim() {
            "text/html" | "application/xhtml+xml" => Some(Self::Html),
            "application/json" => Some(Self::Json),
            "text/plain" => Some(Self::Plain),
            _ => None,
        })
    }
}

/// The address of this request as the issuer's clients see it, with all its parameters in the query: what came by POST
/// is still there after the login. What Host says does not matter.
pub fn request_url_of(state: &AppState, req: &HttpRequest, params: &Params) -> String {
    let base = state.settings().public_url.as_str().trim_end_matches('/');
    if req.method() != Method::POST {
        return match req.query_string() {
            "" => format!("{base}{}", req.path()),
            query => format!("{base}{}?{query}", req.path()),
        };
    }
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(params.iter());
    format!("{base}{}?{}", req.path(), query.finish())
}

/// What the browser brings to the seam.
pub fn browser(state: &AppState, req: &HttpRequest) -> Browser {
    let headers = req.headers();
    Browser {
        session: state.cookies.session(headers),
        bindings: state.cookies.bindings(headers),
        address: ClientAddress::of(req),
        user_agent: headers.get(USER_AGENT).and_then(|v| v.to_str().ok()).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn only_plain_forms_are_forms() {
        let form = b"application/x-www-form-urlencoded";
        for good in [
            "application/x-www-form-urlencoded",
            "Application/X-WWW-Form-Urlencoded; charset=UTF-8",
            "application/x-www-form-urlencoded;charset=\"utf-8\"",
            "application/x-www-form-urlencoded;",
        ] {
            assert!(is_media_type(good.as_bytes(), form), "{good}");
        }
        for bad in [
            "",
            "application/json",
            "multipart/form-data; boundary=x",
            "application/x-www-form-urlencoded; charset=utf-7",
            "application/x-www-form-urlencoded; charset=iso-8859-1",
            "application/x-www-form-urlencoded2",
            "text/plain, application/x-www-form-urlencoded",
        ] {
            assert!(!is_media_type(bad.as_bytes(), form), "{bad}");
        }
    }

    #[test]
    fn what_belongs_in_the_body_is_refused_in_the_url() {
        for (uri, fine) in [
            ("/oauth2/token", true),
            ("/oauth2/token?trace=1", true),
            ("/oauth2/token?client_secret=x", false),
            ("/oauth2/token?%63ode=x", false),
            ("/oauth2/token?token", false),
            ("/oauth2/token?a=%zz", false),
        ] {
            let req = TestRequest::with_uri(uri).to_http_request();
            assert_eq!(refuse_in_query(&req).is_ok(), fine, "{uri}");
        }
    }

    #[test]
    fn two_authorization_headers_are_one_too_many() {
        let one = TestRequest::default().append_header((AUTHORIZATION, "Basic eA")).to_http_request();
        assert_eq!(authorization(one.headers()).ok().flatten(), Some(&b"Basic eA"[..]));
        let two = TestRequest::default()
            .append_header((AUTHORIZATION, "Basic eA"))
            .append_header((AUTHORIZATION, "Basic eB"))
            .to_http_request();
        assert!(authorization(two.headers()).is_err());
    }

    #[test]
    fn the_first_known_type_decides() {
        let wanted =
            |accept: &str| Wanted::by(&TestRequest::default().insert_header((ACCEPT, accept)).to_http_request());
        assert_eq!(wanted("text/html,application/xhtml+xml,*/*;q=0.8"), Some(Wanted::Html));
        assert_eq!(wanted("application/json, text/plain, */*"), Some(Wanted::Json));
        assert_eq!(wanted("text/plain;q=0.5"), Some(Wanted::Plain));
        assert_eq!(wanted("*/*"), None);
        assert_eq!(Wanted::by(&TestRequest::default().to_http_request()), None);
    }
}
