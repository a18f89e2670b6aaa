//! Which claims about a person a client may see, by scope (OIDC Core §5.4), and where they come from.

use serde_json::{Map, Value};

use crate::model::{Grant, ScopeSet};
use crate::store::{StoreError, Tx};

/// Whoever knows the people: asked when an ID token is minted and at userinfo.
pub trait ClaimSource: Send + Sync {
    /// What is known of the grant's person, in the standard claims' names (OIDC Core §5.1), whatever the scope.
    ///
    /// # Errors
    /// Only when storage fails; an unknown person has no claims.
    fn claims(&self, tx: &mut Tx, grant: &Grant) -> Result<Map<String, Value>, StoreError>;
}

/// The standard claims of each scope (OIDC Core §5.4).
const BY_SCOPE: [(&str, &[&str]); 4] = [
    ("address", &["address"]),
    ("email", &["email", "email_verified"]),
    ("phone", &["phone_number", "phone_number_verified"]),
    (
        "profile",
        &[
            "name",
            "family_name",
            "given_name",
            "middle_name",
            "nickname",
            "preferred_username",
            "profile",
            "picture",
            "website",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
            "updated_at",
        ],
    ),
];

/// Claim names the server itself sets; nobody's answer may replace them.
pub const RESERVED: [&str; 16] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "auth_time",
    "rat",
    "nonce",
    "sid",
    "acr",
    "amr",
    "at_hash",
    "c_hash",
    "azp",
];

/// Scopes that have claims, for discovery.
pub fn scopes_with_claims() -> impl Iterator<Item = &'static str> {
    BY_SCOPE.into_iter().map(|(scope, _)| scope)
}

/// Claims that scopes give, for discovery.
pub fn claim_names() -> impl Iterator<Item = &'static str> {
    BY_SCOPE.into_iter().flat_map(|(_, names)| names.iter().copied())
}

/// What the client may see: the known claims its scopes name, and whatever the consent answer said, which wins.
pub fn visible(known: &Map<String, Value>, scope: &ScopeSet, answered: &Map<String, Value>) -> Map<String, Value> {
    let mut seen = Map::new();
    for (name, claims) in BY_SCOPE {
        if scope.contains(name) {
            for claim in claims {
                if let Some(value) = known.get(*claim) {
                    seen.insert((*claim).to_owned(), value.clone());
                }
            }
        }
    }
    for (name, value) in answered {
        if !RESERVED.contains(&name.as_str()) {
            seen.insert(name.clone(), value.clone());
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn scopes_open_their_claims_and_no_others() {
        let known = map(json!({"email": "a@x", "email_verified": true, "name": "A", "address": {"country": "x"}}));
        let scope = ScopeSet::parse("openid email").expect("scopes");
        assert_eq!(
            Value::Object(visible(&known, &scope, &Map::new())),
            json!({"email": "a@x", "email_verified": true})
        );
    }

    #[test]
    fn an_answer_cannot_replace_what_the_server_says() {
        let answered = map(json!({"sub": "root", "iss": "x", "exp": 9, "role": "admin"}));
        assert_eq!(Value::Object(visible(&Map::new(), &ScopeSet::default(), &answered)), json!({"role": "admin"}));
    }
}
