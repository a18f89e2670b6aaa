//! `/admin/clients`: register, list, read, replace, remove, with Hydra's JSON conventions.

use actix_web::http::StatusCode;
use actix_web::http::header::{LINK, LOCATION};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::super::error::{AdminError, Failure};
use super::super::extract;
use super::super::reply;
use super::super::state::AppState;
use crate::model::ClientId;
use crate::model::client::Client;
use crate::oauth::clients::ClientFailure;
use crate::oauth::register::ClientDocument;
use crate::oauth::{OAuthError, Params};
use crate::store::{StoreError, Tx, clients};

/// Clients on a page when the caller does not say, and at most.
const PAGE: usize = 100;
const MOST: usize = 500;

impl From<ClientFailure> for Failure {
    fn from(failure: ClientFailure) -> Self {
        match failure {
            ClientFailure::Exists => AdminError::exists().into(),
            ClientFailure::Refused(error) => Self::OAuth(error),
            ClientFailure::Unknown => AdminError::not_found().into(),
        }
    }
}

/// `POST /admin/clients`.
///
/// # Errors
/// 400 for a wrong document, 409 when the id is taken.
pub async fn create(state: Data<AppState>, req: HttpRequest, payload: Payload) -> Result<HttpResponse, Failure> {
    let document = super::json::<ClientDocument>(&state, &req, payload).await?;
    let registered = state.engine.create_client(document).await?;
    let mut response = reply::json_with(StatusCode::CREATED, &registered.document());
    let place = format!("/admin/clients/{}", path_segment(registered.client.id.as_str()));
    if let Ok(place) = place.parse() {
        response.headers_mut().insert(LOCATION, place);
    }
    Ok(response)
}

/// `GET /admin/clients/{id}`.
///
/// # Errors
/// 404 when there is none.
pub async fn read(state: Data<AppState>, id: Path<String>) -> Result<HttpResponse, Failure> {
    let found = state.engine.store.client(&known(&id)?).await.map_err(OAuthError::from)?;
    let client = found.ok_or_else(AdminError::not_found)?;
    Ok(reply::json(&ClientDocument::of(&client)))
}

/// `PUT /admin/clients/{id}`: the whole document.
///
/// # Errors
/// 400 for a wrong document, 404 when there is none.
pub async fn replace(
    state: Data<AppState>,
    req: HttpRequest,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    let id = known(&id)?;
    let document = super::json::<ClientDocument>(&state, &req, payload).await?;
    Ok(reply::json(&state.engine.replace_client(&id, document).await?.document()))
}

/// `DELETE /admin/clients/{id}`.
///
/// # Errors
/// 404 when there is none.
pub async fn remove(state: Data<AppState>, id: Path<String>) -> Result<HttpResponse, Failure> {
    state.engine.delete_client(&known(&id)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `GET /admin/clients?page_size&page_token&client_name&owner`.
///
/// # Errors
/// 400 for a page size or token that is not one.
pub async fn list(state: Data<AppState>, req: HttpRequest) -> Result<HttpResponse, Failure> {
    let params = extract::query(&req)?;
    let ask = Ask::read(&params)?;
    let (size, looked) = (ask.size, ask.clone());
    let mut page = state.engine.store.read(move |tx| looked.collect(tx)).await.map_err(OAuthError::from)?;
    let more = page.len() > size;
    page.truncate(size);
    let next = page.last().filter(|_| more).map(|client| ask.link(Some(&client.id), "next"));
    let links = [Some(ask.link(None, "first")), next].into_iter().flatten().collect::<Vec<_>>().join(",");
    let mut response = reply::json(&page.iter().map(ClientDocument::of).collect::<Vec<_>>());
    if let Ok(links) = links.parse() {
        response.headers_mut().insert(LINK, links);
    }
    Ok(response)
}

/// Which clients are asked for.
#[derive(Clone, Debug)]
struct Ask {
    size: usize,
    after: Option<ClientId>,
    name: Option<String>,
    owner: Option<String>,
}

impl Ask {
    fn read(params: &Params) -> Result<Self, Failure> {
        let size = match params.one("page_size")? {
            None => PAGE,
            Some(text) => text
                .parse::<usize>()
                .ok()
                .filter(|size| *size > 0)
                .ok_or_else(|| AdminError::malformed("page_size must be a whole number above zero"))?
                .min(MOST),
        };
        let after = match params.one("page_token")? {
            None => None,
            Some(token) => {
                Some(cursor(token).ok_or_else(|| AdminError::malformed("page_token is not one of the Link header's"))?)
            }
        };
        let text = |name| Ok::<_, OAuthError>(params.one(name)?.map(str::to_owned));
        Ok(Self { size, after, name: text("client_name")?, owner: text("owner")? })
    }

    /// Up to one client more than the page holds, which tells whether there is a next page.
    fn collect(&self, tx: &mut Tx) -> Result<Vec<Client>, StoreError> {
        let (mut found, mut after) = (Vec::new(), self.after.clone());
        loop {
            let wanted = i64::try_from(self.size + 1).unwrap_or(i64::MAX);
            let batch = clients::list(tx, after.as_ref(), wanted)?;
            let is_last = i64::try_from(batch.len()).unwrap_or(i64::MAX) < wanted;
            after = batch.last().map(|client| client.id.clone());
            found.extend(batch.into_iter().filter(|client| self.fits(client)));
            if is_last || found.len() > self.size {
                return Ok(found);
            }
        }
    }

    fn fits(&self, client: &Client) -> bool {
        self.name.as_ref().is_none_or(|name| *name == client.metadata.name)
            && self.owner.as_ref().is_none_or(|owner| *owner == client.metadata.owner)
    }

    fn link(&self, after: Option<&ClientId>, rel: &str) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("page_size", &self.size.to_string());
        if let Some(after) = after {
            query.append_pair("page_token", &URL_SAFE_NO_PAD.encode(after.as_str()));
        }
        for (name, value) in [("client_name", &self.name), ("owner", &self.owner)] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        format!("</admin/clients?{}>; rel=\"{rel}\"", query.finish())
    }
}

/// The last id of the page before.
fn cursor(token: &str) -> Option<ClientId> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    ClientId::parse(std::str::from_utf8(&bytes).ok()?).ok()
}

/// An id that cannot be one is nobody's.
fn known(id: &str) -> Result<ClientId, Failure> {
    ClientId::parse(id).map_err(|_| AdminError::not_found().into())
}

fn path_segment(id: &str) -> String {
    percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC).to_string().replace("%2D", "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(query: &str) -> Result<Ask, Failure> {
        Ask::read(&Params::decode(query.as_bytes()).expect("a query"))
    }

    #[test]
    fn pages_are_asked_for_in_words_that_lead_back() {
        let first = ask("page_size=2&owner=a%26b").expect("a page");
        let link = first.link(Some(&ClientId::new("x y")), "next");
        let token = link.split("page_token=").nth(1).and_then(|t| t.split('&').next()).expect("a token");
        assert_eq!(cursor(token), None, "a space is no client id");
        assert_eq!(first.link(None, "first"), "</admin/clients?page_size=2&owner=a%26b>; rel=\"first\"");
        let link = first.link(Some(&ClientId::new("c-1")), "next");
        let token = link.split("page_token=").nth(1).and_then(|t| t.split('&').next()).expect("a token");
        assert_eq!(cursor(token), Some(ClientId::new("c-1")));
    }

    #[test]
    fn odd_pages_are_refused_and_large_ones_cut() {
        for bad in ["page_size=0", "page_size=-1", "page_size=x", "page_token=%21", "page_size=1&page_size=2"] {
            assert!(ask(bad).is_err(), "{bad}");
        }
        assert_eq!(ask("").map(|a| a.size).ok(), Some(PAGE));
        assert_eq!(ask("page_size=100000").map(|a| a.size).ok(), Some(MOST));
    }
}
