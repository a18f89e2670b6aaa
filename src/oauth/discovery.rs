//! The metadata document (RFC 8414 §2, OIDC Discovery §3): exactly what is on, made from the same lists the rules use.

use serde_json::{Value, json};

use super::{Engine, claims};
use crate::model::{AuthMethod, GrantType};

/// Paths of the protocol's endpoints on the public listener, below the issuer.
pub mod path {
    /// RFC 6749 §3.1.
    pub const AUTHORIZATION: &str = "/oauth2/auth";
    /// OIDC RP-Initiated Logout §2.1.
    pub const END_SESSION: &str = "/oauth2/sessions/logout";
    /// RFC 7662 §2.
    pub const INTROSPECTION: &str = "/oauth2/introspect";
    /// RFC 7517 §5.
    pub const JWKS: &str = "/.well-known/jwks.json";
    /// RFC 8414 §3.
    pub const METADATA: &str = "/.well-known/oauth-authorization-server";
    /// OIDC Discovery §4.
    pub const OPENID_METADATA: &str = "/.well-known/openid-configuration";
    /// RFC 7009 §2.
    pub const REVOCATION: &str = "/oauth2/revoke";
    /// RFC 6749 §3.2.
    pub const TOKEN: &str = "/oauth2/token";
    /// OIDC Core §5.3.
    pub const USERINFO: &str = "/userinfo";
}

/// Response modes in the order they are advertised.
const RESPONSE_MODES: [&str; 3] = ["query", "fragment", "form_post"];

/// Methods by which a client can authenticate.
const AUTH_METHODS: [AuthMethod; 3] = [AuthMethod::ClientSecretPost, AuthMethod::ClientSecretBasic, AuthMethod::None];

impl Engine {
    /// The document, the same for both well-known addresses. It never depends on the request (RFC 8414 §3.3).
    pub fn metadata(&self) -> Value {
        let issuer = &self.settings.issuer;
        let public = self.settings.public_url.as_str().trim_end_matches('/');
        let at = |path: &str| format!("{public}{path}");
        let methods: Vec<&str> = AUTH_METHODS.iter().map(|m| m.as_str()).collect();
        let secret_methods: Vec<&str> = methods.iter().copied().filter(|m| *m != "none").collect();
        let keyring = self.keyring.load();
        let default_alg = self.settings.oauth.id_token_alg;
        let mut algs = vec![default_alg];
        algs.extend(keyring.signing_algs().into_iter().filter(|a| *a != default_alg));
        let algs: Vec<&str> = algs.into_iter().map(|a| a.as_str()).collect();
        let discovery = &self.settings.oauth.discovery;
        let mut scopes: Vec<&str> = vec!["offline_access", "offline", "openid"];
        for scope in claims::scopes_with_claims() {
            scopes.push(scope);
        }
        scopes.extend(discovery.scopes.iter().map(String::as_str));
        let mut claim_names: Vec<&str> = vec!["sub"];
        for name in claims::claim_names() {
            claim_names.push(name);
        }
        claim_names.extend(discovery.claims.iter().map(String::as_str));
        json!({
            "issuer": issuer.as_str(),
            "authorization_endpoint": at(path::AUTHORIZATION),
            "token_endpoint": at(path::TOKEN),
            "introspection_endpoint": at(path::INTROSPECTION),
            "revocation_endpoint": at(path::REVOCATION),
            "userinfo_endpoint": at(path::USERINFO),
            "end_session_endpoint": at(path::END_SESSION),
            "jwks_uri": at(path::JWKS),
            "response_types_supported": ["code"],
            "response_modes_supported": RESPONSE_MODES,
            "grant_types_supported": GrantType::ALL.map(GrantType::as_str),
            "subject_types_supported": ["public"],
            "scopes_supported": scopes,
            "claims_supported": claim_names,
            "claims_parameter_supported": false,
            "request_parameter_supported": false,
            "request_uri_parameter_supported": false,
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": methods,
            "revocation_endpoint_auth_methods_supported": methods,
            "introspection_endpoint_auth_methods_supported": secret_methods,
            "id_token_signing_alg_values_supported": algs,
            "id_token_signed_response_alg": [default_alg.as_str()],
            "prompt_values_supported": ["none", "login", "consent", "select_account"],
            "display_values_supported": ["page", "popup", "touch", "wap"],
            "authorization_response_iss_parameter_supported": true,
        })
    }
}
