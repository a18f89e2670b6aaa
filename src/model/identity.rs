//! A person: traits, credentials and addresses.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::{Id, Instant};

/// Whether a person may log in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdentityState {
    /// May log in; their tokens work.
    #[default]
    Active,
    /// May not; every session and token of theirs is dead while this lasts.
    Inactive,
}

impl IdentityState {
    /// The word that is stored and sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
        }
    }

    /// The state of that name.
    pub fn from_stored(text: &str) -> Option<Self> {
        [Self::Active, Self::Inactive].into_iter().find(|known| known.as_str() == text)
    }
}

/// A person as we know them.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// The id clients see, `sub` in tokens.
    pub id: Id<Identity>,
    /// Orders people by when they came; never shown.
    pub seq: Id<Identity>,
    /// Which schema their traits follow.
    pub schema_id: String,
    /// Whether they may log in.
    pub state: IdentityState,
    /// When that was last changed.
    pub state_changed_at: Instant,
    /// What we know of them, by their schema.
    pub traits: Value,
    /// The operator's notes that the person may see.
    pub metadata_public: Option<Value>,
    /// The operator's notes that only operators see.
    pub metadata_admin: Option<Value>,
    /// The operator's own id for them, unique.
    pub external_id: Option<String>,
    /// Counts changes.
    pub version: i64,
    /// When they came.
    pub created_at: Instant,
    /// When they last changed.
    pub updated_at: Instant,
}

/// The kinds of proof a person can give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// Something they know.
    Password,
}

impl CredentialKind {
    /// The word that is stored and sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
        }
    }

    /// The kind of that name.
    pub fn from_stored(text: &str) -> Option<Self> {
        [Self::Password].into_iter().find(|known| known.as_str() == text)
    }
}

/// One kind of proof of one person.
#[derive(Clone, Debug, PartialEq)]
pub struct Credential {
    /// Whose.
    pub identity_id: Id<Identity>,
    /// Which kind.
    pub kind: CredentialKind,
    /// What the kind needs to check it: for a password `{"hashed_password": "$argon2id$…"}`.
    pub config: Value,
    /// Counts changes.
    pub version: i64,
}

/// What an address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AddressPurpose {
    /// To get an account back.
    Recovery,
    /// To be proven.
    Verification,
}

impl AddressPurpose {
    /// The word that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recovery => "recovery",
            Self::Verification => "verification",
        }
    }

    /// The purpose of that name.
    pub fn from_stored(text: &str) -> Option<Self> {
        [Self::Recovery, Self::Verification].into_iter().find(|known| known.as_str() == text)
    }
}

/// An address of a person, derived from their traits.
#[derive(Clone, Debug, PartialEq)]
pub struct Address {
    /// The id clients see.
    pub id: Id<Address>,
    /// Whose.
    pub identity_id: Id<Identity>,
    /// What for.
    pub purpose: AddressPurpose,
    /// email or sms.
    pub via: String,
    /// Normalised.
    pub value: String,
    /// pending, sent or completed.
    pub status: String,
    /// When it was proven.
    pub verified_at: Option<Instant>,
    /// When it was first seen.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
}
