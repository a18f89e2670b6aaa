//! `/admin/identities`: make a person, read one, in Kratos's JSON. What the rest of that API takes is refused by name.

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::account::problem;
use super::super::error::Failure;
use super::super::reply;
use super::super::state::AppState;
use crate::base::{Id, Secret};
use crate::identity::accounts::{CreateError, NewPerson};
use crate::identity::schema;
use crate::model::Identity;
use crate::model::identity::Address;
use crate::oauth::OAuthError;
use crate::store::identities;

/// A person as an operator describes them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewIdentity {
    schema_id: Option<String>,
    traits: Value,
    state: Option<String>,
    credentials: Option<Credentials>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    password: Option<PasswordCredential>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PasswordCredential {
    config: PasswordConfig,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PasswordConfig {
    password: String,
}

/// `POST /admin/identities`: 201 with the person; 400 with what is wrong, 409 when somebody has their name.
///
/// # Errors
/// 400 for a body that is not such a document.
pub async fn create(state: Data<AppState>, req: HttpRequest, payload: Payload) -> Result<HttpResponse, Failure> {
    let new = match person(super::json::<NewIdentity>(&state, &req, payload).await?) {
        Ok(new) => new,
        Err(reason) => return Ok(problem(StatusCode::BAD_REQUEST, None, reason)),
    };
    let identity = match state.accounts.create(new).await {
        Ok(identity) => identity,
        Err(error) => return refused(error),
    };
    let addresses = state.accounts.addresses(identity.id).await.map_err(OAuthError::from)?;
    let mut response = reply::json_with(StatusCode::CREATED, &shown(&state, &identity, &addresses));
    if let Ok(place) = format!("/admin/identities/{}", identity.id).parse() {
        response.headers_mut().insert(LOCATION, place);
    }
    Ok(response)
}

/// `GET /admin/identities/{id}`; an id that is none is nobody's.
///
/// # Errors
/// 503 and 500 when the database does not answer.
pub async fn read(state: Data<AppState>, id: Path<String>) -> Result<HttpResponse, Failure> {
    let nobody = || problem(StatusCode::NOT_FOUND, None, "there is nobody with this id");
    let Ok(id) = Uuid::parse_str(&id) else { return Ok(nobody()) };
    let id = Id::<Identity>::from_uuid(id);
    let found = state
        .engine
        .store
        .read(move |tx| Ok(identities::find(tx, id)?.map(|identity| (identity, identities::addresses(tx, id)))))
        .await
        .map_err(OAuthError::from)?;
    let Some((identity, addresses)) = found else { return Ok(nobody()) };
    Ok(reply::json(&shown(&state, &identity, &addresses.map_err(OAuthError::from)?)))
}

/// What operators see: all that the person sees, and the operators' own notes.
fn shown(state: &AppState, identity: &Identity, addresses: &[Address]) -> Value {
    let mut body = state.accounts.identity_json(identity, addresses);
    body["metadata_admin"] = json!(identity.metadata_admin);
    body
}

fn person(sent: NewIdentity) -> Result<NewPerson, &'static str> {
    if sent.schema_id.is_some_and(|id| !id.is_empty() && id != schema::DEFAULT) {
        return Err("schema_id: there is no schema of this name; the only one is default");
    }
    if sent.state.is_some_and(|state| state != "active") {
        return Err("state: a new person is active; leave it out");
    }
    let password = sent.credentials.and_then(|credentials| credentials.password);
    let password = password.map(|password| Secret::new(password.config.password));
    Ok(NewPerson { traits: sent.traits, password, verified: false })
}

fn refused(error: CreateError) -> Result<HttpResponse, Failure> {
    match error {
        CreateError::Busy => Err(OAuthError::busy().into()),
        CreateError::Internal(cause) => Err(OAuthError::from(cause).into()),
        invalid @ CreateError::Invalid(_) => Ok(problem(StatusCode::BAD_REQUEST, None, &invalid.to_string())),
        taken @ CreateError::Taken => Ok(problem(StatusCode::CONFLICT, None, &taken.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_person(document: Value) -> Result<NewPerson, String> {
        let sent: NewIdentity = serde_json::from_value(document).map_err(|error| error.to_string())?;
        person(sent).map_err(str::to_owned)
    }

    #[test]
    fn only_what_is_honoured_is_taken() {
        let full = json!({
            "schema_id": "default", "state": "active", "traits": {"email": "a@example.org"},
            "credentials": {"password": {"config": {"password": "correct horse"}}}
        });
        let person = read_person(full).expect("a person");
        assert!(person.password.is_some_and(|password| password.matches(b"correct horse")) && !person.verified);
        for (document, told) in [
            (json!({"traits": {}, "schema_id": "employee"}), "schema_id"),
            (json!({"traits": {}, "state": "inactive"}), "state"),
            (json!({"traits": {}, "credentials": {"totp": {}}}), "totp"),
            (
                json!({"traits": {}, "credentials": {"password": {"config": {"hashed_password": "x"}}}}),
                "hashed_password",
            ),
            (json!({"traits": {}, "external_id": "x"}), "external_id"),
            (json!({"schema_id": "default"}), "traits"),
        ] {
            let why = read_person(document.clone()).map(drop).expect_err("refused");
            assert!(why.contains(told), "{document}: {why}");
        }
    }
}
