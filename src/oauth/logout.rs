//! RP-initiated logout (OIDC RP-Initiated Logout 1.0 §2): who asks, for whom, and where the browser may go afterwards.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::OAuthError;
use super::params::Params;
use super::{Engine, audience};
use crate::model::ClientId;
use crate::model::client::Client;

/// A checked request to log out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogoutRequest {
    /// The app that asks, if it could be told.
    pub client_id: Option<ClientId>,
    /// The session that its hint names.
    pub hinted_sid: Option<String>,
    /// The person that its hint names.
    pub hinted_subject: Option<String>,
    /// Proven to belong to the client.
    pub post_logout_redirect_uri: Option<String>,
    /// Echoed with the address.
    pub state: Option<String>,
    /// The request as it came, for the logout UI.
    pub request_url: String,
}

impl LogoutRequest {
    /// Where the browser goes when all is done, if the client named an address.
    pub fn return_address(&self) -> Option<String> {
        let uri = self.post_logout_redirect_uri.as_ref()?;
        Some(match &self.state {
            None => uri.clone(),
            Some(state) => {
                let state = url::form_urlencoded::Serializer::new(String::new()).append_pair("state", state).finish();
                format!("{uri}{}{state}", if uri.contains('?') { "&" } else { "?" })
            }
        })
    }
}

impl Engine {
    /// Checks a logout request. Nothing is ended here.
    ///
    /// # Errors
    /// `invalid_request` for a hint we did not sign, a client that differs from the hint's, and an address that is not
    /// registered, or came without anything that tells whose it is.
    pub async fn check_logout(&self, params: &Params) -> Result<LogoutRequest, OAuthError> {
        params.refuse_repeated(&[])?;
        let hint = match params.one("id_token_hint")? {
            None => None,
            // Expired hints are fine (OIDC RP-Initiated Logout §2); every published key counts.
            Some(token) => Some(self.verify_hint(token, None).ok_or_else(|| {
                OAuthError::invalid_request("id_token_hint is not an ID token that this server issued")
            })?),
        };
        let client = self.logout_client(params, hint.as_ref()).await?;
        let uri = params.one("post_logout_redirect_uri")?;
        if let Some(uri) = uri {
            let registered =
                client.as_ref().is_some_and(|c| c.metadata.post_logout_redirect_uris.iter().any(|r| r == uri));
            if !registered {
                return Err(OAuthError::invalid_request(
                    "post_logout_redirect_uri must be one the client is registered with, and come with id_token_hint or client_id",
                ));
            }
        }
        let text = |name: &str| hint.as_ref()?.get(name)?.as_str().map(str::to_owned);
        Ok(LogoutRequest {
            client_id: client.map(|c| c.id.clone()),
            hinted_sid: text("sid"),
            hinted_subject: text("sub"),
            post_logout_redirect_uri: uri.map(str::to_owned),
            // OIDC RP-Initiated Logout §3: the state goes with the address, nowhere else.
            state: uri.and(params.one("state")?).map(str::to_owned),
            request_url: String::new(),
        })
    }

    async fn logout_client(
        &self,
        params: &Params,
        hint: Option<&Map<String, Value>>,
    ) -> Result<Option<std::sync::Arc<Client>>, OAuthError> {
        let named = params.one("client_id")?;
        let hinted: Vec<&str> = hint.map(audience).unwrap_or_default();
        if let Some(named) = named {
            if hint.is_some() && !hinted.contains(&named) {
                return Err(OAuthError::invalid_request("client_id is not among the audiences of id_token_hint"));
            }
            let id = ClientId::parse(named).map_err(OAuthError::invalid_request)?;
            return match self.store.client(&id).await? {
                Some(client) => Ok(Some(client)),
                None => Err(OAuthError::invalid_request("client_id names no registered client")),
            };
        }
        for id in hinted {
            if let Some(client) = self.store.client(&ClientId::new(id)).await? {
                return Ok(Some(client));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_appended_to_the_address() {
        let mut request =
            LogoutRequest { post_logout_redirect_uri: Some("https://rp/bye?a=1".into()), ..Default::default() };
        assert_eq!(request.return_address().as_deref(), Some("https://rp/bye?a=1"));
        request.state = Some("x&y".into());
        assert_eq!(request.return_address().as_deref(), Some("https://rp/bye?a=1&state=x%26y"));
        request.post_logout_redirect_uri = None;
        assert_eq!(request.return_address(), None);
    }
}
