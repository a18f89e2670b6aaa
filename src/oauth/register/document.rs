//! The wire form of a client, field by field as Hydra's clients compare it: which are empty, which null, which left out.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::lifespan;
use crate::model::GrantType;
use crate::model::client::Client;

/// A client as it is sent and answered. Everything is optional on the way in.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientDocument {
    /// Chosen by the operator, or a UUID.
    pub client_id: Option<String>,
    /// Shown at consent.
    pub client_name: Option<String>,
    /// Only present when it was just set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// Exact addresses.
    pub redirect_uris: Option<Vec<String>>,
    /// Null when never said.
    pub grant_types: Option<Vec<String>>,
    /// Null when never said.
    pub response_types: Option<Vec<String>>,
    /// Space separated.
    pub scope: Option<String>,
    /// Audiences it may ask for.
    pub audience: Option<Vec<String>>,
    /// Free text.
    pub owner: Option<String>,
    /// Privacy policy.
    pub policy_uri: Option<String>,
    /// Origins whose scripts may call.
    pub allowed_cors_origins: Option<Vec<String>>,
    /// Terms of service.
    pub tos_uri: Option<String>,
    /// Home page.
    pub client_uri: Option<String>,
    /// Logo.
    pub logo_uri: Option<String>,
    /// Null when never said.
    pub contacts: Option<Vec<String>>,
    /// Always 0: secrets do not expire by themselves (RFC 7591 §3.2.1).
    pub client_secret_expires_at: Option<i64>,
    /// public.
    pub subject_type: Option<String>,
    /// Not supported yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sector_identifier_uri: Option<String>,
    /// Not supported yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// An empty object.
    pub jwks: Option<Value>,
    /// How it authenticates.
    pub token_endpoint_auth_method: Option<String>,
    /// Not supported yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_signing_alg: Option<String>,
    /// Not supported yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_uris: Option<Vec<String>>,
    /// Not supported yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_object_signing_alg: Option<String>,
    /// none.
    pub userinfo_signed_response_alg: Option<String>,
    /// Replaces the configured algorithm of ID tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token_signed_response_alg: Option<String>,
    /// RFC 3339, whole seconds.
    pub created_at: Option<String>,
    /// RFC 3339, whole seconds.
    pub updated_at: Option<String>,
    /// Not supported yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontchannel_logout_uri: Option<String>,
    /// Accepted beside an absent address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontchannel_logout_session_required: Option<bool>,
    /// Where a browser may go after logging out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_logout_redirect_uris: Option<Vec<String>>,
    /// Not supported yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
    /// Accepted beside an absent address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_session_required: Option<bool>,
    /// Free JSON.
    pub metadata: Option<Value>,
    /// opaque or jwt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token_strategy: Option<String>,
    /// First-party: no consent is asked.
    pub skip_consent: Option<bool>,
    /// First-party: logging out is not confirmed.
    pub skip_logout_consent: Option<bool>,
    /// own, audience or any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introspect: Option<String>,
    /// Answered by servers with dynamic registration; ignored on the way in, as clients send back what they got.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_access_token: Option<String>,
    /// Answered by servers with dynamic registration; ignored on the way in, as clients send back what they got.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_client_uri: Option<String>,
    /// Lifetimes that differ from the configured ones.
    #[serde(flatten)]
    pub lifespans: LifespanFields,
}

macro_rules! lifespan_fields {
    ($($(#[$doc:meta])* $name:ident,)+ ; $($unsupported:ident,)+) => {
        /// Lifetimes per grant: null, or a duration such as `1h0m0s`.
        #[derive(Clone, Debug, Default, Deserialize, Serialize)]
        #[serde(default)]
        pub struct LifespanFields {
            $($(#[$doc])* pub $name: Option<String>,)+
            $(/// Of a grant that is not supported yet.
            pub $unsupported: Option<String>,)+
        }

        impl LifespanFields {
            /// Fields of grants that are not supported yet.
            pub fn unsupported(&self) -> impl Iterator<Item = (&'static str, &Option<String>)> {
                [$((stringify!($unsupported), &self.$unsupported),)+].into_iter()
            }
        }
    };
}

lifespan_fields! {
    /// Access token from a code.
    authorization_code_grant_access_token_lifespan,
    /// ID token from a code.
    authorization_code_grant_id_token_lifespan,
    /// Refresh token from a code.
    authorization_code_grant_refresh_token_lifespan,
    /// Access token from client credentials.
    client_credentials_grant_access_token_lifespan,
    /// Access token from a refresh.
    refresh_token_grant_access_token_lifespan,
    /// ID token from a refresh.
    refresh_token_grant_id_token_lifespan,
    /// Refresh token from a refresh.
    refresh_token_grant_refresh_token_lifespan,
    ;
    implicit_grant_access_token_lifespan,
    implicit_grant_id_token_lifespan,
    jwt_bearer_grant_access_token_lifespan,
    device_authorization_grant_access_token_lifespan,
    device_authorization_grant_id_token_lifespan,
    device_authorization_grant_refresh_token_lifespan,
}

impl ClientDocument {
    /// The wire form of a stored client, without its secret.
    pub fn of(client: &Client) -> Self {
        let m = &client.metadata;
        let l = &m.lifespans;
        let strings = |list: &[String]| (!list.is_empty()).then(|| list.to_vec());
        Self {
            client_id: Some(client.id.as_str().to_owned()),
            client_name: Some(m.name.clone()),
            redirect_uris: Some(m.redirect_uris.iter().map(|u| u.as_str().to_owned()).collect()),
            grant_types: m
                .grant_types
                .as_ref()
                .map(|g| g.iter().copied().map(GrantType::as_str).map(str::to_owned).collect()),
            response_types: m.response_types.clone(),
            scope: Some(m.scope.to_string()),
            audience: Some(m.audience.clone()),
            owner: Some(m.owner.clone()),
            policy_uri: Some(m.policy_uri.clone()),
            allowed_cors_origins: Some(m.allowed_cors_origins.iter().map(|o| o.as_str().to_owned()).collect()),
            tos_uri: Some(m.tos_uri.clone()),
            client_uri: Some(m.client_uri.clone()),
            logo_uri: Some(m.logo_uri.clone()),
            contacts: m.contacts.clone(),
            client_secret_expires_at: Some(0),
            subject_type: Some("public".to_owned()),
            jwks: Some(Value::Object(serde_json::Map::new())),
            token_endpoint_auth_method: Some(m.token_endpoint_auth_method.as_str().to_owned()),
            userinfo_signed_response_alg: Some("none".to_owned()),
            id_token_signed_response_alg: m.id_token_signed_response_alg.map(|a| a.as_str().to_owned()),
            created_at: Some(client.created_at.rfc3339()),
            updated_at: Some(client.updated_at.rfc3339()),
            post_logout_redirect_uris: strings(&m.post_logout_redirect_uris),
            metadata: Some(m.metadata.clone()),
            access_token_strategy: m.access_token_strategy.map(word),
            skip_consent: Some(m.skip_consent),
            skip_logout_consent: m.skip_logout_consent,
            introspect: m.introspect.map(word),
            lifespans: LifespanFields {
                authorization_code_grant_access_token_lifespan: l
                    .authorization_code_grant_access_token
                    .map(lifespan::format),
                authorization_code_grant_id_token_lifespan: l.authorization_code_grant_id_token.map(lifespan::format),
                authorization_code_grant_refresh_token_lifespan: l
                    .authorization_code_grant_refresh_token
                    .map(lifespan::format),
                client_credentials_grant_access_token_lifespan: l
                    .client_credentials_grant_access_token
                    .map(lifespan::format),
                refresh_token_grant_access_token_lifespan: l.refresh_token_grant_access_token.map(lifespan::format),
                refresh_token_grant_id_token_lifespan: l.refresh_token_grant_id_token.map(lifespan::format),
                refresh_token_grant_refresh_token_lifespan: l.refresh_token_grant_refresh_token.map(lifespan::format),
                ..LifespanFields::default()
            },
            ..Self::default()
        }
    }
}

/// The word serde writes for a unit variant.
fn word<T: Serialize>(value: T) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}
