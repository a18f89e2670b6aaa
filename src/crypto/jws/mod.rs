//! JSON Web Tokens in compact form (RFC 7515, RFC 7519): signed with keys parsed once, verified by the key's algorithm.
//!
//! The algorithm is always a property of the key, never of the token, so `none`, RS256-as-HS256 and their kin have
//! nothing to hold on to. Time is checked apart from the signature, by our clock ([`check_times`]).
//! Not here: which claims a token has (`oauth::token::mint`), audiences and issuers (their users).

mod sign;
mod times;
mod verify;

use aws_lc_rs::digest;

pub use sign::SigningKey;
pub use times::{Times, check_times, times};
pub use verify::{BadToken, PublicKeys, Verified, verify};

use super::jwk::written;
use crate::base::SigningAlg;

/// `typ` of ID tokens and of every JWT that has no type of its own (RFC 7519 §5.1).
pub const TYP_JWT: &str = "JWT";
/// `typ` of access tokens (RFC 9068 §2.1).
pub const TYP_ACCESS: &str = "at+jwt";
/// `typ` of logout tokens (OIDC Back-Channel Logout §2.4).
pub const TYP_LOGOUT: &str = "logout+jwt";

/// `at_hash` and `c_hash`: the left half of the hash of `value` that goes with the ID token's algorithm
/// (OIDC Core §3.1.3.6, §3.3.2.11). Ed25519 hashes with SHA-512 inside, so that is its hash here.
pub fn half_hash(alg: SigningAlg, value: &str) -> String {
    let hash = match alg {
        SigningAlg::EdDsa => &digest::SHA512,
        SigningAlg::Es256 | SigningAlg::Rs256 => &digest::SHA256,
    };
    let whole = digest::digest(hash, value.as_bytes());
    written(&whole.as_ref()[..whole.as_ref().len() / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_hashes_are_those_of_the_standard() {
        // OIDC Core A.3 and A.4, both RS256.
        let at_hash = half_hash(SigningAlg::Rs256, "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y");
        assert_eq!(at_hash, "77QmUPtjPfzWtF2AnpK9RQ");
        let c_hash = half_hash(SigningAlg::Es256, "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk");
        assert_eq!(c_hash, "LDktKdoQak3Pk0cnXxCltA");
        // printf abc | openssl dgst -sha512 -binary | head -c 32, base64url
        assert_eq!(half_hash(SigningAlg::EdDsa, "abc"), "3a81oZNherrMQXNJriBBMRLm-k6JqX6iCp7u5ktV05o");
    }
}
