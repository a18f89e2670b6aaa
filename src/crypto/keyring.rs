//! The signing keys of one tenant at one moment, each in its state of life. A value: rotation makes another one.
//!
//! ```text
//! upcoming ──► active ──► retiring ──► retired
//! published    published   published    nowhere
//!              signs       verifies
//! ```
//! A key is published before it signs and stays published until what it signed has expired, so that relying parties
//! who cache the key set never meet a signature they cannot check. Not here: when states change (`jobs`), rows (`store`).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::jws::{PublicKeys, SigningKey};
use super::{CryptoError, PublicJwk};
use crate::base::SigningAlg;

/// Where a key stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyState {
    /// Published, does not sign yet.
    Upcoming,
    /// Published and signs.
    Active,
    /// Published for what it signed earlier.
    Retiring,
    /// Neither published nor accepted.
    Retired,
}

impl KeyState {
    /// Every state, in the order of a key's life.
    pub const ALL: [Self; 4] = [Self::Upcoming, Self::Active, Self::Retiring, Self::Retired];

    /// The stored word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upcoming => "upcoming",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
        }
    }

    /// Whether a key in this state is in the public key set, and so verifies.
    pub const fn is_published(self) -> bool {
        !matches!(self, Self::Retired)
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The written word is not a key state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be upcoming, active, retiring or retired")]
pub struct UnknownState;

impl FromStr for KeyState {
    type Err = UnknownState;

    fn from_str(written: &str) -> Result<Self, UnknownState> {
        Self::ALL.into_iter().find(|state| state.as_str() == written).ok_or(UnknownState)
    }
}

/// The keys of one tenant. Rendered once, then only read.
#[derive(Debug)]
pub struct Keyring {
    keys: Vec<(KeyState, Arc<SigningKey>)>,
    public: PublicKeys,
    public_json: String,
}

impl Keyring {
    /// Takes the keys newest first: of several active keys for one algorithm the first signs.
    ///
    /// # Errors
    /// [`CryptoError::Key`] when two keys have the same name.
    pub fn new(keys: Vec<(KeyState, Arc<SigningKey>)>) -> Result<Self, CryptoError> {
        for (n, (_, key)) in keys.iter().enumerate() {
            if keys[..n].iter().any(|(_, earlier)| earlier.kid() == key.kid()) {
                return Err(CryptoError::Key("two keys have the same kid"));
            }
        }
        let published = keys.iter().filter(|(state, _)| state.is_published());
        let public = PublicKeys::new(published.map(|(_, key)| key.public().clone()));
        let each: Vec<String> = public.iter().map(PublicJwk::to_json).collect();
        let public_json = format!(r#"{{"keys":[{}]}}"#, each.join(","));
        Ok(Self { keys, public, public_json })
    }

    /// The key that signs with `alg` now; `None` while there is no active one.
    pub fn signer(&self, alg: SigningAlg) -> Option<&SigningKey> {
        let mut active = self.keys.iter().filter(|(state, key)| *state == KeyState::Active && key.alg() == alg);
        active.next().map(|(_, key)| &**key)
    }

    /// The public key set (RFC 7517 §5) as JSON, for `/.well-known/jwks.json`.
    pub fn public_set_json(&self) -> &str {
        &self.public_json
    }

    /// Every published key: what we signed and is still in use verifies with one of these.
    pub const fn public_keys(&self) -> &PublicKeys {
        &self.public
    }

    /// All keys with their states, as given.
    pub fn keys(&self) -> &[(KeyState, Arc<SigningKey>)] {
        &self.keys
    }

    /// Algorithms that can sign now, for discovery.
    pub fn signing_algs(&self) -> Vec<SigningAlg> {
        SigningAlg::ALL.into_iter().filter(|alg| self.signer(*alg).is_some()).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::crypto::jws::{self, BadToken, TYP_JWT};
    use crate::crypto::test_keys;

    fn ed25519() -> Arc<SigningKey> {
        Arc::new(SigningKey::generate(SigningAlg::EdDsa, 0).expect("a key"))
    }

    #[test]
    fn a_key_signs_when_active_and_verifies_while_published() {
        let key = ed25519();
        let token = key.sign(TYP_JWT, &json!({"sub": "alice"})).expect("signed");
        for (state, signs, verifies) in [
            (KeyState::Upcoming, false, true),
            (KeyState::Active, true, true),
            (KeyState::Retiring, false, true),
            (KeyState::Retired, false, false),
        ] {
            let ring = Keyring::new(vec![(state, Arc::clone(&key))]).expect("one key");
            assert_eq!(ring.signer(SigningAlg::EdDsa).is_some(), signs, "{state}");
            assert_eq!(ring.signing_algs().len(), usize::from(signs), "{state}");
            assert_eq!(ring.public_set_json().contains(key.kid()), verifies, "{state}");
            let verdict = jws::verify(&token, ring.public_keys(), &[TYP_JWT]).map(|verified| verified.kid);
            assert_eq!(verdict, if verifies { Ok(key.kid().to_owned()) } else { Err(BadToken::UnknownKey) }, "{state}");
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        assert_eq!("Active".parse::<KeyState>(), Err(UnknownState));
    }

    #[test]
    fn each_algorithm_has_its_signer_and_the_first_active_key_is_it() {
        let fixed = test_keys::ALL.map(|(_, jwk)| (KeyState::Active, Arc::new(test_keys::key(jwk))));
        let (older, newer) = (ed25519(), ed25519());
        let mut keys =
            vec![(KeyState::Upcoming, ed25519()), (KeyState::Active, Arc::clone(&newer)), (KeyState::Active, older)];
        keys.extend(fixed.into_iter().skip(1));
        let ring = Keyring::new(keys).expect("distinct keys");
        assert_eq!(ring.signer(SigningAlg::EdDsa).map(SigningKey::kid), Some(newer.kid()));
        for alg in SigningAlg::ALL {
            assert_eq!(ring.signer(alg).map(SigningKey::alg), Some(alg));
        }
        assert_eq!(ring.signing_algs(), SigningAlg::ALL);
        assert_eq!(ring.keys().len(), 5);
    }

    #[test]
    fn the_public_set_is_complete_and_shows_no_private_number() {
        let keys = test_keys::ALL.map(|(_, jwk)| (KeyState::Active, Arc::new(test_keys::key(jwk))));
        let ring = Keyring::new(keys.into()).expect("distinct keys");
        let set: Value = serde_json::from_str(ring.public_set_json()).expect("JSON");
        let published = set["keys"].as_array().expect("a list");
        assert_eq!(published.len(), 3);
        let shown = format!("{} {ring:?}", ring.public_set_json());
        for (_, jwk) in test_keys::ALL {
            let private: Value = serde_json::from_str(jwk).expect("JSON");
            assert!(published.iter().any(|key| key["kid"] == private["kid"] && key["use"] == "sig"));
            for name in ["d", "p", "q", "dp", "dq", "qi"] {
                assert!(private[name].as_str().is_none_or(|number| !shown.contains(number)), "{name}");
            }
        }
        assert_eq!(
            Keyring::new(vec![]).map(|ring| ring.public_set_json().to_owned()).ok().as_deref(),
            Some(r#"{"keys":[]}"#)
        );
    }

    #[test]
    fn two_keys_cannot_share_a_name() {
        let key = ed25519();
        let twice = vec![(KeyState::Active, Arc::clone(&key)), (KeyState::Retired, key)];
        assert!(matches!(Keyring::new(twice), Err(CryptoError::Key(_))));
    }
}
