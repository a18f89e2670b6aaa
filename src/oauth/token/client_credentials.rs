//! The client's own token (RFC 6749 §4.4): no person, no refresh token, no ID token.

use super::super::Engine;
use super::super::authorize::audience;
use super::super::error::{ErrorCode, OAuthError};
use super::super::params::Params;
use super::TokenResponse;
use super::mint::AccessAsk;
use crate::model::client::Client;
use crate::model::{ScopeSet, Subject};

impl Engine {
    pub(super) async fn client_credentials(
        &self,
        client: &Client,
        params: &Params,
    ) -> Result<TokenResponse, OAuthError> {
        // RFC 6749 §4.4: confidential clients only.
        if client.is_public() {
            return Err(OAuthError::new(
                ErrorCode::UnauthorizedClient,
                "client_credentials is for confidential clients; this one has no secret",
            ));
        }
        let scope = self.client_scope(client, params)?;
        let audience = audience(params, client)?;
        let now = self.clock.now();
        let lifespans = &client.metadata.lifespans;
        let subject = Subject::new(client.id.as_str());
        let access = self.mint_access(
            &AccessAsk {
                client,
                subject: &subject,
                grant: None,
                scope: &scope,
                audience: &audience,
                lifetime: lifespans
                    .client_credentials_grant_access_token
                    .unwrap_or(self.settings.oauth.lifetimes.access_token),
            },
            now,
        )?;
        if let Some(record) = access.record {
            self.store.append_access(record).await?;
        }
        Ok(TokenResponse {
            access_token: access.token.expose().clone(),
            token_type: "bearer",
            expires_in: access.expires_in,
            scope: scope.to_string(),
            refresh_token: None,
            id_token: None,
        })
    }

    /// RFC 6749 §3.3: what is asked for must be registered; nothing asked for is nothing, unless configured otherwise.
    fn client_scope(&self, client: &Client, params: &Params) -> Result<ScopeSet, OAuthError> {
        let oauth = &self.settings.oauth;
        let Some(asked) = params.one("scope")? else {
            return Ok(if oauth.client_credentials_default_scope {
                client.metadata.scope.clone()
            } else {
                ScopeSet::default()
            });
        };
        let scope = ScopeSet::parse(asked).map_err(|e| OAuthError::new(ErrorCode::InvalidScope, e.0))?;
        if oauth.scope_strategy.permits_all(&client.metadata.scope, &scope) {
            Ok(scope)
        } else {
            Err(OAuthError::new(
                ErrorCode::InvalidScope,
                "a requested scope is not among the scopes the client is registered for",
            ))
        }
    }
}
