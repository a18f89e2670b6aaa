//! Interactions: one row a pause of `/oauth2/auth`. Not here: which change follows which (`model::interaction`).

use diesel::prelude::*;

use super::column::{Bytes32, Json};
use super::error::{StoreError, Within};
use super::schema::interactions;
use super::tx::Tx;
use crate::base::{Id, Instant};
use crate::model::{
    AuthorizeRequest, ClientId, ConsentAnswer, Interaction, LoginAnswer, Rejection, Session, Stage, Subject,
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = interactions, treat_none_as_null = true, treat_none_as_default_value = false)]
struct Row {
    id: Id<Interaction>,
    stage: Stage,
    client_id: ClientId,
    request: Json<AuthorizeRequest>,
    browser_digest: Bytes32,
    login_digest: Option<Bytes32>,
    login_verifier_digest: Option<Bytes32>,
    consent_digest: Option<Bytes32>,
    consent_verifier_digest: Option<Bytes32>,
    session_key: Option<Id<Session>>,
    subject: Option<Subject>,
    login_skip: bool,
    login: Option<Json<LoginAnswer>>,
    consent_skip: bool,
    consent: Option<Json<ConsentAnswer>>,
    rejection: Option<Json<Rejection>>,
    created_at: Instant,
    expires_at: Instant,
}

impl From<&Interaction> for Row {
    fn from(it: &Interaction) -> Self {
        Self {
            id: it.id,
            stage: it.stage,
            client_id: it.request.client_id.clone(),
            request: Json(it.request.clone()),
            browser_digest: Bytes32(it.browser_digest),
            login_digest: it.login_digest.map(Bytes32),
            login_verifier_digest: it.login_verifier_digest.map(Bytes32),
            consent_digest: it.consent_digest.map(Bytes32),
            consent_verifier_digest: it.consent_verifier_digest.map(Bytes32),
            session_key: it.session_key,
            subject: it.subject.clone(),
            login_skip: it.login_skip,
            login: it.login.clone().map(Json),
            consent_skip: it.consent_skip,
            consent: it.consent.clone().map(Json),
            rejection: it.rejection.clone().map(Json),
            created_at: it.created_at,
            expires_at: it.expires_at,
        }
    }
}

impl From<Row> for Interaction {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            stage: row.stage,
            request: row.request.0,
            browser_digest: row.browser_digest.0,
            login_digest: row.login_digest.map(|d| d.0),
            login_verifier_digest: row.login_verifier_digest.map(|d| d.0),
            consent_digest: row.consent_digest.map(|d| d.0),
            consent_verifier_digest: row.consent_verifier_digest.map(|d| d.0),
            session_key: row.session_key,
            subject: row.subject,
            login_skip: row.login_skip,
            login: row.login.map(|j| j.0),
            consent_skip: row.consent_skip,
            consent: row.consent.map(|j| j.0),
            rejection: row.rejection.map(|j| j.0),
            created_at: row.created_at,
            expires_at: row.expires_at,
        }
    }
}

/// Adds an interaction.
///
/// # Errors
/// When the database fails.
pub fn insert(tx: &mut Tx, interaction: &Interaction) -> Result<(), StoreError> {
    let (conn, tenant) = tx.parts();
    diesel::insert_into(interactions::table)
        .values((interactions::tenant.eq(tenant), Row::from(interaction)))
        .execute(conn)?;
    Ok(())
}

/// The interaction of that id, whatever its stage.
///
/// # Errors
/// When the database fails or the row is unreadable.
pub fn find(tx: &mut Tx, id: Id<Interaction>) -> Result<Option<Interaction>, StoreError> {
    let (conn, tenant) = tx.parts();
    let row: Option<Row> = interactions::table
        .find((tenant, id))
        .select(Row::as_select())
        .first(conn)
        .optional()
        .within("interactions", id)?;
    Ok(row.map(Interaction::from))
}

/// Writes what an interaction became, if it is still at one of the stages `expected`. False when it went on meanwhile.
///
/// # Errors
/// When the database fails.
pub fn update(tx: &mut Tx, interaction: &Interaction, expected: &[Stage]) -> Result<bool, StoreError> {
    let (conn, tenant) = tx.parts();
    let changed = diesel::update(interactions::table.find((tenant, interaction.id)))
        .filter(interactions::stage.eq_any(expected.to_vec()))
        .set(Row::from(interaction))
        .execute(conn)?;
    Ok(changed == 1)
}

/// Forgets an interaction. False when it was forgotten before.
///
/// # Errors
/// When the database fails.
pub fn delete(tx: &mut Tx, id: Id<Interaction>) -> Result<bool, StoreError> {
    let (conn, tenant) = tx.parts();
    Ok(diesel::delete(interactions::table.find((tenant, id))).execute(conn)? == 1)
}
