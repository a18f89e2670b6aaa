//! The page that asks who is there, over the same flows as the self-service API.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use uuid::Uuid;

use super::super::account::{self, login};
use super::super::error::{self, Failure};
use super::super::extract;
use super::super::reply::{self, FormTarget};
use super::super::state::AppState;
use super::form;
use crate::identity::flow::FlowError;
use crate::identity::flow::login::LoginFlow;
use crate::model::client::Client;
use crate::oauth::OAuthError;
use crate::render::{LoginPage, Ui};
use crate::store::{clients, interactions};

/// `GET /login?flow=`, or without one: starts a flow and comes back with it.
pub async fn show(state: Data<AppState>, req: HttpRequest) -> HttpResponse {
    shown(&state, &req).await.unwrap_or_else(|failure| error::shown(&state, &req, failure))
}

async fn shown(state: &AppState, req: &HttpRequest) -> Result<HttpResponse, Failure> {
    let params = extract::query(req)?;
    let Some(id) = params.one("flow")? else { return start(state, req).await };
    let csrf = state.csrf.known(req.headers()).map(|token| token.digest());
    let Ok(id) = Uuid::parse_str(id) else { return Ok(account::failed(state, req, FlowError::NotFound)) };
    Ok(match state.accounts.load_login(id, csrf).await {
        Err(FlowError::Csrf) => login::stale(state, req, id).await?,
        Ok(flow) => page(state, req, &flow).await?,
        Err(failure) => account::failed(state, req, failure),
    })
}

async fn start(state: &AppState, req: &HttpRequest) -> Result<HttpResponse, Failure> {
    Ok(match login::begin(state, req).await? {
        Ok(begun) => {
            let mut response = reply::redirect(StatusCode::SEE_OTHER, &format!("/login?flow={}", begun.flow.id));
            begun.keep(state, &mut response);
            response
        }
        Err(response) => response,
    })
}

async fn page(state: &AppState, req: &HttpRequest, flow: &LoginFlow) -> Result<HttpResponse, Failure> {
    let client = client_of(state, flow).await?;
    let (token, _) = form::token(state, req);
    let ui = state.accounts.login_ui(flow, Some(&token.masked(&*state.engine.random)));
    let ui = serde_json::to_value(ui).map_err(OAuthError::server_error)?;
    let page = LoginPage {
        client: client.as_ref().map(form::client_view),
        ui: Ui::read(ui).map_err(OAuthError::server_error)?,
        login_hint: None,
        reauthenticate: flow.detail.refresh.is_some(),
    };
    // Where the form leads in the end is the client's address, which only the answer names.
    Ok(reply::page(StatusCode::OK, state.pages.login(&page), FormTarget::Anywhere, None))
}

/// The app that waits for this login.
async fn client_of(state: &AppState, flow: &LoginFlow) -> Result<Option<Client>, Failure> {
    let Some(id) = flow.interaction else { return Ok(None) };
    let found = state.engine.store.read(move |tx| match interactions::find(tx, id)? {
        Some(interaction) => clients::find(tx, &interaction.request.client_id),
        None => Ok(None),
    });
    Ok(found.await.map_err(OAuthError::from)?)
}
