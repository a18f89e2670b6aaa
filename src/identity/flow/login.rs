//! The login flow: who is at the door, once and again.
//!
//! ```text
//! start ──▶ choose_method ──▶ (sent: wrong) choose_method ──▶ (sent: right) used
//! ```
//! This file makes, finds and shows it; [`super::submit`] answers it. With `refresh` it asks someone who is signed in for
//! proof again, and only that person can give it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::Url;
use uuid::Uuid;

use super::{FlowError, FlowType};
use crate::base::{Id, Instant};
use crate::crypto::Purpose;
use crate::identity::credential::LoginForm;
use crate::identity::message::Message;
use crate::identity::sessions::Current;
use crate::identity::ui::Ui;
use crate::identity::{Accounts, identifier, return_to};
use crate::model::identity::CredentialKind;
use crate::model::token::Digest;
use crate::model::{Aal, Identity, Interaction, Session};
use crate::store::StoreError;
use crate::store::flows::{self, Flow};

/// What flows of this kind are called in storage.
const KIND: &str = "login";
/// The only state of a login flow so far: a method is to be chosen and answered.
const STATE: &str = "choose_method";
/// Longest request address that is kept whole, in bytes.
const LONGEST_REQUEST: usize = 4_096;

/// A login flow.
#[derive(Clone, Debug, PartialEq)]
pub struct LoginFlow {
    /// Names it; v4, as clients see it.
    pub id: Id<LoginFlow>,
    /// The interaction it answers, if a client asked.
    pub interaction: Option<Id<Interaction>>,
    /// Of the browser's anti-forgery secret; `None` for an API flow.
    pub csrf: Option<Digest>,
    /// When it was made.
    pub issued_at: Instant,
    /// When it is over.
    pub expires_at: Instant,
    /// When it succeeded.
    pub used_at: Option<Instant>,
    /// The rest.
    pub detail: LoginDetail,
}

/// The part of a login flow that storage keeps as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoginDetail {
    /// Who shows the form.
    #[serde(rename = "type")]
    pub kind: FlowType,
    /// What it was asked with.
    #[serde(skip)]
    pub request: Request,
    /// The same, sealed: what storage keeps of it.
    #[serde(default)]
    sealed_request: String,
    /// Where the browser goes afterwards, checked.
    #[serde(default)]
    pub return_to: Option<Url>,
    /// Who must confirm that it is them.
    #[serde(default)]
    pub refresh: Option<Id<Identity>>,
    /// The session the browser held; it is renewed if its own person signs in.
    #[serde(default)]
    pub session: Option<Id<Session>>,
    /// The level asked for.
    pub requested_aal: Aal,
    /// The method sent last.
    #[serde(default)]
    pub active: Option<CredentialKind>,
    /// The identifier typed last, hinted at, or known.
    #[serde(default)]
    pub identifier: Option<String>,
    /// The field that was left empty.
    #[serde(default)]
    pub missing: Option<String>,
    /// What is said above the form.
    #[serde(default)]
    pub messages: Vec<Message>,
}

/// What a flow was asked with. The challenge is half of what answers a client, so a copy of the database must not hold it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The address.
    pub url: String,
    /// The challenge that a page needs to link from login to registration.
    pub login_challenge: Option<String>,
}

/// What a login flow is made from.
#[derive(Clone, Debug)]
pub struct StartLogin {
    /// Who shows the form.
    pub kind: FlowType,
    /// The address of the request, for the flow's `request_url`.
    pub request_url: String,
    /// `return_to` as it came.
    pub return_to: Option<String>,
    /// Whether someone who is signed in must prove it again.
    pub refresh: bool,
    /// The level asked for.
    pub requested_aal: Aal,
    /// Who is signed in.
    pub current: Option<Current>,
    /// The interaction to answer, and its challenge as it came.
    pub interaction: Option<(Id<Interaction>, String)>,
    /// The identifier to fill in (`login_hint`, OIDC Core §3.1.2.1).
    pub login_hint: Option<String>,
    /// Of the browser's anti-forgery secret; `None` for an API flow.
    pub csrf: Option<Digest>,
}

impl LoginFlow {
    /// Whether it can no longer be answered at `now`.
    pub fn is_over(&self, now: Instant) -> bool {
        self.used_at.is_some() || now >= self.expires_at
    }

    /// Whether the browser with this anti-forgery secret may see and answer it.
    pub(super) fn belongs_to(&self, csrf: Option<&Digest>) -> bool {
        match self.detail.kind {
            FlowType::Api => csrf.is_none(),
            FlowType::Browser => csrf.is_some() && csrf == self.csrf.as_ref(),
        }
    }

    /// A fresh flow for the same purpose as this one, with a message that says why.
    pub(super) fn again(&self, id: Id<Self>, now: Instant, lifespan: Duration, why: Message) -> Self {
        let detail = LoginDetail { active: None, missing: None, messages: vec![why], ..self.detail.clone() };
        Self { id, issued_at: now, expires_at: now.plus(lifespan), used_at: None, detail, ..self.clone() }
    }

    /// The same flow with new messages and the identifier as typed; of an earlier answer nothing is left.
    pub(super) fn with_answer(&self, method: Option<CredentialKind>, typed: &str, messages: Vec<Message>) -> Self {
        let mut flow = self.clone();
        flow.detail.active = method;
        flow.detail.missing = None;
        flow.detail.messages = messages;
        if flow.detail.refresh.is_none() {
            flow.detail.identifier = shown(typed);
        }
        flow
    }

    /// The row that keeps it.
    pub(super) fn to_row(&self) -> Flow {
        Flow {
            id: self.id.uuid(),
            kind: KIND.to_owned(),
            state: STATE.to_owned(),
            interaction_id: self.interaction.map(Id::uuid),
            csrf_digest: self.csrf,
            body: json!(self.detail),
            issued_at: self.issued_at,
            expires_at: self.expires_at,
            used_at: self.used_at,
        }
    }

    /// The flow that a row keeps; `None` when it is a flow of another kind.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when its body cannot be read.
    pub(super) fn from_row(row: Flow) -> Result<Option<Self>, StoreError> {
        if row.kind != KIND {
            return Ok(None);
        }
        let detail = serde_json::from_value(row.body).map_err(|_| StoreError::Corrupt {
            table: "flows",
            column: "body".to_owned(),
            id: row.id.to_string(),
        })?;
        Ok(Some(Self {
            id: Id::from_uuid(row.id),
            interaction: row.interaction_id.map(Id::from_uuid),
            csrf: row.csrf_digest,
            issued_at: row.issued_at,
            expires_at: row.expires_at,
            used_at: row.used_at,
            detail,
        }))
    }
}

/// What a sealed request belongs to.
fn belonging(interaction: Option<Id<Interaction>>) -> Vec<u8> {
    interaction.map(|id| id.uuid().as_bytes().to_vec()).unwrap_or_default()
}

/// The identifier as it may stand in a form again: short, and without control characters.
fn shown(typed: &str) -> Option<String> {
    (identifier::normalise(typed).is_ok()).then(|| typed.trim().to_owned())
}

/// The request's address, without its query when it is very long.
fn kept(request_url: &str) -> String {
    if request_url.len() <= LONGEST_REQUEST {
        return request_url.to_owned();
    }
    request_url.split('?').next().filter(|path| path.len() <= LONGEST_REQUEST).unwrap_or_default().to_owned()
}

impl Accounts {
    /// Makes a login flow and keeps it.
    ///
    /// # Errors
    /// [`FlowError::AlreadySignedIn`] when somebody is, and neither `refresh` nor a client asks again;
    /// [`FlowError::ReturnTo`] when that address is not allowed; [`FlowError::Busy`] and [`FlowError::Internal`].
    pub async fn start_login(&self, start: StartLogin) -> Result<LoginFlow, FlowError> {
        let now = self.clock.now();
        let return_to = start.return_to.as_deref().map(|raw| self.return_to(raw)).transpose()?;
        let is_satisfied = start.current.as_ref().is_some_and(|c| c.session.aal >= start.requested_aal);
        if is_satisfied && !start.refresh && start.interaction.is_none() {
            return Err(FlowError::AlreadySignedIn);
        }
        let session = start.current.as_ref().map(|current| current.session.key);
        let again = start.current.filter(|_| start.refresh);
        let known = again.as_ref().and_then(|current| self.known_identifier(&current.identity));
        let (interaction, login_challenge) = start.interaction.unzip();
        let request = Request { url: kept(&start.request_url), login_challenge };
        let detail = LoginDetail {
            kind: start.kind,
            sealed_request: self.seal_request(interaction, &request),
            request,
            return_to,
            refresh: again.as_ref().map(|current| current.identity.id),
            session,
            requested_aal: start.requested_aal,
            active: None,
            identifier: known.or_else(|| start.login_hint.as_deref().and_then(shown)),
            missing: None,
            messages: again.iter().map(|_| Message::confirm_who_you_are()).collect(),
        };
        let flow = LoginFlow {
            id: Id::random(&*self.random),
            interaction,
            csrf: start.csrf,
            issued_at: now,
            expires_at: now.plus(self.settings.login_lifespan),
            used_at: None,
            detail,
        };
        self.keep(&flow).await?;
        Ok(flow)
    }

    /// Finds a flow to show it.
    ///
    /// # Errors
    /// [`FlowError::NotFound`], [`FlowError::Csrf`] when it belongs to another browser, [`FlowError::Expired`] when it
    /// is over, [`FlowError::Busy`] and [`FlowError::Internal`].
    pub async fn load_login(&self, id: Uuid, csrf: Option<Digest>) -> Result<LoginFlow, FlowError> {
        let now = self.clock.now();
        let row = self.store.read(move |tx| flows::find(tx, id)).await?;
        let flow = row.map(LoginFlow::from_row).transpose()?.flatten().ok_or(FlowError::NotFound)?;
        let flow = self.with_request(flow);
        if !flow.belongs_to(csrf.as_ref()) {
            return Err(FlowError::Csrf);
        }
        if flow.is_over(now) {
            return Err(FlowError::Expired(Box::new(flow)));
        }
        Ok(flow)
    }

    /// The client's question that a flow answers, whoever's flow it is: the caller checks whether this browser may answer.
    ///
    /// # Errors
    /// As the store.
    pub async fn login_challenge(&self, id: Uuid) -> Result<Option<String>, StoreError> {
        let row = self.store.read(move |tx| flows::find(tx, id)).await?;
        let flow = row.map(LoginFlow::from_row).transpose()?.flatten();
        Ok(flow.and_then(|flow| self.with_request(flow).detail.request.login_challenge))
    }

    /// The form of a flow. `csrf_token` is what web masked for this answer; `None` for an API flow.
    pub fn login_ui(&self, flow: &LoginFlow, csrf_token: Option<&str>) -> Ui {
        let detail = &flow.detail;
        let form = LoginForm {
            identifier_title: self.schema.identifier_title(),
            identifier: detail.identifier.as_deref(),
            refresh: detail.refresh.is_some(),
            missing: detail.missing.as_deref(),
        };
        // The methods so far are all first factors.
        let asked = self.methods.iter().filter(|_| detail.requested_aal <= Aal::Aal1);
        let nodes = asked.flat_map(|method| method.login_nodes(&form)).collect();
        let action = format!("{}/self-service/login?flow={}", self.public_url.as_str().trim_end_matches('/'), flow.id);
        Ui::new(action, csrf_token, nodes, detail.messages.clone())
    }

    /// The flow as the self-service API shows it.
    pub fn login_json(&self, flow: &LoginFlow, csrf_token: Option<&str>) -> Value {
        let detail = &flow.detail;
        let mut body = Map::new();
        let mut put = |key: &str, value: Value| {
            body.insert(key.to_owned(), value);
        };
        put("id", json!(flow.id));
        put("type", json!(detail.kind));
        put("issued_at", json!(flow.issued_at.rfc3339()));
        put("expires_at", json!(flow.expires_at.rfc3339()));
        put("created_at", json!(flow.issued_at.rfc3339()));
        put("updated_at", json!(flow.issued_at.rfc3339()));
        put("request_url", json!(detail.request.url));
        put("requested_aal", json!(detail.requested_aal));
        put("refresh", json!(detail.refresh.is_some()));
        put("state", json!(STATE));
        put("organization_id", Value::Null);
        put("ui", json!(self.login_ui(flow, csrf_token)));
        if let Some(url) = &detail.return_to {
            put("return_to", json!(url));
        }
        if let Some(method) = detail.active {
            put("active", json!(method));
        }
        if let Some(challenge) = &detail.request.login_challenge {
            put("oauth2_login_challenge", json!(challenge));
        }
        Value::Object(body)
    }

    /// Checks where the browser wants to go afterwards.
    ///
    /// # Errors
    /// [`return_to::Forbidden`] when it is neither the default address, below it, nor of the self-service API.
    pub fn return_to(&self, raw: &str) -> Result<Url, return_to::Forbidden> {
        let base = self.settings.default_return_url.as_ref().unwrap_or(&self.public_url);
        let mut own = self.public_url.clone();
        own.set_path(&format!("{}/self-service", self.public_url.path().trim_end_matches('/')));
        let allowed: Vec<Url> = self.settings.default_return_url.iter().cloned().chain([own]).collect();
        return_to::check(raw, base, &allowed)
    }

    /// What a person logs in with, as their traits say.
    fn known_identifier(&self, identity: &Identity) -> Option<String> {
        self.schema.identifiers(&identity.traits).into_iter().next()
    }

    /// It belongs to the interaction, not to one flow: a flow in place of one that is over was asked the same.
    fn seal_request(&self, interaction: Option<Id<Interaction>>, request: &Request) -> String {
        let plain = json!(request).to_string();
        self.sealer.seal_text(Purpose::FlowRequest, &belonging(interaction), plain.as_bytes(), &*self.random)
    }

    /// The flow as it was before storage; without its request when that was sealed with a secret that is gone.
    pub(super) fn with_request(&self, mut flow: LoginFlow) -> LoginFlow {
        let aad = belonging(flow.interaction);
        let opened = self.sealer.open_text(Purpose::FlowRequest, &aad, &flow.detail.sealed_request);
        flow.detail.request = opened.and_then(|json| serde_json::from_slice(json.expose()).ok()).unwrap_or_default();
        flow
    }

    pub(super) async fn keep(&self, flow: &LoginFlow) -> Result<(), StoreError> {
        let row = flow.to_row();
        self.store.write(move |tx| flows::insert(tx, &row)).await
    }

    /// Keeps what changed in a flow that is not over yet.
    pub(super) async fn update(&self, flow: &LoginFlow) -> Result<(), StoreError> {
        let row = flow.to_row();
        self.store.write(move |tx| flows::update(tx, &row, STATE)).await?;
        Ok(())
    }
}
