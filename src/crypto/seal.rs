//! Sealing: what we keep or hand out but nobody else may read or change (cookies, keys at rest, page tokens).
//!
//! AES-256-GCM under a key of its own for every message: HKDF-SHA-256 over 16 random bytes gives key and nonce, so there
//! is no budget of random nonces to run out of. Layout: `key id` 4 bytes, `salt` 16, ciphertext, `tag` 16.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroize;

use super::CryptoError;
use super::derive::{self, KeyId, Length};
use crate::base::{Random, Secret};

const KEY_ID: usize = 4;
const HEAD: usize = KEY_ID + 16;
const TAG: usize = 16;

/// What a sealed value is for; one sealed for one purpose never opens for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A cookie's value; the cookie's name belongs into the associated data.
    Cookie,
    /// A form's proof that it came from our page.
    Csrf,
    /// What a self-service form was asked with: it names the client's request.
    FlowRequest,
    /// What a logout must still do while the browser is away.
    LogoutState,
    /// Where a list goes on; the list's name belongs into the associated data.
    PageToken,
    /// A private key at rest; its row's tenant and id belong into the associated data.
    SigningKey,
}

impl Purpose {
    const ALL: [Self; 6] =
        [Self::Cookie, Self::Csrf, Self::FlowRequest, Self::LogoutState, Self::PageToken, Self::SigningKey];

    const fn label(self) -> &'static str {
        match self {
            Self::Cookie => "seal cookie",
            Self::Csrf => "seal csrf",
            Self::FlowRequest => "seal flow request",
            Self::LogoutState => "seal logout state",
            Self::PageToken => "seal page token",
            Self::SigningKey => "seal signing key",
        }
    }
}

/// Seals and opens. Made once from the system secrets.
pub struct Sealer(Vec<(Purpose, Vec<Key>)>);

struct Key {
    id: KeyId,
    prk: Prk,
}

impl Sealer {
    /// Keys of `secrets.system`: the first seals, all of them open.
    ///
    /// # Errors
    /// [`CryptoError::NoSecret`] when the list is empty or one of its secrets is.
    pub fn new(system: &[Secret<String>]) -> Result<Self, CryptoError> {
        let ring = |purpose: Purpose| {
            let keys = derive::ring(system, purpose.label())?;
            let prk = |key: &derive::DerivedKey| Prk::new_less_safe(HKDF_SHA256, key.bytes.expose());
            Ok((purpose, keys.iter().map(|key| Key { id: key.id, prk: prk(key) }).collect()))
        };
        Purpose::ALL.into_iter().map(ring).collect::<Result<_, _>>().map(Self)
    }

    /// Seals `plain` for `purpose`. `aad` is not part of the result, but only the same bytes open it again: put there
    /// what the value belongs to (tenant, row id, cookie name), so that it cannot be moved elsewhere.
    pub fn seal(&self, purpose: Purpose, aad: &[u8], plain: &[u8], random: &dyn Random) -> Vec<u8> {
        let key = &self.ring(purpose)[0]; // `new` refuses an empty list
        let mut out = Vec::with_capacity(HEAD + plain.len() + TAG);
        out.extend_from_slice(&key.id);
        out.extend_from_slice(&random.bytes::<16>());
        out.extend_from_slice(plain);
        let (head, text) = out.split_at_mut(HEAD);
        let (aes, nonce) = key.for_message(&head[KEY_ID..]);
        let tag = aes.seal_in_place_separate_tag(nonce, Aad::from(aad), text).expect("AES-GCM seals up to 64 GiB");
        out.extend_from_slice(tag.as_ref());
        out
    }

    /// [`seal`](Self::seal) as base64url text without padding, for cookies and query parameters.
    pub fn seal_text(&self, purpose: Purpose, aad: &[u8], plain: &[u8], random: &dyn Random) -> String {
        URL_SAFE_NO_PAD.encode(self.seal(purpose, aad, plain, random))
    }

    /// Opens what one of our keys sealed for this `purpose` with this `aad`; anything else is `None`.
    pub fn open(&self, purpose: Purpose, aad: &[u8], sealed: &[u8]) -> Option<Secret<Vec<u8>>> {
        let (head, text) = sealed.split_at_checked(HEAD)?;
        let candidates = self.ring(purpose).iter().filter(|key| key.id == head[..KEY_ID]);
        candidates.into_iter().find_map(|key| {
            let (aes, nonce) = key.for_message(&head[KEY_ID..]);
            let mut text = text.to_vec();
            let len = aes.open_in_place(nonce, Aad::from(aad), &mut text).ok()?.len();
            text.truncate(len);
            Some(Secret::new(text))
        })
    }

    /// Opens what [`seal_text`](Self::seal_text) made; only the canonical text opens.
    pub fn open_text(&self, purpose: Purpose, aad: &[u8], sealed: &str) -> Option<Secret<Vec<u8>>> {
        self.open(purpose, aad, &URL_SAFE_NO_PAD.decode(sealed).ok()?)
    }

    /// Whether `sealed` was made with an older secret and should be sealed again when it is next written.
    pub fn is_stale(&self, purpose: Purpose, sealed: &[u8]) -> bool {
        sealed.first_chunk::<KEY_ID>() != Some(&self.ring(purpose)[0].id)
    }

    fn ring(&self, purpose: Purpose) -> &[Key] {
        self.0.iter().find(|(of, _)| *of == purpose).map(|(_, keys)| keys.as_slice()).expect("`new` has every purpose")
    }
}

impl Key {
    fn for_message(&self, salt: &[u8]) -> (LessSafeKey, Nonce) {
        let mut okm = [0; 32 + NONCE_LEN];
        self.prk
            .expand(&[salt], Length(okm.len()))
            .and_then(|out| out.fill(&mut okm))
            .expect("HKDF-SHA-256 gives up to 8160 bytes");
        let (key, nonce) = okm.split_at(32);
        let aes = UnboundKey::new(&AES_256_GCM, key).expect("AES-256 takes 32 bytes");
        let nonce = Nonce::try_assume_unique_for_key(nonce).expect("GCM takes 12 bytes");
        okm.zeroize();
        (LessSafeKey::new(aes), nonce)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::base::SeededRandom;

    fn sealer(secrets: &[&str]) -> Sealer {
        let secrets: Vec<_> = secrets.iter().copied().map(Secret::from).collect();
        Sealer::new(&secrets).expect("secrets")
    }

    #[test]
    fn a_value_opens_only_for_its_purpose_and_its_associated_data() {
        let sealer = sealer(&["s"]);
        let sealed = sealer.seal(Purpose::Cookie, b"name", b"value", &SeededRandom::new(1));
        for purpose in Purpose::ALL {
            assert_eq!(sealer.open(purpose, b"name", &sealed).is_some(), purpose == Purpose::Cookie);
        }
        for aad in [&b""[..], b"nam", b"name2", b"Name"] {
            assert!(sealer.open(Purpose::Cookie, aad, &sealed).is_none());
        }
    }

    #[test]
    fn rotation_opens_old_values_and_says_that_they_are_stale() {
        let (old, new, both) = (sealer(&["old"]), sealer(&["new"]), sealer(&["new", "old"]));
        let random = SeededRandom::new(1);
        let sealed = old.seal(Purpose::SigningKey, b"row", b"key", &random);
        assert!(both.open(Purpose::SigningKey, b"row", &sealed).is_some_and(|plain| plain.matches(b"key")));
        assert!(new.open(Purpose::SigningKey, b"row", &sealed).is_none());
        assert!(both.is_stale(Purpose::SigningKey, &sealed) && !old.is_stale(Purpose::SigningKey, &sealed));
        let fresh = both.seal(Purpose::SigningKey, b"row", b"key", &random);
        assert!(new.open(Purpose::SigningKey, b"row", &fresh).is_some() && !both.is_stale(Purpose::SigningKey, &fresh));
    }

    #[test]
    fn equal_values_are_sealed_differently() {
        let (sealer, random) = (sealer(&["s"]), SeededRandom::new(1));
        let seal = || sealer.seal(Purpose::Csrf, b"", &[0; 64], &random);
        let (one, two) = (seal(), seal());
        assert!(one[HEAD..] != two[HEAD..] && one[KEY_ID..HEAD] != two[KEY_ID..HEAD]);
        assert!(!one.windows(8).any(|part| part == [0; 8]));
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_and_any_change_does_not(plain in vec(any::<u8>(), 0..300), at in any::<usize>(), junk in "\\PC{0,80}") {
            let sealer = sealer(&["s"]);
            let text = sealer.seal_text(Purpose::PageToken, b"a", &plain, &SeededRandom::new(3));
            let opened = sealer.open_text(Purpose::PageToken, b"a", &text);
            prop_assert_eq!(opened.map(|p| p.expose().clone()), Some(plain));
            let mut sealed = URL_SAFE_NO_PAD.decode(&text).expect("base64url");
            let bit = at % (sealed.len() * 8);
            let kept = sealed[..bit / 8].to_vec();
            sealed[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(sealer.open(Purpose::PageToken, b"a", &sealed).is_none());
            prop_assert!(sealer.open(Purpose::PageToken, b"a", &kept).is_none());
            let padded = format!("{text}=");
            prop_assert!(sealer.open_text(Purpose::PageToken, b"a", &padded).is_none());
            prop_assert!(sealer.open_text(Purpose::PageToken, b"a", &junk).is_none());
        }
    }
}
