//! F1: domain types and their legal changes. No I/O, no clock, no randomness.

pub mod authorize;
pub mod client;
pub mod fact;
pub mod grant;
pub mod identity;
pub mod interaction;
pub mod logout;
pub mod scope;
pub mod session;
pub mod token;

pub use authorize::{AuthorizeRequest, Prompt, ResponseMode};
pub use client::{AuthMethod, Client, GrantType, IntrospectRight, TokenFormat};
pub use fact::Fact;
pub use grant::{Grant, GrantDetail};
pub use identity::{Identity, IdentityState};
pub use interaction::{ConsentAnswer, Interaction, LoginAnswer, Rejection, Stage};
pub use logout::{Logout, LogoutStage};
pub use scope::{ScopeSet, ScopeStrategy};
pub use session::{Aal, Device, Session};
pub use token::{AccessRecord, CodeRecord, RefreshRecord};

pub use crate::base::alg::SigningAlg;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Whose data it is: the first part of every key (`default` unless several issuers share a database).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tenant(Arc<str>);

impl Tenant {
    /// The tenant of that name.
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// The name as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Tenant {
    fn default() -> Self {
        Self::new("default")
    }
}

macro_rules! text_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps a value that was checked, or read from storage.
            pub fn new(value: impl Into<String>) -> Self {
                Self(value.into())
            }

            /// The value as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_newtype! {
    /// Names a client (RFC 6749 §2.2). Any visible ASCII text of at most 255 bytes.
    ClientId
}

text_newtype! {
    /// Names a person to clients (OIDC Core §2 `sub`): at most 255 bytes.
    Subject
}

impl ClientId {
    /// Reads a client id from the outside.
    ///
    /// # Errors
    /// A sentence when it is empty, longer than 255 bytes or holds anything but visible ASCII (RFC 6749 appendix A.1, without space).
    pub fn parse(value: &str) -> Result<Self, &'static str> {
        if value.is_empty() || value.len() > 255 {
            return Err("client_id must be 1 to 255 characters long");
        }
        if !value.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("client_id must hold visible ASCII characters only");
        }
        Ok(Self(value.to_owned()))
    }
}

impl Subject {
    /// Reads a subject from the outside.
    ///
    /// # Errors
    /// A sentence when it is empty, longer than 255 bytes or holds control characters.
    pub fn parse(value: &str) -> Result<Self, &'static str> {
        if value.is_empty() || value.len() > 255 {
            return Err("subject must be 1 to 255 bytes long");
        }
        if value.chars().any(char::is_control) {
            return Err("subject must not hold control characters");
        }
        Ok(Self(value.to_owned()))
    }
}
