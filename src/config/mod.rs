//! F1: the operator's configuration, checked once; later code only ever sees [`Settings`].
//!
//! Files, environment and flags become one tree that remembers where each value was written; the tree is
//! checked against one table of keys, and everything that is wrong is told at once ([`Problems`]).
//! Not here: reading keys, certificates, schemas or templates; the floors that use them parse the bytes and
//! hand back [`Problem`]s of their own.

pub mod browser;
mod check;
pub mod database;
pub mod document;
mod foreign;
pub mod identity;
pub mod interaction;
mod keys;
mod layer;
pub mod load;
pub mod oauth;
pub mod problem;
mod reader;
pub mod server;
pub mod show;
mod table;
#[cfg(test)]
mod tests;
mod toml;
mod tree;
mod words;
mod yaml;

use ipnet::IpNet;
use url::Url;

use crate::base::{Issuer, Secret};

pub use crate::model::{ScopeStrategy, SigningAlg, TokenFormat};

pub use browser::{AllowedOrigin, Cookies, Cors, SameSite};
pub use database::{Database, DatabaseKind, Synchronous};
pub use identity::{Argon2Params, IdentitySettings, SessionCookie};
pub use interaction::Interaction;
pub use load::{Inputs, Override, dev_defaults, load};
pub use oauth::{ClaimPolicy, DiscoveryExtras, Lifetimes, OAuth, PkcePolicy, RefreshPolicy, ScopeClaim};
pub use problem::{Notice, Place, Places, Problem, Problems};
pub use server::{AdminAuth, AdminListener, Limits, Listener, RequestLog, Tls};
pub use show::{Effective, Row, effective, reference};

/// The checked configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Development mode: an http issuer on this machine and cookies without `Secure` are allowed.
    pub dev: bool,
    /// The issuer identifier.
    pub issuer: Issuer,
    /// Where browsers and clients reach the public listener; the issuer's address unless written.
    pub public_url: Url,
    /// Where the admin listener is reached, when written.
    pub admin_url: Option<Url>,
    /// The database.
    pub database: Database,
    /// The secrets that everything else is derived from.
    pub secrets: Secrets,
    /// The public listener.
    pub public: Listener,
    /// The admin listener.
    pub admin: AdminListener,
    /// Cross-origin calls to the public listener.
    pub cors: Cors,
    /// Cookies of the authorization server.
    pub cookies: Cookies,
    /// Networks whose `X-Forwarded-*` and `Forwarded` headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// What one caller may ask of us.
    pub limits: Limits,
    /// Who answers login, consent and logout.
    pub interaction: Interaction,
    /// Where errors are shown that cannot go to a client; `None`: our own page.
    pub error_url: Option<Url>,
    /// Where the browser goes after a logout that names no client address; `None`: our own page.
    pub post_logout_redirect: Option<Url>,
    /// The authorization server.
    pub oauth: OAuth,
    /// The embedded identity flows.
    pub identity: IdentitySettings,
    /// The log.
    pub log: Log,
    /// What the operator should know, though the server starts.
    pub notices: Vec<Notice>,
    /// Where every key was written.
    pub places: Places,
}

impl Settings {
    /// A problem with `key` that showed after the check, such as a certificate that cannot be read.
    pub fn problem(&self, key: &str, message: &str) -> Problem {
        Problem::new(key, self.places.of(key), message)
    }
}

/// The secrets that everything else is derived from. In each list the first seals and all open.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// For data at rest and lookups. Never empty.
    pub system: Vec<Secret<String>>,
    /// For cookies. Never empty.
    pub cookie: Vec<Secret<String>>,
}

/// The log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// The least important level that is written.
    pub level: LogLevel,
    /// For people or for machines.
    pub format: LogFormat,
}

/// Levels of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Everything.
    Trace,
    /// What a developer wants to see.
    Debug,
    /// What an operator wants to see.
    Info,
    /// What may become a fault.
    Warn,
    /// Faults.
    Error,
}

/// Forms of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Sentences for people.
    Text,
}

/// The number of cores this process may use.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
