//! Client metadata (RFC 7591 §2): from the wire form to checked metadata and back. Admin API and files share it.

pub mod document;
pub mod lifespan;

pub use document::{ClientDocument, LifespanFields};

use serde_json::Value;
use url::Url;

use super::error::{ErrorCode, OAuthError};
use crate::base::{Origin, RedirectUri};
use crate::model::client::{ClientMetadata, Lifespans};
use crate::model::{AuthMethod, GrantType, IntrospectRight, ScopeSet, SigningAlg, TokenFormat};

/// Scopes of a client that never said, as Hydra gives them.
const DEFAULT_SCOPE: &str = "offline_access offline openid";
/// Most entries of any list.
const MAX_LIST: usize = 100;
/// Longest text of any field, in bytes.
const MAX_TEXT: usize = 2_048;

/// Shortest secret that may be chosen, in characters.
pub const MIN_SECRET: usize = 6;

/// Checks a wire document.
///
/// # Errors
/// `invalid_redirect_uri` and `invalid_client_metadata` (RFC 7591 §3.2.2), naming the field and what it must be.
pub fn check(document: &ClientDocument) -> Result<ClientMetadata, OAuthError> {
    refuse_unsupported(document)?;
    let redirect_uris = redirect_uris(document)?;
    let grant_types = grant_types(document)?;
    let response_types = response_types(document)?;
    let scope = match document.scope.as_deref() {
        None | Some("") => ScopeSet::parse(DEFAULT_SCOPE),
        Some(text) => ScopeSet::parse(text),
    }
    .map_err(|e| metadata(format!("scope: {}", e.0)))?;
    Ok(ClientMetadata {
        name: text("client_name", document.client_name.as_ref())?,
        owner: text("owner", document.owner.as_ref())?,
        post_logout_redirect_uris: post_logout_uris(document, &redirect_uris)?,
        redirect_uris,
        grant_types,
        response_types,
        scope,
        audience: texts("audience", document.audience.as_deref())?,
        token_endpoint_auth_method: auth_method(document)?,
        access_token_strategy: access_token_strategy(document)?,
        id_token_signed_response_alg: id_token_alg(document)?,
        skip_consent: document.skip_consent.unwrap_or(false),
        skip_logout_consent: document.skip_logout_consent,
        allowed_cors_origins: cors_origins(document)?,
        introspect: introspect(document)?,
        lifespans: lifespans(document)?,
        client_uri: web_address("client_uri", document.client_uri.as_ref())?,
        logo_uri: web_address("logo_uri", document.logo_uri.as_ref())?,
        policy_uri: web_address("policy_uri", document.policy_uri.as_ref())?,
        tos_uri: web_address("tos_uri", document.tos_uri.as_ref())?,
        contacts: document.contacts.as_deref().map(|c| texts("contacts", Some(c))).transpose()?,
        metadata: free_metadata(document)?,
    })
}

fn metadata(description: impl Into<std::borrow::Cow<'static, str>>) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidClientMetadata, description)
}

/// Fields of features that are off are refused by name: nothing is taken and then ignored.
fn refuse_unsupported(d: &ClientDocument) -> Result<(), OAuthError> {
    let set = |text: &Option<String>| text.as_ref().is_some_and(|t| !t.is_empty());
    let has_keys = d.jwks.as_ref().is_some_and(|v| !v.is_null() && v.as_object().is_none_or(|o| !o.is_empty()));
    for (field, is_set) in [
        ("backchannel_logout_uri", set(&d.backchannel_logout_uri)),
        ("frontchannel_logout_uri", set(&d.frontchannel_logout_uri)),
        ("jwks", has_keys),
        ("jwks_uri", set(&d.jwks_uri)),
        ("request_object_signing_alg", set(&d.request_object_signing_alg)),
        ("request_uris", d.request_uris.as_ref().is_some_and(|u| !u.is_empty())),
        ("sector_identifier_uri", set(&d.sector_identifier_uri)),
        ("token_endpoint_auth_signing_alg", set(&d.token_endpoint_auth_signing_alg)),
    ] {
        if is_set {
            return Err(metadata(format!("{field}: this server does not support it yet; leave it out")));
        }
    }
    if d.subject_type.as_deref().is_some_and(|t| !matches!(t, "" | "public")) {
        return Err(metadata("subject_type: must be public"));
    }
    if d.userinfo_signed_response_alg.as_deref().is_some_and(|a| !matches!(a, "" | "none")) {
        return Err(metadata("userinfo_signed_response_alg: must be none"));
    }
    Ok(())
}

fn redirect_uris(d: &ClientDocument) -> Result<Vec<RedirectUri>, OAuthError> {
    let given = d.redirect_uris.as_deref().unwrap_or_default();
    limit("redirect_uris", given.len())?;
    given
        .iter()
        .map(|uri| {
            RedirectUri::parse(uri)
                .map_err(|e| OAuthError::new(ErrorCode::InvalidRedirectUri, format!("redirect_uris: each {}", e.0)))
        })
        .collect()
}

/// Where a browser may be sent after logging out is as delicate as a redirect URI, and must share its origin with one.
fn post_logout_uris(d: &ClientDocument, redirect_uris: &[RedirectUri]) -> Result<Vec<String>, OAuthError> {
    let given = d.post_logout_redirect_uris.as_deref().unwrap_or_default();
    limit("post_logout_redirect_uris", given.len())?;
    let origin =
        |uri: &str| Url::parse(uri).ok().map(|u| (u.scheme().to_owned(), u.host_str().map(str::to_owned), u.port()));
    for uri in given {
        RedirectUri::parse(uri).map_err(|e| metadata(format!("post_logout_redirect_uris: each {}", e.0)))?;
        if !redirect_uris.iter().any(|r| origin(r.as_str()) == origin(uri)) {
            return Err(metadata(
                "post_logout_redirect_uris: each must have the scheme, host and port of one of the redirect_uris",
            ));
        }
    }
    Ok(given.to_vec())
}

fn grant_types(d: &ClientDocument) -> Result<Option<Vec<GrantType>>, OAuthError> {
    let Some(names) = d.grant_types.as_deref() else { return Ok(None) };
    limit("grant_types", names.len())?;
    let known = |name: &String| {
        GrantType::parse(name).ok_or_else(|| {
            metadata("grant_types: each must be authorization_code, refresh_token or client_credentials")
        })
    };
    names.iter().map(known).collect::<Result<_, _>>().map(Some)
}

fn response_types(d: &ClientDocument) -> Result<Option<Vec<String>>, OAuthError> {
    let Some(types) = d.response_types.as_deref() else { return Ok(None) };
    if types.iter().all(|t| t == "code") && types.len() <= 1 {
        Ok(Some(types.to_vec()))
    } else {
        Err(metadata("response_types: must be [\"code\"]"))
    }
}

fn auth_method(d: &ClientDocument) -> Result<AuthMethod, OAuthError> {
    match d.token_endpoint_auth_method.as_deref() {
        None | Some("" | "client_secret_basic") => Ok(AuthMethod::ClientSecretBasic),
        Some("client_secret_post") => Ok(AuthMethod::ClientSecretPost),
        Some("none") => Ok(AuthMethod::None),
        Some(_) => Err(metadata("token_endpoint_auth_method: must be client_secret_basic, client_secret_post or none")),
    }
}

fn access_token_strategy(d: &ClientDocument) -> Result<Option<TokenFormat>, OAuthError> {
    match d.access_token_strategy.as_deref() {
        None | Some("") => Ok(None),
        Some("jwt") => Ok(Some(TokenFormat::Jwt)),
        Some("opaque") => Ok(Some(TokenFormat::Opaque)),
        Some(_) => Err(metadata("access_token_strategy: must be opaque or jwt")),
    }
}

fn id_token_alg(d: &ClientDocument) -> Result<Option<SigningAlg>, OAuthError> {
    match d.id_token_signed_response_alg.as_deref() {
        None | Some("") => Ok(None),
        Some(name) => {
            name.parse().map(Some).map_err(|_| metadata("id_token_signed_response_alg: must be RS256, ES256 or EdDSA"))
        }
    }
}

fn introspect(d: &ClientDocument) -> Result<Option<IntrospectRight>, OAuthError> {
    match d.introspect.as_deref() {
        None | Some("") => Ok(None),
        Some(_) if auth_method(d)? == AuthMethod::None => {
            Err(metadata("introspect: only for clients that authenticate; a public client may not introspect"))
        }
        Some("any") => Ok(Some(IntrospectRight::Any)),
        Some("audience") => Ok(Some(IntrospectRight::Audience)),
        Some("own") => Ok(Some(IntrospectRight::Own)),
        Some(_) => Err(metadata("introspect: must be own, audience or any")),
    }
}

fn cors_origins(d: &ClientDocument) -> Result<Vec<Origin>, OAuthError> {
    let given = d.allowed_cors_origins.as_deref().unwrap_or_default();
    limit("allowed_cors_origins", given.len())?;
    given
        .iter()
        .map(|o| Origin::parse(o).map_err(|e| metadata(format!("allowed_cors_origins: each {}", e.0))))
        .collect()
}

fn lifespans(d: &ClientDocument) -> Result<Lifespans, OAuthError> {
    let fields = &d.lifespans;
    let read = |name: &str, text: &Option<String>| {
        text.as_deref()
            .map(|t| {
                lifespan::parse(t)
                    .ok_or_else(|| metadata(format!("{name}: must be a duration such as 15m or 1h30m, above zero")))
            })
            .transpose()
    };
    for (name, value) in fields.unsupported() {
        if value.is_some() {
            return Err(metadata(format!("{name}: this server does not support that grant yet; leave it out")));
        }
    }
    Ok(Lifespans {
        authorization_code_grant_access_token: read(
            "authorization_code_grant_access_token_lifespan",
            &fields.authorization_code_grant_access_token_lifespan,
        )?,
        authorization_code_grant_id_token: read(
            "authorization_code_grant_id_token_lifespan",
            &fields.authorization_code_grant_id_token_lifespan,
        )?,
        authorization_code_grant_refresh_token: read(
            "authorization_code_grant_refresh_token_lifespan",
            &fields.authorization_code_grant_refresh_token_lifespan,
        )?,
        client_credentials_grant_access_token: read(
            "client_credentials_grant_access_token_lifespan",
            &fields.client_credentials_grant_access_token_lifespan,
        )?,
        refresh_token_grant_access_token: read(
            "refresh_token_grant_access_token_lifespan",
            &fields.refresh_token_grant_access_token_lifespan,
        )?,
        refresh_token_grant_id_token: read(
            "refresh_token_grant_id_token_lifespan",
            &fields.refresh_token_grant_id_token_lifespan,
        )?,
        refresh_token_grant_refresh_token: read(
            "refresh_token_grant_refresh_token_lifespan",
            &fields.refresh_token_grant_refresh_token_lifespan,
        )?,
    })
}

fn free_metadata(d: &ClientDocument) -> Result<Value, OAuthError> {
    let value = d.metadata.clone().filter(|v| !v.is_null()).unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    if value.to_string().len() > 64 * 1_024 {
        return Err(metadata("metadata: must not be larger than 64 KiB"));
    }
    Ok(value)
}

fn web_address(field: &str, value: Option<&String>) -> Result<String, OAuthError> {
    let value = text(field, value)?;
    let is_web = value.is_empty()
        || (value.bytes().all(|b| b.is_ascii_graphic())
            && Url::parse(&value).is_ok_and(|u| matches!(u.scheme(), "http" | "https") && u.host_str().is_some()));
    if is_web { Ok(value) } else { Err(metadata(format!("{field}: must be an http or https URL"))) }
}

fn text(field: &str, value: Option<&String>) -> Result<String, OAuthError> {
    let value = value.cloned().unwrap_or_default();
    if value.len() > MAX_TEXT {
        return Err(metadata(format!("{field}: must not be longer than 2048 bytes")));
    }
    if value.chars().any(char::is_control) {
        return Err(metadata(format!("{field}: must not hold control characters")));
    }
    Ok(value)
}

fn texts(field: &str, values: Option<&[String]>) -> Result<Vec<String>, OAuthError> {
    let values = values.unwrap_or_default();
    limit(field, values.len())?;
    values.iter().map(|v| text(field, Some(v))).collect()
}

fn limit(field: &str, len: usize) -> Result<(), OAuthError> {
    if len > MAX_LIST { Err(metadata(format!("{field}: must not have more than 100 entries"))) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(value: Value) -> Result<ClientMetadata, (ErrorCode, String)> {
        let document: ClientDocument = serde_json::from_value(value).expect("a document");
        check(&document).map_err(|e| (e.code, e.description.into_owned()))
    }

    #[test]
    fn a_client_that_says_nothing_gets_the_usual_defaults() {
        let client = checked(json!({})).expect("defaults");
        assert_eq!(client.scope.to_string(), DEFAULT_SCOPE);
        assert_eq!(client.token_endpoint_auth_method, AuthMethod::ClientSecretBasic);
        assert_eq!((client.grant_types, client.response_types), (None, None));
    }

    #[test]
    fn wrong_fields_are_named() {
        for (document, code, field) in [
            (json!({"redirect_uris": ["JAVASCRIPT:x"]}), ErrorCode::InvalidRedirectUri, "redirect_uris"),
            (json!({"redirect_uris": vec!["https://a/"; 101]}), ErrorCode::InvalidClientMetadata, "redirect_uris"),
            (json!({"logo_uri": "data:image/png,x"}), ErrorCode::InvalidClientMetadata, "logo_uri"),
            (json!({"tos_uri": "\tjavascript:x"}), ErrorCode::InvalidClientMetadata, "tos_uri"),
            (json!({"client_name": "a".repeat(3_000)}), ErrorCode::InvalidClientMetadata, "client_name"),
            (json!({"grant_types": ["password"]}), ErrorCode::InvalidClientMetadata, "grant_types"),
            (json!({"response_types": ["token"]}), ErrorCode::InvalidClientMetadata, "response_types"),
            (
                json!({"token_endpoint_auth_method": "private_key_jwt"}),
                ErrorCode::InvalidClientMetadata,
                "token_endpoint_auth_method",
            ),
            (json!({"jwks_uri": "https://a/"}), ErrorCode::InvalidClientMetadata, "jwks_uri"),
            (json!({"jwks": {"keys": []}}), ErrorCode::InvalidClientMetadata, "jwks"),
            (json!({"subject_type": "pairwise"}), ErrorCode::InvalidClientMetadata, "subject_type"),
            (json!({"scope": "a\tb"}), ErrorCode::InvalidClientMetadata, "scope"),
            (
                json!({"allowed_cors_origins": ["https://a/b"]}),
                ErrorCode::InvalidClientMetadata,
                "allowed_cors_origins",
            ),
            (json!({"allowed_cors_origins": ["*"]}), ErrorCode::InvalidClientMetadata, "allowed_cors_origins"),
            (
                json!({"post_logout_redirect_uris": ["https://evil/"]}),
                ErrorCode::InvalidClientMetadata,
                "post_logout_redirect_uris",
            ),
            (json!({"introspect": "all"}), ErrorCode::InvalidClientMetadata, "introspect"),
            (
                json!({"introspect": "any", "token_endpoint_auth_method": "none"}),
                ErrorCode::InvalidClientMetadata,
                "introspect",
            ),
            (
                json!({"refresh_token_grant_id_token_lifespan": "soon"}),
                ErrorCode::InvalidClientMetadata,
                "refresh_token_grant_id_token_lifespan",
            ),
            (
                json!({"implicit_grant_id_token_lifespan": "1h"}),
                ErrorCode::InvalidClientMetadata,
                "implicit_grant_id_token_lifespan",
            ),
        ] {
            let (got, description) = checked(document.clone()).expect_err("refused");
            assert_eq!(got, code, "{document}");
            assert!(description.starts_with(field), "{description}");
        }
    }
}
