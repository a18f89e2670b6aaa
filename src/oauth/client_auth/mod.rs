//! Client authentication (RFC 6749 §2.3): exactly one method, and it must be the registered one.

pub mod secret;

pub use secret::Presented;

use std::sync::Arc;

use super::Engine;
use super::error::OAuthError;
use super::params::Params;
use crate::model::client::Client;

impl Engine {
    /// Finds the client that makes a request and checks that it is who it says.
    ///
    /// `authorization` is the header as it came, if it came.
    ///
    /// # Errors
    /// `invalid_request` for two methods at once, `invalid_client` with one sentence for everything else that is wrong.
    pub async fn authenticate(&self, authorization: Option<&[u8]>, params: &Params) -> Result<Arc<Client>, OAuthError> {
        let presented = Presented::read(authorization, params)?;
        let found = self.store.client(&presented.client_id).await?;
        self.check_secret(found, presented).await
    }
}
