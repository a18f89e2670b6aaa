//! One place that turns a system secret into keys, one key a purpose (HKDF-SHA-256, RFC 5869).
//!
//! A key for one purpose says nothing about the key for another, so a leak in one place stays there. Rotation puts
//! the new secret first in `secrets.system`: the first key works forward, all of them work backward.

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};

use super::CryptoError;
use crate::base::Secret;

/// Separates our keys from those of other software that is given the same secret.
const SALT: &[u8] = b"sallyport key derivation 1";

/// Names a derived key in what was made with it. Public: it is computed one way from the secret.
pub type KeyId = [u8; 4];

/// The key of one system secret for one purpose.
#[derive(Clone, Debug)]
pub struct DerivedKey {
    /// The name under which a token or ciphertext refers to this key.
    pub id: KeyId,
    /// The key bytes.
    pub bytes: Secret<[u8; 32]>,
}

/// Derives the key of `secret` for `purpose`; the same two always give the same key.
pub fn derive(secret: &Secret<String>, purpose: &'static str) -> DerivedKey {
    let mut bytes = [0; 32];
    let mut id = [0; 4];
    fill(secret, &[purpose.as_bytes(), b"/key"], &mut bytes);
    fill(secret, &[purpose.as_bytes(), b"/id"], &mut id);
    DerivedKey { id, bytes: Secret::new(bytes) }
}

/// Derives the keys of all system secrets for `purpose`, in their order and without repetition.
///
/// # Errors
/// [`CryptoError::NoSecret`] when the list is empty or one of its secrets is.
pub fn ring(system: &[Secret<String>], purpose: &'static str) -> Result<Vec<DerivedKey>, CryptoError> {
    if system.is_empty() || system.iter().any(|secret| secret.expose().is_empty()) {
        return Err(CryptoError::NoSecret);
    }
    let mut keys: Vec<DerivedKey> = Vec::with_capacity(system.len());
    for secret in system {
        let key = derive(secret, purpose);
        if !keys.iter().any(|known| known.bytes.matches(key.bytes.expose())) {
            keys.push(key);
        }
    }
    Ok(keys)
}

/// A length HKDF is asked for.
#[derive(Clone, Copy)]
pub(super) struct Length(pub(super) usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn fill(secret: &Secret<String>, info: &[&[u8]], out: &mut [u8]) {
    Salt::new(HKDF_SHA256, SALT)
        .extract(secret.expose().as_bytes())
        .expand(info, Length(out.len()))
        .and_then(|okm| okm.fill(out))
        .expect("HKDF-SHA-256 gives up to 8160 bytes, we ask for 32 at most");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_secret_and_each_purpose_has_its_own_key() {
        let (a, b) = (Secret::from("a"), Secret::from("b"));
        let keys = [derive(&a, "x"), derive(&a, "y"), derive(&b, "x"), derive(&b, "y")];
        for (n, key) in keys.iter().enumerate() {
            for other in &keys[n + 1..] {
                assert_ne!(key.bytes.expose(), other.bytes.expose());
                assert_ne!(key.id, other.id);
            }
        }
        assert_eq!(derive(&a, "x").bytes.expose(), keys[0].bytes.expose());
    }

    #[test]
    fn the_derivation_never_changes() {
        // Independent: openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt key:correct-horse
        //   -kdfopt salt:'sallyport key derivation 1' -kdfopt info:opaque/key HKDF
        let hex: String = derive(&Secret::from("correct-horse"), "opaque")
            .bytes
            .expose()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert_eq!(hex, "f26775cc72cf103afa45bb7dbb549b7e7e34ddb40aa7a78f9a9c160c9027199c");
    }

    #[test]
    fn nothing_is_derived_from_nothing() {
        assert_eq!(ring(&[], "x").err(), Some(CryptoError::NoSecret));
        assert_eq!(ring(&[Secret::from("a"), Secret::from("")], "x").err(), Some(CryptoError::NoSecret));
        assert_eq!(ring(&[Secret::from("a"), Secret::from("a")], "x").map(|keys| keys.len()), Ok(1));
    }
}
