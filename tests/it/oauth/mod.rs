//! The authorization server over its real route tables: one file a topic, each headed by the clauses it holds.
//!
//! Cases of attackers carry slugs; `docs/security-cases.md` says what each is about. Every answer of 5xx fails its test
//! by itself (`support::http`). Not here: other people's clients, pages with scripts, the identity flows by themselves.

mod client_auth;
mod client_credentials;
mod clients;
mod code;
mod consent;
mod cors;
mod discovery;
mod headers;
mod introspection;
mod jwt;
mod logout;
mod parameters;
mod pkce;
mod prompt;
mod races;
mod redirect_uri;
mod refresh;
mod revocation;
mod storage;
mod tenants;
mod userinfo;

use crate::support::http::Answer;

/// The person is told; nobody else is, and nothing is handed out.
#[track_caller]
fn stops(answer: &Answer, what: &str) {
    assert!((400..500).contains(&answer.status), "{what}: {answer:?}");
    assert!(answer.header("location").is_none(), "{what}: {answer:?}");
    assert!(answer.header("set-cookie").is_none(), "{what}: {answer:?}");
    assert!(!answer.text().contains("sp_"), "{what}: {answer:?}");
}
