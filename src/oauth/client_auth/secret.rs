//! `client_secret_basic`, `client_secret_post` and `none` (RFC 6749 §2.3.1, RFC 7591 §2).

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;

use super::super::Engine;
use super::super::error::OAuthError;
use super::super::params::{Params, decode_part};
use crate::base::{Instant, Secret};
use crate::crypto::ClientSecrets;
use crate::model::client::{Client, ClientSecretHash};
use crate::model::{AuthMethod, ClientId};

/// Longest `Authorization` header that is looked at, in bytes.
const MAX_HEADER: usize = 4_096;

/// What the request presented.
pub struct Presented {
    /// Whom it says it is.
    pub client_id: ClientId,
    method: AuthMethod,
    secret: Option<Secret<String>>,
}

impl Presented {
    /// Reads header and form.
    ///
    /// # Errors
    /// `invalid_request` for two methods at once (RFC 6749 §2.3) or two different client ids; `invalid_client` for a header
    /// that cannot be read, and when no client is named.
    pub fn read(authorization: Option<&[u8]>, params: &Params) -> Result<Self, OAuthError> {
        let form_id = params.one("client_id")?;
        let form_secret = params.one("client_secret")?;
        // RFC 7523 §2.2 is a method of its own: beside another it is one too many, alone it is not registered by anyone.
        if params.has("client_assertion") || params.has("client_assertion_type") {
            let is_second = authorization.is_some() || params.has("client_secret");
            return Err(if is_second { two_methods() } else { OAuthError::invalid_client() });
        }
        if let Some(header) = authorization {
            let (id, secret) = basic(header).ok_or_else(OAuthError::invalid_client)?;
            if params.has("client_secret") {
                return Err(two_methods());
            }
            if form_id.is_some_and(|form| form != id.as_str()) {
                return Err(OAuthError::invalid_request(
                    "client_id differs between the Authorization header and the form",
                ));
            }
            return Ok(Self { client_id: id, method: AuthMethod::ClientSecretBasic, secret: Some(secret) });
        }
        let id = form_id.and_then(|id| ClientId::parse(id).ok()).ok_or_else(OAuthError::invalid_client)?;
        Ok(match form_secret {
            Some(secret) => Self { client_id: id, method: AuthMethod::ClientSecretPost, secret: Some(secret.into()) },
            None => Self { client_id: id, method: AuthMethod::None, secret: None },
        })
    }
}

fn two_methods() -> OAuthError {
    OAuthError::invalid_request("the client proves itself in more than one way at once; use one of them")
}

/// `Basic base64(form-urlencode(id):form-urlencode(secret))`.
fn basic(header: &[u8]) -> Option<(ClientId, Secret<String>)> {
    if header.len() > MAX_HEADER || !header.get(..6)?.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let decoded = Secret::new(STANDARD.decode(header[6..].trim_ascii()).ok()?);
    let bytes = decoded.expose();
    let colon = bytes.iter().position(|b| *b == b':')?;
    let id = decode_part(&bytes[..colon]).ok()?;
    let secret = decode_part(&bytes[colon + 1..]).ok()?;
    Some((ClientId::parse(&id).ok()?, Secret::new(secret)))
}

impl Engine {
    pub(super) async fn check_secret(
        &self,
        found: Option<Arc<Client>>,
        presented: Presented,
    ) -> Result<Arc<Client>, OAuthError> {
        let Some(client) = found else {
            // The same work as for a known client with a generated secret, so that time does not tell them apart.
            if let Some(secret) = &presented.secret {
                let _ = self.client_secrets.hash_generated(secret);
            }
            return Err(OAuthError::invalid_client());
        };
        if client.metadata.token_endpoint_auth_method != presented.method {
            return Err(OAuthError::invalid_client());
        }
        let Some(secret) = presented.secret else { return Ok(client) };
        let now = self.clock.now();
        let live = |s: &&ClientSecretHash| s.expires_at.is_none_or(|end| now < Instant::from_micros(end));
        let (slow, fast): (Vec<_>, Vec<_>) =
            client.secrets.iter().filter(live).partition(|s| ClientSecrets::is_slow(&s.hash));
        let right = fast.iter().any(|s| self.client_secrets.verify(&s.hash, secret.expose().as_bytes()))
            || (!slow.is_empty() && self.check_slow_secrets(&client, slow, &secret).await?);
        if right { Ok(client) } else { Err(OAuthError::invalid_client()) }
    }

    /// Secrets that people chose are argon2id: checked on the gate, and once right remembered for this version of the row.
    async fn check_slow_secrets(
        &self,
        client: &Client,
        slow: Vec<&ClientSecretHash>,
        secret: &Secret<String>,
    ) -> Result<bool, OAuthError> {
        let key = (client.id.clone(), client.version);
        let seen: [u8; 32] = digest(&SHA256, secret.expose().as_bytes()).as_ref().try_into().unwrap_or([0; 32]);
        let has_no_end = slow.iter().all(|s| s.expires_at.is_none());
        if has_no_end && self.right_secrets.get(&key).is_some_and(|right| right.ct_eq(&seen).into()) {
            return Ok(true);
        }
        let hashes: Vec<String> = slow.iter().map(|s| s.hash.clone()).collect();
        let (secrets, secret) = (Arc::clone(&self.client_secrets), secret.clone());
        let right =
            self.gate.run(move || hashes.iter().any(|hash| secrets.verify(hash, secret.expose().as_bytes()))).await?;
        if right && has_no_end {
            self.right_secrets.insert(key, seen);
        }
        Ok(right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::ErrorCode;

    fn read(header: Option<&str>, form: &str) -> Result<(String, AuthMethod, Option<String>), ErrorCode> {
        let params = Params::decode(form.as_bytes()).expect("a form");
        Presented::read(header.map(str::as_bytes), &params)
            .map(|p| (p.client_id.as_str().to_owned(), p.method, p.secret.map(|s| s.expose().clone())))
            .map_err(|e| e.code)
    }

    fn header(raw: &[u8]) -> String {
        format!("Basic {}", STANDARD.encode(raw))
    }

    #[test]
    fn parts_of_the_header_are_percent_decoded() {
        assert_eq!(
            read(Some(&header(b"a%3Ab:p%C3%BC+%25%2B")), ""),
            Ok(("a:b".into(), AuthMethod::ClientSecretBasic, Some("p\u{fc} %+".into())))
        );
        assert_eq!(
            read(Some("basic YTpi"), "client_id=a"),
            Ok(("a".into(), AuthMethod::ClientSecretBasic, Some("b".into())))
        );
    }

    #[test]
    fn headers_that_cannot_be_read_are_refused() {
        for raw in [&b"nocolon"[..], b"%zz:x", b"a:\xff", b":x", b"a\x00:b"] {
            assert_eq!(read(Some(&header(raw)), ""), Err(ErrorCode::InvalidClient), "{raw:?}");
        }
        for text in ["Basic", "Basic !!!", "Bearer x", ""] {
            assert_eq!(read(Some(text), ""), Err(ErrorCode::InvalidClient), "{text}");
        }
        assert_eq!(read(Some(&header(&[b'a'; 100_000])), ""), Err(ErrorCode::InvalidClient));
    }

    #[test]
    fn two_methods_at_once_are_refused() {
        assert_eq!(read(Some(&header(b"a:b")), "client_id=a&client_secret=b"), Err(ErrorCode::InvalidRequest));
        assert_eq!(read(Some(&header(b"a:b")), "client_secret="), Err(ErrorCode::InvalidRequest));
        assert_eq!(read(Some(&header(b"a:b")), "client_id=other"), Err(ErrorCode::InvalidRequest));
        assert_eq!(read(Some(&header(b"a:b")), "client_assertion=x"), Err(ErrorCode::InvalidRequest));
        assert_eq!(read(None, "client_id=a&client_assertion=x"), Err(ErrorCode::InvalidClient));
        assert_eq!(read(None, "client_id=a&client_id=a"), Err(ErrorCode::InvalidRequest));
    }

    #[test]
    fn the_form_names_a_public_client_or_carries_a_secret() {
        assert_eq!(read(None, "client_id=a"), Ok(("a".into(), AuthMethod::None, None)));
        assert_eq!(
            read(None, "client_id=a&client_secret=s"),
            Ok(("a".into(), AuthMethod::ClientSecretPost, Some("s".into())))
        );
        assert_eq!(read(None, ""), Err(ErrorCode::InvalidClient));
        assert_eq!(read(None, "client_id=%20"), Err(ErrorCode::InvalidClient));
    }
}
