//! The page that asks what an app may have.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::super::error::{self, Failure};
use super::super::reply::{self, FormTarget};
use super::super::state::AppState;
use super::super::{extract, next};
use super::form;
use crate::interaction::Refused;
use crate::interaction::consent::{ConsentView, Decision};
use crate::model::ScopeSet;
use crate::oauth::{OAuthError, Params};
use crate::render::{ConsentPage, PersonView, scope_words};

/// `GET /consent?consent_challenge=`.
pub async fn show(state: Data<AppState>, req: HttpRequest) -> HttpResponse {
    match shown(&state, &req).await {
        Ok(response) => response,
        Err(refused) => next::failed(&state, &req, refused.into()),
    }
}

async fn shown(state: &AppState, req: &HttpRequest) -> Result<HttpResponse, Refused> {
    let params = extract::query(req)?;
    let challenge = challenge(&params)?;
    let view = state.interactions.consent_view(challenge, &extract::browser(state, req)).await?;
    let (token, is_new) = form::token(state, req);
    let page = ConsentPage {
        action: "/consent".to_owned(),
        consent_challenge: challenge.to_owned(),
        csrf_token: token.masked(&*state.engine.random),
        client: form::client_view(&view.client),
        person: PersonView { name: person(&view), switch_url: None },
        scopes: view.scope.iter().map(scope_words).collect(),
        can_remember: true,
        returns_to: host(&view.redirect_uri),
    };
    // What the form leads to is an address that only the answer decides, so the policy names none.
    let mut response = reply::page(StatusCode::OK, state.pages.consent(&page), FormTarget::Anywhere, None);
    if is_new {
        form::keep(state, &token, &mut response);
    }
    Ok(response)
}

/// `POST /consent`.
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

async fn decided(state: &AppState, req: &HttpRequest, params: &Params) -> Result<HttpResponse, Refused> {
    let decision = decision(params)?;
    let browser = extract::browser(state, req);
    let step = state.interactions.consent_decided(challenge(params)?, &browser, decision).await?;
    Ok(next::taken(state, req, step))
}

fn challenge(params: &Params) -> Result<&str, OAuthError> {
    params.required("consent_challenge", "consent_challenge is missing; go back to the app and start again")
}

fn decision(params: &Params) -> Result<Decision, OAuthError> {
    match params.one("decision")? {
        Some("accept") => {
            let ticked: Vec<&str> = params.all("grant_scope").collect();
            let scope = ScopeSet::from_names(&ticked)
                .map_err(|_| OAuthError::invalid_request("the form names a scope that cannot be one"))?;
            Ok(Decision::Allow { scope, remember: params.one("remember")? == Some("true") })
        }
        Some("reject") => Ok(Decision::Deny),
        _ => Err(OAuthError::invalid_request("the form says neither yes nor no; go back and use its buttons")),
    }
}

/// The web host an address belongs to; an app's private scheme has none.
fn host(redirect_uri: &str) -> Option<String> {
    let url = url::Url::parse(redirect_uri).ok().filter(|u| matches!(u.scheme(), "http" | "https"))?;
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

/// How the person knows this account.
fn person(view: &ConsentView) -> String {
    view.identity.as_ref().and_then(form::known_as).unwrap_or_else(|| view.subject.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_says_yes_or_no() {
        let read = |form: &str| decision(&Params::decode(form.as_bytes()).expect("a form"));
        assert!(matches!(read("decision=reject&grant_scope=openid"), Ok(Decision::Deny)));
        let yes = read("decision=accept&grant_scope=openid&grant_scope=email&remember=true");
        assert!(matches!(&yes, Ok(Decision::Allow { scope, remember: true }) if scope.to_string() == "openid email"));
        assert!(matches!(read("decision=accept"), Ok(Decision::Allow { remember: false, .. })));
        for bad in ["", "decision=yes", "decision=accept&decision=reject", "decision=accept&grant_scope=a%20b%22"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
