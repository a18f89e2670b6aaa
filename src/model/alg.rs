//! The names of the signature algorithms that we sign with (RFC 7518 §3.1, RFC 8037 §3.1).
//!
//! Not here: keys and signatures, see `crypto`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An algorithm for our own signatures. There is no `none` and no symmetric one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SigningAlg {
    /// Ed25519 (RFC 8037).
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256; every relying party must understand it (OIDC Core §15.1).
    #[serde(rename = "RS256")]
    Rs256,
}

impl SigningAlg {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 3] = [Self::EdDsa, Self::Es256, Self::Rs256];

    /// The registered name, as it stands in `alg`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    /// The algorithm with the registered name `name` (case matters); `None` for every other.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alg| alg.as_str() == name)
    }
}

impl fmt::Display for SigningAlg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_registered_ones() {
        for alg in SigningAlg::ALL {
            assert_eq!(SigningAlg::parse(alg.as_str()), Some(alg));
            assert_eq!(serde_json::to_value(alg).ok(), Some(alg.as_str().into()));
        }
        for other in ["none", "HS256", "rs256", "EDDSA", ""] {
            assert_eq!(SigningAlg::parse(other), None, "{other}");
        }
    }
}
