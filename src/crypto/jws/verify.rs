//! Verifying: strict form first, then the key by name, then the signature by that key's algorithm, then the claims.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::TYP_JWT;
use crate::base::SigningAlg;
use crate::crypto::jwk::PublicJwk;

/// Longest token that is looked at, in bytes.
const LONGEST_TOKEN: usize = 16 * 1024;

/// Why a token is refused. The words say what is wrong with it, never what it contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// The token is not signed with an algorithm that the named key has.
    #[error("alg must be that of a published key; none, HMAC and other algorithms are refused")]
    Algorithm,
    /// A claim is missing or has the wrong JSON type.
    #[error("the claim `{0}` is missing or is not what it should be")]
    Claim(&'static str),
    /// The header demands an extension (RFC 7515 §4.1.11).
    #[error("crit and b64 are not supported in the header")]
    Critical,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// Not three canonical base64url parts, of which two are JSON objects without repeated members.
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    /// `nbf` or `iat` lies in the future.
    #[error("the token is not valid yet: nbf or iat lies in the future")]
    NotYet,
    /// The signature does not fit.
    #[error("the signature does not verify")]
    Signature,
    /// The token is of another type.
    #[error("typ is not one that is accepted here")]
    Typ,
    /// No published key has this name.
    #[error("kid names no published key")]
    UnknownKey,
}

/// Keys that tokens may be signed with.
#[derive(Clone, Debug, Default)]
pub struct PublicKeys(Vec<PublicJwk>);

impl PublicKeys {
    /// These keys and no others.
    pub fn new(keys: impl IntoIterator<Item = PublicJwk>) -> Self {
        Self(keys.into_iter().collect())
    }

    /// The keys, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &PublicJwk> {
        self.0.iter()
    }

    /// The keys a token with this header may be signed with: those of its name, or, without a name, those of its algorithm.
    fn candidates(&self, kid: Option<&str>, alg: &str) -> Result<Vec<&PublicJwk>, BadToken> {
        let named: Vec<_> = self.0.iter().filter(|key| kid.is_none_or(|kid| key.kid() == kid)).collect();
        if named.is_empty() {
            return Err(BadToken::UnknownKey);
        }
        // The token may only repeat what the key says; it never chooses (RFC 8725 §3.1).
        let fitting: Vec<_> = named.into_iter().filter(|key| key.alg().as_str() == alg).collect();
        if fitting.is_empty() { Err(BadToken::Algorithm) } else { Ok(fitting) }
    }
}

/// A token whose signature one of the keys made. Its times, issuer and audience are not checked yet.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Algorithm of the key that signed it.
    pub alg: SigningAlg,
    /// Name of the key that signed it.
    pub kid: String,
    /// The claims.
    pub claims: Map<String, Value>,
}

impl Verified {
    /// A claim that must be a string.
    ///
    /// # Errors
    /// [`BadToken::Claim`] when it is missing, not a string, or empty.
    pub fn text(&self, name: &'static str) -> Result<&str, BadToken> {
        let text = self.claims.get(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty()).ok_or(BadToken::Claim(name))
    }

    /// Whether `aud` names `audience`, alone or in a list (RFC 7519 §4.1.3).
    pub fn is_for(&self, audience: &str) -> bool {
        match self.claims.get("aud") {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(many)) => many.iter().all(Value::is_string) && many.iter().any(|one| one == audience),
            _ => false,
        }
    }
}

/// Verifies a compact JWT. Its `typ` must be one of `allowed_typ` (in any case, with or without `application/`); a
/// missing `typ` counts as `JWT`. Follow with [`check_times`](super::check_times) and the checks of issuer and audience.
///
/// # Errors
/// [`BadToken`] says what is wrong.
pub fn verify(token: &str, keys: &PublicKeys, allowed_typ: &[&str]) -> Result<Verified, BadToken> {
    if token.len() > LONGEST_TOKEN {
        return Err(BadToken::Malformed("it is longer than 16 KiB"));
    }
    let (message, signature) = token.rsplit_once('.').ok_or(BadToken::Malformed("expected three parts"))?;
    let (header, payload) = message.split_once('.').ok_or(BadToken::Malformed("expected three parts"))?;
    if header.is_empty() || payload.is_empty() || signature.is_empty() || payload.contains('.') {
        return Err(BadToken::Malformed("expected three parts, none of them empty"));
    }
    let header = object(header, "the header is not a JSON object in base64url")?;
    if header.contains_key("crit") || header.contains_key("b64") {
        return Err(BadToken::Critical);
    }
    let kid = optional_text(&header, "kid", BadToken::UnknownKey)?;
    let alg = header.get("alg").and_then(Value::as_str).ok_or(BadToken::Algorithm)?;
    let candidates = keys.candidates(kid, alg)?;
    let typ = optional_text(&header, "typ", BadToken::Typ)?.unwrap_or(TYP_JWT);
    if !allowed_typ.iter().any(|allowed| bare(allowed).eq_ignore_ascii_case(bare(typ))) {
        return Err(BadToken::Typ);
    }
    let signature = URL_SAFE_NO_PAD
        .decode(signature)
        .map_err(|_| BadToken::Malformed("the signature is not canonical base64url"))?;
    let signed_by = candidates.into_iter().find(|key| key.verifies(message.as_bytes(), &signature));
    let key = signed_by.ok_or(BadToken::Signature)?;
    let claims = object(payload, "the payload is not a JSON object without repeated members in base64url")?;
    Ok(Verified { alg: key.alg(), kid: key.kid().to_owned(), claims })
}

fn optional_text<'a>(header: &'a Map<String, Value>, name: &str, wrong: BadToken) -> Result<Option<&'a str>, BadToken> {
    header.get(name).map(|value| value.as_str().ok_or(wrong)).transpose()
}

/// RFC 7515 §4.1.9: `application/` may be left out.
fn bare(typ: &str) -> &str {
    match typ.split_at_checked(12) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
        _ => typ,
    }
}

fn object(part: &str, wrong: &'static str) -> Result<Map<String, Value>, BadToken> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| BadToken::Malformed(wrong))?;
    serde_json::from_slice(&json).map(|Unrepeated(map)| map).map_err(|_| BadToken::Malformed(wrong))
}

/// A JSON object whose members have distinct names (RFC 7515 §4, RFC 7519 §4).
struct Unrepeated(Map<String, Value>);

impl<'de> Deserialize<'de> for Unrepeated {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Unrepeated;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object without repeated members")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Unrepeated, A::Error> {
                let mut map = Map::new();
                while let Some((name, value)) = access.next_entry()? {
                    if map.insert(name, value).is_some() {
                        return Err(serde::de::Error::custom("a repeated member"));
                    }
                }
                Ok(Unrepeated(map))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac;
    use proptest::prelude::{ProptestConfig, any, prop_assert, proptest};
    use serde_json::json;

    use super::*;
    use crate::crypto::jws::{SigningKey, TYP_ACCESS};
    use crate::crypto::test_keys;

    fn published() -> PublicKeys {
        PublicKeys::new(test_keys::ALL.map(|(_, jwk)| PublicJwk::from_json(jwk).expect("a test key")))
    }

    fn b64(json: &str) -> String {
        URL_SAFE_NO_PAD.encode(json)
    }

    /// Signs exactly this header and this payload, whatever they are.
    fn forge(key: &SigningKey, header: &str, payload: &str) -> String {
        key.sign_raw(&format!("{}.{}", b64(header), b64(payload)))
    }

    fn refused(token: &str) -> BadToken {
        verify(token, &published(), &[TYP_JWT]).expect_err("must be refused")
    }

    #[test]
    fn every_published_key_verifies_and_is_named() {
        for (alg, jwk) in test_keys::ALL {
            let key = test_keys::key(jwk);
            let token = key.sign(TYP_JWT, &json!({"sub": "alice", "aud": ["a", "b"]})).expect("signed");
            let verified = verify(&token, &published(), &[TYP_JWT]).expect("ours");
            assert_eq!((verified.alg, verified.kid.as_str()), (alg, key.kid()));
            assert_eq!(verified.text("sub"), Ok("alice"));
            assert!(verified.is_for("b") && !verified.is_for("c"));
            assert_eq!(verified.text("aud"), Err(BadToken::Claim("aud")));
            let elsewhere = PublicKeys::new([SigningKey::generate(alg, 2048).expect("a key").public().clone()]);
            assert_eq!(verify(&token, &elsewhere, &[TYP_JWT]).err(), Some(BadToken::UnknownKey));
        }
    }

    #[test]
    fn the_algorithm_is_the_keys_never_the_tokens() {
        let (ed, rs) = (test_keys::key(test_keys::EDDSA), test_keys::key(test_keys::RS256));
        for alg in
            ["none", "None", "nOnE", "HS256", "RS256", "ES256", "EdDSA ", "eddsa", "Ed25519", "RS512", "PS256", ""]
        {
            let header = json!({"alg": alg, "kid": ed.kid()}).to_string();
            assert_eq!(refused(&forge(&ed, &header, "{}")), BadToken::Algorithm, "{alg}");
            let unsigned = format!("{}.{}.", b64(&header), b64("{}"));
            assert!(matches!(refused(&unsigned), BadToken::Malformed(_)), "{alg}");
        }
        for header in ["{}", r#"{"alg":null}"#, r#"{"alg":["EdDSA"]}"#] {
            assert_eq!(refused(&forge(&ed, header, "{}")), BadToken::Algorithm);
        }
        // The published RSA key used as an HMAC secret, in each form an attacker can download or derive it.
        let public = rs.public().to_json();
        for kid in [json!({"alg": "HS256", "kid": rs.kid()}), json!({"alg": "HS256"})] {
            let message = format!("{}.{}", b64(&kid.to_string()), b64("{}"));
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, public.as_bytes()), message.as_bytes());
            assert_eq!(refused(&format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))), BadToken::Algorithm);
        }
        // One key's signature under another key's name.
        let header = json!({"alg": "RS256", "kid": rs.kid()}).to_string();
        assert_eq!(refused(&forge(&ed, &header, "{}")), BadToken::Signature);
    }

    #[test]
    fn empty_and_degenerate_signatures_are_refused() {
        let es = test_keys::key(test_keys::ES256);
        let message = format!("{}.{}", b64(&json!({"alg": "ES256", "kid": es.kid()}).to_string()), b64("{}"));
        for signature in [&[0; 64][..], &[0xff; 64], &[1; 63], &[1; 65], &[0]] {
            assert_eq!(refused(&format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))), BadToken::Signature);
        }
    }

    #[test]
    fn only_three_canonical_parts_are_a_token() {
        let key = test_keys::key(test_keys::EDDSA);
        let good = key.sign(TYP_JWT, &json!({"a": 1})).expect("signed");
        let parts: Vec<&str> = good.split('.').collect();
        let [header, payload, signature] = parts[..] else { panic!("three parts") };
        for bad in [
            String::new(),
            ".".to_owned(),
            "..".to_owned(),
            "...".to_owned(),
            header.to_owned(),
            format!("{header}.{payload}"),
            format!("{header}.{payload}."),
            format!("{header}..{signature}"),
            format!(".{payload}.{signature}"),
            format!("{good}.{signature}"),
            format!("{good}."),
            format!(".{good}"),
            format!("{good}="),
            format!("{good} "),
            format!(" {good}"),
            format!("{header}=.{payload}.{signature}"),
            format!("{header}.{payload}\n.{signature}"),
            format!("{header}.{payload}.+{}", &signature[1..]),
            "a".repeat(LONGEST_TOKEN + 1),
            format!("{good}{}", "A".repeat(LONGEST_TOKEN)),
        ] {
            let verdict = refused(&bad);
            assert!(matches!(verdict, BadToken::Malformed(_) | BadToken::Signature), "{bad}: {verdict:?}");
        }
        // The last character carries two bits of the signature and four that must be zero.
        let (kept, last) = good.split_at(good.len() - 1);
        for other in
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".chars().filter(|c| !last.contains(*c))
        {
            refused(&format!("{kept}{other}"));
        }
        let long = key.sign(TYP_JWT, &json!({"a": "x".repeat(LONGEST_TOKEN)})).expect("signed");
        assert_eq!(refused(&long), BadToken::Malformed("it is longer than 16 KiB"));
    }

    #[test]
    fn an_audience_is_a_string_or_a_list_of_strings() {
        let key = test_keys::key(test_keys::EDDSA);
        for (claims, ok) in [
            (json!({"aud": "api"}), true),
            (json!({"aud": ["web", "api"]}), true),
            (json!({"aud": "API"}), false),
            (json!({"aud": ["web"]}), false),
            (json!({"aud": []}), false),
            (json!({"aud": ["api", 1]}), false),
            (json!({"aud": [["api"]]}), false),
            (json!({"aud": {"api": "api"}}), false),
            (json!({"aud": null}), false),
            (json!({}), false),
        ] {
            let token = key.sign(TYP_JWT, &claims).expect("signed");
            assert_eq!(verify(&token, &published(), &[TYP_JWT]).expect("ours").is_for("api"), ok, "{claims}");
        }
    }

    #[test]
    fn header_and_payload_are_objects_without_repetition() {
        let key = test_keys::key(test_keys::EDDSA);
        let header = json!({"alg": "EdDSA", "kid": key.kid()}).to_string();
        for payload in [
            "",
            "null",
            "[]",
            "\"x\"",
            "1",
            "{",
            "{}x",
            r#"{"sub":"a","sub":"b"}"#,
            r#"{"sub":"a","s\u0075b":"b"}"#,
            "\u{feff}{}",
        ] {
            assert!(matches!(refused(&forge(&key, &header, payload)), BadToken::Malformed(_)), "{payload}");
        }
        for bad in
            ["null", "[]", "{", &header.replace('{', r#"{"alg":"EdDSA","#), &header.replace('{', r#"{"kid":"x","#)]
        {
            assert!(matches!(refused(&forge(&key, bad, "{}")), BadToken::Malformed(_)), "{bad}");
        }
        let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
        assert!(matches!(refused(&forge(&key, &header, &format!(r#"{{"a":{deep}}}"#))), BadToken::Malformed(_)));
    }

    #[test]
    fn the_header_names_a_published_key_and_no_extension() {
        let key = test_keys::key(test_keys::EDDSA);
        for (change, verdict) in [
            (json!({"kid": "unknown"}), BadToken::UnknownKey),
            (json!({"kid": ""}), BadToken::UnknownKey),
            (json!({"kid": null}), BadToken::UnknownKey),
            (json!({"kid": 1}), BadToken::UnknownKey),
            (json!({"crit": ["exp"]}), BadToken::Critical),
            (json!({"crit": null}), BadToken::Critical),
            (json!({"b64": false}), BadToken::Critical),
            (json!({"typ": null}), BadToken::Typ),
            (json!({"typ": "at+jwt"}), BadToken::Typ),
            (json!({"typ": ""}), BadToken::Typ),
        ] {
            let mut header = json!({"alg": "EdDSA", "kid": key.kid()});
            header.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
            assert_eq!(refused(&forge(&key, &header.to_string(), "{}")), verdict, "{change}");
        }
        // A key inside the header is never used.
        let stranger = SigningKey::generate(SigningAlg::EdDsa, 0).expect("a key");
        let jwk: Value = serde_json::from_str(&stranger.public().to_json()).expect("JSON");
        let header =
            json!({"alg": "EdDSA", "jwk": jwk, "jku": "https://evil.example/jwks", "x5u": "https://evil.example"});
        assert_eq!(refused(&forge(&stranger, &header.to_string(), "{}")), BadToken::Signature);
    }

    #[test]
    fn types_are_compared_as_media_types() {
        let key = test_keys::key(test_keys::EDDSA);
        let token = |typ: Value| {
            let mut header = json!({"alg": "EdDSA", "kid": key.kid()});
            if !typ.is_null() {
                header["typ"] = typ;
            }
            forge(&key, &header.to_string(), "{}")
        };
        for (typ, allowed, ok) in [
            (json!(null), TYP_JWT, true),
            (json!("jwt"), TYP_JWT, true),
            (json!("AT+JWT"), TYP_ACCESS, true),
            (json!("application/at+jwt"), TYP_ACCESS, true),
            (json!("Application/AT+jwt"), TYP_ACCESS, true),
            (json!(null), TYP_ACCESS, false),
            (json!("JWT"), TYP_ACCESS, false),
            (json!("application/"), TYP_ACCESS, false),
        ] {
            assert_eq!(verify(&token(typ.clone()), &published(), &[allowed]).is_ok(), ok, "{typ}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn no_text_panics_and_no_changed_byte_verifies(at in any::<usize>(), with in any::<u8>(), junk in "[A-Za-z0-9_.{}\":-]{0,60}") {
            let key = test_keys::key(test_keys::EDDSA);
            let good = key.sign(TYP_JWT, &json!({"sub": "alice"})).expect("signed");
            let mut bytes = good.clone().into_bytes();
            let at = at % bytes.len();
            bytes[at] = with & 0x7f;
            let changed = String::from_utf8(bytes).expect("ASCII");
            prop_assert!(changed == good || verify(&changed, &published(), &[TYP_JWT]).is_err());
            prop_assert!(verify(&junk, &published(), &[TYP_JWT]).is_err());
        }
    }
}
