//! After the login: the session is settled, and what is allowed comes next.
//!
//! Two ways in: the browser's return with a `login_verifier` (external flow), and our own form's success (embedded flow),
//! which decides everything in the transaction that begins the session.

use std::time::Duration;

use super::Ask;
use super::browser::{Browser, CookieChange, Next, NextKind, Refused};
use super::challenge::{self, Challenge};
use super::machine::{Allowed, CodeDraft, Interactions, consent_required};
use crate::base::{Id, Instant, Secret};
use crate::crypto::TokenKind;
use crate::crypto::opaque::Opened;
use crate::identity::flow::submit::{self, Applied, PreparedLogin};
use crate::model::{Aal, ConsentAnswer, Fact, Interaction, LoginAnswer, Session, Stage, Subject};
use crate::oauth::authorize::{AuthorizeFailure, AuthorizeReply, ReplyTo, prompt};
use crate::oauth::{ErrorCode, OAuthError};
use crate::store::{StoreError, Tx, clients, interactions, sessions};

/// What a settled login leads to.
enum Settled {
    /// Nobody needs to be asked further.
    Answered(Box<ConsentAnswer>),
    /// The consent page is next.
    Asked,
    /// Somebody else was faster.
    Lost,
    /// The client gets an error.
    Refused(OAuthError),
}

/// What our own form's success leads to.
enum Begun {
    /// Somebody else was faster.
    Lost,
    /// No session after all.
    Nothing(Applied),
    /// A session, and what came of the interaction.
    Session { settled: Settled, token: Secret<String> },
}

/// Rows and tokens made before the transaction.
#[derive(Clone)]
struct Plan {
    interaction: Interaction,
    login: LoginAnswer,
    consent: Challenge,
    draft: CodeDraft,
    expected: [Stage; 2],
}

impl Interactions {
    /// Finds the interaction of a verifier and checks that it is this browser's.
    pub(super) async fn returned(
        &self,
        kind: TokenKind,
        token: &str,
        browser: &Browser,
        now: Instant,
    ) -> Result<(Interaction, Opened), Refused> {
        let opened = self.engine.opaque.open(kind, token).ok_or(Refused::Unknown)?;
        let id = Id::<Interaction>::from_uuid(opened.id);
        let found = self.engine.store.read(move |tx| interactions::find(tx, id)).await?;
        let interaction = found.ok_or(Refused::Unknown)?;
        challenge::must_be_fresh(&interaction, now)?;
        challenge::must_be_same_browser(&interaction, browser)?;
        Ok((interaction, opened))
    }

    /// The browser comes back from the external login UI.
    pub(super) async fn login_verified(&self, verifier: &str, browser: &Browser) -> Result<Next, AuthorizeFailure> {
        let now = self.engine.clock.now();
        let (interaction, opened) = self.returned(TokenKind::LoginVerifier, verifier, browser, now).await?;
        if !challenge::is(interaction.login_verifier_digest.as_ref(), &opened) {
            return Err(Refused::Unknown.into());
        }
        match interaction.stage {
            Stage::LoginAnswered => {}
            Stage::Refused => return self.refusal(interaction).await,
            _ => return Err(over()),
        }
        let reply_to = ReplyTo::of(&interaction.request);
        let safe = |error: OAuthError| AuthorizeFailure::Safe { reply_to: Box::new(reply_to.clone()), error };
        let login = interaction.login.clone().unwrap_or_default();
        prompt::fits_hint(&interaction.request, &login.subject).map_err(safe)?;
        let (session, cookies) = self.session_after(&interaction, &login, browser, now);
        let plan = self.plan(interaction, login, [Stage::LoginAnswered; 2], now);
        self.settle(plan, session, cookies, now).await
    }

    /// Our own form succeeded for this interaction: session, login and perhaps the code are written together.
    ///
    /// The inner error says why the login itself came to nothing after all; the form is shown again then.
    ///
    /// # Errors
    /// [`AuthorizeFailure`] as for `/oauth2/auth`.
    pub async fn login_finished(
        &self,
        id: Id<Interaction>,
        browser: &Browser,
        prepared: PreparedLogin,
    ) -> Result<Result<Next, Applied>, AuthorizeFailure> {
        let now = self.engine.clock.now();
        let store = &self.engine.store;
        let found = store.read(move |tx| interactions::find(tx, id)).await.map_err(Refused::from)?;
        let interaction = found.ok_or(Refused::Unknown)?;
        challenge::must_be_fresh(&interaction, now)?;
        challenge::must_be_same_browser(&interaction, browser).map_err(Refused::Page)?;
        let plan = self.plan(interaction, LoginAnswer::default(), [Stage::LoginAsked, Stage::LoginAnswered], now);
        let (this, sent) = (self.clone(), plan.clone());
        let begun = store.write(move |tx| this.begin_in(tx, &plan, &prepared, now)).await.map_err(Refused::from)?;
        match begun {
            Begun::Nothing(why) => Ok(Err(why)),
            Begun::Lost => Err(over()),
            Begun::Session { settled, token } => {
                let kept = &self.engine.settings.identity;
                let max_age = kept.session_cookie.persistent.then_some(kept.session_lifespan);
                self.next(&sent, settled, vec![CookieChange::SetSession { value: token, max_age }]).map(Ok)
            }
        }
    }

    /// Nothing is written for an interaction that somebody else moved on meanwhile.
    fn begin_in(&self, tx: &mut Tx, plan: &Plan, prepared: &PreparedLogin, now: Instant) -> Result<Begun, StoreError> {
        let still_asked =
            interactions::find(tx, plan.interaction.id)?.is_some_and(|i| plan.expected.contains(&i.stage));
        if !still_asked {
            return Ok(Begun::Lost);
        }
        let outcome = match submit::apply(tx, prepared, now)? {
            Applied::LoggedIn(outcome) => outcome,
            nothing => return Ok(Begun::Nothing(nothing)),
        };
        let plan = Plan { login: outcome.answer, ..plan.clone() };
        let settled = self.settle_in(tx, plan, Some(&outcome.session), now)?;
        Ok(Begun::Session { settled, token: outcome.token })
    }

    fn plan(&self, interaction: Interaction, login: LoginAnswer, expected: [Stage; 2], now: Instant) -> Plan {
        let id = interaction.id.uuid();
        let consent = Challenge::issue(&self.engine.opaque, TokenKind::ConsentChallenge, id, &*self.engine.random);
        Plan { interaction, login, consent, draft: self.draft_code(now), expected }
    }

    /// The session that an external login leads to, and the cookies that go with it.
    fn session_after(
        &self,
        interaction: &Interaction,
        login: &LoginAnswer,
        browser: &Browser,
        now: Instant,
    ) -> (SessionChange, Vec<CookieChange>) {
        let configured = self.engine.settings.oauth.lifetimes.authentication_session;
        let lifetime = if login.remember_for > 0 { Duration::from_secs(login.remember_for) } else { configured };
        if interaction.login_skip
            && let Some(key) = interaction.session_key
        {
            let mut cookies = Vec::new();
            let until = login.extend_session_lifespan.then(|| now.plus(lifetime));
            if until.is_some()
                && let Some(value) = &browser.session
            {
                cookies.push(CookieChange::SetSession { value: value.clone(), max_age: Some(lifetime) });
            }
            return (SessionChange::Continue { key, until }, cookies);
        }
        let key = Id::<Session>::ordered(now, &*self.engine.random);
        let issued = self.engine.opaque.issue(TokenKind::Session, key.uuid(), &*self.engine.random);
        let session = Session {
            key,
            id: challenge::session_id(interaction),
            digest: issued.digest,
            subject: Subject::new(login.subject.clone()),
            identity_id: None,
            authenticated_at: Instant::from_micros(login.authenticated_at),
            issued_at: now,
            expires_at: now.plus(lifetime),
            remembered: login.remember,
            aal: Aal::Aal1,
            acr: login.acr.clone(),
            amr: login.amr.iter().map(|m| m.as_str().into()).collect(),
            provider_session_id: login.identity_provider_session_id.clone(),
            device: browser.device(),
            revoked_at: None,
        };
        let cookie = if login.remember {
            CookieChange::SetSession { value: issued.token, max_age: Some(lifetime) }
        } else {
            CookieChange::ClearSession
        };
        let replaced = browser.session.as_ref().filter(|_| !login.remember).cloned();
        (SessionChange::Begin { session: Box::new(session), replaced }, vec![cookie])
    }

    async fn settle(
        &self,
        plan: Plan,
        session: SessionChange,
        cookies: Vec<CookieChange>,
        now: Instant,
    ) -> Result<Next, AuthorizeFailure> {
        let (this, sent) = (self.clone(), plan.clone());
        let settled = self
            .engine
            .store
            .write(move |tx| {
                let found = this.session_for(tx, &session, now)?;
                let settled = this.settle_in(tx, plan.clone(), found.as_ref(), now)?;
                // Only whoever moved the interaction on keeps the session that came of it.
                if matches!(settled, Settled::Answered(_) | Settled::Asked) {
                    this.change_session(tx, &session, now)?;
                }
                Ok(settled)
            })
            .await
            .map_err(Refused::from)?;
        self.next(&sent, settled, cookies)
    }

    /// The session as a login leaves it; nothing is written yet.
    fn session_for(&self, tx: &mut Tx, change: &SessionChange, now: Instant) -> Result<Option<Session>, StoreError> {
        match change {
            SessionChange::Begin { session, .. } => Ok(Some(*session.clone())),
            SessionChange::Continue { key, until } => {
                let found = sessions::find(tx, *key)?.filter(|s| s.is_live(now));
                Ok(found.map(|s| Session { expires_at: until.unwrap_or(s.expires_at), ..s }))
            }
        }
    }

    fn change_session(&self, tx: &mut Tx, change: &SessionChange, now: Instant) -> Result<(), StoreError> {
        match change {
            SessionChange::Begin { session, replaced } => {
                // A login that is not to be remembered ends the one that was.
                if let Some(old) = self.session_of(tx, replaced.as_ref(), now)?
                    && sessions::revoke(tx, old.key, now)?
                {
                    tx.record(Fact::SessionEnded { session: old.id, subject: old.subject });
                }
                sessions::insert(tx, session)?;
                tx.record(Fact::SessionBegun { session: session.id, subject: session.subject.clone() });
                Ok(())
            }
            SessionChange::Continue { until: None, .. } => Ok(()),
            SessionChange::Continue { .. } => match self.session_for(tx, change, now)? {
                Some(session) => sessions::update(tx, &session).map(drop),
                None => Ok(()),
            },
        }
    }

    /// One transaction: the interaction moves on by compare-and-set, and where nothing needs asking the code is written too.
    fn settle_in(
        &self,
        tx: &mut Tx,
        plan: Plan,
        session: Option<&Session>,
        now: Instant,
    ) -> Result<Settled, StoreError> {
        let Plan { interaction, login, consent, draft, expected } = plan;
        let Some(session) = session else {
            return Ok(Settled::Refused(OAuthError::new(
                ErrorCode::LoginRequired,
                "the login session ended meanwhile",
            )));
        };
        let request = interaction.request.clone();
        if let Err(error) = prompt::fits_hint(&request, &login.subject) {
            return Ok(Settled::Refused(error));
        }
        let Some(client) = clients::find(tx, &request.client_id)? else {
            return Ok(Settled::Refused(OAuthError::new(
                ErrorCode::UnauthorizedClient,
                "the client is no longer registered",
            )));
        };
        let subject = Subject::new(login.subject.clone());
        let known = self.known_consent(tx, &client, &request, &subject, now)?;
        if request.prompt.none && known.is_none() && !client.metadata.skip_consent {
            return Ok(Settled::Refused(consent_required()));
        }
        let id = interaction.id;
        let mut moved = match interaction.login_verified(Some(session.key), known.is_some(), consent.digest) {
            Ok(moved) => moved,
            Err(_) => return Ok(Settled::Lost),
        };
        moved.subject = Some(subject);
        moved.login = Some(login.clone());
        let answer = known.filter(|_| self.flow.skips_consent());
        if answer.is_some() {
            moved.stage = Stage::Done;
        }
        if !interactions::update(tx, &moved, &expected)? {
            return Ok(Settled::Lost);
        }
        let Some(answer) = answer else { return Ok(Settled::Asked) };
        let allowed = Allowed {
            request: &request,
            login: &login,
            consent: &answer,
            skipped: true,
            session: Some((session.key, session.id)),
            interaction: Some(id),
        };
        draft.grant(tx, &allowed, now)?;
        Ok(Settled::Answered(Box::new(answer)))
    }

    fn next(&self, plan: &Plan, settled: Settled, mut cookies: Vec<CookieChange>) -> Result<Next, AuthorizeFailure> {
        let request = &plan.interaction.request;
        let done = CookieChange::ClearBinding { tag: challenge::tag(plan.interaction.id) };
        let kind = match settled {
            Settled::Lost => return Err(over()),
            Settled::Asked => NextKind::Show(self.flow.page(Ask::Consent, &plan.consent)),
            Settled::Refused(error) => {
                cookies = vec![done];
                NextKind::Reply(AuthorizeReply::error(ReplyTo::of(request), &error, &self.engine.settings.issuer))
            }
            Settled::Answered(consent) => {
                cookies.push(done);
                NextKind::Reply(self.reply(request, &plan.draft, &consent))
            }
        };
        Ok(Next { kind, cookies })
    }

    /// Login or consent was refused: the client hears it in the words of whoever refused, once.
    pub(super) async fn refusal(&self, interaction: Interaction) -> Result<Next, AuthorizeFailure> {
        let (to, why) = (ReplyTo::of(&interaction.request), interaction.rejection.clone().unwrap_or_default());
        let tag = challenge::tag(interaction.id);
        let Ok(done) = interaction.finished() else { return Err(over()) };
        let first = self
            .engine
            .store
            .write(move |tx| interactions::update(tx, &done, &[Stage::Refused]))
            .await
            .map_err(Refused::from)?;
        if !first {
            return Err(over());
        }
        let reply = AuthorizeReply::refusal(to, &why.error, &why.error_description, &self.engine.settings.issuer);
        Ok(Next { kind: NextKind::Reply(reply), cookies: vec![CookieChange::ClearBinding { tag }] })
    }
}

/// What a login does to the session.
#[derive(Clone)]
enum SessionChange {
    /// A new one; one that was in the browser may end.
    Begin { session: Box<Session>, replaced: Option<Secret<String>> },
    /// The one that is there goes on, perhaps for longer.
    Continue { key: Id<Session>, until: Option<Instant> },
}

/// The step was taken before.
fn over() -> AuthorizeFailure {
    Refused::Over { redirect_to: String::new() }.into()
}
