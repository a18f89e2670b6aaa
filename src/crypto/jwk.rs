//! Signing keys as JSON Web Keys (RFC 7517; RSA and P-256: RFC 7518 §6, Ed25519: RFC 8037), named by RFC 7638 thumbprint.
//!
//! Reading is strict: one spelling of every number, a key that fits its algorithm, no weak RSA. Not here: signing and
//! verifying ([`super::jws`]), and which keys are in use ([`super::keyring`]).

use aws_lc_rs::digest;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::CryptoError;
use crate::base::SigningAlg;

/// Longest key name we read.
const LONGEST_KID: usize = 255;

/// Members of a JWK as they are written, private ones included. Never leaves this floor; wiped on drop.
#[derive(Clone, Default, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(super) struct Members {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) kid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) alg: Option<String>,
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    pub(super) usage: Option<String>,
    pub(super) kty: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) crv: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) n: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) e: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) x: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) y: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) d: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) p: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) q: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) dp: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) dq: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) qi: Option<String>,
}

impl Members {
    pub(super) fn of_kind(kty: &str) -> Self {
        let mut members = Self::default();
        members.kty = kty.to_owned();
        members
    }

    pub(super) fn from_json(json: &str) -> Result<Self, CryptoError> {
        serde_json::from_str(json)
            .map_err(|_| CryptoError::Key("expected one JSON Web Key (RFC 7517): an object with kty"))
    }
}

/// A public key with its name: what we publish, and what we verify with.
#[derive(Clone)]
pub struct PublicJwk {
    alg: SigningAlg,
    kid: String,
    numbers: Numbers,
    parsed: ParsedPublicKey,
}

/// Public numbers, base64url.
#[derive(Clone)]
enum Numbers {
    Ed25519 { x: String },
    P256 { x: String, y: String },
    Rsa { n: String, e: String },
}

impl PublicJwk {
    /// Reads one key; private members are ignored. Without a `kid` the thumbprint is the name.
    ///
    /// # Errors
    /// [`CryptoError::Key`] says what is wrong: an unknown kind or curve, `use` or `alg` that are not for signing with
    /// it, numbers of the wrong size, RSA under 2048 bits, a point that is not on its curve.
    pub fn from_json(json: &str) -> Result<Self, CryptoError> {
        Self::from_members(&Members::from_json(json)?)
    }

    pub(super) fn from_members(jwk: &Members) -> Result<Self, CryptoError> {
        let (alg, numbers, parsed) = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("OKP", Some("Ed25519")) => ed25519(jwk)?,
            ("EC", Some("P-256")) => p256(jwk)?,
            ("RSA", None) => rsa(jwk)?,
            _ => return Err(CryptoError::Key("kty and crv must be RSA, EC with P-256, or OKP with Ed25519")),
        };
        if jwk.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return Err(CryptoError::Key("use must be sig"));
        }
        if jwk.alg.as_deref().is_some_and(|written| written != alg.as_str()) {
            return Err(CryptoError::Key("alg does not fit the key: RSA takes RS256, P-256 ES256, Ed25519 EdDSA"));
        }
        let kid = match jwk.kid.as_deref() {
            None => numbers.thumbprint(),
            Some(kid) if (1..=LONGEST_KID).contains(&kid.len()) => kid.to_owned(),
            Some(_) => return Err(CryptoError::Key("kid must have 1 to 255 bytes")),
        };
        Ok(Self { alg, kid, numbers, parsed })
    }

    /// The only algorithm this key is used with.
    pub const fn alg(&self) -> SigningAlg {
        self.alg
    }

    /// The key's name in headers and key sets.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// SHA-256 thumbprint, base64url (RFC 7638 §3).
    pub fn thumbprint(&self) -> String {
        self.numbers.thumbprint()
    }

    /// The key for a key set: public members only, with `use`, `alg` and `kid`.
    pub fn to_json(&self) -> String {
        let mut members = self.numbers.members();
        members.kid = Some(self.kid.clone());
        members.alg = Some(self.alg.as_str().to_owned());
        members.usage = Some("sig".to_owned());
        serde_json::to_string(&members).expect("strings are always JSON")
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(message, signature).is_ok()
    }
}

impl std::fmt::Debug for PublicJwk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} key {}", self.alg, self.kid)
    }
}

impl Numbers {
    fn members(&self) -> Members {
        match self {
            Self::Ed25519 { x } => {
                let mut members = Members::of_kind("OKP");
                (members.crv, members.x) = (Some("Ed25519".to_owned()), Some(x.clone()));
                members
            }
            Self::P256 { x, y } => {
                let mut members = Members::of_kind("EC");
                (members.crv, members.x, members.y) = (Some("P-256".to_owned()), Some(x.clone()), Some(y.clone()));
                members
            }
            Self::Rsa { n, e } => {
                let mut members = Members::of_kind("RSA");
                (members.n, members.e) = (Some(n.clone()), Some(e.clone()));
                members
            }
        }
    }

    // RFC 7638 §3.2: exactly the required members, in the order of their names, without spaces. base64url needs no escapes.
    fn thumbprint(&self) -> String {
        let canonical = match self {
            Self::Ed25519 { x } => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#),
            Self::P256 { x, y } => format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#),
            Self::Rsa { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
        };
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, canonical.as_bytes()))
    }
}

type Parts = (SigningAlg, Numbers, ParsedPublicKey);

fn ed25519(jwk: &Members) -> Result<Parts, CryptoError> {
    let x = sized(jwk.x.as_deref(), 32, "Ed25519 needs x of 32 bytes, base64url without padding")?;
    let parsed = ParsedPublicKey::new(&ED25519, &*x).map_err(|_| CryptoError::Key("x is not an Ed25519 key"))?;
    Ok((SigningAlg::EdDsa, Numbers::Ed25519 { x: written(&x) }, parsed))
}

fn p256(jwk: &Members) -> Result<Parts, CryptoError> {
    const SIZE: &str = "P-256 needs x and y of 32 bytes each, base64url without padding";
    let (x, y) = (sized(jwk.x.as_deref(), 32, SIZE)?, sized(jwk.y.as_deref(), 32, SIZE)?);
    let parsed = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point(&x, &y))
        .map_err(|_| CryptoError::Key("x and y are not a point on P-256"))?;
    Ok((SigningAlg::Es256, Numbers::P256 { x: written(&x), y: written(&y) }, parsed))
}

fn rsa(jwk: &Members) -> Result<Parts, CryptoError> {
    const FORM: &str = "RSA needs n and e, base64url without padding or leading zeros";
    let (n, e) = (number(jwk.n.as_deref(), FORM)?, number(jwk.e.as_deref(), FORM)?);
    let bits = n.len() * 8 - usize::try_from(n.first().map_or(8, |byte| byte.leading_zeros())).unwrap_or(8);
    if !(2048..=8192).contains(&bits) {
        return Err(CryptoError::Key("RSA keys must have 2048 to 8192 bits, better 3072 or more"));
    }
    // FIPS 186-5 A.1.1: an odd exponent above 2^16.
    if !(3..=5).contains(&e.len()) || e.last().is_none_or(|last| last % 2 == 0) {
        return Err(CryptoError::Key("the RSA exponent e must be odd and at least 65537 (AQAB)"));
    }
    let parsed = RsaPublicKeyComponents { n: &*n, e: &*e }
        .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
        .map_err(|_| CryptoError::Key("n and e are not a usable RSA key"))?;
    Ok((SigningAlg::Rs256, Numbers::Rsa { n: written(&n), e: written(&e) }, parsed))
}

/// An uncompressed curve point (SEC 1 §2.3.3).
pub(super) fn point(x: &[u8], y: &[u8]) -> Vec<u8> {
    [&[4], x, y].concat()
}

/// A number as base64url without padding.
pub(super) fn written(number: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(number)
}

/// A number of fixed size: leading zeros stay (RFC 7518 §6.2.1.2, RFC 8037 §2).
pub(super) fn sized(text: Option<&str>, len: usize, wrong: &'static str) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    let bytes = text.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()).map(Zeroizing::new);
    bytes.filter(|bytes| bytes.len() == len).ok_or(CryptoError::Key(wrong))
}

/// A number without leading zeros (RFC 7518 §2, Base64urlUInt).
pub(super) fn number(text: Option<&str>, wrong: &'static str) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    let bytes = text.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()).map(Zeroizing::new);
    bytes.filter(|bytes| bytes.first().is_some_and(|first| *first != 0)).ok_or(CryptoError::Key(wrong))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RFC_7638: &str = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;
    const RFC_8037: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

    #[test]
    fn thumbprints_are_those_of_the_standards() {
        let rsa = PublicJwk::from_json(RFC_7638).expect("RFC 7638 §3.1");
        assert_eq!(rsa.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        assert_eq!(rsa.kid(), "2011-04-29");
        let ed = PublicJwk::from_json(RFC_8037).expect("RFC 8037 A.2");
        assert_eq!(ed.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn the_public_form_has_no_private_member_and_reads_back() {
        for (alg, json) in crate::crypto::test_keys::ALL {
            let key = PublicJwk::from_json(json).expect("a test key");
            assert_eq!(
                (key.alg(), key.kid()),
                (alg, key.thumbprint().as_str()),
                "the script computes the same thumbprint"
            );
            let public: serde_json::Value = serde_json::from_str(&key.to_json()).expect("JSON");
            for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
                assert!(public.get(private).is_none());
            }
            assert_eq!(public["use"], "sig");
            assert_eq!(public["alg"], alg.as_str());
            assert_eq!(PublicJwk::from_json(&key.to_json()).map(|k| k.to_json()), Ok(key.to_json()));
        }
    }

    #[test]
    fn keys_that_are_weak_or_not_what_they_say_are_refused() {
        let es256 = crate::crypto::test_keys::ES256;
        let mut swapped = Members::from_json(es256).expect("a JWK");
        (swapped.x, swapped.y) = (swapped.y.clone(), swapped.x.clone());
        assert_eq!(PublicJwk::from_members(&swapped).err(), Some(CryptoError::Key("x and y are not a point on P-256")));
        let small = format!(r#"{{"kty":"RSA","e":"AQAB","n":"{}"}}"#, written(&[0xff; 255]));
        let even = format!(r#"{{"kty":"RSA","e":"AQAC","n":"{}"}}"#, written(&[0xff; 256]));
        let three = format!(r#"{{"kty":"RSA","e":"Aw","n":"{}"}}"#, written(&[0xff; 256]));
        let zero = format!(r#"{{"kty":"RSA","e":"AQAB","n":"{}"}}"#, written(&[&[0][..], &[0xff; 256]].concat()));
        let huge = format!(r#"{{"kty":"RSA","e":"AQAB","n":"{}"}}"#, written(&[0xff; 2048]));
        for bad in [
            "",
            "[]",
            "{}",
            "null",
            r#"{"kty":"oct","k":"AAAA"}"#,
            r#"{"kty":"EC","crv":"P-521","x":"AA","y":"AA"}"#,
            r#"{"kty":"RSA"}"#,
            r#"{"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
            &RFC_8037.replace("11q", "11q="),
            &RFC_8037.replace("\"x\":\"1", "\"x\":\""),
            &RFC_8037.replace("OKP", "EC"),
            &RFC_8037.replace("{", r#"{"use":"enc","#),
            &RFC_8037.replace("{", r#"{"alg":"HS256","#),
            &RFC_8037.replace("{", r#"{"alg":"none","#),
            &RFC_8037.replace("{", r#"{"kid":"","#),
            &RFC_8037.replace("{", r#"{"kty":"OKP","#),
            &RFC_7638.replace("RS256", "PS256"),
            &small,
            &even,
            &three,
            &zero,
            &huge,
        ] {
            assert!(matches!(PublicJwk::from_json(bad), Err(CryptoError::Key(_))), "{bad}");
        }
    }
}
