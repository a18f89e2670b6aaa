//! Client secrets (RFC 6749 §2.3.1): made by us, or chosen by an operator.
//!
//! One we made has 157 bits of chance, so a keyed SHA-256 keeps it safe and verifies in a microsecond. One that a person
//! chose may be guessed, so it is argon2id and must be verified behind the hashing gate ([`ClientSecrets::is_slow`]).
//! Not here: which methods a client may use (`oauth::client_auth`).

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

use super::derive::{self, KeyId};
use super::{CryptoError, Passwords};
use crate::base::{Random, Secret};

/// The characters of a generated secret: all of them travel unescaped in a URL (RFC 3986 §2.3).
const ALPHABET: &[u8; 66] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~";
const LENGTH: usize = 26;
const SCHEME: &str = "hs256$";

/// Makes a secret of 26 characters, each equally likely.
pub fn generate(random: &dyn Random) -> Secret<String> {
    let mut secret = String::with_capacity(LENGTH);
    while secret.len() < LENGTH {
        let bytes: [u8; 40] = random.bytes();
        // 198 = 3 × 66: larger bytes would favour the front of the alphabet.
        let fair = bytes.iter().filter(|byte| **byte < 198).map(|byte| char::from(ALPHABET[usize::from(*byte) % 66]));
        secret.extend(fair.take(LENGTH - secret.len()));
    }
    Secret::new(secret)
}

/// Hashes and verifies client secrets.
pub struct ClientSecrets {
    keys: Vec<(KeyId, hmac::Key)>,
    passwords: Passwords,
}

impl ClientSecrets {
    /// Keys of `secrets.system`: the first hashes, all of them verify. `passwords` does the chosen secrets.
    ///
    /// # Errors
    /// [`CryptoError::NoSecret`] when the list is empty or one of its secrets is.
    pub fn new(system: &[Secret<String>], passwords: Passwords) -> Result<Self, CryptoError> {
        let ring = derive::ring(system, "client secret")?;
        let keys = ring.iter().map(|key| (key.id, hmac::Key::new(hmac::HMAC_SHA256, key.bytes.expose()))).collect();
        Ok(Self { keys, passwords })
    }

    /// The stored form of a secret from [`generate`]: `hs256$<key id>$<keyed hash>`, both base64url. Never for a secret
    /// that a person chose.
    pub fn hash_generated(&self, secret: &Secret<String>) -> String {
        let (id, key) = &self.keys[0]; // `new` refuses an empty list
        let tag = hmac::sign(key, secret.expose().as_bytes());
        format!("{SCHEME}{}${}", URL_SAFE_NO_PAD.encode(id), URL_SAFE_NO_PAD.encode(tag))
    }

    /// The stored form of a secret that somebody chose: an argon2id PHC string. Slow: behind the hashing gate.
    ///
    /// # Errors
    /// As [`Passwords::hash`].
    pub fn hash_chosen(&self, secret: &Secret<String>, random: &dyn Random) -> Result<String, CryptoError> {
        self.passwords.hash(secret.expose().as_bytes(), random)
    }

    /// Whether verifying against `stored` takes milliseconds and memory, and so belongs behind the hashing gate.
    pub fn is_slow(stored: &str) -> bool {
        !stored.starts_with(SCHEME)
    }

    /// Whether `presented` is the secret behind `stored`; a stored form we do not know verifies nothing. Constant time.
    pub fn verify(&self, stored: &str, presented: &[u8]) -> bool {
        match stored.strip_prefix(SCHEME) {
            None => self.passwords.verify(stored, presented),
            Some(rest) => self.verify_generated(rest, presented).unwrap_or(false),
        }
    }

    fn verify_generated(&self, rest: &str, presented: &[u8]) -> Option<bool> {
        let (id, tag) = rest.split_once('$')?;
        let id = URL_SAFE_NO_PAD.decode(id).ok()?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        let mut keys = self.keys.iter().filter(|(known, _)| *known == id[..]);
        Some(keys.any(|(_, key)| hmac::sign(key, presented).as_ref().ct_eq(&tag).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SeededRandom;
    use crate::crypto::PasswordParams;

    fn secrets(system: &[&str]) -> ClientSecrets {
        let system: Vec<_> = system.iter().copied().map(Secret::from).collect();
        let params = PasswordParams { memory: 64, iterations: 1, parallelism: 1 };
        let passwords = Passwords::new(params, &SeededRandom::new(1)).expect("parameters");
        ClientSecrets::new(&system, passwords).expect("secrets")
    }

    #[test]
    fn generated_secrets_use_the_whole_alphabet_evenly() {
        let random = SeededRandom::new(1);
        let mut seen = [0_u32; 256];
        for _ in 0..6_600 {
            let secret = generate(&random);
            assert_eq!(secret.expose().len(), LENGTH);
            secret.expose().bytes().for_each(|byte| seen[usize::from(byte)] += 1);
        }
        // 2600 expected each, standard deviation 51; a biased remainder would give the last eight about 2011.
        for byte in ALPHABET {
            assert!(
                (2_300..2_900).contains(&seen[usize::from(*byte)]),
                "{}: {}",
                char::from(*byte),
                seen[usize::from(*byte)]
            );
        }
        assert_eq!(seen.iter().sum::<u32>(), 6_600 * 26, "nothing outside the alphabet");
    }

    #[test]
    fn only_the_secret_verifies_in_both_forms() {
        let (secrets, random) = (secrets(&["s"]), SeededRandom::new(1));
        let (right, wrong) = (generate(&random), generate(&random));
        let fast = secrets.hash_generated(&right);
        let slow = secrets.hash_chosen(&right, &random).expect("hashed");
        assert!(!ClientSecrets::is_slow(&fast) && ClientSecrets::is_slow(&slow));
        for stored in [&fast, &slow] {
            assert!(secrets.verify(stored, right.expose().as_bytes()));
            assert!(!secrets.verify(stored, wrong.expose().as_bytes()) && !secrets.verify(stored, b""));
            assert!(!stored.contains(right.expose().as_str()));
        }
    }

    #[test]
    fn stored_forms_survive_rotation_of_the_system_secret() {
        let secret = generate(&SeededRandom::new(1));
        let old = secrets(&["old"]).hash_generated(&secret);
        assert!(secrets(&["new", "old"]).verify(&old, secret.expose().as_bytes()));
        assert!(!secrets(&["new"]).verify(&old, secret.expose().as_bytes()));
    }

    #[test]
    fn a_broken_stored_form_verifies_nothing() {
        let secrets = secrets(&["s"]);
        let good = secrets.hash_generated(&Secret::from("x"));
        assert!(secrets.verify(&good, b"x"));
        for broken in [
            "",
            "hs256$",
            "hs256$$",
            "x",
            "plain",
            &good[..good.len() - 1],
            &format!("{good}A"),
            &good[1..],
            "hs256$AAAAAA$",
        ] {
            assert!(!secrets.verify(broken, b"x") && !secrets.verify(broken, b""), "{broken}");
        }
    }
}
