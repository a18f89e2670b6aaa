//! Sessions of people: begun by a login flow, found by the token in a cookie or header, ended by a logout.
//!
//! A token opens without a query or not at all; its row must hold the token's digest, be neither revoked nor expired, and
//! belong to somebody who is active. Not here: cookies (`web`), sessions that an external login UI made (`interaction`).

use serde_json::{Value, json};

use super::Accounts;
use crate::base::{Id, Instant, Secret};
use crate::crypto::TokenKind;
use crate::crypto::opaque::Opened;
use crate::model::identity::{Address, CredentialKind, IdentityState};
use crate::model::{Aal, Device, Fact, Identity, LoginAnswer, Session, Subject};
use crate::store::{StoreError, Tx, identities, sessions};

/// Longest part of a `User-Agent` that is kept, in characters.
const LONGEST_AGENT: usize = 256;

/// Somebody who is signed in.
#[derive(Clone, Debug, PartialEq)]
pub struct Current {
    /// Their session.
    pub session: Session,
    /// Who they are.
    pub identity: Identity,
}

/// That somebody just proved who they are.
#[derive(Debug)]
pub(super) struct Proof {
    /// Who.
    pub identity: Id<Identity>,
    /// How.
    pub method: CredentialKind,
    /// From where.
    pub device: Device,
    /// Their live session that asked for it.
    pub renews: Option<Session>,
}

fn shortened(device: Device) -> Device {
    Device { user_agent: device.user_agent.map(|agent| agent.chars().take(LONGEST_AGENT).collect()), ..device }
}

/// The live session that an opened token stands for, and its person.
///
/// # Errors
/// As the store.
pub fn find(tx: &mut Tx, token: &Opened, now: Instant) -> Result<Option<Current>, StoreError> {
    let Some(session) = sessions::find(tx, Id::from_uuid(token.id))? else { return Ok(None) };
    if !token.matches(&session.digest) || !session.is_live(now) {
        return Ok(None);
    }
    let Some(id) = session.identity_id else { return Ok(None) };
    let identity = identities::find(tx, id)?.filter(|identity| identity.state == IdentityState::Active);
    Ok(identity.map(|identity| Current { session, identity }))
}

/// Ends a session. `false` when it had ended before.
///
/// # Errors
/// As the store.
pub fn end(tx: &mut Tx, session: &Session, now: Instant) -> Result<bool, StoreError> {
    let ended = sessions::revoke(tx, session.key, now)?;
    if ended {
        tx.record(Fact::SessionEnded { session: session.id, subject: session.subject.clone() });
    }
    Ok(ended)
}

/// What a session says to a client who asks who is there. Methods are named as in RFC 8176.
pub fn login_answer(session: &Session, remember: bool) -> LoginAnswer {
    LoginAnswer {
        subject: session.subject.as_str().to_owned(),
        identity_id: session.identity_id.map(Id::uuid),
        remember,
        acr: session.acr.clone(),
        amr: session.amr_names(),
        authenticated_at: session.authenticated_at.micros(),
        ..LoginAnswer::default()
    }
}

impl Accounts {
    /// Opens a session token; anything that we did not make is `None`, before any query.
    pub fn open_token(&self, token: &str) -> Option<Opened> {
        self.tokens.open(TokenKind::Session, token)
    }

    /// Who is signed in with this token, if anybody.
    ///
    /// # Errors
    /// As the store.
    pub async fn current(&self, token: &str) -> Result<Option<Current>, StoreError> {
        let Some(opened) = self.open_token(token) else { return Ok(None) };
        let now = self.clock.now();
        self.store.read(move |tx| find(tx, &opened, now)).await
    }

    /// Ends a session in a transaction of its own.
    ///
    /// # Errors
    /// As the store.
    pub async fn log_out(&self, session: Session) -> Result<bool, StoreError> {
        let now = self.clock.now();
        self.store.write(move |tx| end(tx, &session, now)).await
    }

    /// A session for somebody who just proved who they are, not yet stored, and its token. The token is always new,
    /// whatever the browser held before. So is the session, unless `proof` renews one: then everything that rests on that
    /// one goes on, and only its old token is dead.
    pub(super) fn draft_session(&self, proof: Proof, now: Instant) -> (Session, Secret<String>) {
        let aal = Aal::Aal1;
        let method = proof.method.as_str();
        let entry = json!({ "method": method, "aal": aal, "completed_at": now.rfc3339() });
        let key = proof.renews.as_ref().map_or_else(|| Id::ordered(now, &*self.random), |session| session.key);
        let issued = self.tokens.issue(TokenKind::Session, key.uuid(), &*self.random);
        let expires_at = now.plus(self.settings.session_lifespan);
        let session = match proof.renews {
            Some(mut session) => {
                session.amr.retain(|used| used.get("method").and_then(Value::as_str) != Some(method));
                session.amr.push(entry);
                Session {
                    digest: issued.digest,
                    authenticated_at: now,
                    expires_at,
                    aal: session.aal.max(aal),
                    ..session
                }
            }
            None => Session {
                key,
                id: Id::<Session>::random(&*self.random).uuid(),
                digest: issued.digest,
                subject: Subject::new(proof.identity.to_string()),
                identity_id: Some(proof.identity),
                authenticated_at: now,
                issued_at: now,
                expires_at,
                remembered: true,
                aal,
                acr: aal.as_str().to_owned(),
                amr: vec![entry],
                provider_session_id: None,
                device: shortened(proof.device),
                revoked_at: None,
            },
        };
        (session, issued.token)
    }

    /// A session as `/sessions/whoami` and login answers show it.
    pub fn session_json(&self, session: &Session, identity: &Identity, addresses: &[Address]) -> Value {
        json!({
            "id": session.id,
            "active": session.revoked_at.is_none(),
            "expires_at": session.expires_at.rfc3339(),
            "authenticated_at": session.authenticated_at.rfc3339(),
            "authenticator_assurance_level": session.aal,
            "authentication_methods": session.amr,
            "issued_at": session.issued_at.rfc3339(),
            "identity": self.identity_json(identity, addresses),
            "devices": [{
                "id": session.id,
                "ip_address": session.device.ip_address,
                "user_agent": session.device.user_agent,
                "location": "",
            }],
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::identity::testing::{House, RIGHT};

    #[tokio::test]
    async fn a_session_ends_with_its_time_or_a_logout() {
        let (house, _) = House::with_alice().await;
        let done = house.log_in("alice@example.com", RIGHT).await.expect("signed in");
        let token = done.token.expose();
        let live = async |token: &str| house.accounts.current(token).await.expect("read").is_some();
        house.clock.advance(Duration::from_secs(24 * 3_600) - Duration::from_micros(1));
        assert!(live(token).await);
        house.clock.advance(Duration::from_micros(1));
        assert!(!live(token).await, "expired");
        let done = house.log_in("alice@example.com", RIGHT).await.expect("signed in");
        let token = done.token.expose();
        assert!(house.accounts.log_out(done.session.clone()).await.expect("written"));
        assert!(!live(token).await, "revoked");
        assert!(!house.accounts.log_out(done.session).await.expect("written"), "only once");
    }

    #[tokio::test]
    async fn a_token_that_is_not_the_session_s_own_finds_nothing() {
        let (house, _) = House::with_alice().await;
        let done = house.log_in("alice@example.com", RIGHT).await.expect("signed in");
        let forged = crate::crypto::OpaqueKeys::new(&[crate::base::Secret::from("a system secret")])
            .expect("a secret")
            .issue(crate::crypto::TokenKind::Session, done.session.key.uuid(), &*house.accounts.random);
        for token in [forged.token.expose().as_str(), "", "sp_st_x", &done.token.expose()[1..]] {
            assert!(house.accounts.current(token).await.expect("read").is_none());
        }
    }
}
