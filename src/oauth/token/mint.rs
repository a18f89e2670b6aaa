//! Makes access, refresh and ID tokens before any transaction is open: opaque or RFC 9068, OIDC Core §2.

use std::time::Duration;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::Engine;
use super::super::claims;
use super::super::error::OAuthError;
use crate::base::{Id, Instant, Secret};
use crate::config::ScopeClaim;
use crate::crypto::jws::{TYP_ACCESS, TYP_JWT, half_hash};
use crate::crypto::opaque::TokenKind;
use crate::model::client::Client;
use crate::model::{AccessRecord, Grant, RefreshRecord, ScopeSet, Subject, TokenFormat};

/// What an access token is to say.
pub struct AccessAsk<'a> {
    /// For whom.
    pub client: &'a Client,
    /// On whose behalf.
    pub subject: &'a Subject,
    /// Its parent; `None` for client credentials.
    pub grant: Option<&'a Grant>,
    /// What it permits.
    pub scope: &'a ScopeSet,
    /// For which resources.
    pub audience: &'a [String],
    /// How long it lives.
    pub lifetime: Duration,
}

/// What an ID token is to say.
#[derive(Clone, Copy)]
pub struct IdTokenAsk<'a> {
    /// For whom.
    pub client: &'a Client,
    /// About whom, and how they proved who they are.
    pub grant: &'a Grant,
    /// What the identity flow says of the person.
    pub known: &'a Map<String, Value>,
    /// The access token it comes with, for `at_hash`.
    pub access_token: &'a str,
    /// How long it lives.
    pub lifetime: Duration,
}

/// An access token and what is to be stored of it.
pub struct Access {
    /// The token itself.
    pub token: Secret<String>,
    /// Its row id, or a JWT's `jti`.
    pub id: Id<AccessRecord>,
    /// The row; `None` for a JWT, which is not stored.
    pub record: Option<AccessRecord>,
    /// When it stops working.
    pub expires_at: Instant,
    /// Seconds it lives.
    pub expires_in: u64,
}

impl Engine {
    /// Makes an access token in the client's format.
    ///
    /// # Errors
    /// `server_error` when there is no key for the configured algorithm.
    pub(super) fn mint_access(&self, ask: &AccessAsk<'_>, now: Instant) -> Result<Access, OAuthError> {
        let id = Id::<AccessRecord>::ordered(now, &*self.random);
        let expires_at = now.plus(ask.lifetime);
        let format = ask.client.metadata.access_token_strategy.unwrap_or(self.settings.oauth.access_token);
        let (token, record) = match format {
            TokenFormat::Jwt => (Secret::new(self.access_jwt(ask, id, now, expires_at)?), None),
            TokenFormat::Opaque => {
                let issued = self.opaque.issue(TokenKind::Access, id.uuid(), &*self.random);
                let record = AccessRecord {
                    id,
                    digest: issued.digest,
                    client_id: ask.client.id.clone(),
                    subject: ask.subject.clone(),
                    grant_id: ask.grant.map(|g| g.id),
                    scope: ask.scope.clone(),
                    audience: ask.audience.to_vec(),
                    issued_at: now,
                    expires_at,
                    revoked_at: None,
                };
                (issued.token, Some(record))
            }
        };
        Ok(Access { token, id, record, expires_at, expires_in: ask.lifetime.as_secs() })
    }

    /// RFC 9068 §2.2, with Hydra's `scp` and `ext` beside the standard's `scope`.
    fn access_jwt(
        &self,
        ask: &AccessAsk<'_>,
        id: Id<AccessRecord>,
        now: Instant,
        expires_at: Instant,
    ) -> Result<String, OAuthError> {
        let oauth = &self.settings.oauth;
        let mut claims = Map::new();
        claims.insert("iss".into(), self.settings.issuer.as_str().into());
        claims.insert("sub".into(), ask.subject.as_str().into());
        claims.insert("aud".into(), ask.audience.into());
        claims.insert("client_id".into(), ask.client.id.as_str().into());
        claims.insert("jti".into(), id.to_string().into());
        claims.insert("iat".into(), now.unix_seconds().into());
        claims.insert("exp".into(), expires_at.unix_seconds().into());
        if !oauth.claims.exclude_not_before {
            claims.insert("nbf".into(), now.unix_seconds().into());
        }
        if oauth.jwt_scope_claim != ScopeClaim::List {
            claims.insert("scope".into(), ask.scope.to_string().into());
        }
        if oauth.jwt_scope_claim != ScopeClaim::String {
            claims.insert("scp".into(), ask.scope.iter().collect());
        }
        if let Some(grant) = ask.grant {
            claims.insert("grant_id".into(), grant.id.to_string().into());
            claims.insert("auth_time".into(), Instant::from_micros(grant.detail.auth_time).unix_seconds().into());
            self.extend_access_claims(&mut claims, &grant.detail.access_token_claims);
        } else if oauth.claims.mirror_top_level {
            claims.insert("ext".into(), json!({}));
        }
        self.sign(oauth.access_token_alg, TYP_ACCESS, &claims)
    }

    /// Session claims stand under `ext`; those the configuration names stand at the top level too, never over a claim of ours.
    fn extend_access_claims(&self, claims: &mut Map<String, Value>, session: &Map<String, Value>) {
        let policy = &self.settings.oauth.claims;
        let promoted = |name: &String| policy.allowed_top_level.contains(name);
        let mut ext = session.clone();
        for (name, value) in session.iter().filter(|(name, _)| promoted(name)) {
            if !claims.contains_key(name) && !claims::RESERVED.contains(&name.as_str()) {
                claims.insert(name.clone(), value.clone());
            }
        }
        if !policy.mirror_top_level {
            ext.retain(|name, _| !promoted(name));
        }
        if policy.mirror_top_level || !ext.is_empty() {
            claims.insert("ext".into(), ext.into());
        }
    }

    /// Makes a refresh token of a grant's family.
    pub(super) fn mint_refresh(
        &self,
        grant: &Grant,
        scope: &ScopeSet,
        access_token_id: Uuid,
        lifetime: Option<Duration>,
        now: Instant,
    ) -> (Secret<String>, RefreshRecord) {
        let id = Id::<RefreshRecord>::ordered(now, &*self.random);
        let issued = self.opaque.issue(TokenKind::Refresh, id.uuid(), &*self.random);
        let record = RefreshRecord {
            id,
            digest: issued.digest,
            grant_id: grant.id,
            client_id: grant.client_id.clone(),
            scope: scope.clone(),
            access_token_id,
            issued_at: now,
            expires_at: lifetime.map(|l| now.plus(l)),
            used_at: None,
            reuses: 0,
        };
        (issued.token, record)
    }

    /// Makes an ID token (OIDC Core §2, §3.1.3.6).
    ///
    /// # Errors
    /// `server_error` when there is no key for the algorithm.
    pub(super) fn mint_id_token(&self, ask: &IdTokenAsk<'_>, now: Instant) -> Result<String, OAuthError> {
        let IdTokenAsk { client, grant, known, access_token, lifetime } = *ask;
        let alg = client.metadata.id_token_signed_response_alg.unwrap_or(self.settings.oauth.id_token_alg);
        let detail = &grant.detail;
        let mut claims = claims::visible(known, &grant.scope, &detail.id_token_claims);
        claims.insert("iss".into(), self.settings.issuer.as_str().into());
        claims.insert("sub".into(), grant.subject.as_str().into());
        claims.insert("aud".into(), json!([client.id.as_str()]));
        claims.insert("exp".into(), now.plus(lifetime).unix_seconds().into());
        claims.insert("iat".into(), now.unix_seconds().into());
        claims.insert("jti".into(), Id::<()>::random(&*self.random).to_string().into());
        claims.insert("at_hash".into(), half_hash(alg, access_token).into());
        for (name, value) in authentication(grant) {
            claims.insert(name.into(), value);
        }
        if let Some(nonce) = &detail.nonce {
            claims.insert("nonce".into(), nonce.as_str().into());
        }
        self.sign(alg, TYP_JWT, &claims)
    }
}

/// How and when the person proved who they are: the same in ID token and userinfo.
pub fn authentication(grant: &Grant) -> Vec<(&'static str, Value)> {
    let detail = &grant.detail;
    let mut claims = vec![
        ("auth_time", Instant::from_micros(detail.auth_time).unix_seconds().into()),
        ("rat", Instant::from_micros(detail.requested_at).unix_seconds().into()),
    ];
    if let Some(sid) = detail.sid {
        claims.push(("sid", sid.to_string().into()));
    }
    if let Some(acr) = &detail.acr {
        claims.push(("acr", acr.as_str().into()));
    }
    if !detail.amr.is_empty() {
        claims.push(("amr", detail.amr.clone().into()));
    }
    claims
}
