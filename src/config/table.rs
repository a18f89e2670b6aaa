//! The one table of keys: what may be written, what it means, and what it is when nobody writes it.
//!
//! The check, `config show --effective`, the nearest-key hints and the reference page all read this table.

use super::keys::Fallback::{self, Empty, Said, Value};
use super::keys::Key;
use super::keys::Kind::{self, Bool, Choice, Count, Duration, DurationOrNever, File, Size, Text, Texts, Url};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 365 * DAY;
/// Longest lifetime of anything that a browser keeps (180 days).
const BROWSER_MAX: u64 = 180 * DAY;

const fn key(path: &'static str, kind: Kind, fallback: Fallback, doc: &'static str) -> Key {
    Key { path, kind, fallback, doc, is_secret: false }
}

const fn secret(path: &'static str, kind: Kind, fallback: Fallback, doc: &'static str) -> Key {
    Key { path, kind, fallback, doc, is_secret: true }
}

/// Words for `SameSite`.
const SAME_SITE: Kind = Choice(&["Lax", "None", "Strict"]);
/// Words for signature algorithms.
const ALGORITHM: Kind = Choice(&["RS256", "ES256", "EdDSA"]);

/// All keys, by section.
pub(in crate::config) static ALL: &[Key] = &[
    key(
        "dev",
        Bool,
        Value("false"),
        "Development mode: allows an http issuer on this machine; never for production. Also `--dev`.",
    ),
    secret(
        "dsn",
        Text,
        Said("required"),
        "The database: `sqlite://PATH[?max_conns=&synchronous=full|normal&busy_timeout=5s]`, `postgres://USER:PASSWORD@HOST/NAME[?max_conns=&max_conn_lifetime=]`, or `memory` (deleted on exit).",
    ),
    secret(
        "secrets.system",
        Texts,
        Said("required outside development"),
        "At least 16 characters each. The first seals data at rest, all open it: to rotate, put the new one first.",
    ),
    secret(
        "secrets.cookie",
        Texts,
        Said("as secrets.system"),
        "Seals cookies; at least 16 characters each, rotated like `secrets.system`.",
    ),
    // who we are
    key(
        "urls.self.issuer",
        Url,
        Said("required; http://localhost:PORT in development"),
        "The issuer identifier, kept exactly as written: https, no query, no fragment.",
    ),
    key(
        "urls.self.public",
        Url,
        Said("as urls.self.issuer"),
        "Where browsers reach the public listener, if that is not the issuer's address.",
    ),
    key("urls.self.admin", Url, Empty, "Where others reach the admin listener; used in links only."),
    key(
        "urls.login",
        Url,
        Said("our own pages"),
        "Your login page; it is given `login_challenge`. Needs `urls.consent` as well.",
    ),
    key(
        "urls.consent",
        Url,
        Said("our own pages"),
        "Your consent page; it is given `consent_challenge`. Needs `urls.login` as well.",
    ),
    key("urls.logout", Url, Said("our own page"), "Your logout page; it is given `logout_challenge`."),
    key("urls.error", Url, Said("our own page"), "Where errors are shown that cannot be sent to a client."),
    key(
        "urls.post_logout_redirect",
        Url,
        Said("our own page"),
        "Where the browser goes after a logout that names no address of a client.",
    ),
    // public listener
    key(
        "serve.public.host",
        Text,
        Said("localhost in development, else all addresses"),
        "Address to bind: an IP address, or `localhost` for 127.0.0.1 and ::1.",
    ),
    key("serve.public.port", Count(0, 65_535), Value("4444"), "Port to bind; 0 takes any free one."),
    key(
        "serve.public.tls.enabled",
        Bool,
        Said("true when a certificate is given"),
        "Switches TLS off although a certificate is given.",
    ),
    key("serve.public.tls.cert.path", File, Empty, "PEM file with the certificate and its chain."),
    key("serve.public.tls.key.path", File, Empty, "PEM file with the private key."),
    key("serve.public.request_log.enabled", Bool, Value("true"), "Logs a line for every request."),
    key("serve.public.request_log.disable_for_health", Bool, Value("false"), "Logs no line for `/health/*`."),
    key(
        "serve.public.cors.enabled",
        Bool,
        Value("true"),
        "Answers cross-origin calls. On by default, since clients bring their own `allowed_cors_origins`; no origin is allowed for all unless listed below.",
    ),
    key(
        "serve.public.cors.allowed_origins",
        Texts,
        Value(""),
        "Origins that may call for every client: `https://app.example`, `https://*.example`, or `*`.",
    ),
    key(
        "serve.public.cors.allowed_methods",
        Texts,
        Value("GET, POST, PUT, PATCH, DELETE"),
        "Methods that a page may use.",
    ),
    key(
        "serve.public.cors.allowed_headers",
        Texts,
        Value("Authorization, Content-Type"),
        "Request headers that a page may set.",
    ),
    key(
        "serve.public.cors.exposed_headers",
        Texts,
        Value("Content-Type, WWW-Authenticate"),
        "Response headers that a page may read.",
    ),
    key(
        "serve.public.cors.allow_credentials",
        Bool,
        Value("false"),
        "Lets cookies travel with cross-origin calls; not together with `*`.",
    ),
    key(
        "serve.public.cors.max_age",
        Duration(0, DAY),
        Value("0"),
        "How long a browser may remember a preflight; 0 says nothing.",
    ),
    // admin listener
    key(
        "serve.admin.host",
        Text,
        Value("localhost"),
        "Address to bind: an IP address, or `localhost`. Elsewhere than on this machine it wants `serve.admin.auth`.",
    ),
    key("serve.admin.port", Count(0, 65_535), Value("4445"), "Port to bind; 0 takes any free one."),
    key(
        "serve.admin.tls.enabled",
        Bool,
        Said("true when a certificate is given"),
        "Switches TLS off although a certificate is given.",
    ),
    key("serve.admin.tls.cert.path", File, Empty, "PEM file with the certificate and its chain."),
    key("serve.admin.tls.key.path", File, Empty, "PEM file with the private key."),
    key("serve.admin.request_log.enabled", Bool, Value("true"), "Logs a line for every request."),
    key("serve.admin.request_log.disable_for_health", Bool, Value("false"), "Logs no line for `/health/*`."),
    secret(
        "serve.admin.auth.keys",
        Texts,
        Value(""),
        "Bearer keys of at least 24 characters; any of them opens the admin API.",
    ),
    key(
        "serve.admin.auth.mtls.ca.path",
        File,
        Empty,
        "PEM file of the authority whose client certificates open the admin API; needs `serve.admin.tls`.",
    ),
    key(
        "serve.admin.auth.mode",
        Choice(&["required", "open"]),
        Value("required"),
        "`open` leaves the admin API without any authentication on a network address: only behind something that decides who may call.",
    ),
    // cookies, proxies, limits
    key("serve.cookies.same_site_mode", SAME_SITE, Value("Lax"), "`SameSite` of the authorization server's cookies."),
    key(
        "serve.cookies.domain",
        Text,
        Empty,
        "`Domain` of the authorization server's cookies: the issuer's host or a parent of it.",
    ),
    key(
        "serve.cookies.secure",
        Bool,
        Said("true unless the issuer is http"),
        "`Secure` of all cookies; can be switched off in development only.",
    ),
    key("serve.cookies.names.session", Text, Value("ory_hydra_session"), "Name of the cookie of a remembered login."),
    key(
        "serve.trusted_proxies",
        Texts,
        Value(""),
        "Networks (`10.0.0.0/8`) or addresses of proxies whose forwarding headers are believed.",
    ),
    key("serve.limits.body", Size(1_024, 64 << 20), Value("64KiB"), "Largest request body."),
    key(
        "serve.limits.header_timeout",
        Duration(1, 10 * MINUTE),
        Value("5s"),
        "A request head must have arrived within this time.",
    ),
    key("serve.limits.keep_alive", Duration(0, HOUR), Value("75s"), "An idle connection is closed after this time."),
    key(
        "serve.limits.shutdown_timeout",
        Duration(0, HOUR),
        Value("10s"),
        "How long requests in flight may finish when the server stops.",
    ),
    key(
        "serve.limits.interactions_per_minute_per_address",
        Count(1, 1_000_000),
        Value("60"),
        "How many logins one address may begin in a minute.",
    ),
    // tokens
    key(
        "strategies.access_token",
        Choice(&["opaque", "jwt"]),
        Value("opaque"),
        "Format of access tokens, unless a client says otherwise.",
    ),
    key(
        "strategies.scope",
        Choice(&["wildcard", "exact"]),
        Value("wildcard"),
        "How a requested scope is compared with the client's.",
    ),
    key(
        "strategies.jwt.scope_claim",
        Choice(&["list", "string", "both"]),
        Value("both"),
        "How JWT access tokens carry the scope: `scp` (list), `scope` (string), or both.",
    ),
    key("strategies.jwt.alg", ALGORITHM, Value("RS256"), "Signs JWT access tokens."),
    key("oidc.id_token.alg", ALGORITHM, Value("RS256"), "Signs ID tokens, unless a client says otherwise."),
    key("ttl.access_token", Duration(1, YEAR), Value("1h"), "Lifetime of access tokens."),
    key("ttl.id_token", Duration(1, YEAR), Value("1h"), "Lifetime of ID tokens."),
    key(
        "ttl.refresh_token",
        DurationOrNever(1, 10 * YEAR),
        Value("720h"),
        "Lifetime of refresh tokens; -1: they never expire.",
    ),
    key("ttl.auth_code", Duration(1, HOUR), Value("10m"), "Lifetime of authorization codes."),
    key("ttl.login_consent_request", Duration(10, DAY), Value("30m"), "How long a login or consent may take."),
    key("ttl.authentication_session", Duration(1, BROWSER_MAX), Value("720h"), "How long a remembered login lasts."),
    key("oauth2.pkce.enforced", Bool, Value("false"), "Every client must use PKCE."),
    key(
        "oauth2.pkce.enforced_for_public_clients",
        Bool,
        Value("true"),
        "Clients without a secret must use PKCE; false is unsafe.",
    ),
    key(
        "oauth2.client_credentials.default_grant_allowed_scope",
        Bool,
        Value("false"),
        "client_credentials without `scope` gets all scopes of the client.",
    ),
    key(
        "oauth2.grant.refresh_token.rotation_grace_period",
        Duration(0, BROWSER_MAX),
        Value("0s"),
        "How long a rotated refresh token may be used again; 5m at most, or 180 days with a reuse count.",
    ),
    key(
        "oauth2.grant.refresh_token.rotation_grace_reuse_count",
        Count(0, 1_000),
        Value("0"),
        "How often it may be used again within that time; 0: time is the only limit.",
    ),
    key(
        "oauth2.allowed_top_level_claims",
        Texts,
        Value(""),
        "Session claims that access tokens carry at the top level.",
    ),
    key("oauth2.mirror_top_level_claims", Bool, Value("true"), "Those claims also stay under `ext`."),
    key("oauth2.exclude_not_before_claim", Bool, Value("false"), "Leaves `nbf` out of tokens."),
    key("oauth2.state.min_length", Count(0, 512), Value("0"), "Shortest `state` accepted; 0 makes it optional."),
    key(
        "webfinger.oidc_discovery.supported_claims",
        Texts,
        Value(""),
        "Claims that discovery names besides the built-in ones.",
    ),
    key(
        "webfinger.oidc_discovery.supported_scope",
        Texts,
        Value(""),
        "Scopes that discovery names besides the built-in ones.",
    ),
    // embedded identity flows
    key("session.lifespan", Duration(MINUTE, BROWSER_MAX), Value("24h"), "How long a person stays logged in."),
    key("session.cookie.name", Text, Value("ory_kratos_session"), "Name of the session cookie."),
    key("session.cookie.persistent", Bool, Value("true"), "The session cookie outlives the browser."),
    key("session.cookie.same_site", SAME_SITE, Value("Lax"), "`SameSite` of the session cookie."),
    key("session.cookie.domain", Text, Empty, "`Domain` of the session cookie: the issuer's host or a parent of it."),
    key(
        "selfservice.default_browser_return_url",
        Url,
        Empty,
        "Where the browser goes when a flow ends and nothing else is said.",
    ),
    key("selfservice.flows.login.ui_url", Url, Said("our own page"), "Your page that shows our login flow."),
    key("selfservice.flows.login.lifespan", Duration(10, DAY), Value("1h"), "How long a login form may be answered."),
    key(
        "hashers.argon2.memory",
        Size(0, 4 << 30),
        Value("19MiB"),
        "Memory of a password hash; less than 19MiB is raised.",
    ),
    key(
        "hashers.argon2.iterations",
        Count(1, 1_000),
        Value("2"),
        "Passes of a password hash; fewer than 2 are raised.",
    ),
    key("hashers.argon2.parallelism", Count(1, 64), Value("1"), "Lanes of a password hash."),
    key(
        "hashers.concurrency",
        Count(1, 1_024),
        Said("half the cores"),
        "How many password hashes may run at the same time.",
    ),
    // log
    key(
        "log.level",
        Choice(&["trace", "debug", "info", "warn", "error", "fatal", "panic"]),
        Value("info"),
        "The least important level that is written; `fatal` and `panic` mean `error`.",
    ),
    key(
        "log.format",
        Choice(&["text", "json", "json_pretty"]),
        Value("text"),
        "For people or for machines; `json_pretty` means `json`, one object a line.",
    ),
];
