//! Listeners, TLS, who may administer, proxies and limits.
//!
//! Not here: cookies and cross-origin calls, see [`super::browser`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::reader::Reader;
use crate::base::Secret;

/// One listener.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Where to bind; all of them. IPv6 sockets want `IPV6_V6ONLY`, since `0.0.0.0` may stand beside `::`.
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

/// Which listener is read.
#[derive(Clone, Copy)]
enum Side {
    Admin,
    Public,
}

/// Reads `serve.public`.
pub(super) fn read_public(r: &mut Reader<'_>, dev: bool) -> Listener {
    let port = r.count::<u16>("serve.public.port");
    let addresses = match r.text("serve.public.host") {
        Some(host) => addresses(r, "serve.public.host", &host, port),
        None if dev => loopback(port).to_vec(),
        None => vec![(Ipv4Addr::UNSPECIFIED, port).into(), (Ipv6Addr::UNSPECIFIED, port).into()],
    };
    Listener {
        addresses,
        tls: tls(r, Side::Public),
        request_log: RequestLog {
            enabled: r.boolean("serve.public.request_log.enabled"),
            disable_for_health: r.boolean("serve.public.request_log.disable_for_health"),
        },
    }
}

/// Reads `serve.admin`.
pub(super) fn read_admin(r: &mut Reader<'_>) -> AdminListener {
    let port = r.count::<u16>("serve.admin.port");
    let host = r.text("serve.admin.host").unwrap_or_default();
    let addresses = addresses(r, "serve.admin.host", &host, port);
    let tls = tls(r, Side::Admin);
    let is_loopback = addresses.iter().all(|address| address.ip().is_loopback());
    let auth = admin_auth(r, is_loopback, tls.is_some());
    let request_log = RequestLog {
        enabled: r.boolean("serve.admin.request_log.enabled"),
        disable_for_health: r.boolean("serve.admin.request_log.disable_for_health"),
    };
    AdminListener { listener: Listener { addresses, tls, request_log }, auth }
}

const ADMIN_IS_OPEN: &str = "everybody who reaches this address could administer the server; write serve.admin.auth.keys \
    (bearer keys) or serve.admin.auth.mtls.ca.path (client certificates), or, if something in front decides who may call, \
    serve.admin.auth.mode: open";

fn admin_auth(r: &mut Reader<'_>, is_loopback: bool, has_tls: bool) -> AdminAuth {
    let least = |item: &str| match item.chars().count() {
        0..24 => Err("is shorter than 24 characters; make one with: openssl rand -base64 32"),
        _ => Ok(Secret::from(item)),
    };
    let keys = r.list("serve.admin.auth.keys", least);
    let authority = r.file("serve.admin.auth.mtls.ca.path");
    let is_open = r.choice("serve.admin.auth.mode") == "open";
    if is_open && (r.is_set("serve.admin.auth.keys") || authority.is_some()) {
        r.refuse("serve.admin.auth.mode", "contradicts the keys or certificates beside it; keep one of the two");
    }
    match authority {
        Some(ca_path) => {
            if !has_tls {
                r.refuse(
                    "serve.admin.auth.mtls.ca.path",
                    "client certificates need TLS; write serve.admin.tls.cert.path and serve.admin.tls.key.path",
                );
            }
            AdminAuth::MutualTls { ca_path, keys }
        }
        None if !keys.is_empty() => AdminAuth::Keys(keys),
        None if is_loopback => AdminAuth::Loopback,
        None if is_open => {
            r.notice(
                true,
                "serve.admin.auth.mode",
                "the admin API asks nobody who they are; whoever reaches its address can do everything",
            );
            AdminAuth::Open
        }
        None => {
            let is_told = r.problems.iter().any(|told| told.key.starts_with("serve.admin.auth."));
            if !is_told {
                r.refuse("serve.admin.host", ADMIN_IS_OPEN);
            }
            AdminAuth::Loopback
        }
    }
}

const fn loopback(port: u16) -> [SocketAddr; 2] {
    [SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port), SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port)]
}

fn addresses(r: &mut Reader<'_>, path: &str, host: &str, port: u16) -> Vec<SocketAddr> {
    if host == "localhost" {
        return loopback(port).to_vec();
    }
    let plain = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    match plain.parse::<IpAddr>() {
        Ok(ip) => vec![(ip, port).into()],
        Err(_) if host.starts_with("unix:") => {
            r.refuse(path, "unix sockets are not supported yet; write an IP address or localhost");
            loopback(port).to_vec()
        }
        Err(_) => {
            r.refuse(path, "must be an IP address such as 0.0.0.0 or ::1, or localhost");
            loopback(port).to_vec()
        }
    }
}

/// Refuses two listeners on one address.
pub(super) fn check_ports(r: &mut Reader<'_>, public: &Listener, admin: &Listener) {
    let clash = |a: &SocketAddr, b: &SocketAddr| {
        let same_ip =
            a.ip() == b.ip() || a.is_ipv4() == b.is_ipv4() && (a.ip().is_unspecified() || b.ip().is_unspecified());
        a.port() == b.port() && a.port() != 0 && same_ip
    };
    if public.addresses.iter().any(|a| admin.addresses.iter().any(|b| clash(a, b))) {
        let path = if r.is_set("serve.admin.port") { "serve.admin.port" } else { "serve.public.port" };
        r.refuse(
            path,
            "both listeners would share this port; give serve.public.port and serve.admin.port different ones",
        );
    }
}

fn tls(r: &mut Reader<'_>, side: Side) -> Option<Tls> {
    let [enabled, cert, key] = match side {
        Side::Admin => ["serve.admin.tls.enabled", "serve.admin.tls.cert.path", "serve.admin.tls.key.path"],
        Side::Public => ["serve.public.tls.enabled", "serve.public.tls.cert.path", "serve.public.tls.key.path"],
    };
    let switch = r.boolean_if_set(enabled);
    match (r.file(cert), r.file(key), switch) {
        (Some(cert_path), Some(key_path), Some(true) | None) => Some(Tls { cert_path, key_path }),
        (_, _, Some(false)) | (None, None, None) => None,
        (Some(_), None, _) => {
            r.refuse(cert, &format!("needs {key} as well"));
            None
        }
        (None, Some(_), _) => {
            r.refuse(key, &format!("needs {cert} as well"));
            None
        }
        (None, None, Some(true)) => {
            r.refuse(enabled, &format!("needs {cert} and {key}"));
            None
        }
    }
}

/// Reads `serve.trusted_proxies`.
pub(super) fn read_proxies(r: &mut Reader<'_>) -> Vec<IpNet> {
    r.list("serve.trusted_proxies", |item| {
        let network = item.parse::<IpNet>().ok();
        let one = || item.parse::<IpAddr>().ok().map(IpNet::from);
        network.or_else(one).ok_or("must be a network such as 10.0.0.0/8, or an IP address")
    })
}

/// Reads `serve.limits`.
pub(super) fn read_limits(r: &mut Reader<'_>) -> Limits {
    Limits {
        body: usize::try_from(r.size("serve.limits.body")).unwrap_or(usize::MAX),
        header_timeout: r.duration("serve.limits.header_timeout"),
        keep_alive: r.duration("serve.limits.keep_alive"),
        shutdown_timeout: r.duration("serve.limits.shutdown_timeout"),
        interactions_per_minute_per_address: r.count::<u32>("serve.limits.interactions_per_minute_per_address"),
    }
}
