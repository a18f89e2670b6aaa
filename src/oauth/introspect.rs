//! Token introspection (RFC 7662): what a token is worth right now, in Hydra's shape.
//!
//! Anything that is not live, or that the caller may not see, is `{"active": false}` and nothing else.

use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::error::OAuthError;
use super::params::Params;
use super::{Engine, audience};
use crate::base::{Id, Instant};
use crate::crypto::TokenKind;
use crate::crypto::jws;
use crate::model::client::Client;
use crate::model::{AccessRecord, Grant, IntrospectRight, RefreshRecord, ScopeSet, ScopeStrategy};
use crate::store::{StoreError, grants, tokens};

/// Longest token that is looked at, in bytes.
const MAX_TOKEN: usize = 16 * 1_024;

/// Who asks.
#[derive(Clone, Copy)]
pub enum Caller<'a> {
    /// The operator's side: sees every token.
    Admin,
    /// An authenticated client: sees what its metadata `introspect` says.
    Client(&'a Client),
}

/// What is answered (RFC 7662 §2.2).
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Introspection {
    /// Whether the token works right now.
    pub active: bool,
    /// What it permits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Whom it was issued to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// On whose behalf.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// When it stops working, seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// When it was issued, seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    /// Before this it does not work, seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// For which resources: always a list when active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aud: Option<Vec<String>>,
    /// Who issued it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// `Bearer`, for refresh tokens too, as Hydra's clients know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_type: Option<&'static str>,
    /// `access_token` or `refresh_token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_use: Option<&'static str>,
    /// Claims the consent answer put into the access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ext: Option<Map<String, Value>>,
}

/// A live access token, whatever its format.
pub struct LiveToken {
    /// Its row id, or a JWT's `jti`.
    pub id: Uuid,
    /// Whom it was issued to.
    pub client_id: String,
    /// On whose behalf.
    pub subject: String,
    /// Its parent; `None` for client credentials.
    pub grant: Option<Grant>,
    /// What it permits.
    pub scope: ScopeSet,
    /// For which resources.
    pub audience: Vec<String>,
    /// When it was issued.
    pub issued_at: Instant,
    /// When it stops working.
    pub expires_at: Instant,
}

impl Engine {
    /// Answers an introspection request. A missing `token` is the caller's mistake, anything else about it is `active: false`.
    ///
    /// # Errors
    /// `invalid_request` when `token` is missing or a parameter is repeated; `temporarily_unavailable` and `server_error`
    /// when storage does not answer: an unknown state is never told as inactive.
    pub async fn introspect(&self, params: &Params, caller: Caller<'_>) -> Result<Introspection, OAuthError> {
        params.refuse_repeated(&[])?;
        let token = params.required("token", "token is missing")?;
        let wanted = match params.one("scope")? {
            None => ScopeSet::default(),
            Some(text) => match ScopeSet::parse(text) {
                Ok(scope) => scope,
                Err(_) => return Ok(Introspection::default()),
            },
        };
        let now = self.clock.now();
        let answer = if TokenKind::of(token) == Some(TokenKind::Refresh) {
            self.introspect_refresh(token, caller, now).await?
        } else {
            self.introspect_access(token, caller, now).await?
        };
        let granted = answer.scope.as_deref().and_then(|s| ScopeSet::parse(s).ok()).unwrap_or_default();
        if satisfies(self.settings.oauth.scope_strategy, &granted, &wanted) {
            Ok(answer)
        } else {
            Ok(Introspection::default())
        }
    }

    async fn introspect_access(
        &self,
        token: &str,
        caller: Caller<'_>,
        now: Instant,
    ) -> Result<Introspection, OAuthError> {
        let Some(live) = self.live_access(token, now).await? else { return Ok(Introspection::default()) };
        if !may_see(caller, &live.client_id, &live.audience, false) {
            return Ok(Introspection::default());
        }
        let issued = live.issued_at.unix_seconds();
        Ok(Introspection {
            active: true,
            scope: (!live.scope.is_empty()).then(|| live.scope.to_string()),
            client_id: Some(live.client_id),
            sub: Some(live.subject),
            exp: Some(live.expires_at.unix_seconds()),
            iat: Some(issued),
            nbf: Some(issued),
            aud: Some(live.audience),
            iss: Some(self.settings.issuer.as_str().to_owned()),
            token_type: Some("Bearer"),
            token_use: Some("access_token"),
            ext: live.grant.map(|g| g.detail.access_token_claims).filter(|ext| !ext.is_empty()),
        })
    }

    async fn introspect_refresh(
        &self,
        token: &str,
        caller: Caller<'_>,
        now: Instant,
    ) -> Result<Introspection, OAuthError> {
        let nothing = Introspection::default();
        let Some(opened) = self.opaque.open(TokenKind::Refresh, token) else { return Ok(nothing) };
        let id = Id::<RefreshRecord>::from_uuid(opened.id);
        let found = self
            .store
            .read(move |tx| {
                let Some(refresh) = tokens::refresh(tx, id)? else { return Ok(None) };
                Ok(grants::liveness(tx, refresh.grant_id)?.map(|liveness| (refresh, liveness)))
            })
            .await?;
        let Some((refresh, liveness)) = found.filter(|(r, _)| opened.matches(&r.digest)) else { return Ok(nothing) };
        let spent = refresh.used_at.is_some() || refresh.expires_at.is_some_and(|end| now >= end);
        if spent || !liveness.is_live() || !may_see(caller, refresh.client_id.as_str(), &[], true) {
            return Ok(nothing);
        }
        let issued = refresh.issued_at.unix_seconds();
        Ok(Introspection {
            active: true,
            scope: (!refresh.scope.is_empty()).then(|| refresh.scope.to_string()),
            client_id: Some(refresh.client_id.as_str().to_owned()),
            sub: Some(liveness.grant.subject.as_str().to_owned()),
            exp: refresh.expires_at.map(Instant::unix_seconds),
            iat: Some(issued),
            nbf: Some(issued),
            aud: Some(liveness.grant.audience.clone()),
            iss: Some(self.settings.issuer.as_str().to_owned()),
            token_type: Some("Bearer"),
            token_use: Some("refresh_token"),
            ext: Some(liveness.grant.detail.access_token_claims).filter(|ext| !ext.is_empty()),
        })
    }

    /// Finds an access token that works right now: opaque by its row, a JWT by its signature and its parent's row.
    ///
    /// # Errors
    /// Only when storage does not answer.
    pub async fn live_access(&self, token: &str, now: Instant) -> Result<Option<LiveToken>, OAuthError> {
        if token.len() > MAX_TOKEN {
            return Ok(None);
        }
        if let Some(opened) = self.opaque.open(TokenKind::Access, token) {
            let found = self.store.access(Id::<AccessRecord>::from_uuid(opened.id)).await?;
            return Ok(found.filter(|live| opened.matches(&live.record.digest) && live.is_live(now)).map(|live| {
                LiveToken {
                    id: live.record.id.uuid(),
                    client_id: live.record.client_id.as_str().to_owned(),
                    subject: live.record.subject.as_str().to_owned(),
                    grant: live.grant,
                    scope: live.record.scope,
                    audience: live.record.audience,
                    issued_at: live.record.issued_at,
                    expires_at: live.record.expires_at,
                }
            }));
        }
        if token.bytes().filter(|b| *b == b'.').count() == 2 { self.live_jwt(token, now).await } else { Ok(None) }
    }

    async fn live_jwt(&self, token: &str, now: Instant) -> Result<Option<LiveToken>, OAuthError> {
        let Some(claims) = self.read_access_jwt(token, now) else { return Ok(None) };
        let JwtClaims { id, grant_id, client_id, .. } = &claims;
        let (id, grant_id, client) = (*id, *grant_id, client_id.clone());
        let now_live = self
            .store
            .read(move |tx| {
                if tokens::is_jwt_revoked(tx, id)? {
                    return Ok::<_, StoreError>(None);
                }
                match grant_id {
                    None => Ok(crate::store::clients::find(tx, &client)?.map(|_| None)),
                    Some(grant_id) => {
                        let liveness = grants::liveness(tx, Id::from_uuid(grant_id))?;
                        Ok(liveness
                            .filter(|l| {
                                l.is_live()
                                    && l.grant.client_id == client
                                    && l.grant.live_from.is_none_or(|first| id >= first)
                            })
                            .map(|l| Some(l.grant)))
                    }
                }
            })
            .await?;
        Ok(now_live.map(|grant| claims.live(grant)))
    }

    /// RFC 9068 §4: signature, type, issuer and times of a JWT access token of ours.
    fn read_access_jwt(&self, token: &str, now: Instant) -> Option<JwtClaims> {
        let verified = jws::verify(token, self.keyring.load().public_keys(), &[jws::TYP_ACCESS]).ok()?;
        let times = jws::check_times(&verified.claims, now, std::time::Duration::ZERO).ok()?;
        let text = |name| verified.claims.get(name).and_then(Value::as_str);
        if text("iss") != Some(self.settings.issuer.as_str()) {
            return None;
        }
        let scope = match verified.claims.get("scp") {
            Some(Value::Array(names)) => {
                ScopeSet::from_names(&names.iter().filter_map(Value::as_str).collect::<Vec<_>>()).ok()?
            }
            _ => ScopeSet::parse(text("scope").unwrap_or("")).ok()?,
        };
        Some(JwtClaims {
            id: Uuid::parse_str(text("jti")?).ok()?,
            // A claim of the wrong type is no absent one: without its parent the token would outlive it.
            grant_id: match verified.claims.get("grant_id") {
                Some(id) => Some(Uuid::parse_str(id.as_str()?).ok()?),
                None => None,
            },
            client_id: crate::model::ClientId::parse(text("client_id")?).ok()?,
            subject: text("sub")?.to_owned(),
            scope,
            audience: audience(&verified.claims).into_iter().map(str::to_owned).collect(),
            issued_at: times.issued_at?,
            expires_at: times.expires_at?,
        })
    }
}

struct JwtClaims {
    id: Uuid,
    grant_id: Option<Uuid>,
    client_id: crate::model::ClientId,
    subject: String,
    scope: ScopeSet,
    audience: Vec<String>,
    issued_at: Instant,
    expires_at: Instant,
}

impl JwtClaims {
    fn live(self, grant: Option<Grant>) -> LiveToken {
        LiveToken {
            id: self.id,
            client_id: self.client_id.as_str().to_owned(),
            subject: self.subject,
            grant,
            scope: self.scope,
            audience: self.audience,
            issued_at: self.issued_at,
            expires_at: self.expires_at,
        }
    }
}

/// RFC 7662 §4: a client sees what the operator let it see; refresh tokens are their owner's business.
fn may_see(caller: Caller<'_>, owner: &str, audience: &[String], is_refresh: bool) -> bool {
    let Caller::Client(client) = caller else { return true };
    let own = client.id.as_str() == owner;
    match client.metadata.introspect {
        None => false,
        Some(IntrospectRight::Any) => true,
        Some(IntrospectRight::Own) => own,
        Some(IntrospectRight::Audience) => {
            let named = |a: &String| a == client.id.as_str() || client.metadata.audience.contains(a);
            own || (!is_refresh && audience.iter().any(named))
        }
    }
}

/// Whether what was granted permits what the caller needs; granted names are patterns, as at registration.
fn satisfies(strategy: ScopeStrategy, granted: &ScopeSet, wanted: &ScopeSet) -> bool {
    wanted.is_empty() || strategy.permits_all(granted, wanted)
}
