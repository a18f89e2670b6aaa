//! The fixed keys of `keys/test`, for tests beside the code.

use super::jws::SigningKey;
use crate::base::{Secret, SigningAlg};

pub(crate) const EDDSA: &str = include_str!("../../keys/test/eddsa.jwk.json");
pub(crate) const ES256: &str = include_str!("../../keys/test/es256.jwk.json");
pub(crate) const RS256: &str = include_str!("../../keys/test/rs256.jwk.json");
pub(crate) const ALL: [(SigningAlg, &str); 3] =
    [(SigningAlg::EdDsa, EDDSA), (SigningAlg::Es256, ES256), (SigningAlg::Rs256, RS256)];

pub(crate) fn key(jwk: &str) -> SigningKey {
    SigningKey::from_private_jwk(&Secret::from(jwk)).expect("the test keys are good")
}
