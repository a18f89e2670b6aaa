//! The external flow's side of the seam, in Hydra's protocol: read a challenge, accept it, reject it.
//!
//! Nothing here is single use: an answer may be given again until the browser came back with its verifier; afterwards the
//! caller is told so ([`Refused::Over`]).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::browser::Refused;
use super::challenge::{self, Challenge};
use super::machine::Interactions;
use crate::base::Id;
use crate::crypto::TokenKind;
use crate::model::token::Digest;
use crate::model::{ConsentAnswer, Interaction, LoginAnswer, Rejection, ScopeSet, Subject};
use crate::oauth::register::ClientDocument;
use crate::oauth::{ErrorCode, OAuthError};
use crate::store::{clients, interactions, sessions};

/// What the client asked beyond scopes, in Hydra's shape.
#[derive(Debug, Serialize)]
pub struct OidcContext {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    acr_values: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ui_locales: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    display: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token_hint_claims: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    login_hint: Option<String>,
}

/// What a login UI is told (Hydra's `oAuth2LoginRequest`).
#[derive(Debug, Serialize)]
pub struct LoginRequestView {
    challenge: String,
    requested_scope: Vec<String>,
    requested_access_token_audience: Vec<String>,
    skip: bool,
    subject: String,
    oidc_context: OidcContext,
    client: ClientDocument,
    request_url: String,
    session_id: String,
}

/// What a consent UI is told (Hydra's `oAuth2ConsentRequest`).
#[derive(Debug, Serialize)]
pub struct ConsentRequestView {
    challenge: String,
    consent_request_id: String,
    requested_scope: Vec<String>,
    requested_access_token_audience: Vec<String>,
    skip: bool,
    subject: String,
    oidc_context: OidcContext,
    client: ClientDocument,
    request_url: String,
    login_challenge: String,
    login_session_id: String,
    acr: String,
    amr: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<Value>,
}

/// A login UI's yes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct AcceptLogin {
    subject: String,
    remember: bool,
    remember_for: i64,
    extend_session_lifespan: bool,
    acr: String,
    amr: Option<Vec<String>>,
    identity_provider_session_id: Option<String>,
    force_subject_identifier: Option<String>,
    context: Option<Value>,
}

/// A consent UI's yes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct AcceptConsent {
    grant_scope: Option<Vec<String>>,
    grant_access_token_audience: Option<Vec<String>>,
    session: Option<ConsentSession>,
    remember: bool,
    remember_for: i64,
    context: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ConsentSession {
    access_token: Option<Map<String, Value>>,
    id_token: Option<Map<String, Value>>,
}

/// A UI's no.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Reject {
    error: String,
    error_description: String,
    error_hint: String,
}

/// Longest that anything may be remembered, in seconds: a hundred years.
const MOST_SECONDS: u64 = 3_153_600_000;

impl Interactions {
    /// What a login UI needs to know of a challenge.
    ///
    /// # Errors
    /// [`Refused`] when the challenge is unknown, too old, or answered and used.
    pub async fn login_request(&self, token: &str) -> Result<LoginRequestView, Refused> {
        let interaction = self.challenged(TokenKind::LoginChallenge, token).await?;
        must_await(&interaction, Interaction::awaits_login)?;
        let (client, sid) = self.client_and_sid(&interaction).await?;
        let request = &interaction.request;
        Ok(LoginRequestView {
            challenge: token.to_owned(),
            requested_scope: names(&request.scope),
            requested_access_token_audience: request.audience.clone(),
            skip: interaction.login_skip,
            subject: interaction
                .subject
                .as_ref()
                .filter(|_| interaction.login_skip)
                .map(Subject::to_string)
                .unwrap_or_default(),
            oidc_context: context_of(&interaction),
            client,
            request_url: request.request_url.clone(),
            session_id: sid,
        })
    }

    /// What a consent UI needs to know of a challenge.
    ///
    /// # Errors
    /// As [`Interactions::login_request`].
    pub async fn consent_request(&self, token: &str) -> Result<ConsentRequestView, Refused> {
        let interaction = self.challenged(TokenKind::ConsentChallenge, token).await?;
        must_await(&interaction, Interaction::awaits_consent)?;
        let (client, sid) = self.client_and_sid(&interaction).await?;
        let (request, login) = (&interaction.request, interaction.login.clone().unwrap_or_default());
        Ok(ConsentRequestView {
            challenge: token.to_owned(),
            consent_request_id: interaction.id.to_string(),
            requested_scope: names(&request.scope),
            requested_access_token_audience: request.audience.clone(),
            skip: interaction.consent_skip,
            subject: login.subject,
            oidc_context: context_of(&interaction),
            client,
            request_url: request.request_url.clone(),
            login_challenge: interaction.id.to_string(),
            login_session_id: sid,
            acr: login.acr,
            amr: login.amr,
            context: login.context,
        })
    }

    /// A login UI says who is there. Gives the address to send the browser to.
    ///
    /// # Errors
    /// [`Refused::Page`] with `invalid_request` for a wrong body, else as [`Interactions::login_request`].
    pub async fn accept_login(&self, token: &str, body: AcceptLogin) -> Result<String, Refused> {
        let interaction = self.challenged(TokenKind::LoginChallenge, token).await?;
        must_await(&interaction, Interaction::awaits_login)?;
        let subject = Subject::parse(&body.subject).map_err(OAuthError::invalid_request)?;
        if body.force_subject_identifier.as_deref().is_some_and(|f| !f.is_empty()) {
            let sentence = "force_subject_identifier needs pairwise subjects, which this server does not support yet";
            return Err(OAuthError::invalid_request(sentence).into());
        }
        if interaction.login_skip && interaction.subject.as_ref() != Some(&subject) {
            // Somebody else than the session says: ask again from the start, with a real login.
            return Ok(with_prompt_login(&interaction.request.request_url));
        }
        let answer = self.login_answer(&interaction, &body, subject).await?;
        let verifier = self.verifier(TokenKind::LoginVerifier, &interaction, interaction.login_digest.as_ref())?;
        self.move_on(interaction, |i| i.login_accepted(answer, verifier.digest)).await?;
        Ok(self.back("login_verifier", &verifier))
    }

    async fn login_answer(
        &self,
        interaction: &Interaction,
        body: &AcceptLogin,
        subject: Subject,
    ) -> Result<LoginAnswer, Refused> {
        let now = self.engine.clock.now();
        let session = match interaction.session_key.filter(|_| interaction.login_skip) {
            None => None,
            Some(key) => self.engine.store.read(move |tx| sessions::find(tx, key)).await?,
        };
        let wants_acr = !interaction.request.acr_values.is_empty();
        let acr = match (&session, body.acr.as_str()) {
            (Some(session), "") => session.acr.clone(),
            // Hydra's clients know "0" as: asked for, and not stated.
            (None, "") if wants_acr => "0".to_owned(),
            (_, acr) => acr.to_owned(),
        };
        let amr = body.amr.clone().filter(|a| !a.is_empty());
        Ok(LoginAnswer {
            subject: subject.as_str().to_owned(),
            identity_id: None,
            remember: body.remember || interaction.login_skip,
            remember_for: seconds("remember_for", body.remember_for)?,
            extend_session_lifespan: body.extend_session_lifespan,
            acr,
            amr: amr.or_else(|| session.as_ref().map(|s| s.amr_names())).unwrap_or_default(),
            context: body.context.clone(),
            identity_provider_session_id: body.identity_provider_session_id.clone(),
            authenticated_at: session.map_or(now.whole_seconds(), |s| s.authenticated_at).micros(),
        })
    }

    /// A login UI says no. Gives the address to send the browser to.
    ///
    /// # Errors
    /// As [`Interactions::accept_login`].
    pub async fn reject_login(&self, token: &str, body: Reject) -> Result<String, Refused> {
        let interaction = self.challenged(TokenKind::LoginChallenge, token).await?;
        let verifier = self.verifier(TokenKind::LoginVerifier, &interaction, interaction.login_digest.as_ref())?;
        let why = body.rejection("the login was refused");
        self.move_on(interaction, |i| i.login_rejected(why, verifier.digest)).await?;
        Ok(self.back("login_verifier", &verifier))
    }

    /// A consent UI says what is allowed. Gives the address to send the browser to.
    ///
    /// # Errors
    /// [`Refused::Page`] with `invalid_request` for a wrong body or a scope the client is not registered for.
    pub async fn accept_consent(&self, token: &str, body: AcceptConsent) -> Result<String, Refused> {
        let interaction = self.challenged(TokenKind::ConsentChallenge, token).await?;
        must_await(&interaction, Interaction::awaits_consent)?;
        let scope = ScopeSet::from_names(&body.grant_scope.unwrap_or_default())
            .map_err(|e| OAuthError::invalid_request(format!("grant_scope: {}", e.0)))?;
        let client = self.engine.store.client(&interaction.request.client_id).await?.ok_or(Refused::Unknown)?;
        if !self.engine.settings.oauth.scope_strategy.permits_all(&client.metadata.scope, &scope) {
            let sentence = "grant_scope holds a scope that the client is not registered for";
            return Err(OAuthError::new(ErrorCode::InvalidRequest, sentence).into());
        }
        let session = body.session.unwrap_or_default();
        let answer = ConsentAnswer {
            grant_scope: scope,
            grant_audience: body.grant_access_token_audience.unwrap_or_default(),
            remember: body.remember,
            remember_for: seconds("remember_for", body.remember_for)?,
            access_token_claims: session.access_token.unwrap_or_default(),
            id_token_claims: session.id_token.unwrap_or_default(),
            context: body.context,
        };
        let verifier = self.verifier(TokenKind::ConsentVerifier, &interaction, interaction.consent_digest.as_ref())?;
        self.move_on(interaction, |i| i.consent_accepted(answer, verifier.digest)).await?;
        Ok(self.back("consent_verifier", &verifier))
    }

    /// A consent UI says no. Gives the address to send the browser to.
    ///
    /// # Errors
    /// As [`Interactions::accept_consent`].
    pub async fn reject_consent(&self, token: &str, body: Reject) -> Result<String, Refused> {
        let interaction = self.challenged(TokenKind::ConsentChallenge, token).await?;
        let verifier = self.verifier(TokenKind::ConsentVerifier, &interaction, interaction.consent_digest.as_ref())?;
        let why = body.rejection("the consent was refused");
        self.move_on(interaction, |i| i.consent_rejected(why, verifier.digest)).await?;
        Ok(self.back("consent_verifier", &verifier))
    }

    /// Finds the interaction of a challenge, whoever asks.
    async fn challenged(&self, kind: TokenKind, token: &str) -> Result<Interaction, Refused> {
        let opened = self.engine.opaque.open(kind, token).ok_or(Refused::Unknown)?;
        let id = Id::<Interaction>::from_uuid(opened.id);
        let interaction =
            self.engine.store.read(move |tx| interactions::find(tx, id)).await?.ok_or(Refused::Unknown)?;
        let stored = match kind {
            TokenKind::LoginChallenge => interaction.login_digest.as_ref(),
            _ => interaction.consent_digest.as_ref(),
        };
        if !challenge::is(stored, &opened) {
            return Err(Refused::Unknown);
        }
        challenge::must_be_fresh(&interaction, self.engine.clock.now())?;
        Ok(interaction)
    }

    async fn client_and_sid(&self, interaction: &Interaction) -> Result<(ClientDocument, String), Refused> {
        let (client_id, key) = (interaction.request.client_id.clone(), interaction.session_key);
        let to_be = challenge::session_id(interaction);
        self.engine
            .store
            .read(move |tx| {
                let sid = match key {
                    Some(key) => sessions::find(tx, key)?.map(|s| s.id),
                    None => None,
                };
                let sid = sid.unwrap_or(to_be).to_string();
                Ok(clients::find(tx, &client_id)?.map(|c| (ClientDocument::of(&c), sid)))
            })
            .await?
            .ok_or(Refused::Unknown)
    }

    fn verifier(
        &self,
        kind: TokenKind,
        interaction: &Interaction,
        challenge: Option<&Digest>,
    ) -> Result<Challenge, Refused> {
        let challenge = challenge.ok_or(Refused::Unknown)?;
        Ok(Challenge::following(&self.engine.opaque, kind, interaction.id.uuid(), challenge))
    }

    async fn move_on(
        &self,
        interaction: Interaction,
        step: impl FnOnce(Interaction) -> Result<Interaction, crate::model::interaction::WrongStage>,
    ) -> Result<(), Refused> {
        let over = Refused::Over { redirect_to: interaction.request.request_url.clone() };
        let expected = interaction.stages_of_the_question();
        let Ok(moved) = step(interaction) else { return Err(over) };
        let moved = self.engine.store.write(move |tx| interactions::update(tx, &moved, expected)).await?;
        if moved { Ok(()) } else { Err(over) }
    }

    /// Back to us: short, since everything else is in the row.
    fn back(&self, name: &str, verifier: &Challenge) -> String {
        let base = self.engine.settings.public_url.as_str().trim_end_matches('/');
        format!("{base}/oauth2/auth?{name}={}", verifier.token.expose())
    }
}

impl Reject {
    fn rejection(self, default: &str) -> Rejection {
        let error = if self.error.is_empty() { ErrorCode::AccessDenied.as_str().to_owned() } else { self.error };
        let mut description =
            if self.error_description.is_empty() { default.to_owned() } else { self.error_description };
        if !self.error_hint.is_empty() {
            description = format!("{description} {}", self.error_hint);
        }
        Rejection { error, error_description: description }
    }
}

fn must_await(interaction: &Interaction, question: fn(&Interaction) -> bool) -> Result<(), Refused> {
    if question(interaction) {
        Ok(())
    } else {
        Err(Refused::Over { redirect_to: interaction.request.request_url.clone() })
    }
}

fn seconds(name: &'static str, value: i64) -> Result<u64, Refused> {
    u64::try_from(value)
        .ok()
        .filter(|v| *v <= MOST_SECONDS)
        .ok_or_else(|| OAuthError::invalid_request(format!("{name} must be a number of seconds, 0 or more")).into())
}

fn names(scope: &ScopeSet) -> Vec<String> {
    scope.iter().map(str::to_owned).collect()
}

fn context_of(interaction: &Interaction) -> OidcContext {
    let request = &interaction.request;
    OidcContext {
        acr_values: request.acr_values.clone(),
        ui_locales: request.ui_locales.clone(),
        display: request.display.clone(),
        id_token_hint_claims: request.id_token_hint.clone(),
        login_hint: request.login_hint.clone(),
    }
}

/// The same request again, this time with a real login.
fn with_prompt_login(request_url: &str) -> String {
    let Ok(mut url) = url::Url::parse(request_url) else { return request_url.to_owned() };
    let kept: Vec<(String, String)> =
        url.query_pairs().filter(|(name, _)| name != "prompt").map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
    url.query_pairs_mut().clear().extend_pairs(kept).append_pair("prompt", "login");
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_request_asks_for_a_login() {
        assert_eq!(
            with_prompt_login("https://id.example/oauth2/auth?client_id=a&prompt=consent&state=x%20y"),
            "https://id.example/oauth2/auth?client_id=a&state=x+y&prompt=login"
        );
    }

    #[test]
    fn refusals_without_a_name_are_access_denied() {
        let rejection = Reject::default().rejection("the login was refused");
        assert_eq!(
            (rejection.error.as_str(), rejection.error_description.as_str()),
            ("access_denied", "the login was refused")
        );
    }

    #[test]
    fn negative_times_are_refused() {
        assert!(seconds("remember_for", -1).is_err() && seconds("remember_for", i64::MAX).is_err());
        assert!(matches!(seconds("remember_for", 0), Ok(0)));
    }
}
