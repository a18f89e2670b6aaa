//! Keys that other servers' files bring along: harmless ones earn a notice, the others are named as not supported yet.
//!
//! None of them is ever passed over in silence. A prefix stands for everything below it.

/// What to do with a key that is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    /// Fine as long as it has this value, which is how we behave anyway.
    Fixed(&'static str, &'static str),
    /// Accepted without effect; the text says why.
    Notice(&'static str),
    /// Refused; the text says what to do about it.
    Unsupported(&'static str),
}

/// What to do with `path`, if it is known at all.
pub(super) fn lookup(path: &str) -> Option<Foreign> {
    let below = |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    KEYS.iter().find(|(prefix, _)| below(prefix)).map(|(_, foreign)| *foreign)
}

/// Whether known foreign keys stand below `path`, so that it is a section to look into.
pub(super) fn is_section(path: &str) -> bool {
    KEYS.iter().any(|(prefix, _)| prefix.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// All foreign paths, for the environment.
pub(super) fn paths() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|(path, _)| *path)
}

const COOKIE: &str = "leave it out; only the session cookie can be renamed";
const DISCOVERY: &str = "leave it out; discovery names the addresses we answer at";
const FLOW: &str = "not supported yet; leave it out. The login flow has ui_url and lifespan";
const HASH: &str = "leave it out; memory, iterations and parallelism can be set";
const SOON: &str = "not supported yet; leave it out";

use Foreign::{Fixed, Notice, Unsupported};

/// The first matching prefix decides.
const KEYS: &[(&str, Foreign)] = &[
    // telemetry, profiling, process and preview switches: the only ones that are accepted without effect
    ("sqa", Notice("has no effect: no telemetry is sent")),
    ("profiling", Notice("has no effect: there is no profiling switch")),
    ("cgroups", Notice("has no effect: the number of cores is found without it")),
    ("version", Notice("has no effect: the format of the file has no version")),
    ("feature_flags", Notice("has no effect: there are no preview switches")),
    ("enterprise", Notice("has no effect: there is no enterprise edition")),
    ("preview", Notice("has no effect: there are no preview switches")),
    // behaviour that is fixed
    ("log.leak_sensitive_values", Fixed("false", "secrets never go to the log")),
    ("oauth2.expose_internal_errors", Fixed("false", "internal errors only go to the log")),
    ("serve.cookies.same_site_legacy_workaround", Fixed("false", "browsers that need it are gone")),
    ("serve.public.cors.debug", Fixed("false", "set log.level: debug instead")),
    ("serve.public.cors.options_passthrough", Fixed("false", "preflights are always answered here")),
    ("serve.admin.cors.enabled", Fixed("false", "browsers have no business on the admin API; call it from a server")),
    ("serve.cookies.paths.session", Fixed("/", "the session cookie is for the whole host")),
    ("hsm.enabled", Fixed("false", "hardware security modules are not supported yet")),
    ("oidc.dynamic_client_registration.enabled", Fixed("false", "clients cannot register themselves yet")),
    ("db.ignore_unknown_table_columns", Fixed("false", "a database of a newer version is never opened")),
    // written otherwise here
    ("serve.tls", Unsupported("write serve.public.tls and serve.admin.tls, one for each listener")),
    ("serve.public.tls.allow_termination_from", Unsupported("write the proxies' networks as serve.trusted_proxies")),
    ("serve.admin.tls.allow_termination_from", Unsupported("write the proxies' networks as serve.trusted_proxies")),
    (
        "serve.public.tls.cert.base64",
        Unsupported("not supported yet; put it in a file and write serve.public.tls.cert.path"),
    ),
    (
        "serve.public.tls.key.base64",
        Unsupported("not supported yet; put it in a file and write serve.public.tls.key.path"),
    ),
    (
        "serve.admin.tls.cert.base64",
        Unsupported("not supported yet; put it in a file and write serve.admin.tls.cert.path"),
    ),
    (
        "serve.admin.tls.key.base64",
        Unsupported("not supported yet; put it in a file and write serve.admin.tls.key.path"),
    ),
    ("serve.public.base_url", Unsupported("write urls.self.public instead")),
    ("serve.admin.base_url", Unsupported("write urls.self.admin instead")),
    ("log.redaction_text", Unsupported("leave it out; secrets never reach the log, so nothing is replaced")),
    // not there yet
    ("ciphers", Unsupported(SOON)),
    ("clients", Unsupported(SOON)),
    ("cookies", Unsupported("not supported yet; write serve.cookies or session.cookie")),
    ("courier", Unsupported("mail is not supported yet; leave the section out")),
    ("db", Unsupported(SOON)),
    ("hashers.algorithm", Unsupported("leave it out; new passwords are always hashed with argon2id")),
    ("hashers.argon2.dedicated_memory", Unsupported(HASH)),
    ("hashers.argon2.expected_deviation", Unsupported(HASH)),
    ("hashers.argon2.expected_duration", Unsupported(HASH)),
    ("hashers.argon2.key_length", Unsupported(HASH)),
    ("hashers.argon2.salt_length", Unsupported(HASH)),
    ("hashers.bcrypt", Unsupported("leave it out; new passwords are always hashed with argon2id")),
    ("hsm", Unsupported("hardware security modules are not supported yet; leave the section out")),
    ("identity", Unsupported("identity schemas are not supported yet; leave the section out")),
    ("oauth2.device_authorization", Unsupported("the device flow is not supported yet; leave the section out")),
    ("oauth2.grant.jwt", Unsupported("the jwt-bearer grant is not supported yet; leave the section out")),
    ("oauth2.hashers", Unsupported("leave it out; client secrets have their own fixed hash")),
    ("oauth2.preserve_ext_claims", Unsupported(SOON)),
    ("oauth2.refresh_token_hook", Unsupported("hooks are not supported yet; leave it out")),
    ("oauth2.session", Unsupported("leave it out; what is secret is always sealed")),
    ("oauth2.token_hook", Unsupported("hooks are not supported yet; leave it out")),
    ("oauth2_provider", Unsupported("leave it out; the authorization server is in this process")),
    ("oidc.dynamic_client_registration", Unsupported("clients cannot register themselves yet; leave the section out")),
    ("oidc.subject_identifiers", Unsupported("pairwise subjects are not supported yet; leave the section out")),
    ("secrets.cipher", Unsupported("leave it out; secrets.system seals what is stored")),
    ("secrets.default", Unsupported("write secrets.system instead")),
    ("secrets.pagination", Unsupported("leave it out; page tokens are derived from secrets.system")),
    ("security", Unsupported(SOON)),
    ("selfservice.allowed_return_urls", Unsupported(SOON)),
    ("selfservice.flows.error", Unsupported(FLOW)),
    ("selfservice.flows.login.after", Unsupported(FLOW)),
    ("selfservice.flows.login.before", Unsupported(FLOW)),
    ("selfservice.flows.login.style", Unsupported(FLOW)),
    ("selfservice.flows.logout", Unsupported(FLOW)),
    ("selfservice.flows.recovery", Unsupported(FLOW)),
    ("selfservice.flows.registration", Unsupported(FLOW)),
    ("selfservice.flows.settings", Unsupported(FLOW)),
    ("selfservice.flows.verification", Unsupported(FLOW)),
    ("selfservice.methods", Unsupported("not supported yet; the password method is on. Leave the section out")),
    ("serve.admin.cors", Unsupported("browsers have no business on the admin API; call it from a server")),
    ("serve.admin.socket", Unsupported("unix sockets are not supported yet; leave the section out")),
    ("serve.cookies.names.consent_csrf", Unsupported(COOKIE)),
    ("serve.cookies.names.device_csrf", Unsupported(COOKIE)),
    ("serve.cookies.names.login_csrf", Unsupported(COOKIE)),
    ("serve.public.socket", Unsupported("unix sockets are not supported yet; leave the section out")),
    ("session.cookie.path", Unsupported("leave it out; the session cookie is for the whole host")),
    ("session.earliest_possible_extend", Unsupported(SOON)),
    ("session.whoami", Unsupported(SOON)),
    ("tracing", Unsupported("traces are not supported yet; leave the section out")),
    ("ttl.device_user_code", Unsupported("the device flow is not supported yet; leave it out")),
    ("ttl.vc_nonce", Unsupported("verifiable credentials are not supported; leave it out")),
    ("urls.device", Unsupported("the device flow is not supported yet; leave the section out")),
    ("urls.identity_provider", Unsupported("leave it out; identities are in this process")),
    ("urls.registration", Unsupported("not supported yet; leave it out. prompt=create goes to urls.login")),
    ("webfinger.jwks", Unsupported("not supported yet; leave the section out. The keys in use are always published")),
    ("webfinger.oidc_discovery.auth_url", Unsupported(DISCOVERY)),
    ("webfinger.oidc_discovery.client_registration_url", Unsupported(DISCOVERY)),
    ("webfinger.oidc_discovery.device_authorization_url", Unsupported(DISCOVERY)),
    ("webfinger.oidc_discovery.jwks_url", Unsupported(DISCOVERY)),
    ("webfinger.oidc_discovery.token_url", Unsupported(DISCOVERY)),
    ("webfinger.oidc_discovery.userinfo_url", Unsupported(DISCOVERY)),
    ("webfinger.oidc_discovery.verifiable_credentials_url", Unsupported(DISCOVERY)),
];
