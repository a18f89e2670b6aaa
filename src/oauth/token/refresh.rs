//! Refresh (RFC 6749 §6): rotation at every use, reuse detection (RFC 9700 §4.14.2), a grace period where configured.
//!
//! Without a grace period the old refresh token and every older access token die with the rotation, and a second use kills
//! the family; of parallel uses one wins and the others count as a second use. With one, a used refresh token gives further
//! pairs of the same family until time or count runs out.

use std::time::Duration;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::super::Engine;
use super::super::error::{ErrorCode, OAuthError};
use super::super::params::Params;
use super::code::{family_end, respond, revoke_family};
use super::mint::{AccessAsk, IdTokenAsk};
use super::{TokenResponse, must_live};
use crate::base::{Id, Instant};
use crate::config::RefreshPolicy;
use crate::crypto::opaque::TokenKind;
use crate::model::client::Client;
use crate::model::grant::RevokedFor;
use crate::model::{AccessRecord, Grant, RefreshRecord, ScopeSet};
use crate::store::grants::Liveness;
use crate::store::{StoreError, Tx, grants, tokens};

const UNKNOWN: &str = "the refresh token is unknown, expired or revoked; the person must log in again";

struct Found {
    refresh: RefreshRecord,
    liveness: Liveness,
    known: Map<String, Value>,
}

/// Rows of one rotation, made before the transaction.
#[derive(Clone)]
struct Rotation {
    old: RefreshRecord,
    grant: Grant,
    access: Option<AccessRecord>,
    access_id: Uuid,
    refresh: RefreshRecord,
    grant_expires_at: Option<Instant>,
    policy: RefreshPolicy,
    access_lifetime: Duration,
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Dead,
    Reused,
    Rotated,
}

impl Engine {
    pub(super) async fn refresh(&self, client: &Client, params: &Params) -> Result<TokenResponse, OAuthError> {
        let now = self.clock.now();
        let presented = params.required("refresh_token", "refresh_token is missing")?;
        let opened =
            self.opaque.open(TokenKind::Refresh, presented).ok_or_else(|| OAuthError::invalid_grant(UNKNOWN))?;
        let found = self.find_refresh(Id::from_uuid(opened.id)).await?;
        let Some(found) = found.filter(|f| opened.matches(&f.refresh.digest)) else {
            return Err(OAuthError::invalid_grant(UNKNOWN));
        };
        must_live(&found.liveness, client)?;
        if found.refresh.used_at.is_some_and(|used| now >= used.plus(self.settings.oauth.refresh.grace)) {
            return Err(self.revoke_replayed(found.liveness.grant, now).await?);
        }
        if found.refresh.expires_at.is_some_and(|end| now >= end) {
            return Err(OAuthError::invalid_grant(UNKNOWN));
        }
        let scope = self.narrowed(client, &found.refresh.scope, params)?;
        let (rotation, response) = self.prepare_rotation(client, &found, &scope, now)?;
        let grant = rotation.grant.clone();
        match self.store.write(move |tx| rotation.apply(tx, now)).await? {
            Outcome::Rotated => Ok(response),
            Outcome::Dead => Err(OAuthError::invalid_grant(UNKNOWN)),
            Outcome::Reused => Err(replayed(&grant)),
        }
    }

    async fn find_refresh(&self, id: Id<RefreshRecord>) -> Result<Option<Found>, StoreError> {
        let claims = self.claims.clone();
        self.store
            .read(move |tx| {
                let Some(refresh) = tokens::refresh(tx, id)? else { return Ok(None) };
                let Some(liveness) = grants::liveness(tx, refresh.grant_id)? else { return Ok(None) };
                let known = claims.claims(tx, &liveness.grant)?;
                Ok(Some(Found { refresh, liveness, known }))
            })
            .await
    }

    /// RFC 6749 §6: the scope asked for must not exceed the one granted; left out it is the same. What the client is no
    /// longer registered for is refused, so that a narrowed registration takes effect.
    fn narrowed(&self, client: &Client, granted: &ScopeSet, params: &Params) -> Result<ScopeSet, OAuthError> {
        let scope = match params.one("scope")? {
            None => granted.clone(),
            Some(asked) => {
                let asked = ScopeSet::parse(asked).map_err(|e| OAuthError::new(ErrorCode::InvalidScope, e.0))?;
                if !granted.covers(&asked) {
                    return Err(OAuthError::new(
                        ErrorCode::InvalidScope,
                        "scope must not hold anything that was not granted; leave it out to keep what was",
                    ));
                }
                asked
            }
        };
        if self.settings.oauth.scope_strategy.permits_all(&client.metadata.scope, &scope) {
            Ok(scope)
        } else {
            Err(OAuthError::new(ErrorCode::InvalidScope, "the client is no longer registered for a granted scope"))
        }
    }

    fn prepare_rotation(
        &self,
        client: &Client,
        found: &Found,
        scope: &ScopeSet,
        now: Instant,
    ) -> Result<(Rotation, TokenResponse), OAuthError> {
        let grant = &found.liveness.grant;
        let (lifespans, lifetimes) = (&client.metadata.lifespans, &self.settings.oauth.lifetimes);
        let lifetime = lifespans.refresh_token_grant_access_token.unwrap_or(lifetimes.access_token);
        let ask = AccessAsk {
            client,
            subject: &grant.subject,
            grant: Some(grant),
            scope,
            audience: &grant.audience,
            lifetime,
        };
        let access = self.mint_access(&ask, now)?;
        let refresh_lifetime = lifespans.refresh_token_grant_refresh_token.or(lifetimes.refresh_token);
        // RFC 6749 §6: a new refresh token keeps the scope of the old one, however narrow the access token is.
        let (token, record) = self.mint_refresh(grant, &found.refresh.scope, access.id.uuid(), refresh_lifetime, now);
        let id_token = if scope.contains("openid") {
            let narrowed = Grant { scope: scope.clone(), ..grant.clone() };
            let lifetime = lifespans.refresh_token_grant_id_token.unwrap_or(lifetimes.id_token);
            Some(self.mint_id_token(
                &IdTokenAsk {
                    client,
                    grant: &narrowed,
                    known: &found.known,
                    access_token: access.token.expose(),
                    lifetime,
                },
                now,
            )?)
        } else {
            None
        };
        let response = respond(&access, &scope.to_string(), Some(&token), id_token);
        let grant_expires_at = family_end(&access, Some(&record), grant);
        let rotation = Rotation {
            old: found.refresh.clone(),
            grant: grant.clone(),
            access_id: access.id.uuid(),
            access: access.record,
            refresh: record,
            grant_expires_at,
            policy: self.settings.oauth.refresh,
            access_lifetime: lifetime,
        };
        Ok((rotation, response))
    }

    async fn revoke_replayed(&self, grant: Grant, now: Instant) -> Result<OAuthError, StoreError> {
        let error = replayed(&grant);
        self.store.write(move |tx| revoke_family(tx, &grant, RevokedFor::RefreshReuse, now)).await?;
        Ok(error)
    }
}

impl Rotation {
    /// Lock order: grant, then token.
    fn apply(&self, tx: &mut Tx, now: Instant) -> Result<Outcome, StoreError> {
        let strict = self.policy.grace.is_zero();
        if !grants::touch_for_mint(tx, self.grant.id, self.grant_expires_at, strict.then_some(self.access_id))? {
            return Ok(Outcome::Dead);
        }
        let first = tokens::mark_refresh_used(tx, self.old.id, now)?;
        if !first && (strict || !self.again_in_grace(tx, now)?) {
            revoke_family(tx, &self.grant, RevokedFor::RefreshReuse, now)?;
            return Ok(Outcome::Reused);
        }
        if first && !strict {
            self.end_twin(tx, now)?;
        }
        if let Some(access) = &self.access {
            tokens::insert_access(tx, access)?;
        }
        tokens::insert_refresh(tx, &self.refresh)?;
        Ok(Outcome::Rotated)
    }

    fn again_in_grace(&self, tx: &mut Tx, now: Instant) -> Result<bool, StoreError> {
        let most = (self.policy.grace_count > 0).then_some(i64::from(self.policy.grace_count));
        tokens::reuse_refresh(tx, self.old.id, now.minus(self.policy.grace), most)
    }

    /// In a grace period only the access token born with the used refresh token dies; its kind is not known, so both are tried.
    fn end_twin(&self, tx: &mut Tx, now: Instant) -> Result<(), StoreError> {
        if !tokens::revoke_access(tx, Id::from_uuid(self.old.access_token_id), now)? {
            tokens::revoke_jwt(tx, self.old.access_token_id, self.old.issued_at.plus(self.access_lifetime))?;
        }
        Ok(())
    }
}

fn replayed(grant: &Grant) -> OAuthError {
    tracing::warn!(client.id = %grant.client_id, grant.id = %grant.id, "a refresh token was used twice; its family is revoked");
    OAuthError::invalid_grant(
        "the refresh token was already used; every token of its family is revoked and the person must log in again",
    )
}
