//! An interaction: one pause of `/oauth2/auth` to ask a person who they are and what they allow.
//!
//! ```text
//!              login_accepted            login_verified             consent_accepted         finished
//! LoginAsked ────────────────▶ LoginAnswered ────────▶ ConsentAsked ────────────────▶ ConsentAnswered ──▶ Done
//!      │ rejected                                           │ rejected
//!      └──────────────────────▶ Refused ◀───────────────────┘ ──────────────────────── finished ────────▶ Done
//! ```
//! A UI may take a refusal back, or refuse what it accepted, until the browser came back with the verifier.
//! The embedded flow needs no detour by verifier: it goes from `LoginAsked` to `ConsentAsked` or `Done` in one transaction.
//! Each transition consumes the value and refuses the wrong stage; storage repeats the check as a compare-and-set.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::token::Digest;
use super::{AuthorizeRequest, ScopeSet, Session, Subject};
use crate::base::{Id, Instant};

/// Where an interaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Somebody must say who is there.
    LoginAsked,
    /// They said so; the browser has not come back with the verifier yet.
    LoginAnswered,
    /// Somebody must say what is allowed.
    ConsentAsked,
    /// They said so; the browser has not come back with the verifier yet.
    ConsentAnswered,
    /// Login or consent was refused; the browser has not come back yet.
    Refused,
    /// Answered to the client.
    Done,
}

impl Stage {
    /// The word that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LoginAsked => "login_asked",
            Self::LoginAnswered => "login_answered",
            Self::ConsentAsked => "consent_asked",
            Self::ConsentAnswered => "consent_answered",
            Self::Refused => "refused",
            Self::Done => "done",
        }
    }

    /// The stage of that name.
    pub fn from_stored(text: &str) -> Option<Self> {
        [Self::LoginAsked, Self::LoginAnswered, Self::ConsentAsked, Self::ConsentAnswered, Self::Refused, Self::Done]
            .into_iter()
            .find(|s| s.as_str() == text)
    }
}

/// Who is there: the answer of a login UI.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoginAnswer {
    /// The person.
    pub subject: String,
    /// Their identity in our own store, when the embedded flow answered.
    pub identity_id: Option<Uuid>,
    /// Whether the session may answer later requests.
    pub remember: bool,
    /// For how many seconds; 0 for the configured lifetime.
    pub remember_for: u64,
    /// Whether a session that is continued lives longer for it.
    pub extend_session_lifespan: bool,
    /// Authentication context class reached.
    pub acr: String,
    /// Methods used.
    pub amr: Vec<String>,
    /// Handed on to the consent UI.
    pub context: Option<Value>,
    /// The session of the external identity provider.
    pub identity_provider_session_id: Option<String>,
    /// When the person proved who they are, microseconds since 1970.
    pub authenticated_at: i64,
}

/// What is allowed: the answer of a consent UI.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsentAnswer {
    /// Scopes granted.
    pub grant_scope: ScopeSet,
    /// Audiences granted.
    pub grant_audience: Vec<String>,
    /// Whether the answer may be reused.
    pub remember: bool,
    /// For how many seconds; 0 for ever.
    pub remember_for: u64,
    /// Claims for access token and introspection.
    pub access_token_claims: Map<String, Value>,
    /// Claims for ID token and userinfo.
    pub id_token_claims: Map<String, Value>,
    /// Kept with the grant.
    pub context: Option<Value>,
}

/// Why login or consent was refused; goes to the client as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// The error code.
    pub error: String,
    /// A sentence for the client's developers.
    pub error_description: String,
}

/// One pause of `/oauth2/auth`.
#[derive(Clone, Debug, PartialEq)]
pub struct Interaction {
    /// Time-ordered id; part of every challenge and verifier of it.
    pub id: Id<Interaction>,
    /// Where it stands.
    pub stage: Stage,
    /// What the client asked.
    pub request: AuthorizeRequest,
    /// Of the value in the browser's cookie: only that browser may go on.
    pub browser_digest: Digest,
    /// Of the login challenge.
    pub login_digest: Option<Digest>,
    /// Of the login verifier.
    pub login_verifier_digest: Option<Digest>,
    /// Of the consent challenge.
    pub consent_digest: Option<Digest>,
    /// Of the consent verifier.
    pub consent_verifier_digest: Option<Digest>,
    /// The session found in the browser, later the one the login made.
    pub session_key: Option<Id<Session>>,
    /// Who is known to be there.
    pub subject: Option<Subject>,
    /// Whether the login UI need not ask.
    pub login_skip: bool,
    /// The login answer.
    pub login: Option<LoginAnswer>,
    /// Whether the consent UI need not ask.
    pub consent_skip: bool,
    /// The consent answer.
    pub consent: Option<ConsentAnswer>,
    /// Why it was refused.
    pub rejection: Option<Rejection>,
    /// When it began.
    pub created_at: Instant,
    /// When it is forgotten.
    pub expires_at: Instant,
}

/// The interaction is not where the step needs it: answered already, or not yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the interaction is at another stage")]
pub struct WrongStage(pub Stage);

impl Interaction {
    /// Whether the login UI may answer, perhaps again: the browser has not come back with its answer.
    pub const fn awaits_login(&self) -> bool {
        match self.stage {
            Stage::LoginAsked | Stage::LoginAnswered => true,
            Stage::Refused => self.consent_digest.is_none(),
            _ => false,
        }
    }

    /// Whether the consent UI may answer, perhaps again.
    pub const fn awaits_consent(&self) -> bool {
        match self.stage {
            Stage::ConsentAsked | Stage::ConsentAnswered => true,
            Stage::Refused => self.consent_digest.is_some(),
            _ => false,
        }
    }

    /// The stages at which the present question may be answered, for the compare-and-set that repeats the check.
    pub const fn stages_of_the_question(&self) -> &'static [Stage] {
        match self.stage {
            Stage::LoginAsked | Stage::LoginAnswered => &[Stage::LoginAsked, Stage::LoginAnswered],
            Stage::ConsentAsked | Stage::ConsentAnswered => &[Stage::ConsentAsked, Stage::ConsentAnswered],
            Stage::Refused => &[Stage::Refused],
            Stage::Done => &[],
        }
    }

    /// A login UI answered. It may answer again until the browser has come back with the verifier.
    ///
    /// # Errors
    /// [`WrongStage`] when login is over.
    pub fn login_accepted(mut self, answer: LoginAnswer, verifier: Digest) -> Result<Self, WrongStage> {
        if !self.awaits_login() {
            return Err(WrongStage(self.stage));
        }
        self.subject = Some(Subject::new(answer.subject.clone()));
        self.login = Some(answer);
        self.login_verifier_digest = Some(verifier);
        self.rejection = None;
        self.stage = Stage::LoginAnswered;
        Ok(self)
    }

    /// The person is known and the session is settled: what is allowed comes next.
    ///
    /// # Errors
    /// [`WrongStage`] unless login was just asked (embedded) or answered (by verifier).
    pub fn login_verified(
        mut self,
        session: Option<Id<Session>>,
        skip: bool,
        consent: Digest,
    ) -> Result<Self, WrongStage> {
        if !matches!(self.stage, Stage::LoginAsked | Stage::LoginAnswered) {
            return Err(WrongStage(self.stage));
        }
        self.session_key = session;
        self.consent_skip = skip;
        self.consent_digest = Some(consent);
        self.stage = Stage::ConsentAsked;
        Ok(self)
    }

    /// A consent UI answered. It may answer again until the browser has come back with the verifier.
    ///
    /// # Errors
    /// [`WrongStage`] before login is over and after the client was answered.
    pub fn consent_accepted(mut self, answer: ConsentAnswer, verifier: Digest) -> Result<Self, WrongStage> {
        if !self.awaits_consent() {
            return Err(WrongStage(self.stage));
        }
        self.consent = Some(answer);
        self.consent_verifier_digest = Some(verifier);
        self.rejection = None;
        self.stage = Stage::ConsentAnswered;
        Ok(self)
    }

    /// Login was refused.
    ///
    /// # Errors
    /// [`WrongStage`] when login is over.
    pub fn login_rejected(mut self, why: Rejection, verifier: Digest) -> Result<Self, WrongStage> {
        if !self.awaits_login() {
            return Err(WrongStage(self.stage));
        }
        self.rejection = Some(why);
        self.login_verifier_digest = Some(verifier);
        self.stage = Stage::Refused;
        Ok(self)
    }

    /// Consent was refused.
    ///
    /// # Errors
    /// [`WrongStage`] before login is over and after the client was answered.
    pub fn consent_rejected(mut self, why: Rejection, verifier: Digest) -> Result<Self, WrongStage> {
        if !self.awaits_consent() {
            return Err(WrongStage(self.stage));
        }
        self.rejection = Some(why);
        self.consent_verifier_digest = Some(verifier);
        self.stage = Stage::Refused;
        Ok(self)
    }

    /// The client gets its answer.
    ///
    /// # Errors
    /// [`WrongStage`] when it already got one.
    pub fn finished(mut self) -> Result<Self, WrongStage> {
        if self.stage == Stage::Done {
            return Err(WrongStage(self.stage));
        }
        self.stage = Stage::Done;
        Ok(self)
    }

    /// Whether it is over by time.
    pub fn is_expired(&self, now: Instant) -> bool {
        now >= self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SeededRandom;
    use crate::model::ClientId;

    fn asked() -> Interaction {
        let now = Instant::from_unix_seconds(1_700_000_000);
        Interaction {
            id: Id::ordered(now, &SeededRandom::new(1)),
            stage: Stage::LoginAsked,
            request: AuthorizeRequest::new(ClientId::new("c"), "https://rp.example/cb".into(), now),
            browser_digest: [0; 32],
            login_digest: None,
            login_verifier_digest: None,
            consent_digest: None,
            consent_verifier_digest: None,
            session_key: None,
            subject: None,
            login_skip: false,
            login: None,
            consent_skip: false,
            consent: None,
            rejection: None,
            created_at: now,
            expires_at: now,
        }
    }

    #[test]
    fn consent_cannot_come_before_login() {
        let early = asked().consent_accepted(ConsentAnswer::default(), [1; 32]);
        assert_eq!(early.map(|i| i.stage), Err(WrongStage(Stage::LoginAsked)));
    }

    #[test]
    fn an_answer_may_be_repeated_until_its_verifier_is_used() {
        let once = asked().login_accepted(LoginAnswer::default(), [1; 32]).expect("first answer");
        let twice = once.login_accepted(LoginAnswer::default(), [2; 32]).expect("second answer");
        let used = twice.login_verified(None, false, [3; 32]).expect("verifier");
        assert!(used.clone().login_accepted(LoginAnswer::default(), [4; 32]).is_err());
        assert!(used.clone().login_rejected(Rejection::default(), [4; 32]).is_err());
        let done =
            used.consent_accepted(ConsentAnswer::default(), [5; 32]).and_then(Interaction::finished).expect("done");
        assert!(done.clone().finished().is_err());
        assert!(done.consent_rejected(Rejection::default(), [6; 32]).is_err());
    }

    #[test]
    fn stages_survive_storage() {
        for stage in [
            Stage::LoginAsked,
            Stage::LoginAnswered,
            Stage::ConsentAsked,
            Stage::ConsentAnswered,
            Stage::Refused,
            Stage::Done,
        ] {
            assert_eq!(Stage::from_stored(stage.as_str()), Some(stage));
        }
    }
}
