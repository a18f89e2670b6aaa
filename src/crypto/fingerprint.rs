//! Names for values that must be recognised again but not kept: keyed hashes under the first system secret.
//!
//! Not here: tokens ([`super::opaque`]), which outlive a rotation. A rotation renames everything here, so use it for
//! what is short-lived, such as counters.

use aws_lc_rs::hmac;

use super::{CryptoError, derive};
use crate::base::Secret;

/// Makes fingerprints for one purpose.
#[derive(Clone, Debug)]
pub struct Fingerprints(hmac::Key);

impl Fingerprints {
    /// Fingerprints for `purpose`; those of different purposes have nothing in common.
    ///
    /// # Errors
    /// [`CryptoError::NoSecret`] when the list is empty or one of its secrets is.
    pub fn new(system: &[Secret<String>], purpose: &'static str) -> Result<Self, CryptoError> {
        let keys = derive::ring(system, purpose)?;
        let first = keys.first().ok_or(CryptoError::NoSecret)?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, first.bytes.expose())))
    }

    /// The fingerprint of `parts`; where one part ends and the next begins counts.
    pub fn of(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        *context.sign().as_ref().first_chunk().expect("HMAC-SHA-256 gives 32 bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_purpose_and_parts_all_count() {
        let make = |secret: &str, purpose| Fingerprints::new(&[Secret::from(secret)], purpose).expect("a secret");
        let names = [
            make("s", "x").of(&[b"ab", b"c"]),
            make("s", "x").of(&[b"a", b"bc"]),
            make("s", "x").of(&[b"abc"]),
            make("s", "x").of(&[b"abc", b""]),
            make("s", "y").of(&[b"ab", b"c"]),
            make("t", "x").of(&[b"ab", b"c"]),
        ];
        for (n, name) in names.iter().enumerate() {
            assert!(!names[n + 1..].contains(name), "{n}");
        }
        assert_eq!(names[0], make("s", "x").of(&[b"ab", b"c"]));
        assert_eq!(Fingerprints::new(&[], "x").err(), Some(CryptoError::NoSecret));
    }
}
