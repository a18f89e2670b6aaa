//! The external flow: an app of the operator's asks the people, over HTTP, in Hydra's protocol.

use serde_json::{Map, Value};
use url::Url;

use super::{Ask, Challenge, IdentityFlow, LoginAsk};
use crate::model::{Grant, LoginAnswer, Subject};
use crate::oauth::ClaimSource;
use crate::store::{StoreError, Tx};

/// [`IdentityFlow`] over configured addresses; its answers arrive at the admin listener ([`super::answers`]).
pub struct External {
    /// The login UI.
    pub login: Url,
    /// The consent UI.
    pub consent: Url,
    /// The logout UI, or our own page.
    pub logout: Url,
}

impl ClaimSource for External {
    fn claims(&self, _tx: &mut Tx, _grant: &Grant) -> Result<Map<String, Value>, StoreError> {
        // All that is known is what the consent answer said, and that is kept with the grant.
        Ok(Map::new())
    }
}

impl IdentityFlow for External {
    fn recognise(&self, _tx: &mut Tx, _ask: &LoginAsk<'_>) -> Result<Option<LoginAnswer>, StoreError> {
        Ok(None)
    }

    fn page(&self, ask: Ask, challenge: &Challenge) -> String {
        let (url, name) = match ask {
            Ask::Login => (&self.login, "login_challenge"),
            Ask::Consent => (&self.consent, "consent_challenge"),
            Ask::Logout => (&self.logout, "logout_challenge"),
        };
        let mut url = url.clone();
        url.query_pairs_mut().append_pair(name, challenge.token.expose());
        url.into()
    }

    fn skips_consent(&self) -> bool {
        false
    }

    fn forget(&self, _tx: &mut Tx, _subject: &Subject) -> Result<(), StoreError> {
        Ok(())
    }
}
