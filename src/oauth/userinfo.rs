//! Userinfo (OIDC Core §5.3): what the bearer of an access token may know about its person.

use serde_json::{Map, Value, json};

use super::Engine;
use super::claims;
use super::error::{ErrorCode, OAuthError};
use super::params::Params;
use super::token::mint::authentication;

/// Finds the one bearer token of a request (RFC 6750 §2): header or form, never the query, never both.
///
/// `Ok(None)` when there is none.
///
/// # Errors
/// `invalid_request` for two tokens; `invalid_token` for a header that is not a bearer token.
pub fn bearer<'a>(authorization: Option<&'a [u8]>, form: Option<&'a Params>) -> Result<Option<&'a str>, OAuthError> {
    let in_form = form.map_or(Ok(None), |f| f.one("access_token"))?;
    let Some(header) = authorization else { return Ok(in_form) };
    if in_form.is_some() {
        return Err(OAuthError::invalid_request(
            "the access token came in the Authorization header and in the form; use one",
        ));
    }
    let malformed = || OAuthError::new(ErrorCode::InvalidToken, "the Authorization header is not a bearer token");
    let text = std::str::from_utf8(header).map_err(|_| malformed())?;
    let (scheme, token) = text.split_once(' ').ok_or_else(malformed)?;
    let token = token.trim_matches(' ');
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || token.contains(' ') {
        return Err(malformed());
    }
    Ok(Some(token))
}

impl Engine {
    /// The claims the token's scopes open, and how its person proved who they are.
    ///
    /// # Errors
    /// `invalid_token` when it does not work, `insufficient_scope` when it lacks `openid`.
    pub async fn userinfo(&self, token: &str) -> Result<Map<String, Value>, OAuthError> {
        let invalid = || OAuthError::new(ErrorCode::InvalidToken, "the access token is unknown, expired or revoked");
        let now = self.clock.now();
        let live = self.live_access(token, now).await?.ok_or_else(invalid)?;
        let Some(grant) = live.grant.filter(|_| live.scope.contains("openid")) else {
            return Err(OAuthError::new(
                ErrorCode::InsufficientScope,
                "the access token was not granted the scope openid",
            ));
        };
        let source = self.claims.clone();
        let (known, grant) = self.store.read(move |tx| source.claims(tx, &grant).map(|known| (known, grant))).await?;
        let mut claims = claims::visible(&known, &live.scope, &grant.detail.id_token_claims);
        claims.insert("sub".into(), grant.subject.as_str().into());
        claims.insert("iss".into(), self.settings.issuer.as_str().into());
        claims.insert("aud".into(), json!([grant.client_id.as_str()]));
        claims.insert("iat".into(), live.issued_at.unix_seconds().into());
        for (name, value) in authentication(&grant).into_iter().filter(|(name, _)| *name != "sid") {
            claims.insert(name.into(), value);
        }
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(header: Option<&str>, form: &str) -> Result<Option<String>, ErrorCode> {
        let params = Params::decode(form.as_bytes()).expect("a form");
        bearer(header.map(str::as_bytes), Some(&params)).map(|t| t.map(str::to_owned)).map_err(|e| e.code)
    }

    #[test]
    fn one_token_in_one_place() {
        assert_eq!(found(None, ""), Ok(None));
        assert_eq!(found(Some("Bearer t"), ""), Ok(Some("t".into())));
        assert_eq!(found(Some("bearer  t "), ""), Ok(Some("t".into())));
        assert_eq!(found(None, "access_token=t"), Ok(Some("t".into())));
        assert_eq!(found(Some("Bearer t"), "access_token=t"), Err(ErrorCode::InvalidRequest));
        assert_eq!(found(None, "access_token=t&access_token=t"), Err(ErrorCode::InvalidRequest));
        for bad in ["Basic dDp0", "Bearer", "Bearer ", "Bearer a b", ""] {
            assert_eq!(found(Some(bad), ""), Err(ErrorCode::InvalidToken), "{bad}");
        }
    }
}
