//! Which address an answer may go to (RFC 6749 §3.1.2, RFC 9700 §2.1): one the client registered, compared byte by byte.

use super::super::error::OAuthError;
use super::super::params::Params;
use crate::model::client::Client;
use crate::model::{AuthorizeRequest, ResponseMode};

/// A proven address: nothing else can be redirected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyTo {
    redirect_uri: String,
    mode: ResponseMode,
    state: Option<String>,
}

impl ReplyTo {
    pub(super) fn proven(resolved: &Resolved, mode: ResponseMode, state: Option<String>) -> Self {
        Self { redirect_uri: resolved.uri.clone(), mode, state }
    }

    /// The address of a request that was validated before.
    pub fn of(request: &AuthorizeRequest) -> Self {
        Self { redirect_uri: request.redirect_uri.clone(), mode: request.response_mode, state: request.state.clone() }
    }

    /// The address as it was asked for.
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// How the answer travels.
    pub const fn mode(&self) -> ResponseMode {
        self.mode
    }

    /// What is echoed.
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }
}

/// The address that was asked for, or the only one there is.
pub struct Resolved {
    pub(super) uri: String,
    pub(super) given: bool,
}

/// Finds the address among the client's registered ones.
///
/// # Errors
/// `invalid_request` when it is not registered, repeated, or left out where it must not be:
/// several are registered, or OIDC Core §3.1.2.1 requires it because `openid` is asked for.
pub(super) fn resolve(client: &Client, params: &Params) -> Result<Resolved, OAuthError> {
    let registered = &client.metadata.redirect_uris;
    if let Some(presented) = params.one("redirect_uri")? {
        return if registered.iter().any(|r| r.matches(presented)) {
            Ok(Resolved { uri: presented.to_owned(), given: true })
        } else {
            Err(OAuthError::invalid_request(
                "redirect_uri is not one of the addresses the client is registered with; it must be exactly the same, letter by letter",
            ))
        };
    }
    let asks_openid = params.all("scope").any(|s| s.split(' ').any(|name| name == "openid"));
    match registered.as_slice() {
        [only] if !asks_openid => Ok(Resolved { uri: only.as_str().to_owned(), given: false }),
        [_] => {
            Err(OAuthError::invalid_request("redirect_uri is missing; a request with the scope openid must name it"))
        }
        [] => Err(OAuthError::invalid_request("the client has no registered redirect_uri")),
        _ => Err(OAuthError::invalid_request("redirect_uri is missing; the client is registered with more than one")),
    }
}
