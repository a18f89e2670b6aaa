//! Settings of the embedded identity flows: sessions, flows and password hashing.

use std::time::Duration;

use url::Url;

use super::browser::{self, SameSite};
use super::interaction;
use super::reader::Reader;
use crate::base::Issuer;

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

/// OWASP's floor for argon2id: 19 MiB, two passes, one lane.
const FLOOR: Argon2Params = Argon2Params { memory_kib: 19 * 1_024, iterations: 2, parallelism: 1 };

/// Reads `session`, `selfservice` and `hashers`.
pub(super) fn read(r: &mut Reader<'_>, issuer: Option<&Issuer>, dev: bool) -> IdentitySettings {
    const CONCURRENCY: &str = "hashers.concurrency";
    let session_cookie = SessionCookie {
        name: browser::cookie_name(r, "session.cookie.name"),
        persistent: r.boolean("session.cookie.persistent"),
        same_site: browser::same_site(r, "session.cookie.same_site", issuer),
        domain: browser::cookie_domain(r, "session.cookie.domain", issuer),
    };
    IdentitySettings {
        session_lifespan: r.duration("session.lifespan"),
        session_cookie,
        login_lifespan: r.duration("selfservice.flows.login.lifespan"),
        default_return_url: interaction::page(r, "selfservice.default_browser_return_url", dev),
        argon2: argon2(r),
        hash_concurrency: r
            .count_if_set(CONCURRENCY)
            .and_then(|n| usize::try_from(n).ok())
            .unwrap_or_else(|| (super::cores() / 2).max(1)),
    }
}

fn argon2(r: &mut Reader<'_>) -> Argon2Params {
    const MEMORY: &str = "hashers.argon2.memory";
    const ITERATIONS: &str = "hashers.argon2.iterations";
    let asked = Argon2Params {
        memory_kib: u32::try_from(r.size(MEMORY) / 1_024).unwrap_or(u32::MAX),
        iterations: r.count::<u32>(ITERATIONS),
        parallelism: r.count::<u32>("hashers.argon2.parallelism"),
    };
    if asked.memory_kib < FLOOR.memory_kib {
        r.notice(false, MEMORY, "raised to 19MiB, the least that protects passwords");
    }
    if asked.iterations < FLOOR.iterations {
        r.notice(false, ITERATIONS, "raised to 2, the least that protects passwords");
    }
    Argon2Params {
        memory_kib: asked.memory_kib.max(FLOOR.memory_kib),
        iterations: asked.iterations.max(FLOOR.iterations),
        parallelism: asked.parallelism.max(FLOOR.parallelism),
    }
}
