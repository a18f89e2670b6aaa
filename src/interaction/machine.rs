//! `/oauth2/auth`: the only place that begins, advances and ends an interaction.
//!
//! A request travels `validate → who is there? → what is allowed? → code`. Each step reads once and writes once; what the
//! write finds changed since the read is refused by compare-and-set.

use std::sync::Arc;
use std::time::Duration;

use super::browser::{Browser, CookieChange, Next, NextKind};
use super::challenge::{self, Challenge};
use super::{Ask, IdentityFlow, LoginAsk};
use crate::base::{Id, Instant, Secret};
use crate::crypto::TokenKind;
use crate::model::client::Client;
use crate::model::{
    AuthorizeRequest, CodeRecord, ConsentAnswer, Fact, Grant, GrantDetail, IdentityState, Interaction, LoginAnswer,
    Session, Stage, Subject,
};
use crate::oauth::authorize::prompt::{self, LoginNeed};
use crate::oauth::authorize::{self, AuthorizeFailure, AuthorizePolicy, AuthorizeReply, ReplyTo};
use crate::oauth::{Engine, ErrorCode, OAuthError, Params};
use crate::store::{StoreError, Tx, grants, identities, interactions, sessions, tokens};

/// How many remembered answers are looked at, newest first.
const REMEMBERED: i64 = 20;

/// Everything the seam needs; shared by all requests.
#[derive(Clone)]
pub struct Interactions {
    /// The authorization server.
    pub engine: Arc<Engine>,
    /// Who knows the people.
    pub flow: Arc<dyn IdentityFlow>,
}

/// A code and its grant, made before the transaction but for what only the transaction knows.
#[derive(Clone)]
pub(super) struct CodeDraft {
    grant_id: Id<Grant>,
    code: Id<CodeRecord>,
    digest: [u8; 32],
    token: Secret<String>,
    lifetime: Duration,
}

/// What a code stands for.
pub(super) struct Allowed<'a> {
    pub request: &'a AuthorizeRequest,
    pub login: &'a LoginAnswer,
    pub consent: &'a ConsentAnswer,
    pub skipped: bool,
    pub session: Option<(Id<Session>, uuid::Uuid)>,
    pub interaction: Option<Id<Interaction>>,
}

/// Everything there is to know, without asking.
struct Known {
    login: LoginAnswer,
    consent: ConsentAnswer,
    session: Session,
}

/// What a fresh request leads to.
enum Step {
    /// Nobody needs to be asked.
    Answer(Box<Known>),
    /// A page is needed.
    Page { ask: Ask, login: Option<Box<LoginAnswer>>, session: Option<Box<Session>> },
}

impl Interactions {
    /// Answers a request to `/oauth2/auth`: a fresh one, or the browser's return with a verifier.
    ///
    /// # Errors
    /// [`AuthorizeFailure`] says what is wrong and whom to tell.
    pub async fn authorize(
        &self,
        params: &Params,
        request_url: &str,
        browser: &Browser,
    ) -> Result<Next, AuthorizeFailure> {
        if let Some(verifier) = params.one("login_verifier").map_err(AuthorizeFailure::Unsafe)? {
            return self.login_verified(verifier, browser).await;
        }
        if let Some(verifier) = params.one("consent_verifier").map_err(AuthorizeFailure::Unsafe)? {
            return self.consent_verified(verifier, browser).await;
        }
        let client_id = authorize::client_id(params)?;
        let client = self.engine.store.client(&client_id).await.map_err(|e| AuthorizeFailure::Unsafe(e.into()))?;
        let client = client.ok_or_else(|| {
            AuthorizeFailure::Unsafe(OAuthError::new(
                ErrorCode::InvalidClient,
                "the app is not registered here; its client_id is unknown to this server",
            ))
        })?;
        let now = self.engine.clock.now();
        let hint = |token: &str| self.engine.verify_hint(token, Some(&client));
        let mut request = authorize::validate(params, &client, &self.policy(), &hint, now)?;
        request_url.clone_into(&mut request.request_url);
        self.begin(&client, request, browser, now).await
    }

    fn policy(&self) -> AuthorizePolicy {
        let oauth = &self.engine.settings.oauth;
        AuthorizePolicy {
            scope_strategy: oauth.scope_strategy,
            pkce_enforced: oauth.pkce.enforced,
            pkce_enforced_for_public_clients: oauth.pkce.enforced_for_public_clients,
            state_min_length: oauth.state_min_length,
        }
    }

    async fn begin(
        &self,
        client: &Arc<Client>,
        request: AuthorizeRequest,
        browser: &Browser,
        now: Instant,
    ) -> Result<Next, AuthorizeFailure> {
        let reply_to = ReplyTo::of(&request);
        let safe = |error: OAuthError| AuthorizeFailure::Safe { reply_to: Box::new(reply_to.clone()), error };
        match self.decide(client, &request, browser, now).await.map_err(safe)? {
            Step::Answer(known) => self.answer(request, *known, now).await.map_err(|e| safe(e.into())),
            Step::Page { ask, login, session } => {
                self.pause(request, ask, login, session, now).await.map_err(|e| safe(e.into()))
            }
        }
    }

    /// Reads what is known and applies the rules; writes nothing.
    async fn decide(
        &self,
        client: &Arc<Client>,
        request: &AuthorizeRequest,
        browser: &Browser,
        now: Instant,
    ) -> Result<Step, OAuthError> {
        let (this, client, request, cookie) =
            (self.clone(), Arc::clone(client), request.clone(), browser.session.clone());
        if cookie.is_none() {
            prompt::login_need(&request, None, now)?;
            return Ok(Step::Page { ask: Ask::Login, login: None, session: None });
        }
        self.engine
            .store
            .read(move |tx| {
                let session = this.session_of(tx, cookie.as_ref(), now)?;
                Ok(match prompt::login_need(&request, session.as_ref(), now) {
                    Err(error) => Err(error),
                    Ok(LoginNeed::Ask) => {
                        Ok(Step::Page { ask: Ask::Login, login: None, session: session.map(Box::new) })
                    }
                    Ok(LoginNeed::Known) => match session {
                        None => Ok(Step::Page { ask: Ask::Login, login: None, session: None }),
                        Some(session) => this.decide_known(tx, &client, &request, session, now)?,
                    },
                })
            })
            .await?
    }

    /// Somebody is logged in: the flow may answer for them at once, and then consent may be known as well.
    fn decide_known(
        &self,
        tx: &mut Tx,
        client: &Client,
        request: &AuthorizeRequest,
        session: Session,
        now: Instant,
    ) -> Result<Result<Step, OAuthError>, StoreError> {
        let ask = LoginAsk { request, session: &session, now };
        let Some(login) = self.flow.recognise(tx, &ask)? else {
            // An external flow is always visited, and told that it need not ask.
            let login = known_login(&session);
            return Ok(Ok(Step::Page {
                ask: Ask::Login,
                login: Some(Box::new(login)),
                session: Some(Box::new(session)),
            }));
        };
        Ok(match self.known_consent(tx, client, request, &session.subject, now)? {
            Some(consent) => Ok(Step::Answer(Box::new(Known { login, consent, session }))),
            None if request.prompt.none => Err(consent_required()),
            None => {
                Ok(Step::Page { ask: Ask::Consent, login: Some(Box::new(login)), session: Some(Box::new(session)) })
            }
        })
    }

    /// The consent that need not be asked for: a trusted client's, or one remembered.
    pub(super) fn known_consent(
        &self,
        tx: &mut Tx,
        client: &Client,
        request: &AuthorizeRequest,
        subject: &Subject,
        now: Instant,
    ) -> Result<Option<ConsentAnswer>, StoreError> {
        let everything = |claims: Option<&GrantDetail>| ConsentAnswer {
            grant_scope: request.scope.clone(),
            grant_audience: request.audience.clone(),
            access_token_claims: claims.map(|d| d.access_token_claims.clone()).unwrap_or_default(),
            id_token_claims: claims.map(|d| d.id_token_claims.clone()).unwrap_or_default(),
            ..ConsentAnswer::default()
        };
        if client.metadata.skip_consent && self.flow.skips_consent() && !request.prompt.consent {
            return Ok(Some(everything(None)));
        }
        let remembered = grants::remembered(tx, subject, &client.id, now, REMEMBERED)?;
        let found = prompt::remembered_consent(request, client, &remembered, self.engine.settings.dev);
        Ok(found.map(|grant| everything(Some(&grant.detail))))
    }

    /// The live session whose cookie this is.
    pub(super) fn session_of(
        &self,
        tx: &mut Tx,
        cookie: Option<&Secret<String>>,
        now: Instant,
    ) -> Result<Option<Session>, StoreError> {
        let Some(opened) = cookie.and_then(|c| self.engine.opaque.open(TokenKind::Session, c.expose())) else {
            return Ok(None);
        };
        let found = sessions::find(tx, Id::from_uuid(opened.id))?;
        let Some(session) = found.filter(|s| opened.matches(&s.digest) && s.is_live(now)) else { return Ok(None) };
        // A person who was deactivated or removed is nobody, whatever their browser holds.
        let Some(identity) = session.identity_id else { return Ok(Some(session)) };
        let active = identities::find(tx, identity)?.is_some_and(|i| i.state == IdentityState::Active);
        Ok(active.then_some(session))
    }

    /// Everybody is known and everything allowed: grant and code in one write, and no page at all.
    async fn answer(&self, request: AuthorizeRequest, known: Known, now: Instant) -> Result<Next, StoreError> {
        let Known { login, consent, session } = known;
        let draft = self.draft_code(now);
        let reply = self.reply(&request, &draft, &consent);
        self.engine
            .store
            .write(move |tx| {
                let allowed = Allowed {
                    request: &request,
                    login: &login,
                    consent: &consent,
                    skipped: true,
                    session: Some((session.key, session.id)),
                    interaction: None,
                };
                draft.grant(tx, &allowed, now)
            })
            .await?;
        Ok(Next::plain(NextKind::Reply(reply)))
    }

    /// A person must be asked: the one row of the interaction is written, and the browser bound to it.
    async fn pause(
        &self,
        request: AuthorizeRequest,
        ask: Ask,
        login: Option<Box<LoginAnswer>>,
        session: Option<Box<Session>>,
        now: Instant,
    ) -> Result<Next, StoreError> {
        let engine = &self.engine;
        let id = Id::<Interaction>::ordered(now, &*engine.random);
        let lifetime = engine.settings.oauth.lifetimes.interaction;
        let (value, browser_digest) = challenge::binding(&*engine.random);
        let kind = if ask == Ask::Consent { TokenKind::ConsentChallenge } else { TokenKind::LoginChallenge };
        let challenge = Challenge::issue(&engine.opaque, kind, id.uuid(), &*engine.random);
        let is_consent = ask == Ask::Consent;
        let interaction = Interaction {
            id,
            stage: if is_consent { Stage::ConsentAsked } else { Stage::LoginAsked },
            browser_digest,
            login_digest: (!is_consent).then_some(challenge.digest),
            login_verifier_digest: None,
            consent_digest: is_consent.then_some(challenge.digest),
            consent_verifier_digest: None,
            session_key: session.as_ref().filter(|_| login.is_some()).map(|s| s.key),
            subject: login.as_ref().map(|l| Subject::new(l.subject.clone())),
            login_skip: login.is_some() && !is_consent,
            login: login.filter(|_| is_consent).map(|l| *l),
            consent_skip: false,
            consent: None,
            rejection: None,
            created_at: now,
            expires_at: now.plus(lifetime),
            request,
        };
        engine.store.write(move |tx| interactions::insert(tx, &interaction)).await?;
        let cookies = vec![CookieChange::SetBinding { tag: challenge::tag(id), value, max_age: lifetime }];
        Ok(Next { kind: NextKind::Show(self.flow.page(ask, &challenge)), cookies })
    }

    /// A code to be filled in by the transaction.
    pub(super) fn draft_code(&self, now: Instant) -> CodeDraft {
        let engine = &self.engine;
        let code = Id::<CodeRecord>::ordered(now, &*engine.random);
        let issued = engine.opaque.issue(TokenKind::Code, code.uuid(), &*engine.random);
        CodeDraft {
            grant_id: Id::ordered(now, &*engine.random),
            code,
            digest: issued.digest,
            token: issued.token,
            lifetime: engine.settings.oauth.lifetimes.authorization_code,
        }
    }

    /// The answer that carries a draft's code.
    pub(super) fn reply(
        &self,
        request: &AuthorizeRequest,
        draft: &CodeDraft,
        consent: &ConsentAnswer,
    ) -> AuthorizeReply {
        AuthorizeReply::code(
            ReplyTo::of(request),
            draft.token.expose(),
            &consent.grant_scope,
            &self.engine.settings.issuer,
        )
    }
}

impl CodeDraft {
    /// Writes the grant and its code.
    ///
    /// # Errors
    /// Only when storage fails.
    pub(super) fn grant(&self, tx: &mut Tx, allowed: &Allowed<'_>, now: Instant) -> Result<(), StoreError> {
        let grant = self.grant_row(allowed, now);
        grants::insert(tx, &grant)?;
        tokens::insert_code(
            tx,
            &CodeRecord {
                id: self.code,
                digest: self.digest,
                grant_id: self.grant_id,
                client_id: grant.client_id.clone(),
                redirect_uri: allowed.request.redirect_uri_given.then(|| allowed.request.redirect_uri.clone()),
                code_challenge: allowed.request.code_challenge.clone(),
                issued_at: now,
                expires_at: now.plus(self.lifetime),
                used_at: None,
            },
        )?;
        tx.record(Fact::GrantMade { grant: grant.id.uuid(), client: grant.client_id, subject: grant.subject });
        Ok(())
    }

    fn grant_row(&self, allowed: &Allowed<'_>, now: Instant) -> Grant {
        let Allowed { request, login, consent, skipped, session, interaction } = allowed;
        let remember_until = (consent.remember_for > 0).then(|| now.plus(Duration::from_secs(consent.remember_for)));
        let code_end = now.plus(self.lifetime);
        Grant {
            id: self.grant_id,
            client_id: request.client_id.clone(),
            subject: Subject::new(login.subject.clone()),
            identity_id: login.identity_id.map(Id::from_uuid),
            // Offline access outlives the session (OIDC Core §11); everything else ends with it.
            session_key: session.filter(|_| !consent.grant_scope.wants_offline()).map(|(key, _)| key),
            scope: consent.grant_scope.clone(),
            audience: consent.grant_audience.clone(),
            detail: GrantDetail {
                sid: session.map(|(_, sid)| sid),
                nonce: request.nonce.clone(),
                auth_time: login.authenticated_at,
                requested_at: request.requested_at().micros(),
                acr: Some(login.acr.clone()).filter(|acr| !acr.is_empty()),
                amr: login.amr.clone(),
                id_token_claims: consent.id_token_claims.clone(),
                access_token_claims: consent.access_token_claims.clone(),
                context: consent.context.clone(),
                requested_scope: request.scope.clone(),
                interaction: interaction.map(Id::uuid),
            },
            remembered: consent.remember && !skipped,
            skipped: *skipped,
            remember_until,
            live_from: None,
            created_at: now,
            expires_at: match (consent.remember && !skipped, remember_until) {
                (true, None) => None,
                (true, Some(until)) => Some(until.max(code_end)),
                (false, _) => Some(code_end),
            },
            revoked_at: None,
        }
    }
}

/// Consent is needed, and nothing may be shown.
pub(super) fn consent_required() -> OAuthError {
    OAuthError::new(ErrorCode::ConsentRequired, "consent is needed, and prompt=none forbids asking")
}

/// What a session says of its person.
pub(super) fn known_login(session: &Session) -> LoginAnswer {
    LoginAnswer {
        subject: session.subject.as_str().to_owned(),
        identity_id: session.identity_id.map(Id::uuid),
        remember: true,
        acr: session.acr.clone(),
        amr: session.amr_names(),
        authenticated_at: session.authenticated_at.micros(),
        identity_provider_session_id: session.provider_session_id.clone(),
        ..LoginAnswer::default()
    }
}
