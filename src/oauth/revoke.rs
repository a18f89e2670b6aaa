//! Token revocation (RFC 7009): a client gives back its token, and everything of the same grant dies with it.

use super::Engine;
use super::error::OAuthError;
use super::params::Params;
use super::token::code::revoke_family;
use crate::base::{Id, Instant};
use crate::crypto::TokenKind;
use crate::model::client::Client;
use crate::model::grant::RevokedFor;
use crate::model::{AccessRecord, RefreshRecord};
use crate::store::{grants, tokens};

impl Engine {
    /// Revokes the token a client presents. An unknown token, and another client's, is answered like a revoked one
    /// (RFC 7009 §2.2); another client's stays alive.
    ///
    /// # Errors
    /// `invalid_request` and `invalid_client` for the request itself; `temporarily_unavailable` when storage does not
    /// answer: revocation is never pretended.
    pub async fn revoke(&self, authorization: Option<&[u8]>, params: &Params) -> Result<(), OAuthError> {
        params.refuse_repeated(&[])?;
        let token = params.required("token", "token is missing")?;
        let client = self.authenticate(authorization, params).await?;
        let now = self.clock.now();
        if TokenKind::of(token) == Some(TokenKind::Refresh) {
            self.revoke_refresh(&client, token, now).await
        } else {
            self.revoke_access(&client, token, now).await
        }
    }

    async fn revoke_refresh(&self, client: &Client, token: &str, now: Instant) -> Result<(), OAuthError> {
        let Some(opened) = self.opaque.open(TokenKind::Refresh, token) else { return Ok(()) };
        let (id, owner) = (Id::<RefreshRecord>::from_uuid(opened.id), client.id.clone());
        self.store
            .write(move |tx| {
                let Some(refresh) = tokens::refresh(tx, id)? else { return Ok(()) };
                if refresh.client_id != owner || !opened.matches(&refresh.digest) {
                    return Ok(());
                }
                match grants::find(tx, refresh.grant_id)? {
                    Some(grant) => revoke_family(tx, &grant, RevokedFor::ClientRequest, now),
                    None => Ok(()),
                }
            })
            .await?;
        Ok(())
    }

    async fn revoke_access(&self, client: &Client, token: &str, now: Instant) -> Result<(), OAuthError> {
        let Some(live) = self.live_access(token, now).await? else { return Ok(()) };
        if live.client_id != client.id.as_str() {
            return Ok(());
        }
        let is_opaque = TokenKind::of(token) == Some(TokenKind::Access);
        self.store
            .write(move |tx| match &live.grant {
                Some(grant) => revoke_family(tx, grant, RevokedFor::ClientRequest, now),
                None if is_opaque => tokens::revoke_access(tx, Id::<AccessRecord>::from_uuid(live.id), now).map(drop),
                None => tokens::revoke_jwt(tx, live.id, live.expires_at),
            })
            .await?;
        Ok(())
    }
}
