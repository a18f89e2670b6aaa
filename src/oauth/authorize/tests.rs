//! Tables of requests and what becomes of each.

use serde_json::json;

use super::*;
use crate::oauth::register::{self, ClientDocument};

const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn client(document: serde_json::Value) -> Client {
    let document: ClientDocument = serde_json::from_value(document).expect("a document");
    Client {
        id: ClientId::new("rp"),
        version: 1,
        metadata: register::check(&document).expect("valid metadata"),
        secrets: Vec::new(),
        created_at: Instant::from_micros(0),
        updated_at: Instant::from_micros(0),
    }
}

fn web_app() -> Client {
    client(json!({
        "redirect_uris": ["https://rp.example/cb"],
        "scope": "openid email api.*",
        "audience": ["https://api.example/v1"],
    }))
}

fn spa() -> Client {
    client(json!({"redirect_uris": ["https://rp.example/cb"], "token_endpoint_auth_method": "none"}))
}

fn policy() -> AuthorizePolicy {
    AuthorizePolicy {
        scope_strategy: ScopeStrategy::Wildcard,
        pkce_enforced: false,
        pkce_enforced_for_public_clients: true,
        state_min_length: 0,
    }
}

/// `Ok` is the request; `Err` is the code, behind `page ` or `client `.
fn ask(client: &Client, policy: &AuthorizePolicy, query: &str) -> Result<AuthorizeRequest, String> {
    let params = Params::decode(query.as_bytes()).map_err(|e| format!("page {}", e.code.as_str()))?;
    let no_hint = |_: &str| None;
    validate(&params, client, policy, &no_hint, Instant::from_unix_seconds(1)).map_err(|failure| match failure {
        AuthorizeFailure::Safe { error, reply_to } => {
            assert_eq!(reply_to.redirect_uri(), "https://rp.example/cb");
            format!("client {}", error.code.as_str())
        }
        AuthorizeFailure::Unsafe(error) => format!("page {}", error.code.as_str()),
    })
}

const GOOD: &str = "client_id=rp&response_type=code&scope=openid&redirect_uri=https://rp.example/cb";

#[test]
fn errors_reach_the_client_only_after_its_address_is_proven() {
    let rp = web_app();
    for (query, expected) in [
        (format!("{GOOD}&redirect_uri=https://rp.example/cb"), "page invalid_request"),
        (GOOD.replace("/cb", "/CB"), "page invalid_request"),
        (GOOD.replace("/cb", "/cb%23"), "page invalid_request"),
        (GOOD.replace("&redirect_uri=https://rp.example/cb", ""), "page invalid_request"),
        (GOOD.replace("code", "token") + "&redirect_uri=https://evil", "page invalid_request"),
        (GOOD.replace("response_type=code&", ""), "client invalid_request"),
        (GOOD.replace("code", "token"), "client unsupported_response_type"),
        (GOOD.replace("code", "code%20id_token"), "client unsupported_response_type"),
        (format!("{GOOD}&state=a&state=b"), "client invalid_request"),
        (format!("{GOOD}&unknown=a&unknown=b"), "client invalid_request"),
        (format!("{GOOD}&response_mode=web_message"), "client unsupported_response_mode"),
        (format!("{GOOD}&request=a.b.c"), "client request_not_supported"),
        (format!("{GOOD}&request_uri=https://x"), "client request_uri_not_supported"),
        (format!("{GOOD}&registration=%7B%7D"), "client registration_not_supported"),
        (GOOD.replace("openid", "openid%20admin"), "client invalid_scope"),
        (GOOD.replace("openid", "openid%09email"), "client invalid_scope"),
        (GOOD.replace("openid", "openid%C2%A0email"), "client invalid_scope"),
        (GOOD.replace("openid", "openid%20openid"), "client invalid_scope"),
        (format!("{GOOD}&prompt=none%20login"), "client invalid_request"),
        (format!("{GOOD}&prompt=registration"), "client invalid_request"),
        (format!("{GOOD}&max_age=-1"), "client invalid_request"),
        (format!("{GOOD}&max_age=soon"), "client invalid_request"),
        (format!("{GOOD}&display=hologram"), "client invalid_request"),
        (format!("{GOOD}&code_challenge={CHALLENGE}"), "client invalid_request"),
        (format!("{GOOD}&code_challenge={CHALLENGE}&code_challenge_method=plain"), "client invalid_request"),
        (format!("{GOOD}&code_challenge_method=S256"), "client invalid_request"),
        (format!("{GOOD}&code_challenge=short&code_challenge_method=S256"), "client invalid_request"),
        (format!("{GOOD}&audience=https://api.example/v2"), "client invalid_request"),
        (format!("{GOOD}&id_token_hint=a.b.c"), "client invalid_request"),
        (format!("{GOOD}&login_hint={}", "a".repeat(2_049)), "client invalid_request"),
        (format!("{GOOD}&ui_locales={}", "de%20".repeat(33)), "client invalid_request"),
    ] {
        assert_eq!(ask(&rp, &policy(), &query).err().as_deref(), Some(expected), "{query}");
    }
}

#[test]
fn a_good_request_is_kept_byte_by_byte() {
    let query =
        format!("{GOOD}&state=%F0%9F%90%8E%2B%25&nonce=n+n&max_age=0&audience=https://api.example/v1/x&unknown=1");
    let query = query.replace("scope=openid", "scope=openid%20api.read");
    let request = ask(&web_app(), &policy(), &query).expect("a good request");
    assert_eq!(request.state.as_deref(), Some("\u{1f40e}+%"));
    assert_eq!(request.nonce.as_deref(), Some("n n"));
    assert_eq!((request.max_age, request.audience.len()), (Some(0), 1));
}

#[test]
fn public_clients_must_use_pkce() {
    assert_eq!(ask(&spa(), &policy(), GOOD).err().as_deref(), Some("client invalid_request"));
    let with = format!("{GOOD}&code_challenge={CHALLENGE}&code_challenge_method=S256");
    assert_eq!(ask(&spa(), &policy(), &with).map(|r| r.code_challenge), Ok(Some(CHALLENGE.to_owned())));
    let weakened = AuthorizePolicy { pkce_enforced_for_public_clients: false, ..policy() };
    assert!(ask(&spa(), &weakened, GOOD).is_ok());
    let strengthened = AuthorizePolicy { pkce_enforced: true, ..policy() };
    assert_eq!(ask(&web_app(), &strengthened, GOOD).err().as_deref(), Some("client invalid_request"));
}

#[test]
fn the_minimum_of_state_is_an_option() {
    let demanding = AuthorizePolicy { state_min_length: 8, ..policy() };
    assert_eq!(
        ask(&web_app(), &demanding, &format!("{GOOD}&state=short")).err().as_deref(),
        Some("client invalid_state")
    );
    assert_eq!(ask(&web_app(), &demanding, GOOD).err().as_deref(), Some("client invalid_state"));
    assert!(ask(&web_app(), &demanding, &format!("{GOOD}&state=longenough")).is_ok());
}

#[test]
fn the_only_address_may_be_left_out_without_openid() {
    let plain = "client_id=rp&response_type=code&scope=email";
    let request = ask(&web_app(), &policy(), plain).expect("a good request");
    assert_eq!((request.redirect_uri.as_str(), request.redirect_uri_given), ("https://rp.example/cb", false));
    let none = client(json!({"scope": "email"}));
    assert_eq!(ask(&none, &policy(), plain).err().as_deref(), Some("page invalid_request"));
    let two = client(json!({"scope": "email", "redirect_uris": ["https://rp.example/a", "https://rp.example/b"]}));
    assert_eq!(ask(&two, &policy(), plain).err().as_deref(), Some("page invalid_request"));
}

#[test]
fn clients_use_only_what_they_are_registered_for() {
    let machine = client(json!({
        "redirect_uris": ["https://rp.example/cb"], "scope": "openid", "grant_types": ["client_credentials"]
    }));
    assert_eq!(ask(&machine, &policy(), GOOD).err().as_deref(), Some("client unauthorized_client"));
    let silent = client(json!({"redirect_uris": ["https://rp.example/cb"], "response_types": []}));
    assert_eq!(ask(&silent, &policy(), GOOD).err().as_deref(), Some("client unauthorized_client"));
}

#[test]
fn audiences_are_equal_or_below() {
    for (registered, wanted, expected) in [
        ("https://api.example/v1", "https://api.example/v1", true),
        ("https://api.example/v1", "https://api.example/v1/users", true),
        ("https://api.example/v1/", "https://api.example/v1/users", true),
        ("https://api.example/v1", "https://api.example/v10", false),
        ("https://api.example/v1", "http://api.example/v1", false),
        ("https://api.example/v1", "https://api.example:8443/v1", false),
        ("https://api.example/v1", "https://api.example.evil/v1", false),
        ("demo-api", "demo-api", true),
        ("demo-api", "demo-api/x", false),
    ] {
        assert_eq!(audience_permits(registered, wanted), expected, "{registered} {wanted}");
    }
}
