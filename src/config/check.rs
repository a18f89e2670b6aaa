//! Makes [`Settings`] of the gathered values, or says everything that is wrong with them.

use url::Url;

use super::load::Gathered;
use super::problem::Problems;
use super::reader::Reader;
use super::{Log, LogFormat, LogLevel, Secrets, Settings, browser, database, identity, interaction, oauth, server};
use crate::base::{Issuer, Secret};

/// The checked settings.
///
/// # Errors
/// All problems at once.
pub(super) fn check(gathered: &Gathered) -> Result<Settings, Problems> {
    let mut reader = Reader::new(gathered);
    let settings = read(&mut reader);
    match settings {
        Some(settings) if reader.problems.is_empty() => Ok(Settings { notices: reader.notices, ..settings }),
        _ => Err(Problems::new(reader.problems)),
    }
}

/// Reads every key of the table; `None` when something is missing that has no stand-in.
pub(super) fn read(r: &mut Reader<'_>) -> Option<Settings> {
    let dev = r.boolean("dev");
    let database = database::read(r);
    let public = server::read_public(r, dev);
    let admin = server::read_admin(r);
    server::check_ports(r, &public, &admin.listener);
    let port = public.addresses.first().map_or(0, std::net::SocketAddr::port);
    let issuer = read_issuer(r, dev, port);
    let secrets = read_secrets(r, dev && issuer.as_ref().is_some_and(Issuer::is_loopback));
    let public_url = r.url("urls.self.public");
    Some(Settings {
        dev,
        admin_url: r.url("urls.self.admin"),
        secrets,
        public,
        admin,
        cors: browser::read_cors(r),
        cookies: browser::read_cookies(r, issuer.as_ref(), dev),
        trusted_proxies: server::read_proxies(r),
        limits: server::read_limits(r),
        interaction: interaction::read(r, dev),
        error_url: interaction::page(r, "urls.error", dev),
        post_logout_redirect: interaction::page(r, "urls.post_logout_redirect", dev),
        oauth: oauth::read(r),
        identity: identity::read(r, issuer.as_ref(), dev),
        log: read_log(r),
        notices: Vec::new(),
        places: r.places(),
        // Last, so that everything else has been read before a missing one ends the reading.
        public_url: public_url.or_else(|| Url::parse(issuer.as_ref()?.as_str()).ok())?,
        issuer: issuer?,
        database: database?,
    })
}

fn read_issuer(r: &mut Reader<'_>, dev: bool, port: u16) -> Option<Issuer> {
    const ISSUER: &str = "urls.self.issuer";
    let Some(written) = r.text(ISSUER) else {
        if dev && !r.is_set(ISSUER) {
            return Issuer::parse(&format!("http://localhost:{port}")).ok();
        }
        r.refuse(ISSUER, "required; write the https address that clients know this server by");
        return None;
    };
    match Issuer::parse(&written) {
        Ok(issuer) if issuer.is_https() || dev && issuer.is_loopback() => Some(issuer),
        Ok(_) => {
            r.refuse(ISSUER, "must be https unless --dev and a loopback address");
            None
        }
        Err(why) => {
            r.refuse(ISSUER, why.0);
            None
        }
    }
}

/// What stands in for `secrets.system` in development on this machine; known to everybody.
const DEVELOPMENT_SECRET: &str = "for-development-only-known-to-everybody";

fn read_secrets(r: &mut Reader<'_>, may_stand_in: bool) -> Secrets {
    const SYSTEM: &str = "secrets.system";
    let least = |item: &str| match item.chars().count() {
        0..16 => Err("is shorter than 16 characters; make one with: openssl rand -base64 32"),
        _ => Ok(Secret::from(item)),
    };
    let before = r.problems.len();
    let mut system = r.list(SYSTEM, least);
    let mut cookie = r.list("secrets.cookie", least);
    if system.is_empty() && r.problems.len() == before {
        if may_stand_in {
            r.notice(
                true,
                SYSTEM,
                "not set, so a secret that everybody knows is used; write your own before anything is kept",
            );
            system.push(Secret::from(DEVELOPMENT_SECRET));
        } else {
            r.refuse(
                SYSTEM,
                "required; write a list with a secret of at least 16 characters, such as from: openssl rand -base64 32",
            );
        }
    }
    if cookie.is_empty() {
        cookie.clone_from(&system);
    }
    Secrets { system, cookie }
}

fn read_log(r: &mut Reader<'_>) -> Log {
    Log {
        level: match r.choice("log.level") {
            "trace" => LogLevel::Trace,
            "debug" => LogLevel::Debug,
            "warn" => LogLevel::Warn,
            "error" | "fatal" | "panic" => LogLevel::Error,
            _ => LogLevel::Info,
        },
        format: match r.choice("log.format") {
            "json" | "json_pretty" => LogFormat::Json,
            _ => LogFormat::Text,
        },
    }
}
