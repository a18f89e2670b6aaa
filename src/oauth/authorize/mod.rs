//! The authorization request (RFC 6749 §4.1.1, OIDC Core §3.1.2.1): an ordered list of checks; read [`validate`] first.
//!
//! Before the redirect URI is proven, errors are shown to the person; after it, they go to the client.
//! Which of the two is decided by type: only [`redirect_uri`] can make a [`ReplyTo`].
//! Not here: who is logged in and what they consent to ([`prompt`] holds the rules, `interaction` asks).

pub mod pkce;
pub mod prompt;
pub mod redirect_uri;
pub mod reply;

pub use redirect_uri::ReplyTo;
pub use reply::AuthorizeReply;

use super::error::{ErrorCode, OAuthError};
use super::params::Params;
use crate::base::Instant;
use crate::model::client::Client;
use crate::model::{AuthorizeRequest, ClientId, GrantType, ResponseMode, ScopeSet, ScopeStrategy};

/// Longest `state`, `nonce`, `login_hint` and the like, in bytes.
const MAX_TEXT: usize = 2_048;
/// Most audiences, locales or context classes in one request.
const MAX_LIST: usize = 32;

/// Why a request cannot be answered as asked, and whom to tell.
#[derive(Debug)]
pub enum AuthorizeFailure {
    /// The client's address is proven: tell the client.
    Safe {
        /// Where.
        reply_to: Box<ReplyTo>,
        /// What.
        error: OAuthError,
    },
    /// Nothing is proven: tell the person.
    Unsafe(OAuthError),
}

/// What the configuration says about authorization requests.
#[derive(Clone, Debug)]
pub struct AuthorizePolicy {
    /// How registered scopes permit asked ones.
    pub scope_strategy: ScopeStrategy,
    /// PKCE for every client.
    pub pkce_enforced: bool,
    /// PKCE for public clients (RFC 9700 §2.1.1).
    pub pkce_enforced_for_public_clients: bool,
    /// Shortest `state` in characters; 0 for none (Hydra's is 8).
    pub state_min_length: usize,
}

/// Verifies an `id_token_hint`: gives its claims when this issuer signed it, however long ago.
pub type VerifyHint<'a> = &'a dyn Fn(&str) -> Option<serde_json::Map<String, serde_json::Value>>;

/// The client the request names; the first thing to read.
///
/// # Errors
/// [`AuthorizeFailure::Unsafe`] when it is missing, repeated or malformed.
pub fn client_id(params: &Params) -> Result<ClientId, AuthorizeFailure> {
    let value = params
        .required("client_id", "client_id is missing; the app must say which client it is")
        .map_err(AuthorizeFailure::Unsafe)?;
    ClientId::parse(value).map_err(|sentence| AuthorizeFailure::Unsafe(OAuthError::invalid_request(sentence)))
}

/// Checks a request against its client. The order of the checks is the order of the lines.
///
/// # Errors
/// [`AuthorizeFailure`] says what is wrong and whom to tell.
pub fn validate(
    params: &Params,
    client: &Client,
    policy: &AuthorizePolicy,
    hint: VerifyHint<'_>,
    now: Instant,
) -> Result<AuthorizeRequest, AuthorizeFailure> {
    let resolved = redirect_uri::resolve(client, params).map_err(AuthorizeFailure::Unsafe)?;
    // From here on errors go to the client. A response mode or state that cannot be read does not hide the error.
    let mode = response_mode(params).unwrap_or_default();
    let state = params.one("state").ok().flatten().map(str::to_owned);
    let reply_to = ReplyTo::proven(&resolved, mode, state);
    checked(params, client, policy, hint, now, resolved)
        .map_err(|error| AuthorizeFailure::Safe { reply_to: Box::new(reply_to), error })
}

fn checked(
    params: &Params,
    client: &Client,
    policy: &AuthorizePolicy,
    hint: VerifyHint<'_>,
    now: Instant,
    resolved: redirect_uri::Resolved,
) -> Result<AuthorizeRequest, OAuthError> {
    params.refuse_repeated(&["audience"])?;
    refuse_unsupported(params)?;
    let response_mode = response_mode(params)?;
    response_type(params, client)?;
    let scope = scope(params, client, policy.scope_strategy)?;
    let audience = audience(params, client)?;
    let code_challenge = pkce::challenge(params, client, policy)?;
    let state = text(params, "state")?;
    // Hydra's insufficient state: an option, since RFC 6749 §10.12 leaves the value to the client.
    if policy.state_min_length > state.as_ref().map_or(0, |s| s.chars().count()) {
        return Err(OAuthError::new(ErrorCode::InvalidState, "state is missing or shorter than this server demands"));
    }
    let id_token_hint = match params.one("id_token_hint")? {
        None => None,
        Some(token) => Some(hint(token).ok_or_else(|| {
            OAuthError::invalid_request("id_token_hint is not an ID token that this server issued to this client")
        })?),
    };
    let mut request = AuthorizeRequest::new(client.id.clone(), resolved.uri, now);
    request.redirect_uri_given = resolved.given;
    request.response_mode = response_mode;
    request.scope = scope;
    request.audience = audience;
    request.state = state;
    request.nonce = text(params, "nonce")?;
    request.code_challenge = code_challenge;
    request.prompt = prompt::parse(params)?;
    request.max_age = max_age(params)?;
    request.login_hint = text(params, "login_hint")?;
    request.ui_locales = list(params, "ui_locales")?;
    request.acr_values = list(params, "acr_values")?;
    request.display = display(params)?;
    request.id_token_hint = id_token_hint;
    Ok(request)
}

/// Parameters of features that are off are refused by their own codes (OIDC Core §6.1, §6.2, §7.2.1).
fn refuse_unsupported(params: &Params) -> Result<(), OAuthError> {
    if params.one("request")?.is_some() {
        return Err(OAuthError::new(ErrorCode::RequestNotSupported, "request objects are not supported"));
    }
    if params.one("request_uri")?.is_some() {
        return Err(OAuthError::new(ErrorCode::RequestUriNotSupported, "request_uri is not supported"));
    }
    if params.one("registration")?.is_some() {
        return Err(OAuthError::new(
            ErrorCode::RegistrationNotSupported,
            "the registration parameter is not supported",
        ));
    }
    Ok(())
}

fn response_mode(params: &Params) -> Result<ResponseMode, OAuthError> {
    match params.one("response_mode")? {
        None | Some("query") => Ok(ResponseMode::Query),
        Some("fragment") => Ok(ResponseMode::Fragment),
        Some("form_post") => Ok(ResponseMode::FormPost),
        Some(_) => Err(OAuthError::new(
            ErrorCode::UnsupportedResponseMode,
            "response_mode must be query, fragment or form_post",
        )),
    }
}

fn response_type(params: &Params, client: &Client) -> Result<(), OAuthError> {
    match params.required("response_type", "response_type is missing; it must be code")? {
        "code" => {}
        _ => return Err(OAuthError::new(ErrorCode::UnsupportedResponseType, "response_type must be code")),
    }
    // RFC 6749 §4.1.2.1 unauthorized_client: what the client is registered for decides.
    if !client.allows(GrantType::AuthorizationCode) || !client.allows_code_response() {
        return Err(OAuthError::new(
            ErrorCode::UnauthorizedClient,
            "the client is not registered for response type code and grant type authorization_code",
        ));
    }
    Ok(())
}

fn scope(params: &Params, client: &Client, strategy: ScopeStrategy) -> Result<ScopeSet, OAuthError> {
    let asked = params.one("scope")?.unwrap_or("");
    let scope = ScopeSet::parse(asked).map_err(|e| OAuthError::new(ErrorCode::InvalidScope, e.0))?;
    if strategy.permits_all(&client.metadata.scope, &scope) {
        Ok(scope)
    } else {
        Err(OAuthError::new(
            ErrorCode::InvalidScope,
            "a requested scope is not among the scopes the client is registered for",
        ))
    }
}

/// Reads Hydra's `audience`: repeated or space separated, each within one the client is registered for.
///
/// # Errors
/// `invalid_request` when one is not.
pub fn audience(params: &Params, client: &Client) -> Result<Vec<String>, OAuthError> {
    let mut wanted: Vec<String> = Vec::new();
    for value in params.all("audience").flat_map(|v| v.split(' ')).filter(|v| !v.is_empty()) {
        if wanted.len() == MAX_LIST || value.len() > MAX_TEXT {
            return Err(OAuthError::invalid_request("audience is too long"));
        }
        if !client.metadata.audience.iter().any(|registered| audience_permits(registered, value)) {
            return Err(OAuthError::invalid_request(
                "a requested audience is not among those the client is registered for",
            ));
        }
        if !wanted.iter().any(|known| known == value) {
            wanted.push(value.to_owned());
        }
    }
    Ok(wanted)
}

/// Equal, or for URLs: same origin, and the path equal or below.
fn audience_permits(registered: &str, wanted: &str) -> bool {
    if registered == wanted {
        return true;
    }
    let (Ok(registered), Ok(wanted)) = (url::Url::parse(registered), url::Url::parse(wanted)) else { return false };
    if registered.scheme() != wanted.scheme()
        || registered.host_str().is_none()
        || registered.host_str() != wanted.host_str()
        || registered.port_or_known_default() != wanted.port_or_known_default()
    {
        return false;
    }
    let (base, path) = (registered.path().trim_end_matches('/'), wanted.path());
    path == base || path.strip_prefix(base).is_some_and(|rest| rest.starts_with('/'))
}

fn max_age(params: &Params) -> Result<Option<u64>, OAuthError> {
    params
        .one("max_age")?
        .map(|v| {
            v.parse::<u32>()
                .map(u64::from)
                .map_err(|_| OAuthError::invalid_request("max_age must be a whole number of seconds, 0 or more"))
        })
        .transpose()
}

fn display(params: &Params) -> Result<Option<String>, OAuthError> {
    match params.one("display")? {
        None => Ok(None),
        Some(v @ ("page" | "popup" | "touch" | "wap")) => Ok(Some(v.to_owned())),
        Some(_) => Err(OAuthError::invalid_request("display must be page, popup, touch or wap")),
    }
}

fn text(params: &Params, name: &'static str) -> Result<Option<String>, OAuthError> {
    match params.one(name)? {
        Some(v) if v.len() > MAX_TEXT => {
            Err(OAuthError::invalid_request("state, nonce and login_hint must not be longer than 2048 bytes"))
        }
        other => Ok(other.map(str::to_owned)),
    }
}

fn list(params: &Params, name: &'static str) -> Result<Vec<String>, OAuthError> {
    let value = params.one(name)?.unwrap_or("");
    let items: Vec<String> = value.split(' ').filter(|v| !v.is_empty()).map(str::to_owned).collect();
    if value.len() > MAX_TEXT || items.len() > MAX_LIST {
        return Err(OAuthError::invalid_request(
            "ui_locales and acr_values must not hold more than 32 values or 2048 bytes",
        ));
    }
    Ok(items)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
