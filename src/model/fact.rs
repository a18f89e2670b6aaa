//! Facts: changes of state that something else must follow from. Recorded in the transaction that makes the change.

use uuid::Uuid;

use super::grant::RevokedFor;
use super::{ClientId, Subject};

/// One change of state.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// A client was registered.
    ClientCreated {
        /// Which.
        client: ClientId,
    },
    /// A client was removed; its tokens are dead.
    ClientDeleted {
        /// Which.
        client: ClientId,
    },
    /// A client's metadata or secret changed.
    ClientUpdated {
        /// Which.
        client: ClientId,
    },
    /// A person allowed something to a client.
    GrantMade {
        /// Which grant.
        grant: Uuid,
        /// To whom.
        client: ClientId,
        /// Who.
        subject: Subject,
    },
    /// A family of tokens was killed.
    GrantRevoked {
        /// Which grant.
        grant: Uuid,
        /// Whose tokens.
        client: ClientId,
        /// Who had allowed it.
        subject: Subject,
        /// Why.
        why: RevokedFor,
    },
    /// A person was registered.
    IdentityCreated {
        /// Who.
        subject: Subject,
    },
    /// Somebody logged in.
    SessionBegun {
        /// The session's public id.
        session: Uuid,
        /// Who.
        subject: Subject,
    },
    /// Somebody logged out, or was logged out.
    SessionEnded {
        /// The session's public id.
        session: Uuid,
        /// Who.
        subject: Subject,
    },
}

impl Fact {
    /// The word that is stored.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::ClientCreated { .. } => "client_created",
            Self::ClientDeleted { .. } => "client_deleted",
            Self::ClientUpdated { .. } => "client_updated",
            Self::GrantMade { .. } => "grant_made",
            Self::GrantRevoked { .. } => "grant_revoked",
            Self::IdentityCreated { .. } => "identity_created",
            Self::SessionBegun { .. } => "session_begun",
            Self::SessionEnded { .. } => "session_ended",
        }
    }

    /// Whom it concerns.
    pub const fn subject(&self) -> Option<&Subject> {
        match self {
            Self::ClientCreated { .. } | Self::ClientDeleted { .. } | Self::ClientUpdated { .. } => None,
            Self::GrantMade { subject, .. }
            | Self::GrantRevoked { subject, .. }
            | Self::IdentityCreated { subject }
            | Self::SessionBegun { subject, .. }
            | Self::SessionEnded { subject, .. } => Some(subject),
        }
    }

    /// Which client it concerns.
    pub const fn client(&self) -> Option<&ClientId> {
        match self {
            Self::ClientCreated { client }
            | Self::ClientDeleted { client }
            | Self::ClientUpdated { client }
            | Self::GrantMade { client, .. }
            | Self::GrantRevoked { client, .. } => Some(client),
            Self::IdentityCreated { .. } | Self::SessionBegun { .. } | Self::SessionEnded { .. } => None,
        }
    }
}
