//! Login flows: start one, read it, answer it.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::super::csrf::{Csrf, CsrfToken};
use super::super::error::{self, AdminError, Failure};
use super::super::extract::{self, ClientAddress};
use super::super::state::AppState;
use super::super::ui::form;
use super::super::{cookies, next, reply};
use super::{failed, flow_json, form_url, home, problem_body, session_token, wants_json};
use crate::base::{Id, Secret};
use crate::crypto::TokenKind;
use crate::identity::credential::LoginFields;
use crate::identity::flow::login::{LoginFlow, StartLogin};
use crate::identity::flow::submit::{LoginInput, LoginOutcome, PreparedLogin};
use crate::identity::flow::{FlowError, FlowType};
use crate::interaction::{Next, NextKind, Refused};
use crate::model::{Aal, Interaction};
use crate::oauth::{OAuthError, Params};
use crate::store::interactions;

/// `GET /self-service/login/browser`.
pub async fn start_browser(state: Data<AppState>, req: HttpRequest) -> HttpResponse {
    let begun = match begin(&state, &req).await {
        Ok(begun) => begun,
        Err(failure) if wants_json(&req) => return failure.error_response(),
        Err(failure) => return error::shown(&state, &req, failure),
    };
    match begun {
        Ok(begun) => {
            let mut response = match wants_json(&req) {
                true => flow_json(&state, StatusCode::OK, &begun.flow, Some(&begun.token)),
                false => reply::redirect(StatusCode::SEE_OTHER, &form_url(&state, &begun.flow)),
            };
            begun.keep(&state, &mut response);
            response
        }
        Err(response) => response,
    }
}

/// A flow that was made for a browser, whose token may be new.
pub(crate) struct Begun {
    /// The flow.
    pub flow: LoginFlow,
    token: CsrfToken,
    is_new: bool,
}

impl Begun {
    /// Gives the browser its token, if it had none. Replaces one that the answer set meanwhile.
    pub(crate) fn keep(&self, state: &AppState, response: &mut HttpResponse) {
        if self.is_new {
            form::keep(state, &self.token, response);
        }
    }
}

/// Makes a flow as the query says; `Ok(Err(_))` is the answer when it cannot be.
pub(crate) async fn begin(state: &AppState, req: &HttpRequest) -> Result<Result<Begun, HttpResponse>, Failure> {
    state.flow_limiter.check(req)?;
    let params = extract::query(req)?;
    let (token, is_new) = form::token(state, req);
    let asked = match params.one("login_challenge")? {
        Some(challenge) => match asked(state, req, challenge).await {
            Ok((id, hint)) => Some((id, challenge.to_owned(), hint)),
            Err(refused) => return Ok(Err(next::failed(state, req, refused.into()))),
        },
        None => None,
    };
    let signed_in = super::session_cookie(state, req.headers());
    let current = match signed_in {
        Some(cookie) => state.accounts.current(cookie.expose()).await.map_err(OAuthError::from)?,
        None => None,
    };
    let (interaction, login_hint) = match asked {
        Some((id, challenge, hint)) => (Some((id, challenge)), hint),
        None => (None, None),
    };
    let start = StartLogin {
        kind: FlowType::Browser,
        request_url: extract::request_url_of(state, req, &params),
        return_to: params.one("return_to")?.map(str::to_owned),
        refresh: params.one("refresh")? == Some("true"),
        requested_aal: Aal::Aal1,
        current,
        interaction,
        login_hint,
        csrf: Some(token.digest()),
    };
    Ok(match state.accounts.start_login(start).await {
        Ok(flow) => Ok(Begun { flow, token, is_new }),
        Err(failure) => Err(failed(state, req, failure)),
    })
}

/// The interaction of a challenge that this browser may answer, and whom the client expects.
async fn asked(
    state: &AppState,
    req: &HttpRequest,
    challenge: &str,
) -> Result<(Id<Interaction>, Option<String>), Refused> {
    state.interactions.login_request(challenge).await?;
    let opened = state.engine.opaque.open(TokenKind::LoginChallenge, challenge).ok_or(Refused::Unknown)?;
    let id = Id::<Interaction>::from_uuid(opened.id);
    let found = state.engine.store.read(move |tx| interactions::find(tx, id)).await?.ok_or(Refused::Unknown)?;
    crate::interaction::challenge::must_be_same_browser(&found, &extract::browser(state, req))?;
    Ok((id, found.request.login_hint))
}

/// `GET /self-service/login/api`.
///
/// # Errors
/// Too many requests.
pub async fn start_api(state: Data<AppState>, req: HttpRequest) -> Result<HttpResponse, Failure> {
    state.flow_limiter.check(&req)?;
    let params = extract::query(&req)?;
    let current = match session_token(&state, req.headers()) {
        Some(token) => state.accounts.current(token.expose()).await.map_err(OAuthError::from)?,
        None => None,
    };
    let start = StartLogin {
        kind: FlowType::Api,
        request_url: extract::request_url_of(&state, &req, &params),
        return_to: params.one("return_to")?.map(str::to_owned),
        refresh: params.one("refresh")? == Some("true"),
        requested_aal: Aal::Aal1,
        current,
        interaction: None,
        login_hint: None,
        csrf: None,
    };
    Ok(match state.accounts.start_login(start).await {
        Ok(flow) => flow_json(&state, StatusCode::OK, &flow, None),
        Err(failure) => super::failed_as_json(&state, &req, failure),
    })
}

/// `GET /self-service/login/flows?id=`.
///
/// # Errors
/// A query that cannot be read.
pub async fn read(state: Data<AppState>, req: HttpRequest) -> Result<HttpResponse, Failure> {
    let id = extract::query(&req)?.one("id")?.and_then(|id| Uuid::parse_str(id).ok());
    let token = state.csrf.known(req.headers());
    let found = match id {
        Some(id) => state.accounts.load_login(id, token.as_ref().map(CsrfToken::digest)).await,
        None => Err(FlowError::NotFound),
    };
    Ok(match found {
        Ok(flow) => flow_json(&state, StatusCode::OK, &flow, token.as_ref()),
        Err(failure) => super::failed_as_json(&state, &req, failure),
    })
}

/// What a form or a program sends.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Sent {
    csrf_token: String,
    method: String,
    identifier: String,
    password_identifier: String,
    password: String,
}

impl Sent {
    async fn read(state: &AppState, req: &HttpRequest, payload: Payload) -> Result<Self, Failure> {
        let media_type = extract::single(req.headers(), &CONTENT_TYPE)?;
        if media_type.is_some_and(|t| extract::is_media_type(t, b"application/json")) {
            let bytes = extract::body(state, req, payload).await?;
            let wrong = |_| AdminError::malformed("the body is not a JSON object of texts").into();
            return serde_json::from_slice(&bytes).map_err(wrong);
        }
        let params = extract::form(state, req, payload).await?;
        Ok(Self::of_form(&params)?)
    }

    fn of_form(params: &Params) -> Result<Self, OAuthError> {
        let text = |name| Ok::<_, OAuthError>(params.one(name)?.unwrap_or_default().to_owned());
        Ok(Self {
            csrf_token: text("csrf_token")?,
            method: text("method")?,
            identifier: text("identifier")?,
            password_identifier: text("password_identifier")?,
            password: text("password")?,
        })
    }
}

/// `POST /self-service/login?flow=`.
///
/// # Errors
/// A body or query that cannot be read.
pub async fn submit(state: Data<AppState>, req: HttpRequest, payload: Payload) -> Result<HttpResponse, Failure> {
    let flow = extract::query(&req)?.one("flow")?.and_then(|id| Uuid::parse_str(id).ok());
    let sent = Sent::read(&state, &req, payload).await?;
    let Some(flow) = flow else { return Ok(failed(&state, &req, FlowError::NotFound)) };
    let input = input(&state, &req, flow, sent);
    let prepared = match state.accounts.prepare_login(input).await {
        Ok(prepared) => prepared,
        Err(FlowError::Csrf) => return stale(&state, &req, flow).await,
        Err(failure) => return Ok(failed(&state, &req, failure)),
    };
    match prepared.flow().interaction {
        Some(id) => finish_for_client(&state, &req, id, prepared).await,
        None => match state.accounts.finish_login(prepared.clone()).await {
            Ok(outcome) => signed_in(&state, &req, prepared.flow(), &outcome).await,
            Err(failure) => Ok(failed(&state, &req, failure)),
        },
    }
}

/// A form that is not of the browser's present token: a login in another tab changed it meanwhile, or it never was this
/// browser's. Whoever may answer the client's question here gets the form anew and empty.
///
/// # Errors
/// Only when storage does not answer.
pub(crate) async fn stale(state: &AppState, req: &HttpRequest, flow: Uuid) -> Result<HttpResponse, Failure> {
    let challenge = state.accounts.login_challenge(flow).await.map_err(OAuthError::from)?;
    match challenge {
        Some(challenge) if !wants_json(req) && asked(state, req, &challenge).await.is_ok() => {
            Ok(reply::redirect(StatusCode::SEE_OTHER, &super::challenge_url(state, &challenge)))
        }
        _ => Ok(failed(state, req, FlowError::Csrf)),
    }
}

fn input(state: &AppState, req: &HttpRequest, flow: Uuid, sent: Sent) -> LoginInput {
    let header = req.headers().get("x-csrf-token").and_then(|v| v.to_str().ok());
    let submitted = Some(sent.csrf_token.as_str()).filter(|t| !t.is_empty()).or(header);
    let holds = state.csrf.holds(req.headers(), submitted);
    let csrf = state.csrf.known(req.headers()).filter(|_| holds).map(|token| token.digest());
    let browser = extract::browser(state, req);
    let identifier = if sent.identifier.is_empty() { sent.password_identifier } else { sent.identifier };
    LoginInput {
        flow,
        csrf,
        method: sent.method,
        fields: LoginFields { identifier, password: Secret::new(sent.password) },
        device: browser.device(),
        address: ClientAddress::of(req).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
    }
}

/// How long the browser keeps the session cookie; `None` until it is closed.
fn cookie_age(state: &AppState) -> Option<Duration> {
    let identity = &state.settings().identity;
    identity.session_cookie.persistent.then_some(identity.session_lifespan)
}

/// The login answers a client's request: session, accepted login and perhaps the code in one transaction.
async fn finish_for_client(
    state: &AppState,
    req: &HttpRequest,
    id: Id<Interaction>,
    prepared: PreparedLogin,
) -> Result<HttpResponse, Failure> {
    let again = prepared.clone();
    let finished = state.interactions.login_finished(id, &extract::browser(state, req), prepared).await;
    match finished {
        Ok(Ok(step)) => {
            let mut response = taken(state, req, step);
            form::keep(state, &Csrf::fresh(&*state.engine.random), &mut response);
            Ok(response)
        }
        Ok(Err(why)) => Ok(failed(state, req, state.accounts.overtaken(&again, &why).await)),
        Err(failure) => Ok(next::failed(state, req, failure)),
    }
}

/// A page is redirected; a script is told where to send the browser, since it cannot follow to another origin.
fn taken(state: &AppState, req: &HttpRequest, step: Next) -> HttpResponse {
    let to = match &step.kind {
        NextKind::Show(url) => Some(url.clone()),
        NextKind::Reply(answer) => answer.location(),
        NextKind::LoggedOut => None,
    };
    let mut response = next::taken(state, req, step);
    if let Some(to) = to.filter(|_| wants_json(req)) {
        const MOVED: &str = "browser_location_change_required";
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let body = problem_body(status, Some(MOVED), "the browser must open redirect_browser_to to go on");
        let mut told = reply::json_with(status, &json!({ "error": body, "redirect_browser_to": to }));
        for cookie in response.headers_mut().remove(actix_web::http::header::SET_COOKIE) {
            told.headers_mut().append(actix_web::http::header::SET_COOKIE, cookie);
        }
        return told;
    }
    response
}

/// Nobody waits for this login: the browser goes where it came from, an app gets its token.
async fn signed_in(
    state: &AppState,
    req: &HttpRequest,
    flow: &LoginFlow,
    outcome: &LoginOutcome,
) -> Result<HttpResponse, Failure> {
    let LoginOutcome { session, identity, token, .. } = outcome;
    let addresses = state.accounts.addresses(identity.id).await.map_err(OAuthError::from)?;
    let shown = state.accounts.session_json(session, identity, &addresses);
    if flow.detail.kind == FlowType::Api {
        return Ok(reply::json(&json!({ "session_token": token.expose(), "session": shown })));
    }
    let to = flow.detail.return_to.as_ref().map_or_else(|| home(state), url::Url::to_string);
    let mut response = match wants_json(req) {
        true => {
            let go = json!([{ "action": "redirect_browser_to", "redirect_browser_to": to }]);
            reply::json(&json!({ "session": shown, "continue_with": go }))
        }
        false => reply::redirect(StatusCode::SEE_OTHER, &to),
    };
    cookies::add(&mut response, &state.cookies.set_session(token, cookie_age(state)));
    form::keep(state, &Csrf::fresh(&*state.engine.random), &mut response);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_and_a_program_send_the_same() {
        let form = Params::decode(b"csrf_token=t&method=password&identifier=a%40b&password=p+w").expect("a form");
        let form = Sent::of_form(&form).expect("fields");
        let json = r#"{"csrf_token":"t","method":"password","identifier":"a@b","password":"p w","more":{"x":1}}"#;
        let json: Sent = serde_json::from_str(json).expect("fields");
        for sent in [form, json] {
            assert_eq!(
                (sent.csrf_token, sent.method, sent.identifier, sent.password),
                ("t".to_owned(), "password".to_owned(), "a@b".to_owned(), "p w".to_owned())
            );
        }
        let twice = Params::decode(b"password=a&password=b").expect("a form");
        assert!(Sent::of_form(&twice).is_err());
    }
}
