//! The operations measured: what each sends, what it needs beforehand, and its goal.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::authorize::Journeys;
use crate::http::{Request, basic, form};
use crate::load::{Measured, Plan, Traffic, Until, drive};
use crate::server::{ADMIN, PUBLIC, Server};
use crate::traffic::{Chain, Repeat, Spend};

const FORM: &str = "application/x-www-form-urlencoded";
const SECRET: &str = "only-for-the-bench-secret";
const REDIRECT: &str = "https://app.example/callback";
/// One verifier for all codes: the server cannot know, and the bench saves the hashing (RFC 7636 §4.1).
const VERIFIER: &str = "only-for-the-bench-verifier-0123456789-0123456789";
/// Tokens that introspection is asked about in turn.
const ASKED_ABOUT: u64 = 10_000;

/// What an operation should reach.
#[derive(Debug, Clone, Copy)]
pub enum Goal {
    /// A share of the ceiling, by store.
    Ceiling {
        /// On SQLite.
        sqlite: f64,
        /// On PostgreSQL.
        postgres: f64,
    },
    /// A share of the machine's bare RS256 signing rate.
    Signing(f64),
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// client_credentials with an opaque token.
    ClientCredentials,
    /// client_credentials with a JWT.
    ClientCredentialsJwt,
    /// `/.well-known/openid-configuration`.
    Discovery,
    /// Introspection of a live opaque token.
    Introspection,
    /// `/.well-known/jwks.json`.
    Jwks,
    /// Redemption of a code with PKCE, with an ID token.
    Redemption,
    /// Refresh, with an ID token.
    Refresh,
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// Its name in the report and for the filter.
    pub name: &'static str,
    /// What it does.
    pub kind: Kind,
    /// Signs its tokens.
    pub algorithm: &'static str,
    /// What it should reach.
    pub goal: Goal,
}

const fn operation(name: &'static str, kind: Kind, algorithm: &'static str, goal: Goal) -> Operation {
    Operation { name, kind, algorithm, goal }
}

const fn both(share: f64) -> Goal {
    Goal::Ceiling { sqlite: share, postgres: share }
}

/// Every operation, in the order of the report.
pub const ALL: [Operation; 13] = [
    operation("discovery", Kind::Discovery, "EdDSA", both(0.85)),
    operation("jwks", Kind::Jwks, "EdDSA", both(0.85)),
    operation("introspection", Kind::Introspection, "EdDSA", Goal::Ceiling { sqlite: 0.45, postgres: 0.30 }),
    operation("client_credentials", Kind::ClientCredentials, "EdDSA", Goal::Ceiling { sqlite: 0.20, postgres: 0.12 }),
    operation("client_credentials jwt EdDSA", Kind::ClientCredentialsJwt, "EdDSA", both(0.25)),
    operation("client_credentials jwt ES256", Kind::ClientCredentialsJwt, "ES256", both(0.25)),
    operation("client_credentials jwt RS256", Kind::ClientCredentialsJwt, "RS256", Goal::Signing(0.6)),
    operation("redemption EdDSA", Kind::Redemption, "EdDSA", both(0.12)),
    operation("redemption ES256", Kind::Redemption, "ES256", both(0.12)),
    operation("redemption RS256", Kind::Redemption, "RS256", Goal::Signing(0.6)),
    operation("refresh EdDSA", Kind::Refresh, "EdDSA", both(0.12)),
    operation("refresh ES256", Kind::Refresh, "ES256", both(0.12)),
    operation("refresh RS256", Kind::Refresh, "RS256", Goal::Signing(0.6)),
];

/// Registers the clients that the operations use; once for a new database.
///
/// # Errors
/// What the server answered.
pub fn register(server: &Server) -> Result<(), String> {
    let web = json!({
        "client_id": "bench-web",
        "client_secret": SECRET,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "redirect_uris": [REDIRECT],
        "scope": "openid offline_access",
    });
    let machine = |id: &str, strategy: &str| {
        json!({
            "client_id": id,
            "client_secret": SECRET,
            "grant_types": ["client_credentials"],
            "scope": "read write",
            "access_token_strategy": strategy,
        })
    };
    for client in [web, machine("bench-opaque", "opaque"), machine("bench-jwt", "jwt")] {
        let body = client.to_string();
        let create = Request {
            method: "POST",
            target: "/admin/clients",
            content_type: "application/json",
            body: &body,
            ..Request::default()
        };
        server.call(ADMIN, &create)?;
    }
    Ok(())
}

/// What `operation` sends from `lanes` clients, with all it needs made beforehand; `codes` codes where they are spent.
///
/// # Errors
/// What went wrong while preparing.
pub fn traffic(kind: Kind, server: &Server, lanes: usize, codes: usize) -> Result<Box<dyn Traffic>, String> {
    Ok(match kind {
        Kind::ClientCredentials => Box::new(mint("bench-opaque")),
        Kind::ClientCredentialsJwt => Box::new(mint("bench-jwt")),
        Kind::Discovery => Box::new(fetch("/.well-known/openid-configuration", "\"issuer\":\"")),
        Kind::Introspection => Box::new(introspect(&store_tokens(server, ASKED_ABOUT)?)),
        Kind::Jwks => Box::new(fetch("/.well-known/jwks.json", "\"keys\":[")),
        Kind::Redemption => {
            let requests = obtain_codes(server, codes)?.iter().map(|code| redeem(code)).collect();
            Box::new(Spend::of(requests, PUBLIC, "\"id_token\":\""))
        }
        Kind::Refresh => {
            let tokens: Result<Vec<String>, String> =
                obtain_codes(server, lanes)?.iter().map(|code| first_refresh_token(server, code)).collect();
            Box::new(Chain::of(tokens?, PUBLIC, "bench-web", SECRET))
        }
    })
}

/// Stores `count` live opaque tokens; gives some of them, evenly spread.
///
/// # Errors
/// What went wrong while storing.
pub fn store_tokens(server: &Server, count: u64) -> Result<Vec<String>, String> {
    let mut minting = mint("bench-opaque").at_most(count, ASKED_ABOUT.min(count));
    drive(&Plan { addresses: &server.addresses, lanes: 64, until: Until::Spent }, &mut minting)?;
    Ok(minting.kept)
}

/// Stores `count` more opaque tokens from `lanes` clients and measures it.
///
/// # Errors
/// What went wrong while storing.
pub fn write_tokens(server: &Server, lanes: usize, count: u64) -> Result<Measured, String> {
    let plan = Plan { addresses: &server.addresses, lanes, until: Until::Spent };
    drive(&plan, &mut mint("bench-opaque").at_most(count, 0))
}

/// Asks about `tokens` in turn.
pub fn introspect(tokens: &[String]) -> Repeat {
    let request = |token: &String| {
        let body = form(&[("token", token)]);
        let target = "/admin/oauth2/introspect";
        Request { method: "POST", target, content_type: FORM, body: &body, ..Request::default() }.bytes()
    };
    // A stride that shares no factor with the usual counts, so that neighbours in time are not neighbours here.
    let count = tokens.len();
    let spread = (0..count).map(|index| &tokens[index * 7_919 % count]);
    Repeat::of(spread.map(request).collect(), ADMIN, "\"active\":true")
}

/// Bits of the RSA key that the server publishes; `None` when it publishes none.
///
/// # Errors
/// What went wrong while asking.
pub fn rsa_bits(server: &Server) -> Result<Option<usize>, String> {
    let get = Request { method: "GET", target: "/.well-known/jwks.json", ..Request::default() };
    let set: serde_json::Value =
        serde_json::from_slice(&server.call(PUBLIC, &get)?.body).map_err(|error| format!("jwks.json: {error}"))?;
    let modulus = set["keys"].as_array().into_iter().flatten().find_map(|key| key["n"].as_str());
    Ok(modulus.map(|text| text.len() * 6 / 8 * 8))
}

fn fetch(path: &'static str, proof: &'static str) -> Repeat {
    Repeat::of(vec![Request { method: "GET", target: path, ..Request::default() }.bytes()], PUBLIC, proof)
}

fn mint(client: &str) -> Repeat {
    let body = form(&[("grant_type", "client_credentials"), ("scope", "read write")]);
    let request = token_request(client, &body);
    Repeat::of(vec![request], PUBLIC, "\"access_token\":\"")
}

fn redeem(code: &str) -> Vec<u8> {
    token_request("bench-web", &redemption(code))
}

fn redemption(code: &str) -> String {
    form(&[
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ])
}

fn token_request(client: &str, body: &str) -> Vec<u8> {
    let headers = basic(client, SECRET);
    Request { method: "POST", target: "/oauth2/token", headers: &headers, content_type: FORM, body }.bytes()
}

fn obtain_codes(server: &Server, count: usize) -> Result<Vec<String>, String> {
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()));
    let query = form(&[
        ("response_type", "code"),
        ("client_id", "bench-web"),
        ("redirect_uri", REDIRECT),
        ("scope", "openid offline_access"),
        ("state", "only-for-the-bench-state"),
        ("nonce", "only-for-the-bench-nonce"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ]);
    let lanes = count.min(32);
    let mut journeys = Journeys::of(format!("/oauth2/auth?{query}"), count, lanes);
    drive(&Plan { addresses: &server.addresses, lanes, until: Until::Spent }, &mut journeys)?;
    Ok(journeys.codes)
}

fn first_refresh_token(server: &Server, code: &str) -> Result<String, String> {
    let headers = basic("bench-web", SECRET);
    let body = redemption(code);
    let post = Request { method: "POST", target: "/oauth2/token", headers: &headers, content_type: FORM, body: &body };
    let answer: serde_json::Value =
        serde_json::from_slice(&server.call(PUBLIC, &post)?.body).map_err(|error| format!("token answer: {error}"))?;
    answer["refresh_token"].as_str().map(str::to_owned).ok_or_else(|| "the answer has no refresh_token".to_owned())
}
