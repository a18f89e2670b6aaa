//! Redeems authorization codes (RFC 6749 §4.1.3, RFC 7636 §4.6).
//!
//! A code works once. A second use means it leaked, so its whole token family is revoked; of parallel uses one wins,
//! and the others count as a second use.
//! Not here: client authentication ([`super::super::client_auth`]), signing ([`super::mint`]).

use serde_json::{Map, Value};

use super::super::Engine;
use super::super::authorize::pkce;
use super::super::error::OAuthError;
use super::super::params::Params;
use super::mint::{Access, AccessAsk, IdTokenAsk};
use super::{TokenResponse, gives_refresh, must_live};
use crate::base::{Id, Instant, Secret};
use crate::crypto::opaque::TokenKind;
use crate::model::client::Client;
use crate::model::fact::Fact;
use crate::model::grant::RevokedFor;
use crate::model::{AccessRecord, CodeRecord, Grant, RefreshRecord};
use crate::store::grants::Liveness;
use crate::store::{StoreError, Tx, grants, tokens};

const UNKNOWN: &str = "the authorization code is unknown or expired; start the authorization again";

/// What is known of a presented code.
struct Found {
    code: CodeRecord,
    liveness: Liveness,
    known: Map<String, Value>,
}

/// Rows of one redemption, made before the transaction.
#[derive(Clone)]
struct Redemption {
    code: Id<CodeRecord>,
    grant: Grant,
    access: Option<AccessRecord>,
    refresh: Option<RefreshRecord>,
    grant_expires_at: Option<Instant>,
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Dead,
    Redeemed,
    Reused,
}

impl Engine {
    pub(super) async fn redeem_code(&self, client: &Client, params: &Params) -> Result<TokenResponse, OAuthError> {
        let now = self.clock.now();
        let presented = params.required("code", "code is missing")?;
        let opened = self.opaque.open(TokenKind::Code, presented).ok_or_else(|| OAuthError::invalid_grant(UNKNOWN))?;
        let found = self.find_code(Id::from_uuid(opened.id)).await?;
        let Some(found) = found.filter(|f| opened.matches(&f.code.digest)) else {
            return Err(OAuthError::invalid_grant(UNKNOWN));
        };
        check(&found, client, params, now)?;
        if found.code.used_at.is_some() {
            return Err(self.revoke_reused(found.liveness.grant, now).await?);
        }
        must_live(&found.liveness, client)?;
        let (redemption, response) = self.prepare_redemption(client, &found, now)?;
        let grant = redemption.grant.clone();
        match self.store.write(move |tx| redemption.apply(tx, now)).await? {
            Outcome::Redeemed => Ok(response),
            Outcome::Dead => Err(OAuthError::invalid_grant("what this code stands for was revoked")),
            Outcome::Reused => {
                tracing::warn!(client.id = %grant.client_id, grant.id = %grant.id, "an authorization code was redeemed twice; its tokens are revoked");
                Err(reused())
            }
        }
    }

    async fn find_code(&self, id: Id<CodeRecord>) -> Result<Option<Found>, StoreError> {
        let claims = self.claims.clone();
        self.store
            .read(move |tx| {
                let Some(code) = tokens::code(tx, id)? else { return Ok(None) };
                let Some(liveness) = grants::liveness(tx, code.grant_id)? else { return Ok(None) };
                let known = claims.claims(tx, &liveness.grant)?;
                Ok(Some(Found { code, liveness, known }))
            })
            .await
    }

    fn prepare_redemption(
        &self,
        client: &Client,
        found: &Found,
        now: Instant,
    ) -> Result<(Redemption, TokenResponse), OAuthError> {
        let grant = &found.liveness.grant;
        let (lifespans, lifetimes) = (&client.metadata.lifespans, &self.settings.oauth.lifetimes);
        let access = self.mint_access(
            &AccessAsk {
                client,
                subject: &grant.subject,
                grant: Some(grant),
                scope: &grant.scope,
                audience: &grant.audience,
                lifetime: lifespans.authorization_code_grant_access_token.unwrap_or(lifetimes.access_token),
            },
            now,
        )?;
        let refresh_lifetime = lifespans.authorization_code_grant_refresh_token.or(lifetimes.refresh_token);
        let refresh = gives_refresh(client, grant)
            .then(|| self.mint_refresh(grant, &grant.scope, access.id.uuid(), refresh_lifetime, now));
        let id_token = if grant.scope.contains("openid") {
            let lifetime = lifespans.authorization_code_grant_id_token.unwrap_or(lifetimes.id_token);
            Some(self.mint_id_token(
                &IdTokenAsk { client, grant, known: &found.known, access_token: access.token.expose(), lifetime },
                now,
            )?)
        } else {
            None
        };
        let response = respond(&access, &grant.scope.to_string(), refresh.as_ref().map(|(t, _)| t), id_token);
        let grant_expires_at = family_end(&access, refresh.as_ref().map(|(_, r)| r), grant);
        let redemption = Redemption {
            code: found.code.id,
            grant: grant.clone(),
            access: access.record,
            refresh: refresh.map(|(_, record)| record),
            grant_expires_at,
        };
        Ok((redemption, response))
    }

    /// Kills the family of a code that was presented again, and gives the error to answer.
    async fn revoke_reused(&self, grant: Grant, now: Instant) -> Result<OAuthError, StoreError> {
        tracing::warn!(client.id = %grant.client_id, grant.id = %grant.id, "an authorization code was presented again; its tokens are revoked");
        self.store.write(move |tx| revoke_family(tx, &grant, RevokedFor::CodeReuse, now)).await?;
        Ok(reused())
    }
}

impl Redemption {
    /// Lock order: grant, then token. The grant's row is locked and checked again by the update that extends it.
    fn apply(&self, tx: &mut Tx, now: Instant) -> Result<Outcome, StoreError> {
        if !grants::touch_for_mint(tx, self.grant.id, self.grant_expires_at, None)? {
            return Ok(Outcome::Dead);
        }
        if !tokens::mark_code_used(tx, self.code, now)? {
            revoke_family(tx, &self.grant, RevokedFor::CodeReuse, now)?;
            return Ok(Outcome::Reused);
        }
        if let Some(access) = &self.access {
            tokens::insert_access(tx, access)?;
        }
        if let Some(refresh) = &self.refresh {
            tokens::insert_refresh(tx, refresh)?;
        }
        Ok(Outcome::Redeemed)
    }
}

/// Revokes a grant and records it; survives the refusal that follows, so it is never undone by an `Err`.
pub(in crate::oauth) fn revoke_family(
    tx: &mut Tx,
    grant: &Grant,
    why: RevokedFor,
    now: Instant,
) -> Result<(), StoreError> {
    if grants::revoke(tx, grant.id, why, now)? {
        tx.record(Fact::GrantRevoked {
            grant: grant.id.uuid(),
            client: grant.client_id.clone(),
            subject: grant.subject.clone(),
            why,
        });
    }
    Ok(())
}

/// What RFC 6749 §4.1.3 and RFC 7636 §4.6 demand of the request, before anything is used up.
fn check(found: &Found, client: &Client, params: &Params, now: Instant) -> Result<(), OAuthError> {
    let code = &found.code;
    // RFC 6749 §4.1.3: the code must have been issued to the client now presenting it.
    if code.client_id != client.id {
        return Err(OAuthError::invalid_grant("the authorization code was issued to another client"));
    }
    // A used code is reported as such even after its time, so that a late replay still kills its family.
    if code.used_at.is_none() && now >= code.expires_at {
        return Err(OAuthError::invalid_grant(UNKNOWN));
    }
    // RFC 6749 §4.1.3: identical if it was in the authorization request; a surprise one is refused too.
    if code.redirect_uri.as_deref() != params.one("redirect_uri")? {
        return Err(OAuthError::invalid_grant(
            "redirect_uri must be the same as in the authorization request, and left out if it was left out there",
        ));
    }
    pkce::check(code.code_challenge.as_deref(), params.one("code_verifier")?)
}

fn reused() -> OAuthError {
    OAuthError::invalid_grant("the authorization code was already used; every token issued from it is revoked")
}

/// The latest moment anything of the family can be alive; `None` for never ending.
pub(super) fn family_end(access: &Access, refresh: Option<&RefreshRecord>, grant: &Grant) -> Option<Instant> {
    let tokens_end = match refresh {
        Some(refresh) => refresh.expires_at?.max(access.expires_at),
        None => access.expires_at,
    };
    if grant.remembered { Some(grant.remember_until?.max(tokens_end)) } else { Some(tokens_end) }
}

/// The answer of RFC 6749 §5.1.
pub(super) fn respond(
    access: &Access,
    scope: &str,
    refresh: Option<&Secret<String>>,
    id_token: Option<String>,
) -> TokenResponse {
    TokenResponse {
        access_token: access.token.expose().clone(),
        token_type: "bearer",
        expires_in: access.expires_in,
        scope: scope.to_owned(),
        refresh_token: refresh.map(|t| t.expose().clone()),
        id_token,
    }
}
