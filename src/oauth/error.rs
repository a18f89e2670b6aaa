//! Errors of the protocol: a code for machines, a sentence for the client's developers, a cause for our log.
//!
//! Name, status and clause come from [`ErrorCode`] alone; how an error travels (page, redirect, JSON, challenge) is for the edge.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use crate::base::gate::GateError;
use crate::crypto::CryptoError;
use crate::store::StoreError;

/// Every error code we answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// RFC 6749 §4.1.2.1: the person or a policy said no.
    AccessDenied,
    /// OIDC Core §3.1.2.6: consent is needed but nothing may be shown.
    ConsentRequired,
    /// RFC 6750 §3.1: the token lacks the scope.
    InsufficientScope,
    /// RFC 6749 §5.2: the client did not prove itself.
    InvalidClient,
    /// RFC 7591 §3.2.2: a field of a client's metadata is wrong.
    InvalidClientMetadata,
    /// RFC 6749 §5.2: code or refresh token is wrong, used, expired or another client's.
    InvalidGrant,
    /// RFC 7591 §3.2.2: a redirect URI of a client's metadata is wrong.
    InvalidRedirectUri,
    /// RFC 6749 §5.2: the request is malformed.
    InvalidRequest,
    /// RFC 6749 §5.2: a scope is unknown, malformed or not this client's.
    InvalidScope,
    /// Hydra's own: the `state` is too short for the configured minimum.
    InvalidState,
    /// RFC 6750 §3.1: the bearer token is no good.
    InvalidToken,
    /// OIDC Core §3.1.2.6: a login is needed but nothing may be shown.
    LoginRequired,
    /// OIDC Core §3.1.2.6: `registration` is not supported.
    RegistrationNotSupported,
    /// Hydra's own: the browser is not the one that began the request.
    RequestForbidden,
    /// OIDC Core §3.1.2.6: `request` is not supported.
    RequestNotSupported,
    /// OIDC Core §3.1.2.6: `request_uri` is not supported.
    RequestUriNotSupported,
    /// RFC 6749 §4.1.2.1: we failed.
    ServerError,
    /// RFC 6749 §4.1.2.1: we are too busy.
    TemporarilyUnavailable,
    /// RFC 6749 §5.2: the client may not use this grant type or response type.
    UnauthorizedClient,
    /// RFC 6749 §5.2: there is no such grant type.
    UnsupportedGrantType,
    /// OAuth 2.0 Multiple Response Types §2.1: there is no such response mode.
    UnsupportedResponseMode,
    /// RFC 6749 §4.1.2.1: there is no such response type.
    UnsupportedResponseType,
}

impl ErrorCode {
    /// The registered name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessDenied => "access_denied",
            Self::ConsentRequired => "consent_required",
            Self::InsufficientScope => "insufficient_scope",
            Self::InvalidClient => "invalid_client",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidState => "invalid_state",
            Self::InvalidToken => "invalid_token",
            Self::LoginRequired => "login_required",
            Self::RegistrationNotSupported => "registration_not_supported",
            Self::RequestForbidden => "request_forbidden",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseMode => "unsupported_response_mode",
            Self::UnsupportedResponseType => "unsupported_response_type",
        }
    }

    /// The HTTP status where the error is answered directly.
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidClient | Self::InvalidToken => 401,
            Self::AccessDenied | Self::InsufficientScope | Self::RequestForbidden => 403,
            Self::ServerError => 500,
            Self::TemporarilyUnavailable => 503,
            _ => 400,
        }
    }
}

/// An error of the protocol.
#[derive(Debug)]
pub struct OAuthError {
    /// What machines read.
    pub code: ErrorCode,
    /// What developers read; may leave the house, so it never holds input or secrets.
    pub description: Cow<'static, str>,
    /// What only the log reads.
    pub cause: Option<Box<dyn Error + Send + Sync>>,
}

impl OAuthError {
    /// An error with a sentence: lower case, no input echoed, says what to fix.
    pub fn new(code: ErrorCode, description: impl Into<Cow<'static, str>>) -> Self {
        Self { code, description: description.into(), cause: None }
    }

    /// The same error with what led to it, for the log.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// A malformed request.
    pub fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidRequest, description)
    }

    /// A code or refresh token that does not work.
    pub fn invalid_grant(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidGrant, description)
    }

    /// A client that did not prove itself. One sentence for every reason: it must not tell which clients exist.
    pub fn invalid_client() -> Self {
        Self::new(
            ErrorCode::InvalidClient,
            "client authentication failed: the client is unknown, its credentials are wrong, or it must use the authentication method it is registered with",
        )
    }

    /// A fault of ours.
    pub fn server_error(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(ErrorCode::ServerError, "the server could not answer; the request may be tried again")
            .caused_by(cause)
    }

    /// Too busy right now.
    pub fn busy() -> Self {
        Self::new(ErrorCode::TemporarilyUnavailable, "the server is busy; try again in a moment")
    }
}

impl fmt::Display for OAuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.description)
    }
}

impl Error for OAuthError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|c| c as &(dyn Error + 'static))
    }
}

impl From<StoreError> for OAuthError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::busy(),
            other => Self::server_error(other),
        }
    }
}

impl From<GateError> for OAuthError {
    fn from(error: GateError) -> Self {
        match error {
            GateError::Busy => Self::busy(),
            GateError::Panicked => Self::server_error(error),
        }
    }
}

impl From<CryptoError> for OAuthError {
    fn from(error: CryptoError) -> Self {
        Self::server_error(error)
    }
}
