//! Opaque tokens: everything we hand out whose meaning lives in one row of ours.
//!
//! `prefix` + base64url(`key id` 4 bytes, `id` 16, `secret` 32, `MAC` 16). The MAC refuses garbage before any query; the
//! id finds the row by primary key; the row keeps only [`Issued::digest`], a keyed hash, so that a copy of the database
//! holds no token. A kind is part of both hashes: a code never opens as a refresh token.
//!
//! Not here: the rows (`store`), lifetimes and single use (`oauth`, `interaction`).

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::CryptoError;
use super::derive::{self, KeyId};
use crate::base::{Random, Secret};

const KEY_ID: usize = 4;
const ID_END: usize = KEY_ID + 16;
const SECRET_END: usize = ID_END + 32;
const BODY: usize = SECRET_END + 16;
const PREFIX: usize = 6;
/// Length of every token in characters.
pub const TOKEN_LEN: usize = PREFIX + (BODY * 4).div_ceil(3);

/// What a token is for. Each kind has its own prefix, so that secret scanners and people can tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Access token (RFC 6749 §1.4).
    Access,
    /// Authorization code (RFC 6749 §1.3.1).
    Code,
    /// Names a pending consent to the consent page.
    ConsentChallenge,
    /// Brings the answer of a consent page back to the authorization endpoint.
    ConsentVerifier,
    /// Names a pending login to the login page.
    LoginChallenge,
    /// Brings the answer of a login page back to the authorization endpoint.
    LoginVerifier,
    /// Names a pending logout to the logout page.
    LogoutChallenge,
    /// Brings the answer of a logout page back to the logout endpoint.
    LogoutVerifier,
    /// Refresh token (RFC 6749 §1.5).
    Refresh,
    /// A person's session, in a cookie or a header.
    Session,
    /// Ends the session it belongs to.
    SessionLogout,
}

impl TokenKind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::Access,
        Self::Code,
        Self::ConsentChallenge,
        Self::ConsentVerifier,
        Self::LoginChallenge,
        Self::LoginVerifier,
        Self::LogoutChallenge,
        Self::LogoutVerifier,
        Self::Refresh,
        Self::Session,
        Self::SessionLogout,
    ];

    /// What every token of this kind starts with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Access => "sp_at_",
            Self::Code => "sp_ac_",
            Self::ConsentChallenge => "sp_cc_",
            Self::ConsentVerifier => "sp_cv_",
            Self::LoginChallenge => "sp_lc_",
            Self::LoginVerifier => "sp_lv_",
            Self::LogoutChallenge => "sp_oc_",
            Self::LogoutVerifier => "sp_ov_",
            Self::Refresh => "sp_rt_",
            Self::Session => "sp_st_",
            Self::SessionLogout => "sp_lo_",
        }
    }

    /// The kind whose prefix `token` has; says nothing about the rest of it.
    pub fn of(token: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| token.starts_with(kind.prefix()))
    }

    /// The two letters of the prefix: enough to tell kinds apart, and the hashed bytes still fit one block.
    fn label(self) -> &'static [u8] {
        &self.prefix().as_bytes()[3..5]
    }
}

/// A token just made: the text goes to its holder, the digest to its row.
#[derive(Debug)]
pub struct Issued {
    /// The token itself; kept nowhere.
    pub token: Secret<String>,
    /// What the row keeps.
    pub digest: [u8; 32],
}

/// A token that we made: which row it points to, and what that row's digest must be.
#[derive(Clone, Copy)]
pub struct Opened {
    /// Primary key of the row.
    pub id: Uuid,
    digest: [u8; 32],
}

impl Opened {
    /// Whether `stored`, the digest column of the row, belongs to this token. Constant time.
    pub fn matches(&self, stored: &[u8]) -> bool {
        self.digest.ct_eq(stored).into()
    }

    /// The digest itself, for a query by it or for a table keyed on it.
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

/// Issues and opens opaque tokens. Made once; both operations take well under a microsecond.
pub struct OpaqueKeys(Vec<Key>);

struct Key {
    id: KeyId,
    mac: hmac::Key,
    digest: hmac::Key,
}

impl OpaqueKeys {
    /// Keys of `secrets.system`: the first issues, all of them open.
    ///
    /// # Errors
    /// [`CryptoError::NoSecret`] when the list is empty or one of its secrets is.
    pub fn new(system: &[Secret<String>]) -> Result<Self, CryptoError> {
        let macs = derive::ring(system, "opaque token mac")?;
        let digests = derive::ring(system, "opaque token digest")?;
        let key = |bytes: &Secret<[u8; 32]>| hmac::Key::new(hmac::HMAC_SHA256, bytes.expose());
        let pairs = macs.iter().zip(&digests);
        Ok(Self(pairs.map(|(m, d)| Key { id: m.id, mac: key(&m.bytes), digest: key(&d.bytes) }).collect()))
    }

    /// Makes a token of `kind` that points to the row `id`.
    pub fn issue(&self, kind: TokenKind, id: Uuid, random: &dyn Random) -> Issued {
        let key = &self.0[0]; // `new` refuses an empty list
        let mut body = [0; BODY];
        body[..KEY_ID].copy_from_slice(&key.id);
        body[KEY_ID..ID_END].copy_from_slice(id.as_bytes());
        random.fill(&mut body[ID_END..SECRET_END]);
        let hashed = hashed(kind, &body);
        body[SECRET_END..].copy_from_slice(&hmac::sign(&key.mac, &hashed).as_ref()[..BODY - SECRET_END]);
        let mut token = String::with_capacity(TOKEN_LEN);
        token.push_str(kind.prefix());
        URL_SAFE_NO_PAD.encode_string(body, &mut token);
        Issued { token: Secret::new(token), digest: key.digest_of(&hashed) }
    }

    /// Opens a token that one of our keys issued as this `kind`; anything else is `None`, before any query.
    ///
    /// The row must still be found, and its digest column must [match](Opened::matches).
    pub fn open(&self, kind: TokenKind, token: &str) -> Option<Opened> {
        let encoded = token.strip_prefix(kind.prefix()).filter(|rest| rest.len() == TOKEN_LEN - PREFIX)?;
        let mut body = [0; BODY + 4];
        let len = URL_SAFE_NO_PAD.decode_slice(encoded, &mut body).ok()?;
        let body = body[..len].first_chunk::<BODY>()?;
        let hashed = hashed(kind, body);
        let key = self.0.iter().find(|key| key.id == body[..KEY_ID] && key.made(&hashed, &body[SECRET_END..]))?;
        let id = Uuid::from_slice(&body[KEY_ID..ID_END]).ok()?;
        Some(Opened { id, digest: key.digest_of(&hashed) })
    }
}

impl Key {
    fn made(&self, hashed: &[u8], mac: &[u8]) -> bool {
        hmac::sign(&self.mac, hashed).as_ref()[..mac.len()].ct_eq(mac).into()
    }

    fn digest_of(&self, hashed: &[u8]) -> [u8; 32] {
        *hmac::sign(&self.digest, hashed).as_ref().first_chunk().expect("HMAC-SHA-256 gives 32 bytes")
    }
}

/// The bytes both hashes cover: kind, key id, id, secret.
fn hashed(kind: TokenKind, body: &[u8; BODY]) -> [u8; 2 + SECRET_END] {
    let mut out = [0; 2 + SECRET_END];
    out[..2].copy_from_slice(kind.label());
    out[2..].copy_from_slice(&body[..SECRET_END]);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, prop_assume, proptest};

    use super::*;
    use crate::base::SeededRandom;

    fn keys(secrets: &[&str]) -> OpaqueKeys {
        let secrets: Vec<_> = secrets.iter().copied().map(Secret::from).collect();
        OpaqueKeys::new(&secrets).expect("secrets")
    }

    fn token(keys: &OpaqueKeys, kind: TokenKind) -> String {
        keys.issue(kind, Uuid::from_u128(7), &SeededRandom::new(1)).token.expose().clone()
    }

    #[test]
    fn kinds_have_distinct_prefixes_of_one_length() {
        for kind in TokenKind::ALL {
            assert_eq!(kind.prefix().len(), PREFIX);
            assert_eq!(TokenKind::ALL.iter().filter(|other| other.prefix() == kind.prefix()).count(), 1);
            assert_eq!(TokenKind::of(kind.prefix()), Some(kind));
        }
        assert_eq!(TokenKind::of("ory_at_x"), None);
    }

    #[test]
    fn a_token_opens_as_its_own_kind_only() {
        let keys = keys(&["s"]);
        for kind in TokenKind::ALL {
            let text = token(&keys, kind);
            assert_eq!(text.len(), TOKEN_LEN);
            for other in TokenKind::ALL {
                assert_eq!(keys.open(other, &text).is_some(), other == kind);
                let relabelled = text.replacen(kind.prefix(), other.prefix(), 1);
                assert_eq!(keys.open(other, &relabelled).is_some(), other == kind);
            }
        }
    }

    #[test]
    fn rotation_keeps_old_tokens_and_issues_new_ones_under_the_first_secret() {
        let (old, new, both) = (keys(&["old"]), keys(&["new"]), keys(&["new", "old"]));
        let issued = old.issue(TokenKind::Refresh, Uuid::from_u128(9), &SeededRandom::new(2));
        let opened = both.open(TokenKind::Refresh, issued.token.expose()).expect("the old secret is still listed");
        assert!(opened.matches(&issued.digest) && opened.id == Uuid::from_u128(9));
        assert!(new.open(TokenKind::Refresh, issued.token.expose()).is_none());
        let fresh = token(&both, TokenKind::Access);
        assert!(new.open(TokenKind::Access, &fresh).is_some() && old.open(TokenKind::Access, &fresh).is_none());
    }

    #[test]
    fn only_the_exact_text_opens() {
        let keys = keys(&["s"]);
        let good = token(&keys, TokenKind::Access);
        let last = good.chars().last().expect("not empty");
        for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=".chars().filter(|c| *c != last)
        {
            // Some of these decode to the same bytes: the encoding must be canonical.
            let changed = format!("{}{other}", &good[..TOKEN_LEN - 1]);
            assert!(keys.open(TokenKind::Access, &changed).is_none(), "last character {other}");
        }
        for bad in [
            format!(" {good}"),
            format!("{good} "),
            format!("{good}\n"),
            format!("{good}="),
            format!("{good}A"),
            good.to_uppercase(),
            good.replacen("sp_at_", "SP_AT_", 1),
            good[6..].to_owned(),
            format!("sp_at_{good}"),
            "sp_at_".to_owned(),
            format!("sp_at_{}", "A".repeat(TOKEN_LEN - PREFIX)),
            format!("sp_at_{}", "\u{e9}".repeat((TOKEN_LEN - PREFIX) / 2)),
            String::new(),
        ] {
            assert!(keys.open(TokenKind::Access, &bad).is_none());
        }
    }

    #[test]
    fn the_digest_is_not_in_the_token_and_a_foreign_digest_does_not_match() {
        let keys = keys(&["s"]);
        let issued = keys.issue(TokenKind::Access, Uuid::from_u128(1), &SeededRandom::new(1));
        let opened = keys.open(TokenKind::Access, issued.token.expose()).expect("ours");
        let body = URL_SAFE_NO_PAD.decode(&issued.token.expose()[PREFIX..]).expect("base64url");
        assert!(!body.windows(16).any(|part| issued.digest.windows(16).any(|d| d == part)));
        assert!(opened.matches(&issued.digest) && *opened.digest() == issued.digest);
        for stored in [&[0; 32][..], &issued.digest[..31], &[]] {
            assert!(!opened.matches(stored));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]
        #[test]
        fn what_is_issued_opens_and_any_flipped_bit_does_not(id in any::<u128>(), seed in any::<u64>(), at in 0..BODY * 8) {
            let keys = keys(&["s", "older"]);
            let issued = keys.issue(TokenKind::Code, Uuid::from_u128(id), &SeededRandom::new(seed));
            let opened = keys.open(TokenKind::Code, issued.token.expose()).expect("ours");
            prop_assert_eq!(opened.id.as_u128(), id);
            prop_assert!(opened.matches(&issued.digest));
            let mut body = URL_SAFE_NO_PAD.decode(&issued.token.expose()[PREFIX..]).expect("base64url");
            body[at / 8] ^= 1 << (at % 8);
            let flipped = format!("sp_ac_{}", URL_SAFE_NO_PAD.encode(&body));
            prop_assert!(keys.open(TokenKind::Code, &flipped).is_none());
        }

        #[test]
        fn a_shortened_or_invented_token_is_refused(cut in 0..TOKEN_LEN, junk in "\\PC{0,120}") {
            let keys = keys(&["s"]);
            let good = token(&keys, TokenKind::Session);
            prop_assert!(keys.open(TokenKind::Session, &good[..cut]).is_none());
            prop_assume!(!junk.is_empty());
            let spliced = format!("{}{junk}", &good[..cut]);
            prop_assert!(spliced == good || keys.open(TokenKind::Session, &spliced).is_none());
            let invented = format!("sp_st_{junk}");
            prop_assert!(keys.open(TokenKind::Session, &invented).is_none());
        }
    }
}
