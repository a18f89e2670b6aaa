//! Answers a login flow: counts the attempt, looks at the proof, and makes a session.
//!
//! [`Accounts::prepare_login`] reads, counts and hashes; [`apply`] writes, inside the transaction of whoever goes on from
//! there, and checks again by compare-and-set what may have changed since. Until the proof holds, an account that is
//! unknown, disabled or without a password gives the same answer at the same cost as a wrong password.

use std::net::IpAddr;
use std::sync::Arc;

use uuid::Uuid;

use super::FlowError;
use super::login::LoginFlow;
use crate::base::{Id, Instant, Secret};
use crate::identity::credential::{LoginFields, Method, Verdict};
use crate::identity::message::Message;
use crate::identity::sessions::{self, Proof};
use crate::identity::throttle::{self, Counted, Rules};
use crate::identity::{Accounts, identifier};
use crate::model::identity::{Credential, IdentityState};
use crate::model::token::Digest;
use crate::model::{Device, Fact, Identity, LoginAnswer, Session};
use crate::store::{self, StoreError, Tx, flows, identities};

/// What was sent to a login flow.
#[derive(Clone, Debug)]
pub struct LoginInput {
    /// Which flow.
    pub flow: Uuid,
    /// Of the browser's anti-forgery secret, after its token was checked; `None` for an API flow.
    pub csrf: Option<Digest>,
    /// The method chosen.
    pub method: String,
    /// What the method needs.
    pub fields: LoginFields,
    /// From where.
    pub device: Device,
    /// The address attempts are counted by, behind trusted proxies.
    pub address: IpAddr,
}

/// A login whose proof holds, ready to be written.
#[derive(Clone, Debug)]
pub struct PreparedLogin {
    flow: LoginFlow,
    session: Session,
    is_renewal: bool,
    token: Secret<String>,
    identifier: String,
    credential: Credential,
    upgrade: Option<Credential>,
    counted: Counted,
    rules: Rules,
    remember: bool,
}

impl PreparedLogin {
    /// The flow that was answered: where the browser goes next, and the interaction that waits.
    pub const fn flow(&self) -> &LoginFlow {
        &self.flow
    }
}

/// What a login made.
#[derive(Clone, Debug)]
pub struct LoginOutcome {
    /// The new session, as stored.
    pub session: Session,
    /// Who it is.
    pub identity: Identity,
    /// The session's token, for the cookie or the app; kept nowhere else.
    pub token: Secret<String>,
    /// What the waiting client is told.
    pub answer: LoginAnswer,
}

/// What became of a prepared login.
#[derive(Clone, Debug)]
pub enum Applied {
    /// The account was disabled or its credential changed while the proof was looked at.
    AccountChanged,
    /// The flow was answered twice at the same time, or ran out, or the session it renews ended.
    FlowOver,
    /// Somebody is signed in.
    LoggedIn(Box<LoginOutcome>),
}

/// Writes a prepared login: the session, the flow's end, a renewed hash, and the attempt given back.
///
/// # Errors
/// As the store.
pub fn apply(tx: &mut Tx, prepared: &PreparedLogin, now: Instant) -> Result<Applied, StoreError> {
    let kind = prepared.credential.kind;
    let found = identities::find_credential_by_identifier(tx, kind, &prepared.identifier)?;
    let unchanged = found.filter(|(identity, credential)| {
        identity.state == IdentityState::Active
            && credential.identity_id == prepared.credential.identity_id
            && credential.version == prepared.credential.version
    });
    let Some((identity, _)) = unchanged else { return Ok(Applied::AccountChanged) };
    if let Some(upgrade) = &prepared.upgrade
        && !identities::replace_credential(tx, upgrade, prepared.credential.version, now)?
    {
        return Ok(Applied::AccountChanged);
    }
    if now >= prepared.flow.expires_at || !flows::mark_used(tx, prepared.flow.id.uuid(), now)? {
        return Ok(Applied::FlowOver);
    }
    let session = prepared.session.clone();
    if !prepared.is_renewal {
        store::sessions::insert(tx, &session)?;
        tx.record(Fact::SessionBegun { session: session.id, subject: session.subject.clone() });
    } else if !store::sessions::update(tx, &session)? {
        return Ok(Applied::FlowOver);
    }
    throttle::succeeded(tx, &prepared.rules, &prepared.counted, now)?;
    let answer = sessions::login_answer(&session, prepared.remember);
    Ok(Applied::LoggedIn(Box::new(LoginOutcome { session, identity, token: prepared.token.clone(), answer })))
}

/// An account as the read visit found it.
struct Found {
    flow: Option<LoginFlow>,
    account: Option<(Identity, Credential)>,
    /// The session that the browser held.
    renews: Option<Session>,
}

impl Accounts {
    /// Looks at what was sent to a login flow. Nothing but the attempt, and the messages of a refused one, is written.
    ///
    /// # Errors
    /// [`FlowError`]: a wrong proof is [`FlowError::Form`].
    pub async fn prepare_login(&self, input: LoginInput) -> Result<PreparedLogin, FlowError> {
        let now = self.clock.now();
        let identifier = identifier::normalise(&input.fields.identifier).unwrap_or_default();
        let method = self.methods.iter().find(|method| method.kind().as_str() == input.method).cloned();
        let Found { flow, account, renews } = self.read_login(input.flow, method.as_ref(), identifier.clone()).await?;
        let flow = flow.ok_or(FlowError::NotFound)?;
        if !flow.belongs_to(input.csrf.as_ref()) {
            return Err(FlowError::Csrf);
        }
        if flow.is_over(now) {
            return Err(self.replace(&flow, now).await);
        }
        let typed = input.fields.identifier.clone();
        let Some(method) = method else {
            return Err(self.form(flow.with_answer(None, &typed, vec![Message::no_login_method()])).await);
        };
        let kind = method.kind();
        if let Some(missing) = method.missing(&input.fields) {
            let mut form = flow.with_answer(Some(kind), &typed, Vec::new());
            form.detail.missing = Some(missing.to_owned());
            return Err(self.form(form).await);
        }
        let counted = Counted::new(&self.names, &identifier, input.address);
        self.count(&flow.with_answer(Some(kind), &typed, Vec::new()), &counted, now).await?;
        let (identity, credential) = account.unzip();
        let (credential, verdict) = self.verify(&method, credential, input.fields).await?;
        let proven = match (verdict, identity, credential) {
            (Verdict::Right { upgrade }, Some(identity), Some(credential)) => Some((upgrade, identity, credential)),
            _ => None,
        };
        // Whoever re-authenticates must be the one who is signed in.
        let proven = proven.filter(|(_, identity, _)| flow.detail.refresh.is_none_or(|id| id == identity.id));
        let Some((upgrade, identity, credential)) = proven else {
            return Err(self.form(flow.with_answer(Some(kind), &typed, vec![Message::wrong_credentials()])).await);
        };
        if identity.state == IdentityState::Inactive {
            return Err(self.form(flow.with_answer(Some(kind), &typed, vec![Message::account_disabled()])).await);
        }
        // The same person goes on in their session, so that a later logout ends all that rests on it.
        let renews = renews.filter(|session| session.is_live(now) && session.identity_id == Some(identity.id));
        let is_renewal = renews.is_some();
        let proof = Proof { identity: identity.id, method: kind, device: input.device, renews };
        let (session, token) = self.draft_session(proof, now);
        let upgrade =
            upgrade.map(|config| Credential { config, version: credential.version + 1, ..credential.clone() });
        let (remember, rules) = (self.settings.session_cookie.persistent, self.rules);
        Ok(PreparedLogin {
            flow,
            session,
            is_renewal,
            token,
            identifier,
            credential,
            upgrade,
            counted,
            rules,
            remember,
        })
    }

    /// Applies a prepared login in a transaction of its own, when nobody waits for it.
    ///
    /// # Errors
    /// [`FlowError::Replaced`] when the flow was answered twice, [`FlowError::Form`] when the account changed meanwhile.
    pub async fn finish_login(&self, prepared: PreparedLogin) -> Result<LoginOutcome, FlowError> {
        let now = self.clock.now();
        let again = prepared.clone();
        let applied = self.store.write(move |tx| apply(tx, &prepared, now)).await?;
        match applied {
            Applied::LoggedIn(outcome) => Ok(*outcome),
            refused => Err(self.overtaken(&again, &refused).await),
        }
    }

    /// What to tell somebody whose prepared login could not be applied.
    pub async fn overtaken(&self, prepared: &PreparedLogin, why: &Applied) -> FlowError {
        let flow = &prepared.flow;
        match why {
            Applied::AccountChanged => {
                let typed = flow.detail.identifier.as_deref().unwrap_or(&prepared.identifier);
                let kind = Some(prepared.credential.kind);
                self.form(flow.with_answer(kind, typed, vec![Message::wrong_credentials()])).await
            }
            Applied::FlowOver | Applied::LoggedIn(_) => self.replace(flow, self.clock.now()).await,
        }
    }

    /// Counts the attempt, or turns it away with `form`.
    async fn count(&self, form: &LoginFlow, counted: &Counted, now: Instant) -> Result<(), FlowError> {
        let (rules, counted) = (self.rules, *counted);
        let until = self.store.write(move |tx| throttle::reserve(tx, &rules, &counted, now)).await?;
        let Some(until) = until else { return Ok(()) };
        let retry_after = throttle::retry_after(until, now);
        let mut form = form.clone();
        form.detail.messages.push(Message::too_many_attempts(retry_after));
        Err(match self.form(form).await {
            FlowError::Form(flow) => FlowError::Throttled { flow, retry_after },
            other => other,
        })
    }

    async fn read_login(
        &self,
        flow: Uuid,
        method: Option<&Arc<dyn Method>>,
        identifier: String,
    ) -> Result<Found, FlowError> {
        let kind = method.map(|method| method.kind());
        let read = move |tx: &mut Tx| {
            let flow = flows::find(tx, flow)?.map(LoginFlow::from_row).transpose()?.flatten();
            let account = match kind {
                Some(kind) => identities::find_credential_by_identifier(tx, kind, &identifier)?,
                None => None,
            };
            let renews = match flow.as_ref().and_then(|flow| flow.detail.session) {
                Some(session) => store::sessions::find(tx, session)?,
                None => None,
            };
            Ok(Found { flow, account, renews })
        };
        let found = self.store.read(read).await?;
        Ok(Found { flow: found.flow.map(|flow| self.with_request(flow)), ..found })
    }

    async fn verify(
        &self,
        method: &Arc<dyn Method>,
        credential: Option<Credential>,
        fields: LoginFields,
    ) -> Result<(Option<Credential>, Verdict), FlowError> {
        let (method, random) = (Arc::clone(method), Arc::clone(&self.random));
        let job = move || {
            let verdict = method.verify(credential.as_ref(), &fields, &*random);
            (credential, verdict)
        };
        Ok(self.gate.run(job).await?)
    }

    /// Keeps the form with its messages, for a page that fetches it.
    async fn form(&self, flow: LoginFlow) -> FlowError {
        match self.update(&flow).await {
            Ok(()) => FlowError::Form(Box::new(flow)),
            Err(error) => error.into(),
        }
    }

    /// A new flow in place of one that is over.
    async fn replace(&self, old: &LoginFlow, now: Instant) -> FlowError {
        let expired = now >= old.expires_at;
        let why = if expired { Message::login_expired(old.expires_at) } else { Message::login_already_used() };
        let flow = old.again(Id::random(&*self.random), now, self.settings.login_lifespan, why);
        match self.keep(&flow).await {
            Ok(()) => FlowError::Replaced { flow: Box::new(flow), expired_at: old.used_at.unwrap_or(old.expires_at) },
            Err(error) => error.into(),
        }
    }
}
