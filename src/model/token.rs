//! What is kept of codes and tokens: never the value, only a keyed digest and the facts about it.

use uuid::Uuid;

use super::{ClientId, Grant, ScopeSet, Subject};
use crate::base::{Id, Instant};

/// Digest of an opaque value, 32 bytes, compared in constant time.
pub type Digest = [u8; 32];

/// An authorization code (RFC 6749 §4.1.2).
#[derive(Clone, Debug, PartialEq)]
pub struct CodeRecord {
    /// Time-ordered id, part of the code itself.
    pub id: Id<CodeRecord>,
    /// Of the code's value.
    pub digest: Digest,
    /// What it redeems.
    pub grant_id: Id<Grant>,
    /// Who may redeem it.
    pub client_id: ClientId,
    /// Must be repeated, if it was given at the authorization endpoint.
    pub redirect_uri: Option<String>,
    /// PKCE S256 challenge.
    pub code_challenge: Option<String>,
    /// When it was issued.
    pub issued_at: Instant,
    /// When it stops working.
    pub expires_at: Instant,
    /// When it was redeemed.
    pub used_at: Option<Instant>,
}

/// An opaque access token (RFC 6749 §1.4).
#[derive(Clone, Debug, PartialEq)]
pub struct AccessRecord {
    /// Time-ordered id, part of the token itself.
    pub id: Id<AccessRecord>,
    /// Of the token's value.
    pub digest: Digest,
    /// Whom it was issued to.
    pub client_id: ClientId,
    /// On whose behalf: a person, or the client itself.
    pub subject: Subject,
    /// Its parent; `None` for client credentials.
    pub grant_id: Option<Id<Grant>>,
    /// What it permits.
    pub scope: ScopeSet,
    /// For which resources.
    pub audience: Vec<String>,
    /// When it was issued.
    pub issued_at: Instant,
    /// When it stops working.
    pub expires_at: Instant,
    /// When it was revoked by itself.
    pub revoked_at: Option<Instant>,
}

/// A refresh token (RFC 6749 §1.5); one row a rotation.
#[derive(Clone, Debug, PartialEq)]
pub struct RefreshRecord {
    /// Time-ordered id, part of the token itself.
    pub id: Id<RefreshRecord>,
    /// Of the token's value.
    pub digest: Digest,
    /// Its family.
    pub grant_id: Id<Grant>,
    /// Who may use it.
    pub client_id: ClientId,
    /// What it permits at most.
    pub scope: ScopeSet,
    /// The access token born with it (its row id, or a JWT's `jti`).
    pub access_token_id: Uuid,
    /// When it was issued.
    pub issued_at: Instant,
    /// When it stops working; `None` for never.
    pub expires_at: Option<Instant>,
    /// When it was first used.
    pub used_at: Option<Instant>,
    /// How often it was used again within the grace period.
    pub reuses: i64,
}
