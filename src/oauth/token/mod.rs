//! The token endpoint (RFC 6749 §3.2): client authentication, then one file a grant type.

pub mod client_credentials;
pub mod code;
pub mod mint;
pub mod refresh;

use serde::Serialize;

use super::Engine;
use super::error::{ErrorCode, OAuthError};
use super::params::Params;
use crate::model::client::Client;
use crate::model::{Grant, GrantType};
use crate::store::grants::Liveness;

/// A successful answer (RFC 6749 §5.1, OIDC Core §3.1.3.3).
#[derive(Serialize)]
pub struct TokenResponse {
    /// The access token.
    pub access_token: String,
    /// Always `bearer` (RFC 6750), in the case Hydra's clients know.
    pub token_type: &'static str,
    /// Seconds until the access token stops working.
    pub expires_in: u64,
    /// What it permits; always stated.
    pub scope: String,
    /// A refresh token, when offline access was granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// An ID token, when `openid` was granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
}

impl Engine {
    /// Answers one token request. `authorization` is the header as it came.
    ///
    /// # Errors
    /// The codes of RFC 6749 §5.2; `temporarily_unavailable` when the server sheds load.
    pub async fn token(&self, authorization: Option<&[u8]>, params: &Params) -> Result<TokenResponse, OAuthError> {
        params.refuse_repeated(&["audience"])?;
        let grant_type = params.required("grant_type", "grant_type is missing")?;
        let client = self.authenticate(authorization, params).await?;
        let grant_type = GrantType::parse(grant_type).ok_or_else(|| {
            OAuthError::new(
                ErrorCode::UnsupportedGrantType,
                "grant_type must be authorization_code, refresh_token or client_credentials",
            )
        })?;
        if !client.allows(grant_type) {
            return Err(OAuthError::new(
                ErrorCode::UnauthorizedClient,
                "the client is not registered for this grant type; add it to grant_types of the client",
            ));
        }
        match grant_type {
            GrantType::AuthorizationCode => self.redeem_code(&client, params).await,
            GrantType::ClientCredentials => self.client_credentials(&client, params).await,
            GrantType::RefreshToken => self.refresh(&client, params).await,
        }
    }
}

/// Everything that must still hold for a grant before anything is minted from it (RFC 9700 §4.14, RFC 6749 §5.2).
///
/// # Errors
/// `invalid_grant` when it was revoked, its client or its person is gone, or its session ended.
pub(super) fn must_live(liveness: &Liveness, client: &Client) -> Result<(), OAuthError> {
    let Liveness { grant, session_live, identity_active, client_exists } = liveness;
    if grant.client_id != client.id {
        return Err(OAuthError::invalid_grant("the code or token was issued to another client"));
    }
    if grant.revoked_at.is_some() {
        return Err(OAuthError::invalid_grant("what this code or token stands for was revoked"));
    }
    if !(*session_live && *identity_active && *client_exists) {
        return Err(OAuthError::invalid_grant("the person or the session behind this code or token is gone"));
    }
    Ok(())
}

/// Whether a refresh token may be given: offline access was granted, and the client may use it (OIDC Core §11).
fn gives_refresh(client: &Client, grant: &Grant) -> bool {
    grant.scope.wants_offline() && client.allows(GrantType::RefreshToken)
}
