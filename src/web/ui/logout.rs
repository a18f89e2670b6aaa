//! The page that asks whether to log out.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::super::csrf::Csrf;
use super::super::error::{self, Failure};
use super::super::reply::{self, FormTarget};
use super::super::state::AppState;
use super::super::{extract, next};
use super::form;
use crate::interaction::Refused;
use crate::oauth::{OAuthError, Params};
use crate::render::{ClientView, LogoutPage, PersonView};

/// `GET /logout?logout_challenge=`.
pub async fn show(state: Data<AppState>, req: HttpRequest) -> HttpResponse {
    match shown(&state, &req).await {
        Ok(response) => response,
        Err(refused) => next::failed(&state, &req, refused.into()),
    }
}

async fn shown(state: &AppState, req: &HttpRequest) -> Result<HttpResponse, Refused> {
    let params = extract::query(req)?;
    let challenge = challenge(&params)?;
    let view = state.interactions.logout_request(challenge).await?;
    let (token, is_new) = form::token(state, req);
    let page = LogoutPage {
        action: "/logout".to_owned(),
        logout_challenge: challenge.to_owned(),
        csrf_token: token.masked(&*state.engine.random),
        client: view.client_name().map(|name| ClientView { name: name.to_owned(), ..ClientView::default() }),
        person: person(state, req).await?,
    };
    let mut response = reply::page(StatusCode::OK, state.pages.logout(&page), FormTarget::Anywhere, None);
    if is_new {
        form::keep(state, &token, &mut response);
    }
    Ok(response)
}

/// `POST /logout`.
///
/// # Errors
/// A body that is no form.
pub async fn decide(state: Data<AppState>, req: HttpRequest, payload: Payload) -> Result<HttpResponse, Failure> {
    let params = extract::form(&state, &req, payload).await?;
    if let Err(error) = form::check(&state, &req, &params) {
        return Ok(error::page(&state, &req, &error));
    }
    Ok(match decided(&state, &req, &params).await {
        Ok(response) => response,
        Err(refused) => next::failed(&state, &req, refused.into()),
    })
}

/// Whom this browser would log out.
async fn person(state: &AppState, req: &HttpRequest) -> Result<Option<PersonView>, Refused> {
    let Some(token) = extract::browser(state, req).session else { return Ok(None) };
    let current = state.accounts.current(token.expose()).await?;
    let name = current.and_then(|current| form::known_as(&current.identity));
    Ok(name.map(|name| PersonView { name, switch_url: None }))
}

async fn decided(state: &AppState, req: &HttpRequest, params: &Params) -> Result<HttpResponse, Refused> {
    let challenge = challenge(params)?;
    match params.one("decision")? {
        Some("accept") => {
            let step = state.interactions.logout_confirmed(challenge, &extract::browser(state, req)).await?;
            let mut response = next::taken(state, req, step);
            form::keep(state, &Csrf::fresh(&*state.engine.random), &mut response);
            Ok(response)
        }
        Some("reject") => {
            state.interactions.reject_logout(challenge).await?;
            Ok(still_here(state))
        }
        _ => Err(OAuthError::invalid_request("the form says neither yes nor no; go back and use its buttons").into()),
    }
}

/// Nothing happened: back to where people usually go.
fn still_here(state: &AppState) -> HttpResponse {
    let home = state.settings().identity.default_return_url.as_ref().map_or("/", url::Url::as_str);
    reply::redirect(StatusCode::SEE_OTHER, home)
}

fn challenge(params: &Params) -> Result<&str, OAuthError> {
    params.required("logout_challenge", "logout_challenge is missing; go back to the app and start again")
}
