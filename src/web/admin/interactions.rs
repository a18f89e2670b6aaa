//! `/admin/oauth2/auth/requests/{login,consent,logout}`: the external flow reads a challenge and answers it, in Hydra's protocol.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::super::error::{AdminError, Failure};
use super::super::extract;
use super::super::reply;
use super::super::state::AppState;
use crate::interaction::Refused;
use crate::interaction::answers::{AcceptConsent, AcceptLogin, Reject};

/// `GET .../login?login_challenge=`.
///
/// # Errors
/// As [`challenge`] and [`refused`] say.
pub async fn login(state: Data<AppState>, req: HttpRequest) -> Result<HttpResponse, Failure> {
    let token = challenge(&req, "login_challenge")?;
    or_over(state.interactions.login_request(&token).await, |view| reply::json(&view))
}

/// `PUT .../login/accept?login_challenge=`.
///
/// # Errors
/// As [`login`]; 400 for a wrong body.
pub async fn accept_login(state: Data<AppState>, req: HttpRequest, payload: Payload) -> Result<HttpResponse, Failure> {
    let token = challenge(&req, "login_challenge")?;
    let body = super::json::<AcceptLogin>(&state, &req, payload).await?;
    or_over(state.interactions.accept_login(&token, body).await, |to| redirect_to(&to))
}

/// `PUT .../login/reject?login_challenge=`.
///
/// # Errors
/// As [`accept_login`].
pub async fn reject_login(state: Data<AppState>, req: HttpRequest, payload: Payload) -> Result<HttpResponse, Failure> {
    let token = challenge(&req, "login_challenge")?;
    let body = super::json_or_default::<Reject>(&state, &req, payload).await?;
    or_over(state.interactions.reject_login(&token, body).await, |to| redirect_to(&to))
}

/// `GET .../consent?consent_challenge=`.
///
/// # Errors
/// As [`login`].
pub async fn consent(state: Data<AppState>, req: HttpRequest) -> Result<HttpResponse, Failure> {
    let token = challenge(&req, "consent_challenge")?;
    or_over(state.interactions.consent_request(&token).await, |view| reply::json(&view))
}

/// `PUT .../consent/accept?consent_challenge=`.
///
/// # Errors
/// As [`accept_login`].
pub async fn accept_consent(
    state: Data<AppState>,
    req: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    let token = challenge(&req, "consent_challenge")?;
    let body = super::json::<AcceptConsent>(&state, &req, payload).await?;
    or_over(state.interactions.accept_consent(&token, body).await, |to| redirect_to(&to))
}

/// `PUT .../consent/reject?consent_challenge=`.
///
/// # Errors
/// As [`accept_login`].
pub async fn reject_consent(
    state: Data<AppState>,
    req: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    let token = challenge(&req, "consent_challenge")?;
    let body = super::json_or_default::<Reject>(&state, &req, payload).await?;
    or_over(state.interactions.reject_consent(&token, body).await, |to| redirect_to(&to))
}

/// `GET .../logout?logout_challenge=`.
///
/// # Errors
/// As [`login`].
pub async fn logout(state: Data<AppState>, req: HttpRequest) -> Result<HttpResponse, Failure> {
    let token = challenge(&req, "logout_challenge")?;
    or_over(state.interactions.logout_request(&token).await, |view| reply::json(&view))
}

/// `PUT .../logout/accept?logout_challenge=`; the body is empty or `{}`.
///
/// # Errors
/// As [`login`].
pub async fn accept_logout(state: Data<AppState>, req: HttpRequest) -> Result<HttpResponse, Failure> {
    let token = challenge(&req, "logout_challenge")?;
    or_over(state.interactions.accept_logout(&token).await, |to| redirect_to(&to))
}

/// `PUT .../logout/reject?logout_challenge=`: 204.
///
/// # Errors
/// As [`login`].
pub async fn reject_logout(state: Data<AppState>, req: HttpRequest) -> Result<HttpResponse, Failure> {
    let token = challenge(&req, "logout_challenge")?;
    or_over(state.interactions.reject_logout(&token).await, |()| HttpResponse::NoContent().finish())
}

/// The challenge in the query; `challenge` is its other name.
fn challenge(req: &HttpRequest, name: &'static str) -> Result<String, Failure> {
    let params = extract::query(req)?;
    let token = match params.one(name)? {
        Some(token) => Some(token),
        None => params.one("challenge")?,
    };
    let missing = || AdminError::malformed(format!("the query parameter {name} is missing"));
    Ok(token.ok_or_else(missing)?.to_owned())
}

fn redirect_to(to: &str) -> HttpResponse {
    reply::json(&json!({ "redirect_to": to }))
}

fn or_over<T>(outcome: Result<T, Refused>, done: impl FnOnce(T) -> HttpResponse) -> Result<HttpResponse, Failure> {
    match outcome {
        Ok(value) => Ok(done(value)),
        // The answer was used: whoever asks is told where a new attempt begins.
        Err(Refused::Over { redirect_to }) => {
            Ok(reply::json_with(StatusCode::GONE, &json!({ "redirect_to": redirect_to })))
        }
        Err(other) => Err(refused(other)),
    }
}

fn refused(refused: Refused) -> Failure {
    match refused {
        Refused::Page(error) => Failure::OAuth(error),
        Refused::Unknown | Refused::Over { .. } => AdminError::no_challenge().into(),
        Refused::Expired => AdminError::unauthorized("the challenge is older than ttl.login_consent_request").into(),
    }
}
