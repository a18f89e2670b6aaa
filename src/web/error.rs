//! The one place where errors become answers: JSON, a bearer challenge, the admin API's shape, a page, or a redirect.
//!
//! What caused an error stays here: it travels with the response to [`super::guard`], which writes it to the log once,
//! with the request's id. It never leaves the house.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use actix_web::http::Method;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError};
use serde_json::json;

use super::extract::{RequestId, Wanted};
use super::reply::{self, FormTarget};
use super::state::AppState;
use crate::oauth::{ErrorCode, OAuthError};
use crate::render::ErrorPage;

/// How long a caller should wait after a 503, in seconds.
const RETRY_SECONDS: u64 = 2;
/// How clients with a secret prove themselves (RFC 7617 §2).
const BASIC: &str = "Basic realm=\"sallyport\", charset=\"UTF-8\"";
/// The media type of an error (RFC 6749 §5.2).
const JSON: &str = "application/json;charset=UTF-8";

/// Why a request is not answered as asked; each kind has its own form on the wire.
#[derive(Debug)]
pub enum Failure {
    /// In the form of the admin API.
    Admin(AdminError),
    /// A bearer token that does not do (RFC 6750 §3.1).
    Bearer(OAuthError),
    /// The body is larger than allowed.
    BodyTooLarge,
    /// A bearer token is needed and none came (RFC 6750 §3: the challenge then names no error).
    NoToken,
    /// In the form of RFC 6749 §5.2.
    OAuth(OAuthError),
    /// Too many of these from one address.
    TooMany {
        /// Seconds until the next one is let through.
        retry_after: u64,
    },
}

/// An error of the admin API: `error` is a sentence, `error_description` the reason.
#[derive(Debug)]
pub struct AdminError {
    /// The HTTP status.
    pub status: StatusCode,
    /// What kind of error, in the words clients know.
    pub error: Cow<'static, str>,
    /// Why; may be empty.
    pub reason: Cow<'static, str>,
}

impl AdminError {
    /// 400: the body or a parameter is wrong.
    pub fn malformed(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "The request was malformed or contained invalid parameters", reason)
    }

    /// 404: there is no such row.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Unable to locate the resource", "")
    }

    /// 404: no challenge of ours.
    pub fn no_challenge() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "Not Found",
            "Unable to locate the requested resource: the challenge is not one of this server, or was forgotten",
        )
    }

    /// 409: the row is there already.
    pub fn exists() -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "Unable to insert or update resource because a resource with that value exists already",
            "",
        )
    }

    /// 401: the caller did not prove who it is.
    pub fn unauthorized(reason: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "The request could not be authorized", reason)
    }

    /// 403: the caller may not do this.
    pub fn forbidden(reason: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "The requested action was forbidden", reason)
    }

    fn new(status: StatusCode, error: &'static str, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { status, error: error.into(), reason: reason.into() }
    }
}

impl From<OAuthError> for Failure {
    fn from(error: OAuthError) -> Self {
        Self::OAuth(error)
    }
}

impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Self {
        Self::Admin(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Admin(error) => f.write_str(&error.error),
            Self::Bearer(error) | Self::OAuth(error) => error.fmt(f),
            Self::BodyTooLarge => f.write_str("the body is too large"),
            Self::NoToken => f.write_str("a bearer token is needed"),
            Self::TooMany { .. } => f.write_str("too many requests"),
        }
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Admin(error) => error.status,
            Self::Bearer(error) | Self::OAuth(error) => status(error),
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NoToken => StatusCode::UNAUTHORIZED,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status_code());
        match self {
            Self::Admin(error) => {
                if error.status == StatusCode::UNAUTHORIZED {
                    answer.insert_header((WWW_AUTHENTICATE, "Bearer realm=\"sallyport admin\""));
                }
                body(&mut answer, &error.error, &error.reason)
            }
            Self::Bearer(error) => {
                if error.code != ErrorCode::ServerError && error.code != ErrorCode::TemporarilyUnavailable {
                    answer.insert_header((WWW_AUTHENTICATE, bearer_challenge(error)));
                }
                protocol(answer, error)
            }
            Self::BodyTooLarge => body(
                &mut answer,
                ErrorCode::InvalidRequest.as_str(),
                "the request body is larger than this server accepts (serve.limits.body)",
            ),
            Self::NoToken => {
                answer.insert_header((WWW_AUTHENTICATE, "Bearer realm=\"sallyport\""));
                body(
                    &mut answer,
                    ErrorCode::InvalidRequest.as_str(),
                    "an access token is needed; send it in the Authorization header",
                )
            }
            Self::OAuth(error) => {
                if error.code == ErrorCode::InvalidClient {
                    answer.insert_header((WWW_AUTHENTICATE, BASIC));
                }
                protocol(answer, error)
            }
            Self::TooMany { retry_after } => {
                answer.insert_header((RETRY_AFTER, retry_after.to_string()));
                body(
                    &mut answer,
                    ErrorCode::TemporarilyUnavailable.as_str(),
                    "too many requests from this address; wait before the next one",
                )
            }
        }
    }
}

/// What led to an error, on its way to the log.
pub(super) struct Cause(pub String);

fn protocol(mut answer: HttpResponseBuilder, error: &OAuthError) -> HttpResponse {
    if error.code == ErrorCode::TemporarilyUnavailable {
        answer.insert_header((RETRY_AFTER, RETRY_SECONDS.to_string()));
    }
    let mut response = body(&mut answer, error.code.as_str(), &error.description);
    remember_cause(&mut response, error);
    response
}

/// Notes what led to an error, for the log.
pub(super) fn remember_cause(response: &mut HttpResponse, error: &OAuthError) {
    if let Some(cause) = &error.cause {
        response.extensions_mut().insert(Cause(chain(cause.as_ref())));
    }
}

/// An error with everything that led to it, in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        next = cause.source();
    }
    text
}

/// The two strings of every error body. Double quotes become single ones (RFC 6749 §5.2 allows none).
fn body(answer: &mut HttpResponseBuilder, error: &str, description: &str) -> HttpResponse {
    let description = description.replace('"', "'");
    answer
        .content_type(JSON)
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((PRAGMA, "no-cache"))
        .body(json!({ "error": error, "error_description": description }).to_string())
}

/// RFC 6750 §3: the challenge with error and description; our descriptions need no escapes but for quotes.
fn bearer_challenge(error: &OAuthError) -> String {
    let description = error.description.replace(['"', '\\'], "'");
    let scope = if error.code == ErrorCode::InsufficientScope { ", scope=\"openid\"" } else { "" };
    format!("Bearer realm=\"sallyport\", error=\"{}\", error_description=\"{description}\"{scope}", error.code.as_str())
}

fn status(error: &OAuthError) -> StatusCode {
    StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// An error in the form of RFC 6749 §5.2, whoever asked.
pub(super) fn as_json(error: OAuthError) -> HttpResponse {
    Failure::OAuth(error).error_response()
}

/// Shows an error to the person: on the operator's page when there is one (`urls.error`), else on ours.
pub fn page(state: &AppState, req: &HttpRequest, error: &OAuthError) -> HttpResponse {
    if let Some(url) = &state.settings().error_url {
        let mut url = url.clone();
        url.query_pairs_mut()
            .append_pair("error", error.code.as_str())
            .append_pair("error_description", &error.description);
        let status = if req.method() == Method::GET { StatusCode::FOUND } else { StatusCode::SEE_OTHER };
        let mut response = reply::redirect(status, url.as_str());
        remember_cause(&mut response, error);
        return response;
    }
    let page = ErrorPage {
        title: title(error.code).to_owned(),
        happened: sentence(&error.description),
        advice: Some(advice(error.code).to_owned()),
        code: Some(error.code.as_str().to_owned()),
        request_id: RequestId::of(req),
        back: None,
    };
    let mut response = reply::page(status(error), state.pages.error(&page), FormTarget::SelfOnly, None);
    if error.code == ErrorCode::TemporarilyUnavailable {
        response.headers_mut().insert(RETRY_AFTER, RETRY_SECONDS.into());
    }
    remember_cause(&mut response, error);
    response
}

/// A failure of something that a person opened in a browser.
pub fn shown(state: &AppState, req: &HttpRequest, failure: Failure) -> HttpResponse {
    match failure {
        Failure::OAuth(error) => page(state, req, &error),
        Failure::TooMany { retry_after } => {
            let what = Said {
                status: StatusCode::TOO_MANY_REQUESTS,
                title: "Too many attempts",
                error: "Too many requests",
                reason: "too many logins were begun from this address; wait a moment and try again",
            };
            let mut response = negotiated(state, req, &what);
            response.headers_mut().insert(RETRY_AFTER, retry_after.into());
            response
        }
        other => other.error_response(),
    }
}

const fn title(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::ServerError => "Something went wrong here",
        ErrorCode::TemporarilyUnavailable => "Too busy right now",
        ErrorCode::RequestForbidden => "This step cannot be taken here",
        ErrorCode::AccessDenied => "This was not allowed",
        _ => "This request cannot be answered",
    }
}

const fn advice(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::ServerError | ErrorCode::TemporarilyUnavailable => "Please try again in a moment.",
        ErrorCode::RequestForbidden => {
            "Go back to the app and start again, in one browser and with cookies switched on."
        }
        _ => "Go back to the app and start again. If it happens again, tell the people who run the app.",
    }
}

/// A description of ours as a sentence for people.
fn sentence(description: &str) -> String {
    let mut chars = description.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let end = if description.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}

/// 404 for a path that leads nowhere, in the form the caller reads.
pub fn unknown_route(state: &AppState, req: &HttpRequest) -> HttpResponse {
    let what = Said {
        status: StatusCode::NOT_FOUND,
        title: "There is nothing here",
        error: "The requested resource could not be found",
        reason: "no endpoint of this server has this path",
    };
    negotiated(state, req, &what)
}

/// 405 with the methods that are allowed; 204 for OPTIONS.
pub fn method_not_allowed(state: &AppState, req: &HttpRequest, allow: &'static str) -> HttpResponse {
    let mut response = if req.method() == Method::OPTIONS {
        HttpResponse::NoContent().finish()
    } else {
        let what = Said {
            status: StatusCode::METHOD_NOT_ALLOWED,
            title: "This cannot be done here",
            error: "The method is not allowed for this path",
            reason: "the Allow header names the methods of this path",
        };
        negotiated(state, req, &what)
    };
    response.headers_mut().insert(ALLOW, actix_web::http::header::HeaderValue::from_static(allow));
    response
}

/// 414: longer than any request that this server can mean.
pub(super) fn uri_too_long() -> HttpResponse {
    body(
        &mut HttpResponse::UriTooLong(),
        ErrorCode::InvalidRequest.as_str(),
        "the address is longer than 16 KiB; send long parameters in the body",
    )
}

/// 500 after a panic.
pub(super) fn panicked() -> HttpResponse {
    Failure::OAuth(OAuthError::server_error("a handler panicked")).error_response()
}

struct Said {
    status: StatusCode,
    title: &'static str,
    error: &'static str,
    reason: &'static str,
}

fn negotiated(state: &AppState, req: &HttpRequest, what: &Said) -> HttpResponse {
    match Wanted::by(req).unwrap_or(Wanted::Json) {
        Wanted::Html => {
            let page = ErrorPage {
                title: what.title.to_owned(),
                happened: sentence(what.reason),
                request_id: RequestId::of(req),
                ..ErrorPage::default()
            };
            reply::page(what.status, state.pages.error(&page), FormTarget::SelfOnly, None)
        }
        Wanted::Json => body(&mut HttpResponse::build(what.status), what.error, what.reason),
        Wanted::Plain => HttpResponse::build(what.status)
            .content_type("text/plain; charset=utf-8")
            .insert_header((CACHE_CONTROL, "no-store"))
            .body(format!("{}\n", what.error)),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;

    use super::*;

    async fn said(failure: Failure) -> (u16, String, String) {
        let response = failure.error_response();
        let challenge = response.headers().get(WWW_AUTHENTICATE).map(|v| v.to_str().expect("text").to_owned());
        assert_eq!(response.headers().get(CACHE_CONTROL).map(|v| v.as_bytes()), Some(&b"no-store"[..]));
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body()).await.unwrap_or_default();
        (status, challenge.unwrap_or_default(), String::from_utf8_lossy(&body).into_owned())
    }

    #[actix_web::test]
    async fn challenges_say_what_the_standards_say() {
        let (status, challenge, _) = said(Failure::OAuth(OAuthError::invalid_client())).await;
        assert_eq!((status, challenge.as_str()), (401, BASIC));
        let (status, challenge, _) = said(Failure::NoToken).await;
        assert_eq!((status, challenge.as_str()), (401, "Bearer realm=\"sallyport\""));
        let (status, challenge, _) =
            said(Failure::Bearer(OAuthError::new(ErrorCode::InvalidToken, "it \"expired\""))).await;
        let expected = "Bearer realm=\"sallyport\", error=\"invalid_token\", error_description=\"it 'expired'\"";
        assert_eq!((status, challenge.as_str()), (401, expected));
        let (status, challenge, _) = said(Failure::Bearer(OAuthError::new(ErrorCode::InsufficientScope, "x"))).await;
        assert!(status == 403 && challenge.ends_with(", scope=\"openid\""));
        assert_eq!(said(Failure::Bearer(OAuthError::busy())).await.1, "");
    }

    #[actix_web::test]
    async fn the_cause_stays_here_and_the_body_has_two_strings() {
        let error = OAuthError::server_error(std::io::Error::other("secret path"));
        let response = Failure::OAuth(error).error_response();
        assert!(response.extensions().get::<Cause>().is_some_and(|c| c.0.contains("secret path")));
        let body = to_bytes(response.into_body()).await.unwrap_or_default();
        let value: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(value["error"], "server_error");
        assert!(value.as_object().is_some_and(|o| o.len() == 2) && !value.to_string().contains("secret"));
    }

    #[test]
    fn descriptions_become_sentences() {
        assert_eq!(sentence("client_id is missing"), "Client_id is missing.");
        assert_eq!(sentence("why?"), "Why?");
    }
}
