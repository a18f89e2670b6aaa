//! What is allowed: our own consent page, and the browser's return with a `consent_verifier`.

use super::browser::{Browser, CookieChange, Next, NextKind, Refused};
use super::challenge;
use super::machine::{Allowed, Interactions};
use crate::base::{Id, Instant};
use crate::crypto::TokenKind;
use crate::crypto::opaque::Opened;
use crate::model::client::Client;
use crate::model::{ConsentAnswer, Identity, Interaction, Rejection, ScopeSet, Session, Stage};
use crate::oauth::authorize::{AuthorizeFailure, ReplyTo};
use crate::oauth::{ErrorCode, OAuthError};
use crate::store::{StoreError, Tx, clients, identities, interactions, sessions};

/// What our consent page shows.
pub struct ConsentView {
    /// The app that asks.
    pub client: Client,
    /// The person, when they are in our own store.
    pub identity: Option<Identity>,
    /// The person's name to the app.
    pub subject: String,
    /// What is asked for.
    pub scope: ScopeSet,
    /// Where the browser goes afterwards.
    pub redirect_uri: String,
}

/// What a person chose on our consent page.
#[derive(Clone, Debug)]
pub enum Decision {
    /// These scopes, for this time or for good.
    Allow {
        /// Those that were ticked; never more than were asked for.
        scope: ScopeSet,
        /// Whether to ask again.
        remember: bool,
    },
    /// Nothing.
    Deny,
}

impl Interactions {
    /// Reads what the consent page shows.
    ///
    /// # Errors
    /// [`Refused`] when the challenge is unknown, old, over, another browser's, or not the question to who is logged in.
    pub async fn consent_view(&self, challenge: &str, browser: &Browser) -> Result<ConsentView, Refused> {
        let now = self.engine.clock.now();
        let interaction = self.asked_for_consent(challenge, browser, now).await?;
        let subject = interaction.subject.clone().ok_or(Refused::Unknown)?;
        let login = interaction.login.clone().unwrap_or_default();
        let request = interaction.request;
        self.engine
            .store
            .read(move |tx| {
                let Some(client) = clients::find(tx, &request.client_id)? else { return Ok(None) };
                let identity = match login.identity_id {
                    Some(id) => identities::find(tx, Id::from_uuid(id))?,
                    None => None,
                };
                Ok(Some(ConsentView {
                    client,
                    identity,
                    subject: subject.as_str().to_owned(),
                    scope: request.scope,
                    redirect_uri: request.redirect_uri,
                }))
            })
            .await?
            .ok_or(Refused::Unknown)
    }

    async fn asked_for_consent(
        &self,
        challenge: &str,
        browser: &Browser,
        now: Instant,
    ) -> Result<Interaction, Refused> {
        let (interaction, opened) = self.returned(TokenKind::ConsentChallenge, challenge, browser, now).await?;
        if !challenge::is(interaction.consent_digest.as_ref(), &opened) {
            return Err(Refused::Unknown);
        }
        match interaction.stage {
            Stage::ConsentAsked | Stage::ConsentAnswered => {}
            _ => return Err(Refused::Over { redirect_to: interaction.request.request_url }),
        }
        let (this, cookie) = (self.clone(), browser.session.clone());
        let session = self.engine.store.read(move |tx| this.session_of(tx, cookie.as_ref(), now)).await?;
        if session.is_some_and(|s| Some(s.key) != interaction.session_key) {
            return Err(Refused::Page(OAuthError::new(
                ErrorCode::RequestForbidden,
                "somebody else logged in in this browser meanwhile; go back to the app and start again",
            )));
        }
        Ok(interaction)
    }

    /// Takes a person's decision and answers the client in the same transaction.
    ///
    /// # Errors
    /// As [`Interactions::consent_view`]; `invalid_scope` on a page when more was ticked than was asked for.
    pub async fn consent_decided(
        &self,
        challenge: &str,
        browser: &Browser,
        decision: Decision,
    ) -> Result<Next, Refused> {
        let now = self.engine.clock.now();
        let interaction = self.asked_for_consent(challenge, browser, now).await?;
        match decision {
            Decision::Deny => self.denied(interaction).await,
            Decision::Allow { scope, remember } => {
                if !interaction.request.scope.covers(&scope) {
                    return Err(Refused::Page(OAuthError::new(
                        ErrorCode::InvalidScope,
                        "the form allows more than the app asked for; go back and try again",
                    )));
                }
                let consent = ConsentAnswer {
                    grant_audience: interaction.request.audience.clone(),
                    grant_scope: with_openid(&interaction.request.scope, scope),
                    remember,
                    ..ConsentAnswer::default()
                };
                self.grant(interaction, consent, &[Stage::ConsentAsked, Stage::ConsentAnswered], now).await
            }
        }
    }

    async fn denied(&self, interaction: Interaction) -> Result<Next, Refused> {
        let mut refused = interaction;
        refused.rejection = Some(Rejection {
            error: ErrorCode::AccessDenied.as_str().to_owned(),
            error_description: "the person did not allow it".to_owned(),
        });
        refused.stage = Stage::Refused;
        let row = refused.clone();
        let first = self
            .engine
            .store
            .write(move |tx| interactions::update(tx, &row, &[Stage::ConsentAsked, Stage::ConsentAnswered]))
            .await?;
        if !first {
            return Err(Refused::Over { redirect_to: refused.request.request_url });
        }
        self.refusal(refused).await.map_err(|failure| match failure {
            AuthorizeFailure::Safe { error, .. } | AuthorizeFailure::Unsafe(error) => Refused::Page(error),
        })
    }

    /// The browser comes back from the external consent UI.
    pub(super) async fn consent_verified(&self, verifier: &str, browser: &Browser) -> Result<Next, AuthorizeFailure> {
        let now = self.engine.clock.now();
        let (interaction, opened) = self.returned(TokenKind::ConsentVerifier, verifier, browser, now).await?;
        if !is_verifier(&interaction, &opened) {
            return Err(Refused::Unknown.into());
        }
        match interaction.stage {
            Stage::ConsentAnswered => {
                let consent = interaction.consent.clone().unwrap_or_default();
                Ok(self.grant(interaction, consent, &[Stage::ConsentAnswered], now).await?)
            }
            Stage::Refused => self.refusal(interaction).await,
            _ => Err(Refused::Over { redirect_to: String::new() }.into()),
        }
    }

    /// One transaction: the interaction ends by compare-and-set, grant and code are written, the client is answered.
    async fn grant(
        &self,
        interaction: Interaction,
        consent: ConsentAnswer,
        expected: &'static [Stage],
        now: Instant,
    ) -> Result<Next, Refused> {
        let draft = self.draft_code(now);
        let reply = self.reply(&interaction.request, &draft, &consent);
        let (to, tag) = (ReplyTo::of(&interaction.request), challenge::tag(interaction.id));
        let again = interaction.request.request_url.clone();
        let outcome = self
            .engine
            .store
            .write(move |tx| {
                let Some((key, sid)) = live_session(tx, &interaction, now)? else { return Ok(Ended::SessionGone) };
                let Ok(done) = interaction.clone().finished() else { return Ok(Ended::Lost) };
                if !interactions::update(tx, &done, expected)? {
                    return Ok(Ended::Lost);
                }
                let allowed = Allowed {
                    request: &interaction.request,
                    login: &interaction.login.clone().unwrap_or_default(),
                    consent: &consent,
                    skipped: interaction.consent_skip,
                    session: Some((key, sid)),
                    interaction: Some(interaction.id),
                };
                draft.grant(tx, &allowed, now)?;
                Ok(Ended::Granted)
            })
            .await?;
        let kind = match outcome {
            Ended::Granted => NextKind::Reply(reply),
            Ended::Lost => return Err(Refused::Over { redirect_to: again }),
            Ended::SessionGone => {
                let error =
                    OAuthError::new(ErrorCode::LoginRequired, "the login session ended before consent was given");
                NextKind::Reply(crate::oauth::authorize::AuthorizeReply::error(
                    to,
                    &error,
                    &self.engine.settings.issuer,
                ))
            }
        };
        Ok(Next { kind, cookies: vec![CookieChange::ClearBinding { tag }] })
    }
}

/// How a consent ended.
enum Ended {
    Granted,
    Lost,
    SessionGone,
}

/// Somebody who logged out, or was deactivated, between login and consent allows nothing.
fn live_session(
    tx: &mut Tx,
    interaction: &Interaction,
    now: Instant,
) -> Result<Option<(Id<Session>, uuid::Uuid)>, StoreError> {
    let Some(key) = interaction.session_key else { return Ok(None) };
    Ok(sessions::find(tx, key)?.filter(|s| s.is_live(now)).map(|s| (s.key, s.id)))
}

/// `openid` is what the app is about; it cannot be unticked.
fn with_openid(asked: &ScopeSet, ticked: ScopeSet) -> ScopeSet {
    if !asked.contains("openid") || ticked.contains("openid") {
        return ticked;
    }
    let names: Vec<&str> = asked.iter().filter(|n| *n == "openid" || ticked.contains(n)).collect();
    ScopeSet::from_names(&names).unwrap_or(ticked)
}

fn is_verifier(interaction: &Interaction, opened: &Opened) -> bool {
    challenge::is(interaction.consent_verifier_digest.as_ref(), opened)
}
