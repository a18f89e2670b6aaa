//! Cross-origin calls (Fetch standard): pages read the answers of their own client's calls, and nothing else.

use crate::support::app::TestApp;
use crate::support::client::text;
use crate::support::http::Answer;

const PAGE: &str = "https://rp.example";
const EVIL: [&str; 8] = [
    "https://evil.example",
    "http://rp.example",
    "https://rp.example.evil.example",
    "https://rp.example:8443",
    "https://RP.example",
    "https://rp.example/",
    "null",
    "*",
];

fn allowed(answer: &Answer) -> Option<&str> {
    answer.header("access-control-allow-origin")
}

fn varies(answer: &Answer) -> bool {
    answer.all("vary").flat_map(|v| v.split(',')).any(|v| v.trim().eq_ignore_ascii_case("origin"))
}

/// Slugs: cors-foreign-origin, cors-null, cors-credentials.
#[tokio::test]
async fn a_page_reads_what_its_own_client_is_told() {
    let app = TestApp::new().await;
    let (client, other) = (app.spa().await, app.machine().await);
    let tokens = app.tokens(&client, "openid offline_access").await;
    let mut refresh = text(&tokens, "refresh_token").to_owned();
    for origin in std::iter::once(PAGE).chain(EVIL) {
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
        let call = client.sign(app.public.request("POST", "/oauth2/token").header("Origin", origin), &form);
        let answer = call.send().await;
        let tokens = answer.ok();
        let userinfo = app.public.request("GET", "/userinfo").header("Origin", origin);
        let userinfo = userinfo.bearer(text(&tokens, "access_token")).send().await;
        userinfo.ok();
        for answer in [answer, userinfo] {
            assert_eq!(allowed(&answer), (origin == PAGE).then_some(PAGE), "{origin}");
            assert!(varies(&answer), "{origin}: {answer:?}");
            assert!(answer.header("access-control-allow-credentials").is_none(), "{origin}");
        }
        refresh = text(&tokens, "refresh_token").to_owned();
    }
    // Another client's call is not this page's business.
    let form = [("grant_type", "client_credentials")];
    let call = other.sign(app.public.request("POST", "/oauth2/token").header("Origin", PAGE), &form).send().await;
    call.ok();
    assert_eq!(allowed(&call), None);
}

/// A page must be able to read why it was refused.
#[tokio::test]
async fn a_page_reads_its_errors() {
    let app = TestApp::new().await;
    let client = app.spa().await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    let call = |origin: &str| client.sign(app.public.request("POST", "/oauth2/token").header("Origin", origin), &form);
    let answer = call(PAGE).send().await;
    assert_eq!((answer.error().as_str(), allowed(&answer)), ("400 invalid_grant", Some(PAGE)));
    assert_eq!(allowed(&call("https://evil.example").send().await), None);
    let call = app.public.request("GET", "/userinfo").header("Origin", PAGE).bearer("x");
    let answer = call.send().await;
    assert_eq!((answer.status, allowed(&answer)), (401, Some(PAGE)));
    let exposed = answer.header("access-control-expose-headers").unwrap().to_ascii_lowercase();
    assert!(exposed.contains("www-authenticate"), "{exposed}");
}

/// Slug: cors-preflight.
#[tokio::test]
async fn preflights_pass_for_registered_pages() {
    let app = TestApp::new().await;
    app.spa().await;
    for path in ["/oauth2/token", "/oauth2/revoke", "/userinfo"] {
        for origin in std::iter::once(PAGE).chain(EVIL) {
            let answer = app
                .public
                .request("OPTIONS", path)
                .header("Origin", origin)
                .header("Access-Control-Request-Method", "POST")
                .header("Access-Control-Request-Headers", "authorization, content-type")
                .send()
                .await;
            assert_eq!(answer.status, 204, "{path} {origin}");
            assert_eq!(allowed(&answer), (origin == PAGE).then_some(PAGE), "{path} {origin}");
            assert!(varies(&answer), "{path} {origin}");
            if origin == PAGE {
                let methods = answer.header("access-control-allow-methods").unwrap();
                let headers = answer.header("access-control-allow-headers").unwrap().to_ascii_lowercase();
                assert!(methods.contains("POST") && methods.contains("GET"), "{methods}");
                assert!(headers.contains("authorization") && headers.contains("content-type"), "{headers}");
            }
        }
    }
}

/// Slugs: cors-authorize, cors-admin. What a browser visits, and what operators call, no page may read.
#[tokio::test]
async fn the_authorization_endpoint_and_operators_are_never_readable() {
    let app = TestApp::builder().set("serve.public.cors.allowed_origins", PAGE).start().await;
    let client = app.spa().await;
    let ask = client.ask("openid").url();
    for (http, path) in [
        (&app.public, ask.as_str()),
        (&app.public, "/login"),
        (&app.public, "/consent"),
        (&app.public, "/oauth2/sessions/logout"),
        (&app.public, "/oauth2/introspect"),
        (&app.admin, "/admin/clients"),
        (&app.admin, "/admin/oauth2/introspect"),
        (&app.admin, "/health/alive"),
    ] {
        for method in ["GET", "POST", "OPTIONS"] {
            let call =
                http.request(method, path).header("Origin", PAGE).header("Access-Control-Request-Method", "POST");
            let answer = call.send().await;
            let named: Vec<_> = answer.headers.iter().filter(|(n, _)| n.starts_with("access-control-")).collect();
            assert!(named.is_empty(), "{method} {path}: {answer:?}");
        }
    }
}

/// Slug: cors-admin-pages. A page of another site cannot make the operator's browser call the admin API.
#[tokio::test]
async fn pages_cannot_call_the_admin_api() {
    let app = TestApp::new().await;
    for site in ["cross-site", "same-site"] {
        let call = app.admin.request("GET", "/admin/clients").header("Sec-Fetch-Site", site).header("Origin", PAGE);
        assert_eq!(call.send().await.status, 403, "{site}");
    }
    let rebound = app.admin.request("GET", "/admin/clients").header("Host", "rebound.evil.example");
    assert_eq!(rebound.send().await.status, 403, "a name of somebody else's that leads here");
    assert_eq!(app.admin.request("GET", "/admin/clients").header("Host", "localhost").send().await.status, 200);
}

#[tokio::test]
async fn everybody_reads_what_is_public() {
    let app = TestApp::new().await;
    for path in
        ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/.well-known/jwks.json"]
    {
        let answer = app.public.request("GET", path).header("Origin", "https://anyone.example").send().await;
        assert_eq!(allowed(&answer), Some("*"), "{path}");
        assert!(answer.header("access-control-allow-credentials").is_none());
    }
}

#[tokio::test]
async fn operators_can_allow_an_origin_for_all_or_switch_it_off() {
    let app = TestApp::builder().set("serve.public.cors.allowed_origins", "https://*.apps.example").start().await;
    let form = [("grant_type", "client_credentials")];
    let machine = app.machine().await;
    for (origin, is_allowed) in
        [("https://a.apps.example", true), ("https://apps.example", false), ("http://a.apps.example", false)]
    {
        let call = machine.sign(app.public.request("POST", "/oauth2/token").header("Origin", origin), &form);
        assert_eq!(allowed(&call.send().await).is_some(), is_allowed, "{origin}");
    }
    let app = TestApp::builder().set("serve.public.cors.enabled", "false").start().await;
    let client = app.spa().await;
    let call = client.sign(app.public.request("POST", "/oauth2/token").header("Origin", PAGE), &form).send().await;
    assert_eq!(allowed(&call), None);
}
