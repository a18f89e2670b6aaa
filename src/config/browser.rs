//! What browsers are told: cookies, and cross-origin calls to the public listener.

use std::time::Duration;

use super::reader::Reader;
use crate::base::{Issuer, Origin};

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

/// Reads `serve.public.cors`.
pub(super) fn read_cors(r: &mut Reader<'_>) -> Cors {
    const ORIGINS: &str = "serve.public.cors.allowed_origins";
    let cors = Cors {
        enabled: r.boolean("serve.public.cors.enabled"),
        allowed_origins: r.list(ORIGINS, allowed_origin),
        allowed_methods: r
            .list("serve.public.cors.allowed_methods", |item| token(item).map(|method| method.to_ascii_uppercase())),
        allowed_headers: r.list("serve.public.cors.allowed_headers", token),
        exposed_headers: r.list("serve.public.cors.exposed_headers", token),
        allow_credentials: r.boolean("serve.public.cors.allow_credentials"),
        max_age: r.duration("serve.public.cors.max_age"),
    };
    if cors.allow_credentials && cors.allowed_origins.contains(&AllowedOrigin::Any) {
        r.refuse(
            "serve.public.cors.allow_credentials",
            "would let every site act as the person who visits it; name the origins instead of *",
        );
    }
    cors
}

fn allowed_origin(item: &str) -> Result<AllowedOrigin, &'static str> {
    const EXPECTED: &str = "must be an origin such as https://app.example, https://*.example.com, or *";
    if item == "*" {
        return Ok(AllowedOrigin::Any);
    }
    if item.replacen("://*.", "", 1).contains('*') {
        return Err(EXPECTED);
    }
    let Some((scheme, host)) = item.split_once("://*.") else {
        return Origin::parse(item).map(AllowedOrigin::Exact).map_err(|_| EXPECTED);
    };
    // A star right below a top-level name would allow everybody.
    let name = host.trim_end_matches('/').split(':').next().unwrap_or_default();
    if name != "localhost" && !name.trim_end_matches('.').contains('.') {
        return Err(EXPECTED);
    }
    // Read as if the star were a name, so that the rest must be a host and nothing else.
    let origin = Origin::parse(&format!("{scheme}://x.{host}")).map_err(|_| EXPECTED)?;
    let suffix = origin.as_str().split_once("://x").map(|(_, suffix)| suffix.to_owned()).ok_or(EXPECTED)?;
    Ok(AllowedOrigin::Below { scheme: scheme.to_ascii_lowercase(), suffix })
}

/// A token of HTTP (RFC 9110 §5.6.2).
fn token(item: &str) -> Result<String, &'static str> {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    match !item.is_empty() && item.bytes().all(is_token) {
        true => Ok(item.to_owned()),
        false => Err("must be a single name of letters, digits and dashes"),
    }
}

/// Reads `serve.cookies`.
pub(super) fn read_cookies(r: &mut Reader<'_>, issuer: Option<&Issuer>, dev: bool) -> Cookies {
    const SECURE: &str = "serve.cookies.secure";
    let usual = issuer.is_none_or(Issuer::is_https);
    let secure = match r.boolean_if_set(SECURE) {
        Some(false) if !dev => {
            r.notice(true, SECURE, "has no effect: cookies can only be without Secure in development");
            true
        }
        written => written.unwrap_or(usual),
    };
    Cookies {
        same_site: same_site(r, "serve.cookies.same_site_mode", issuer),
        domain: cookie_domain(r, "serve.cookies.domain", issuer),
        secure,
        session_name: cookie_name(r, "serve.cookies.names.session"),
    }
}

/// A `SameSite` word. Browsers refuse `None` without https, so it becomes `Lax` there, with a notice.
pub(super) fn same_site(r: &mut Reader<'_>, path: &str, issuer: Option<&Issuer>) -> SameSite {
    match r.choice(path) {
        "Strict" => SameSite::Strict,
        "None" if issuer.is_some_and(|issuer| !issuer.is_https()) => {
            r.notice(false, path, "browsers refuse None without https, so Lax is used");
            SameSite::Lax
        }
        "None" => SameSite::None,
        _ => SameSite::Lax,
    }
}

/// A cookie's name (RFC 6265 §4.1.1).
pub(super) fn cookie_name(r: &mut Reader<'_>, path: &str) -> String {
    let name = r.text(path).unwrap_or_default();
    if token(&name).is_err() {
        r.refuse(path, "must be a single name of letters, digits, dashes and underscores");
    } else if name.starts_with("__Host-") || name.starts_with("__Secure-") {
        r.refuse(path, "must not start with __Host- or __Secure-; such a prefix is put there where it can be");
    }
    name
}

/// A cookie's `Domain`: browsers only take the issuer's host or a parent of it (RFC 6265 §5.3).
pub(super) fn cookie_domain(r: &mut Reader<'_>, path: &str, issuer: Option<&Issuer>) -> Option<String> {
    let written = r.text(path)?;
    let domain = written.strip_prefix('.').unwrap_or(&written).to_ascii_lowercase();
    let origin = issuer.map(Issuer::origin);
    let host =
        origin.as_ref().and_then(|o| url::Url::parse(o.as_str()).ok()).and_then(|u| u.host_str().map(str::to_owned));
    if let Some(host) = host {
        let is_parent = host.strip_suffix(&domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        if !is_parent {
            r.refuse(
                path,
                &format!("browsers would refuse the cookie; write {host} or a parent of it, or leave it out"),
            );
        }
    }
    Some(domain)
}
