//! PKCE (RFC 7636) at both ends: which challenge a request must carry, and whether a verifier fits it. S256 only.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

use super::super::error::OAuthError;
use super::super::params::Params;
use super::AuthorizePolicy;
use crate::model::client::Client;

/// Reads the challenge of an authorization request.
///
/// # Errors
/// `invalid_request` when it is required but missing, when its method is not S256 (a missing method means `plain`,
/// RFC 7636 §4.3, which RFC 9700 §2.1.1 forbids), and when it is not a base64url SHA-256.
pub fn challenge(params: &Params, client: &Client, policy: &AuthorizePolicy) -> Result<Option<String>, OAuthError> {
    let method = params.one("code_challenge_method")?;
    let Some(challenge) = params.one("code_challenge")? else {
        if method.is_some() {
            return Err(OAuthError::invalid_request("code_challenge_method came without a code_challenge"));
        }
        let required = policy.pkce_enforced || (policy.pkce_enforced_for_public_clients && client.is_public());
        return if required {
            Err(OAuthError::invalid_request(
                "code_challenge is missing; this client must use PKCE with code_challenge_method=S256 (RFC 7636)",
            ))
        } else {
            Ok(None)
        };
    };
    if method != Some("S256") {
        return Err(OAuthError::invalid_request("code_challenge_method must be S256"));
    }
    if challenge.len() != 43 || URL_SAFE_NO_PAD.decode(challenge).is_err() {
        return Err(OAuthError::invalid_request(
            "code_challenge must be the base64url form of a SHA-256, 43 characters without padding",
        ));
    }
    Ok(Some(challenge.to_owned()))
}

/// Whether the verifier presented at the token endpoint fits the challenge on record (RFC 7636 §4.6).
///
/// # Errors
/// `invalid_request` for a malformed verifier, `invalid_grant` when it does not fit, is missing, or there was no challenge
/// (RFC 9700 §4.8.2: a verifier without a challenge means the challenge was stripped).
pub fn check(challenge: Option<&str>, verifier: Option<&str>) -> Result<(), OAuthError> {
    match (challenge, verifier) {
        (None, None) => Ok(()),
        (None, Some(_)) => {
            Err(OAuthError::invalid_grant("code_verifier came, but the code was requested without a code_challenge"))
        }
        (Some(_), None) => Err(OAuthError::invalid_grant("code_verifier is missing; the code was requested with PKCE")),
        (Some(challenge), Some(verifier)) => {
            let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
            if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(legal) {
                return Err(OAuthError::invalid_grant(
                    "code_verifier must be 43 to 128 characters of A-Z a-z 0-9 - . _ ~",
                ));
            }
            let computed = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
            if computed.as_bytes().ct_eq(challenge.as_bytes()).into() {
                Ok(())
            } else {
                Err(OAuthError::invalid_grant("code_verifier does not fit the code_challenge"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_example_of_the_rfc_fits() {
        assert!(check(Some(CHALLENGE), Some(VERIFIER)).is_ok());
    }

    #[test]
    fn anything_else_does_not_fit() {
        let padded = format!("{VERIFIER}=");
        let long = "a".repeat(129);
        for verifier in [None, Some(""), Some("short"), Some(CHALLENGE), Some(padded.as_str()), Some(long.as_str())] {
            assert!(check(Some(CHALLENGE), verifier).is_err(), "{verifier:?}");
        }
        assert!(check(None, Some(VERIFIER)).is_err(), "a verifier without a challenge");
        assert!(check(None, None).is_ok());
    }
}
