//! What a live access token rests on, found in one visit: its row, its grant, and whether client, session and person
//! still stand behind them.

use crate::base::Instant;
use crate::model::{AccessRecord, Grant};

/// An access token and everything that decides whether it works. Nothing of it is ever remembered: each look-up asks.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveAccess {
    /// The token, revoked or not.
    pub record: AccessRecord,
    /// Its parent, revoked or not; `None` for client credentials, and when the parent is gone.
    pub grant: Option<Grant>,
    /// The session of its grant was not ended; true when it rests on none.
    pub session_live: bool,
    /// The person of its grant may log in; true when the person is not ours.
    pub identity_active: bool,
    /// The client it was issued to was not removed.
    pub client_exists: bool,
}

impl LiveAccess {
    /// Whether the token works at `now`.
    pub fn is_live(&self, now: Instant) -> bool {
        let record = &self.record;
        let by_itself = record.revoked_at.is_none() && now < record.expires_at && self.client_exists;
        let by_grant = match (record.grant_id, &self.grant) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(_), Some(grant)) => {
                grant.revoked_at.is_none() && grant.live_from.is_none_or(|first| record.id.uuid() >= first)
            }
        };
        by_itself && by_grant && self.session_live && self.identity_active
    }
}
