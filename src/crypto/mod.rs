//! F1: the only place that touches key bytes. What leaves is sealed, signed, hashed or a [`Secret`](crate::base::Secret).
//!
//! Not here: where keys and hashes are stored (`store`), when keys rotate (`jobs`), which claims are signed (`oauth`).

pub mod client_secret;
pub mod derive;
pub mod error;
pub mod fingerprint;
pub mod jwk;
pub mod jws;
pub mod keyring;
pub mod opaque;
pub mod password;
pub mod seal;
#[cfg(test)]
pub(crate) mod test_keys;

pub use client_secret::ClientSecrets;
pub use error::CryptoError;
pub use fingerprint::Fingerprints;
pub use jwk::PublicJwk;
pub use jws::{BadToken, PublicKeys, SigningKey};
pub use keyring::{KeyState, Keyring};
pub use opaque::{OpaqueKeys, TokenKind};
pub use password::{PasswordParams, Passwords};
pub use seal::{Purpose, Sealer};
