//! Settings of the embedded identity flows: sessions, flows and password hashing.

use std::time::Duration;

use url::Url;

use super::server::SameSite;

/// Settings of the embedded identity flows.
#[derive(Clone, Debug)]
pub struct IdentitySettings {
    /// How long a person stays logged in.
    pub session_lifespan: Duration,
    /// The cookie of that session.
    pub session_cookie: SessionCookie,
    /// How long a login form may be answered.
    pub login_lifespan: Duration,
    /// Where the browser goes when a flow ends and nothing else is said.
    pub default_return_url: Option<Url>,
    /// Cost of password hashes.
    pub argon2: Argon2Params,
    /// How many hashes may run at the same time.
    pub hash_concurrency: usize,
}

/// The cookie of a person's session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionCookie {
    /// Its name.
    pub name: String,
    /// Whether it outlives the browser.
    pub persistent: bool,
    /// `SameSite`.
    pub same_site: SameSite,
    /// `Domain`; `None`: this host only.
    pub domain: Option<String>,
}

/// Cost of argon2id (RFC 9106).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2Params {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
}
