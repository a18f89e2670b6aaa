//! A checked authorization request (RFC 6749 §4.1.1, OIDC Core §3.1.2.1) in the form it is kept while a person is asked.

use serde::{Deserialize, Serialize};

use super::{ClientId, ScopeSet};
use crate::base::Instant;

/// How the answer travels back to the client (OAuth 2.0 Multiple Response Types §2.1, Form Post §2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// In the body of a form that the browser posts.
    FormPost,
    /// In the fragment of the redirect URI.
    Fragment,
    /// In the query of the redirect URI; the default for `code`.
    #[default]
    Query,
}

/// What the client asks of the pages (OIDC Core §3.1.2.1 `prompt`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// Show nothing; answer with an error where a person would have to be asked.
    #[serde(default)]
    pub none: bool,
    /// Ask for credentials even when somebody is logged in.
    #[serde(default)]
    pub login: bool,
    /// Ask for consent even when it is remembered.
    #[serde(default)]
    pub consent: bool,
    /// Let the person choose an account.
    #[serde(default)]
    pub select_account: bool,
}

/// An authorization request whose every parameter has been checked against its client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizeRequest {
    /// Who asks.
    pub client_id: ClientId,
    /// Where the answer goes: proven to belong to the client.
    pub redirect_uri: String,
    /// Whether the client named it; then it must be repeated at the token endpoint (RFC 6749 §4.1.3).
    pub redirect_uri_given: bool,
    /// How the answer travels.
    pub response_mode: ResponseMode,
    /// What is asked for.
    pub scope: ScopeSet,
    /// Resources the access token is meant for (Hydra's `audience` parameter).
    #[serde(default)]
    pub audience: Vec<String>,
    /// Echoed byte by byte.
    pub state: Option<String>,
    /// Copied into the ID token byte by byte.
    pub nonce: Option<String>,
    /// PKCE S256 challenge (RFC 7636 §4.2).
    pub code_challenge: Option<String>,
    /// What the pages may do.
    pub prompt: Prompt,
    /// Greatest age of the login in seconds.
    pub max_age: Option<u64>,
    /// Whom the client believes to be there.
    pub login_hint: Option<String>,
    /// Languages the person prefers, best first.
    #[serde(default)]
    pub ui_locales: Vec<String>,
    /// Authentication context classes asked for, best first.
    #[serde(default)]
    pub acr_values: Vec<String>,
    /// page, popup, touch or wap.
    pub display: Option<String>,
    /// Claims of a verified `id_token_hint`.
    pub id_token_hint: Option<serde_json::Map<String, serde_json::Value>>,
    /// The request as it came, for the login UI.
    pub request_url: String,
    /// When it came, in microseconds since 1970.
    requested_at: i64,
}

impl AuthorizeRequest {
    /// A request with nothing but its obligatory parts.
    pub fn new(client_id: ClientId, redirect_uri: String, requested_at: Instant) -> Self {
        Self {
            client_id,
            redirect_uri,
            redirect_uri_given: true,
            response_mode: ResponseMode::Query,
            scope: ScopeSet::default(),
            audience: Vec::new(),
            state: None,
            nonce: None,
            code_challenge: None,
            prompt: Prompt::default(),
            max_age: None,
            login_hint: None,
            ui_locales: Vec::new(),
            acr_values: Vec::new(),
            display: None,
            id_token_hint: None,
            request_url: String::new(),
            requested_at: requested_at.micros(),
        }
    }

    /// When the request came.
    pub const fn requested_at(&self) -> Instant {
        Instant::from_micros(self.requested_at)
    }

    /// The `sub` of the hint, if there was one.
    pub fn hinted_subject(&self) -> Option<&str> {
        self.id_token_hint.as_ref()?.get("sub")?.as_str()
    }
}
