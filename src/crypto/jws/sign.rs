//! Signing: one key, parsed once, with its headers already encoded.

use std::fmt;

use aws_lc_rs::encoding::{AsBigEndian, Curve25519SeedBin, EcPrivateKeyBin};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPairComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jwk::Jwk;
use serde::Serialize;

use super::{TYP_ACCESS, TYP_JWT, TYP_LOGOUT};
use crate::base::{Secret, SigningAlg};
use crate::crypto::CryptoError;
use crate::crypto::jwk::{Members, PublicJwk, number, point, sized, written};

/// A private key that signs, its public half and its name.
pub struct SigningKey {
    public: PublicJwk,
    pair: Pair,
    private_jwk: Secret<String>,
    headers: [(&'static str, String); 3],
    random: SystemRandom,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl SigningKey {
    /// Makes a new key, named by its thumbprint. `rsa_bits` counts for RS256 only; RSA takes up to some seconds.
    ///
    /// Chance comes from the operating system: a key from a test's source would be a key anybody can make.
    ///
    /// # Errors
    /// [`CryptoError::Key`] when `rsa_bits` is not a multiple of 8 from 2048 to 8192.
    pub fn generate(alg: SigningAlg, rsa_bits: u32) -> Result<Self, CryptoError> {
        let mut members = match alg {
            SigningAlg::EdDsa => new_ed25519()?,
            SigningAlg::Es256 => new_p256()?,
            SigningAlg::Rs256 => new_rsa(rsa_bits)?,
        };
        members.alg = Some(alg.as_str().to_owned());
        Self::from_members(members)
    }

    /// Reads a private JWK (RFC 7517). Without a `kid` the thumbprint is the name; RSA keys need p, q, dp, dq and qi.
    ///
    /// # Errors
    /// [`CryptoError::Key`] says what is wrong, as [`PublicJwk::from_json`] does, or that the halves do not belong together.
    pub fn from_private_jwk(jwk: &Secret<String>) -> Result<Self, CryptoError> {
        Self::from_members(Members::from_json(jwk.expose())?)
    }

    fn from_members(mut members: Members) -> Result<Self, CryptoError> {
        let public = PublicJwk::from_members(&members)?;
        let pair = match public.alg() {
            SigningAlg::EdDsa => ed25519(&members)?,
            SigningAlg::Es256 => p256(&members)?,
            SigningAlg::Rs256 => rsa(&members)?,
        };
        members.kid = Some(public.kid().to_owned());
        members.alg = Some(public.alg().as_str().to_owned());
        members.usage = Some("sig".to_owned());
        let private_jwk = Secret::new(serde_json::to_string(&members).expect("strings are always JSON"));
        let headers = [TYP_JWT, TYP_ACCESS, TYP_LOGOUT].map(|typ| (typ, header(&public, typ)));
        Ok(Self { public, pair, private_jwk, headers, random: SystemRandom::new() })
    }

    /// The private JWK, to be sealed and stored.
    pub const fn to_private_jwk(&self) -> &Secret<String> {
        &self.private_jwk
    }

    /// The public half.
    pub const fn public(&self) -> &PublicJwk {
        &self.public
    }

    /// The algorithm this key signs with.
    pub const fn alg(&self) -> SigningAlg {
        self.public.alg()
    }

    /// The key's name, as in the header of what it signs.
    pub fn kid(&self) -> &str {
        self.public.kid()
    }

    /// Signs `claims` as a compact JWT with `typ`, `alg` and `kid` in its header.
    ///
    /// # Errors
    /// [`CryptoError::Claims`] when `claims` is not a JSON object; [`CryptoError::Refused`] when the library fails.
    pub fn sign<T: Serialize>(&self, typ: &str, claims: &T) -> Result<String, CryptoError> {
        let payload = serde_json::to_vec(claims).map_err(|_| CryptoError::Claims)?;
        if payload.first() != Some(&b'{') {
            return Err(CryptoError::Claims);
        }
        let made;
        let header = match self.headers.iter().find(|(known, _)| *known == typ) {
            Some((_, header)) => header,
            None => {
                made = header(&self.public, typ);
                &made
            }
        };
        let mut token = String::with_capacity(header.len() + payload.len().div_ceil(3) * 4 + 700);
        token.push_str(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(&payload, &mut token);
        self.append_signature(&mut token)?;
        Ok(token)
    }

    /// Signs what `token` holds so far, header and payload, and appends the signature.
    fn append_signature(&self, token: &mut String) -> Result<(), CryptoError> {
        let mut long = Vec::new();
        let short;
        let signature: &[u8] = match &self.pair {
            Pair::Ed25519(key) => {
                short = key.try_sign(token.as_bytes()).map_err(|_| CryptoError::Refused)?;
                short.as_ref()
            }
            Pair::P256(key) => {
                short = key.sign(&self.random, token.as_bytes()).map_err(|_| CryptoError::Refused)?;
                short.as_ref()
            }
            Pair::Rsa(key) => {
                long.resize(key.public_modulus_len(), 0);
                key.sign(&RSA_PKCS1_SHA256, &self.random, token.as_bytes(), &mut long)
                    .map_err(|_| CryptoError::Refused)?;
                &long
            }
        };
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, token);
        Ok(())
    }

    /// Signs any message, so that tests can forge tokens we would never make.
    #[cfg(test)]
    pub(super) fn sign_raw(&self, message: &str) -> String {
        let mut token = message.to_owned();
        self.append_signature(&mut token).expect("signed");
        token
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "private {:?}", self.public)
    }
}

fn header(public: &PublicJwk, typ: &str) -> String {
    #[derive(Serialize)]
    struct Header<'a> {
        alg: SigningAlg,
        kid: &'a str,
        typ: &'a str,
    }
    let json = serde_json::to_vec(&Header { alg: public.alg(), kid: public.kid(), typ });
    written(&json.expect("strings are always JSON"))
}

fn ed25519(jwk: &Members) -> Result<Pair, CryptoError> {
    const FORM: &str = "Ed25519 needs d of 32 bytes, base64url without padding";
    let (d, x) = (sized(jwk.d.as_deref(), 32, FORM)?, sized(jwk.x.as_deref(), 32, FORM)?);
    let pair = Ed25519KeyPair::from_seed_and_public_key(&d, &x);
    pair.map(Pair::Ed25519).map_err(|_| CryptoError::Key("d and x do not belong together"))
}

fn p256(jwk: &Members) -> Result<Pair, CryptoError> {
    const FORM: &str = "P-256 needs d of 32 bytes, base64url without padding";
    let d = sized(jwk.d.as_deref(), 32, FORM)?;
    let (x, y) = (sized(jwk.x.as_deref(), 32, FORM)?, sized(jwk.y.as_deref(), 32, FORM)?);
    let pair = EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, &d, &point(&x, &y));
    pair.map(Pair::P256).map_err(|_| CryptoError::Key("d does not belong to x and y"))
}

fn rsa(jwk: &Members) -> Result<Pair, CryptoError> {
    let read = |text: &Option<String>| {
        number(text.as_deref(), "private RSA keys need n, e, d, p, q, dp, dq and qi, base64url without leading zeros")
    };
    let (n, e, d) = (read(&jwk.n)?, read(&jwk.e)?, read(&jwk.d)?);
    let (p, q, dp, dq, qi) = (read(&jwk.p)?, read(&jwk.q)?, read(&jwk.dp)?, read(&jwk.dq)?, read(&jwk.qi)?);
    let components = KeyPairComponents {
        public_key: RsaPublicKeyComponents { n: n.as_slice(), e: e.as_slice() },
        d: d.as_slice(),
        p: p.as_slice(),
        q: q.as_slice(),
        dP: dp.as_slice(),
        dQ: dq.as_slice(),
        qInv: qi.as_slice(),
    };
    let pair = RsaKeyPair::from_components(&components);
    pair.map(Pair::Rsa).map_err(|_| CryptoError::Key("the private RSA numbers do not belong together"))
}

fn new_ed25519() -> Result<Members, CryptoError> {
    let pair = Ed25519KeyPair::generate().map_err(|_| CryptoError::Refused)?;
    let seed = pair.seed().map_err(|_| CryptoError::Refused)?;
    let seed: Curve25519SeedBin<'_> = seed.as_be_bytes().map_err(|_| CryptoError::Refused)?;
    let mut members = Members::of_kind("OKP");
    members.crv = Some("Ed25519".to_owned());
    members.x = Some(written(pair.public_key().as_ref()));
    members.d = Some(written(seed.as_ref()));
    Ok(members)
}

fn new_p256() -> Result<Members, CryptoError> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| CryptoError::Refused)?;
    let scalar: EcPrivateKeyBin<'_> = pair.private_key().as_be_bytes().map_err(|_| CryptoError::Refused)?;
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    let mut members = Members::of_kind("EC");
    members.crv = Some("P-256".to_owned());
    members.x = Some(written(x));
    members.y = Some(written(y));
    members.d = Some(written(scalar.as_ref()));
    Ok(members)
}

fn new_rsa(bits: u32) -> Result<Members, CryptoError> {
    if !(2048..=8192).contains(&bits) || !bits.is_multiple_of(8) {
        return Err(CryptoError::Key("RSA keys must have 2048 to 8192 bits, better 3072 or more"));
    }
    let jwk = Jwk::generate_rsa_key(bits).map_err(|_| CryptoError::Refused)?;
    let part = |name| jwk.parameter(name).and_then(|value| value.as_str()).map(str::to_owned);
    let mut members = Members::of_kind("RSA");
    (members.n, members.e, members.d) = (part("n"), part("e"), part("d"));
    (members.p, members.q, members.qi) = (part("p"), part("q"), part("qi"));
    (members.dp, members.dq) = (part("dp"), part("dq"));
    Ok(members)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::crypto::jws::{PublicKeys, verify};
    use crate::crypto::test_keys;

    /// A relying party that knows nothing of this code, with our published key set in hand.
    fn others_verify(token: &str, public_jwk: &str, alg: SigningAlg) {
        // jsonwebtoken
        let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_str(public_jwk).expect("a JWK");
        let mut rules = jsonwebtoken::Validation::new(alg.as_str().parse().expect("a JOSE name"));
        rules.validate_exp = false;
        rules.required_spec_claims.clear();
        let key = jsonwebtoken::DecodingKey::from_jwk(&jwk).expect("a key");
        let decoded = jsonwebtoken::decode::<serde_json::Value>(token, &key, &rules).expect("jsonwebtoken verifies");
        assert_eq!(decoded.claims["sub"], "alice");
        assert_eq!(decoded.header.kid.as_deref(), jwk.common.key_id.as_deref());
        // josekit, on OpenSSL
        let jwk = Jwk::from_bytes(public_jwk).expect("a JWK");
        let verifier: Box<dyn josekit::jws::JwsVerifier> = match alg {
            SigningAlg::EdDsa => Box::new(josekit::jws::EdDSA.verifier_from_jwk(&jwk).expect("a key")),
            SigningAlg::Es256 => Box::new(josekit::jws::ES256.verifier_from_jwk(&jwk).expect("a key")),
            SigningAlg::Rs256 => Box::new(josekit::jws::RS256.verifier_from_jwk(&jwk).expect("a key")),
        };
        let (claims, header) = josekit::jwt::decode_with_verifier(token, &*verifier).expect("josekit verifies");
        assert_eq!((claims.subject(), header.token_type()), (Some("alice"), Some(TYP_JWT)));
        // openidconnect
        use openidconnect::core::{CoreJsonWebKey, CoreJwsSigningAlgorithm as Alg};
        let key: CoreJsonWebKey = serde_json::from_str(public_jwk).expect("a JWK");
        let (message, signature) = token.rsplit_once('.').expect("three parts");
        let alg = match alg {
            SigningAlg::EdDsa => Alg::EdDsa,
            SigningAlg::Es256 => Alg::EcdsaP256Sha256,
            SigningAlg::Rs256 => Alg::RsaSsaPkcs1V15Sha256,
        };
        let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
        openidconnect::JsonWebKey::verify_signature(&key, &alg, message.as_bytes(), &signature)
            .expect("openidconnect verifies");
    }

    #[test]
    fn other_implementations_verify_what_we_sign() {
        for (alg, jwk) in test_keys::ALL {
            let key = test_keys::key(jwk);
            let token = key.sign(TYP_JWT, &json!({"sub": "alice"})).expect("signed");
            others_verify(&token, &key.public().to_json(), alg);
        }
    }

    #[test]
    fn new_keys_sign_and_read_back_from_their_private_form() {
        for alg in SigningAlg::ALL {
            let key = SigningKey::generate(alg, 2048).expect("a key");
            assert_eq!((key.alg(), key.kid()), (alg, key.public().thumbprint().as_str()));
            let again = SigningKey::from_private_jwk(key.to_private_jwk()).expect("our own form");
            assert_eq!(again.to_private_jwk().expose(), key.to_private_jwk().expose());
            let token = again.sign(TYP_JWT, &json!({"sub": "alice"})).expect("signed");
            others_verify(&token, &key.public().to_json(), alg);
            let private: serde_json::Value = serde_json::from_str(key.to_private_jwk().expose()).expect("JSON");
            assert!(!format!("{key:?} {:?}", key.public()).contains(private["d"].as_str().expect("d")));
        }
        assert!(SigningKey::generate(SigningAlg::Rs256, 1024).is_err());
    }

    #[test]
    fn the_header_says_type_algorithm_and_key_and_nothing_else() {
        let key = test_keys::key(test_keys::EDDSA);
        for typ in [TYP_JWT, TYP_ACCESS, TYP_LOGOUT, "example+jwt"] {
            let token = key.sign(typ, &json!({"a": 1})).expect("signed");
            let header = URL_SAFE_NO_PAD.decode(token.split('.').next().expect("a header")).expect("base64url");
            let header: serde_json::Value = serde_json::from_slice(&header).expect("JSON");
            assert_eq!(header, json!({"alg": "EdDSA", "kid": key.kid(), "typ": typ}));
            assert!(verify(&token, &PublicKeys::new([key.public().clone()]), &[typ]).is_ok());
        }
    }

    #[test]
    fn only_objects_are_signed() {
        let key = test_keys::key(test_keys::EDDSA);
        for claims in [json!(null), json!([1]), json!("x"), json!(1)] {
            assert_eq!(key.sign(TYP_JWT, &claims), Err(CryptoError::Claims));
        }
    }

    #[test]
    fn private_keys_whose_halves_differ_are_refused() {
        let other = SigningKey::generate(SigningAlg::EdDsa, 0).expect("a key");
        for (_, jwk) in test_keys::ALL {
            let mut members = Members::from_json(jwk).expect("a JWK");
            members.d = Members::from_json(other.to_private_jwk().expose()).expect("a JWK").d.clone();
            assert!(matches!(SigningKey::from_members(members), Err(CryptoError::Key(_))));
            let mut public = Members::from_json(jwk).expect("a JWK");
            public.d = None;
            assert!(matches!(SigningKey::from_members(public), Err(CryptoError::Key(_))));
        }
    }
}
