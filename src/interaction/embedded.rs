//! The embedded flow: our own identities answer, by our own pages or by an app of the operator's that shows our forms.

use std::sync::Arc;

use serde_json::{Map, Value};
use url::Url;

use super::machine::known_login;
use super::{Ask, Challenge, IdentityFlow, LoginAsk};
use crate::config::Settings;
use crate::model::identity::AddressPurpose;
use crate::model::{Grant, Identity, LoginAnswer, Subject};
use crate::oauth::ClaimSource;
use crate::store::{StoreError, Tx, identities};

/// [`IdentityFlow`] over our own identities.
pub struct Embedded {
    settings: Arc<Settings>,
    ui_url: Option<Url>,
}

impl Embedded {
    /// A flow on our own pages, or on `ui_url` for the login.
    pub const fn new(settings: Arc<Settings>, ui_url: Option<Url>) -> Self {
        Self { settings, ui_url }
    }
}

impl ClaimSource for Embedded {
    fn claims(&self, tx: &mut Tx, grant: &Grant) -> Result<Map<String, Value>, StoreError> {
        let Some(id) = grant.identity_id else { return Ok(Map::new()) };
        let Some(identity) = identities::find(tx, id)? else { return Ok(Map::new()) };
        let verified = identities::addresses(tx, id)?
            .into_iter()
            .filter(|a| a.purpose == AddressPurpose::Verification && a.verified_at.is_some())
            .map(|a| a.value)
            .collect::<Vec<_>>();
        Ok(standard_claims(&identity, &verified))
    }
}

impl IdentityFlow for Embedded {
    fn recognise(&self, _tx: &mut Tx, ask: &LoginAsk<'_>) -> Result<Option<LoginAnswer>, StoreError> {
        Ok(Some(known_login(ask.session)))
    }

    fn page(&self, ask: Ask, challenge: &Challenge) -> String {
        let base = self.settings.public_url.as_str().trim_end_matches('/');
        let token = challenge.token.expose();
        match (ask, &self.ui_url) {
            (Ask::Login, Some(_)) => format!("{base}/self-service/login/browser?login_challenge={token}"),
            (Ask::Login, None) => format!("{base}/login?login_challenge={token}"),
            (Ask::Consent, _) => format!("{base}/consent?consent_challenge={token}"),
            (Ask::Logout, _) => format!("{base}/logout?logout_challenge={token}"),
        }
    }

    fn skips_consent(&self) -> bool {
        true
    }

    fn forget(&self, _tx: &mut Tx, _subject: &Subject) -> Result<(), StoreError> {
        // The session that ended is the only memory this flow has.
        Ok(())
    }
}

/// Traits in the standard claims' names (OIDC Core §5.1).
fn standard_claims(identity: &Identity, verified: &[String]) -> Map<String, Value> {
    let mut claims = Map::new();
    let traits = &identity.traits;
    if let Some(email) = traits.get("email").and_then(Value::as_str) {
        claims.insert("email".into(), email.into());
        let proven = verified.iter().any(|v| v.eq_ignore_ascii_case(email.trim()));
        claims.insert("email_verified".into(), proven.into());
    }
    match traits.get("name") {
        Some(Value::String(name)) => {
            claims.insert("name".into(), name.as_str().into());
        }
        Some(Value::Object(parts)) => {
            let part = |key: &str| parts.get(key).and_then(Value::as_str).filter(|p| !p.is_empty());
            let (first, last) = (part("first"), part("last"));
            let whole: Vec<&str> = first.into_iter().chain(last).collect();
            if !whole.is_empty() {
                claims.insert("name".into(), whole.join(" ").into());
            }
            if let Some(first) = first {
                claims.insert("given_name".into(), first.into());
            }
            if let Some(last) = last {
                claims.insert("family_name".into(), last.into());
            }
        }
        _ => {}
    }
    claims.insert("updated_at".into(), identity.updated_at.unix_seconds().into());
    claims
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::base::{Id, Instant, SeededRandom};
    use crate::model::IdentityState;

    #[test]
    fn traits_become_standard_claims() {
        let now = Instant::from_unix_seconds(1_700_000_000);
        let random = SeededRandom::new(1);
        let identity = Identity {
            id: Id::random(&random),
            seq: Id::ordered(now, &random),
            schema_id: "default".into(),
            state: IdentityState::Active,
            state_changed_at: now,
            traits: json!({"email": "Ada@example.org", "name": {"first": "Ada", "last": "Lovelace"}, "secret": "x"}),
            metadata_public: None,
            metadata_admin: None,
            external_id: None,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        assert_eq!(
            Value::Object(standard_claims(&identity, &["ada@example.org".into()])),
            json!({
                "email": "Ada@example.org", "email_verified": true, "name": "Ada Lovelace", "given_name": "Ada",
                "family_name": "Lovelace", "updated_at": 1_700_000_000
            })
        );
    }
}
