//! Challenge and verifier tokens, and the cookie that binds an interaction to the browser that began it.
//!
//! A challenge is an opaque token; its row keeps the digest alone. A verifier is derived from the answer's challenge, so that
//! an answer given twice leads to the same address. The MAC, not the derivation, is what keeps others from making one.

use aws_lc_rs::digest::{Context, SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::browser::{Browser, Refused};
use crate::base::{Id, Instant, Random, Secret};
use crate::crypto::{OpaqueKeys, TokenKind};
use crate::model::Interaction;
use crate::model::token::Digest;
use crate::oauth::{ErrorCode, OAuthError};

/// A challenge on its way to a page, named after the question.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// The token.
    pub token: Secret<String>,
    /// What the row keeps of it.
    pub digest: Digest,
}

impl Challenge {
    /// A fresh challenge or verifier for the row `id`.
    pub fn issue(keys: &OpaqueKeys, kind: TokenKind, id: Uuid, random: &dyn Random) -> Self {
        let issued = keys.issue(kind, id, random);
        Self { token: issued.token, digest: issued.digest }
    }

    /// The one token of `kind` that follows from an earlier one of the same row.
    pub fn following(keys: &OpaqueKeys, kind: TokenKind, id: Uuid, earlier: &Digest) -> Self {
        Self::issue(keys, kind, id, &Following { earlier: *earlier, kind })
    }
}

/// Bytes that follow from an earlier digest.
struct Following {
    earlier: Digest,
    kind: TokenKind,
}

impl Random for Following {
    fn fill(&self, out: &mut [u8]) {
        for (block, chunk) in out.chunks_mut(32).enumerate() {
            let mut hash = Context::new(&SHA256);
            hash.update(self.kind.prefix().as_bytes());
            hash.update(&self.earlier);
            hash.update(&block.to_be_bytes());
            chunk.copy_from_slice(&hash.finish().as_ref()[..chunk.len()]);
        }
    }
}

/// The tag of an interaction's cookie: short, and telling nothing.
pub fn tag(id: Id<Interaction>) -> String {
    let bytes = id.uuid().into_bytes();
    bytes[10..].iter().map(|b| format!("{b:02x}")).collect()
}

/// The id of the session that a login by a verifier will begin: the login UI is told before there is one. It follows from
/// what only the row and the browser's address know.
pub fn session_id(interaction: &Interaction) -> Uuid {
    let mut hash = Context::new(&SHA256);
    hash.update(b"session id\0");
    hash.update(&interaction.browser_digest);
    hash.update(interaction.login_digest.as_ref().map_or(&[], |d| d.as_slice()));
    let bytes = hash.finish().as_ref()[..16].try_into().unwrap_or([0; 16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// A fresh value for the binding cookie, and what the row keeps of it.
pub fn binding(random: &dyn Random) -> (Secret<String>, Digest) {
    let value = URL_SAFE_NO_PAD.encode(random.bytes::<32>());
    let kept = kept_of(&value);
    (Secret::new(value), kept)
}

fn kept_of(value: &str) -> Digest {
    digest(&SHA256, value.as_bytes()).as_ref().try_into().unwrap_or([0; 32])
}

/// Only the browser that began an interaction may go on with it.
///
/// # Errors
/// `request_forbidden` for every other.
pub fn must_be_same_browser(interaction: &Interaction, browser: &Browser) -> Result<(), OAuthError> {
    let same = browser
        .binding(interaction.id)
        .is_some_and(|value| Secret::new(kept_of(value.expose()).to_vec()).matches(&interaction.browser_digest));
    if same {
        Ok(())
    } else {
        Err(OAuthError::new(
            ErrorCode::RequestForbidden,
            "this login was begun in another browser, or cookies are off; go back to the app and start again",
        ))
    }
}

/// Whether a stored digest is the one a presented token has; `None` never is.
pub fn is(stored: Option<&Digest>, opened: &crate::crypto::opaque::Opened) -> bool {
    stored.is_some_and(|digest| opened.matches(digest))
}

/// Refuses an interaction that is over by time.
///
/// # Errors
/// [`Refused::Expired`].
pub fn must_be_fresh(interaction: &Interaction, now: Instant) -> Result<(), Refused> {
    if interaction.is_expired(now) { Err(Refused::Expired) } else { Ok(()) }
}
