//! F3: the authorization server. Rules of the protocol on values, and use-cases that read, decide and write once.
//!
//! No HTTP here, no page, no clock but the injected one. Not here: who the person is (`identity`), asking them (`interaction`).

pub mod authorize;
pub mod claims;
pub mod client_auth;
pub mod clients;
pub mod discovery;
pub mod error;
pub mod introspect;
pub mod logout;
pub mod params;
pub mod register;
pub mod revoke;
pub mod token;
pub mod userinfo;

pub use claims::ClaimSource;
pub use error::{ErrorCode, OAuthError};
pub use params::Params;

use std::sync::Arc;

use arc_swap::ArcSwap;
use moka::sync::Cache;
use serde_json::{Map, Value};

use crate::base::{Clock, Gate, Random};
use crate::config::Settings;
use crate::crypto::jws;
use crate::crypto::{ClientSecrets, Keyring, OpaqueKeys};
use crate::model::client::Client;
use crate::model::{ClientId, SigningAlg};
use crate::store::Store;

/// How many verified slow secrets are remembered, by (client, version).
const REMEMBERED_SECRETS: u64 = 10_000;

/// What the protocol's use-cases need; shared by all requests.
pub struct Engine {
    /// Where everything is kept.
    pub store: Store,
    /// The checked configuration.
    pub settings: Arc<Settings>,
    /// Issues and opens opaque tokens.
    pub opaque: Arc<OpaqueKeys>,
    /// Hashes and verifies client secrets.
    pub client_secrets: Arc<ClientSecrets>,
    /// Signs and verifies JWTs; swapped when keys rotate.
    pub keyring: ArcSwap<Keyring>,
    /// The door for slow hashing.
    pub gate: Gate,
    /// Knows what the identity flow says of a person.
    pub claims: Arc<dyn ClaimSource>,
    /// The present moment.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
    /// Digests of slow secrets that were right, by client and version.
    pub(crate) right_secrets: Cache<(ClientId, i64), [u8; 32]>,
}

impl Engine {
    /// An empty memory of secrets, for building an engine.
    pub fn secret_memory() -> Cache<(ClientId, i64), [u8; 32]> {
        Cache::new(REMEMBERED_SECRETS)
    }

    /// Signs `claims` with the key that now signs for `alg`.
    ///
    /// # Errors
    /// `server_error` when there is no such key.
    pub(crate) fn sign(&self, alg: SigningAlg, typ: &str, claims: &Map<String, Value>) -> Result<String, OAuthError> {
        let keyring = self.keyring.load();
        let key =
            keyring.signer(alg).ok_or_else(|| OAuthError::server_error(format!("no active key signs with {alg}")))?;
        Ok(key.sign(typ, claims)?)
    }

    /// Verifies an ID token that this issuer signed for `client`, however long ago (OIDC Core §3.1.2.1 `id_token_hint`).
    pub fn verify_hint(&self, token: &str, client: Option<&Client>) -> Option<Map<String, Value>> {
        let claims = jws::verify(token, self.keyring.load().public_keys(), &[jws::TYP_JWT]).ok()?.claims;
        let for_client = client.is_none_or(|c| audience(&claims).contains(&c.id.as_str()));
        let ours = claims.get("iss").and_then(Value::as_str) == Some(self.settings.issuer.as_str());
        (ours && for_client && claims.get("sub").is_some_and(Value::is_string)).then_some(claims)
    }
}

/// The `aud` of a claim set: one string or a list of them (RFC 7519 §4.1.3).
pub fn audience(claims: &Map<String, Value>) -> Vec<&str> {
    match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}
