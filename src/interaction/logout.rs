//! Logging out (OIDC RP-Initiated Logout 1.0): at once where the app proves whose session it means, after asking otherwise.

use serde::Serialize;

use super::Ask;
use super::browser::{Browser, CookieChange, Next, NextKind, Refused};
use super::challenge::{self, Challenge};
use super::machine::Interactions;
use crate::base::Id;
use crate::crypto::TokenKind;
use crate::model::{Fact, Logout, LogoutStage, Session};
use crate::oauth::logout::LogoutRequest;
use crate::oauth::register::ClientDocument;
use crate::oauth::{OAuthError, Params};
use crate::store::{StoreError, Tx, clients, logouts, sessions};

/// What a logout UI is told (Hydra's `oAuth2LogoutRequest`).
#[derive(Debug, Serialize)]
pub struct LogoutRequestView {
    challenge: String,
    subject: String,
    sid: String,
    request_url: String,
    rp_initiated: bool,
    requested_at: String,
    expires_at: String,
    client: Option<ClientDocument>,
}

impl LogoutRequestView {
    /// The app that asked, if one did.
    pub fn client_name(&self) -> Option<&str> {
        self.client.as_ref()?.client_name.as_deref().filter(|n| !n.is_empty())
    }
}

impl Interactions {
    /// Answers a request to `/oauth2/sessions/logout`: a fresh one, or the browser's return with a verifier.
    ///
    /// # Errors
    /// [`Refused::Page`] for a request that cannot be trusted; nobody is logged out then.
    pub async fn logout(&self, params: &Params, request_url: &str, browser: &Browser) -> Result<Next, Refused> {
        if let Some(verifier) = params.one("logout_verifier")? {
            return self.logout_verified(verifier, browser).await;
        }
        let mut request = self.engine.check_logout(params).await?;
        request_url.clone_into(&mut request.request_url);
        let now = self.engine.clock.now();
        let (this, cookie) = (self.clone(), browser.session.clone());
        let session = self.engine.store.read(move |tx| this.session_of(tx, cookie.as_ref(), now)).await?;
        let Some(session) = session else {
            return Ok(Next { kind: self.after(&request), cookies: vec![CookieChange::ClearSession] });
        };
        // The hint is the app's proof that it means this very session; anything else is asked about (§2, logout CSRF).
        if request.hinted_sid.as_deref() == Some(session.id.to_string().as_str()) && self.engine_asks_nobody() {
            self.end(&session).await?;
            return Ok(Next { kind: self.after(&request), cookies: vec![CookieChange::ClearSession] });
        }
        self.ask_logout(request, session).await
    }

    /// Our own flow does not ask where the app has proven whose session it means; an external UI is always visited.
    fn engine_asks_nobody(&self) -> bool {
        self.flow.skips_consent()
    }

    async fn ask_logout(&self, request: LogoutRequest, session: Session) -> Result<Next, Refused> {
        let engine = &self.engine;
        let now = engine.clock.now();
        let id = Id::<Logout>::ordered(now, &*engine.random);
        let challenge = Challenge::issue(&engine.opaque, TokenKind::LogoutChallenge, id.uuid(), &*engine.random);
        let row = Logout {
            id,
            digest: challenge.digest,
            verifier_digest: None,
            stage: LogoutStage::Asked,
            session_key: session.key,
            subject: session.subject,
            client_id: request.client_id.clone(),
            request: serde_json::to_value(&request).map_err(OAuthError::server_error)?,
            created_at: now,
            expires_at: now.plus(engine.settings.oauth.lifetimes.interaction),
        };
        engine.store.write(move |tx| logouts::insert(tx, &row)).await?;
        Ok(Next::plain(NextKind::Show(self.flow.page(Ask::Logout, &challenge))))
    }

    /// What the logout page, ours or an external one, shows.
    ///
    /// # Errors
    /// [`Refused`] when the challenge is unknown, too old, or over.
    pub async fn logout_request(&self, token: &str) -> Result<LogoutRequestView, Refused> {
        let row = self.asked_to_log_out(token).await?;
        let request: LogoutRequest = serde_json::from_value(row.request.clone()).map_err(OAuthError::server_error)?;
        let (client_id, key) = (row.client_id.clone(), row.session_key);
        let (client, session) = self
            .engine
            .store
            .read(move |tx| {
                let client = match client_id {
                    Some(id) => clients::find(tx, &id)?,
                    None => None,
                };
                Ok((client, sessions::find(tx, key)?))
            })
            .await?;
        Ok(LogoutRequestView {
            challenge: token.to_owned(),
            subject: row.subject.as_str().to_owned(),
            sid: session.map(|s| s.id.to_string()).unwrap_or_default(),
            request_url: request.request_url,
            rp_initiated: request.hinted_sid.is_some(),
            requested_at: row.created_at.rfc3339(),
            expires_at: row.expires_at.rfc3339(),
            client: client.as_ref().map(ClientDocument::of),
        })
    }

    /// A person says yes on our own page. The session that ends is the one this browser holds.
    ///
    /// # Errors
    /// [`Refused`] as [`Interactions::logout_request`].
    pub async fn logout_confirmed(&self, token: &str, browser: &Browser) -> Result<Next, Refused> {
        let row = self.asked_to_log_out(token).await?;
        self.finish(row, [LogoutStage::Asked, LogoutStage::Confirmed], browser).await
    }

    /// A logout UI says yes. Gives the address to send the browser to.
    ///
    /// # Errors
    /// [`Refused`] as [`Interactions::logout_request`].
    pub async fn accept_logout(&self, token: &str) -> Result<String, Refused> {
        let mut row = self.asked_to_log_out(token).await?;
        let verifier = Challenge::following(&self.engine.opaque, TokenKind::LogoutVerifier, row.id.uuid(), &row.digest);
        row.verifier_digest = Some(verifier.digest);
        row.stage = LogoutStage::Confirmed;
        let expected = [LogoutStage::Asked, LogoutStage::Confirmed];
        if !self.engine.store.write(move |tx| logouts::update(tx, &row, &expected)).await? {
            return Err(Refused::Unknown);
        }
        let base = self.engine.settings.public_url.as_str().trim_end_matches('/');
        Ok(format!("{base}/oauth2/sessions/logout?logout_verifier={}", verifier.token.expose()))
    }

    /// A logout UI, or a person on our own page, says no: the challenge is spent and nobody is logged out.
    ///
    /// # Errors
    /// [`Refused`] as [`Interactions::logout_request`].
    pub async fn reject_logout(&self, token: &str) -> Result<(), Refused> {
        let mut row = self.asked_to_log_out(token).await?;
        row.stage = LogoutStage::Done;
        let expected = [LogoutStage::Asked, LogoutStage::Confirmed];
        self.engine.store.write(move |tx| logouts::update(tx, &row, &expected)).await?;
        Ok(())
    }

    async fn logout_verified(&self, token: &str, browser: &Browser) -> Result<Next, Refused> {
        let opened = self.engine.opaque.open(TokenKind::LogoutVerifier, token).ok_or(Refused::Unknown)?;
        let row = self.logout_row(opened.id).await?;
        if !challenge::is(row.verifier_digest.as_ref(), &opened) {
            return Err(Refused::Unknown);
        }
        self.finish(row, [LogoutStage::Confirmed; 2], browser).await
    }

    async fn asked_to_log_out(&self, token: &str) -> Result<Logout, Refused> {
        let opened = self.engine.opaque.open(TokenKind::LogoutChallenge, token).ok_or(Refused::Unknown)?;
        let row = self.logout_row(opened.id).await?;
        if !challenge::is(Some(&row.digest), &opened) || row.stage == LogoutStage::Done {
            return Err(Refused::Unknown);
        }
        Ok(row)
    }

    async fn logout_row(&self, id: uuid::Uuid) -> Result<Logout, Refused> {
        let found = self.engine.store.read(move |tx| logouts::find(tx, Id::from_uuid(id))).await?;
        let row = found.ok_or(Refused::Unknown)?;
        if self.engine.clock.now() >= row.expires_at { Err(Refused::Expired) } else { Ok(row) }
    }

    /// Ends the session if, and only if, it is the one this browser holds; the challenge is spent either way.
    async fn finish(&self, row: Logout, expected: [LogoutStage; 2], browser: &Browser) -> Result<Next, Refused> {
        let request: LogoutRequest = serde_json::from_value(row.request.clone()).map_err(OAuthError::server_error)?;
        let now = self.engine.clock.now();
        let (this, cookie) = (self.clone(), browser.session.clone());
        let ended = self
            .engine
            .store
            .write(move |tx| {
                let Some(session) = this.session_of(tx, cookie.as_ref(), now)?.filter(|s| s.key == row.session_key)
                else {
                    return Ok(false);
                };
                let done = Logout { stage: LogoutStage::Done, ..row.clone() };
                Ok(logouts::update(tx, &done, &expected)? && this.end_in(tx, &session)?)
            })
            .await?;
        let cookies = if ended { vec![CookieChange::ClearSession] } else { Vec::new() };
        Ok(Next { kind: self.after(&request), cookies })
    }

    async fn end(&self, session: &Session) -> Result<(), Refused> {
        let (this, session) = (self.clone(), session.clone());
        self.engine.store.write(move |tx| this.end_in(tx, &session).map(drop)).await?;
        Ok(())
    }

    fn end_in(&self, tx: &mut Tx, session: &Session) -> Result<bool, StoreError> {
        let now = self.engine.clock.now();
        if !sessions::revoke(tx, session.key, now)? {
            return Ok(false);
        }
        self.flow.forget(tx, &session.subject)?;
        tx.record(Fact::SessionEnded { session: session.id, subject: session.subject.clone() });
        Ok(true)
    }

    fn after(&self, request: &LogoutRequest) -> NextKind {
        if let Some(address) = request.return_address() {
            return NextKind::Show(address);
        }
        match &self.engine.settings.post_logout_redirect {
            Some(url) => NextKind::Show(url.to_string()),
            None => NextKind::LoggedOut,
        }
    }
}
