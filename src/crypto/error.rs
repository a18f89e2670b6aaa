//! What can go wrong with our own keys. None of it names key bytes.

/// A cryptographic step of our own failed: a key, a parameter or a claim set is unusable.
///
/// What strangers send us is never answered with this: a token that does not verify is a
/// [`BadToken`](super::jws::BadToken), one that does not open is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CryptoError {
    /// The claims cannot be written as a JSON object.
    #[error("the claims cannot be written as JSON")]
    Claims,
    /// A hash taken over from elsewhere is malformed, or costs more than this server is willing to spend.
    #[error("the hash is not one this server can verify: {0}")]
    Hash(&'static str),
    /// The key is malformed, too weak, or not of the kind it claims to be.
    #[error("the key cannot be used: {0}")]
    Key(&'static str),
    /// The system secrets are empty; everything is derived from them.
    #[error("no system secret: set secrets.system to a list with at least one non-empty secret")]
    NoSecret,
    /// The password parameters are outside what argon2id allows, or what a server survives.
    #[error("password parameters: {0}")]
    PasswordParams(&'static str),
    /// The library refused to sign, hash or seal.
    #[error("the cryptographic library refused the operation")]
    Refused,
}
