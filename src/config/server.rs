//! Listeners, TLS, who may administer, cookies, CORS, proxies and limits.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::base::{Origin, Secret};

/// One listener.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Where to bind; all of them.
    pub addresses: Vec<SocketAddr>,
    /// TLS, when we terminate it ourselves.
    pub tls: Option<Tls>,
    /// Which requests are logged.
    pub request_log: RequestLog,
}

/// The files of a TLS listener; not read here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// PEM file with the certificate and its chain.
    pub cert_path: PathBuf,
    /// PEM file with the private key.
    pub key_path: PathBuf,
}

/// Which requests are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLog {
    /// A line for every request.
    pub enabled: bool,
    /// No line for `/health/*`.
    pub disable_for_health: bool,
}

/// The admin listener and who may use it.
#[derive(Clone, Debug)]
pub struct AdminListener {
    /// The listener.
    pub listener: Listener,
    /// How callers prove themselves.
    pub auth: AdminAuth,
}

/// How callers of the admin API prove themselves.
#[derive(Clone, Debug)]
pub enum AdminAuth {
    /// One of these bearer keys.
    Keys(Vec<Secret<String>>),
    /// Nothing asked: only this machine can reach the listener.
    Loopback,
    /// A client certificate issued by this authority.
    MutualTls {
        /// PEM file with the authority's certificates.
        ca_path: PathBuf,
        /// A bearer key is asked as well, when there are any.
        keys: Vec<Secret<String>>,
    },
    /// Nothing asked although others can reach the listener: the operator wrote `serve.admin.auth.mode: open`.
    Open,
}

/// Cross-origin calls to the public listener, besides each client's own `allowed_cors_origins`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// Whether any cross-origin call is answered.
    pub enabled: bool,
    /// Origins that may call on behalf of every client.
    pub allowed_origins: Vec<AllowedOrigin>,
    /// Methods a page may use.
    pub allowed_methods: Vec<String>,
    /// Request headers a page may set.
    pub allowed_headers: Vec<String>,
    /// Response headers a page may read.
    pub exposed_headers: Vec<String>,
    /// Whether cookies travel along.
    pub allow_credentials: bool,
    /// How long a browser may remember a preflight; zero: not said.
    pub max_age: Duration,
}

/// An entry of `serve.public.cors.allowed_origins`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigin {
    /// `*`
    Any,
    /// This origin.
    Exact(Origin),
    /// `https://*.example.com`: every host below, at any depth.
    Below {
        /// `https` or `http`.
        scheme: String,
        /// `.example.com`, perhaps with a port.
        suffix: String,
    },
}

impl AllowedOrigin {
    /// Whether `origin`, as a browser sends it, is meant.
    pub fn matches(&self, origin: &Origin) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(ours) => ours == origin,
            Self::Below { scheme, suffix } => origin
                .as_str()
                .strip_prefix(scheme.as_str())
                .and_then(|rest| rest.strip_prefix("://"))
                .and_then(|host| host.strip_suffix(suffix.as_str()))
                .is_some_and(|labels| !labels.is_empty()),
        }
    }
}

/// Cookies of the authorization server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookies {
    /// `SameSite`.
    pub same_site: SameSite,
    /// `Domain`; `None`: this host only.
    pub domain: Option<String>,
    /// `Secure`; can only be off in development.
    pub secure: bool,
    /// Name of the cookie of a remembered login.
    pub session_name: String,
}

/// The `SameSite` attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Sent on top-level navigation.
    Lax,
    /// Sent always; needs https.
    None,
    /// Sent from our own pages only.
    Strict,
}

/// What one caller may ask of us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest request body, in bytes.
    pub body: usize,
    /// The request head must have arrived within this time.
    pub header_timeout: Duration,
    /// An idle connection is closed after this time.
    pub keep_alive: Duration,
    /// How long requests in flight may finish when the server stops.
    pub shutdown_timeout: Duration,
    /// How many logins one address may begin in a minute.
    pub interactions_per_minute_per_address: u32,
}
