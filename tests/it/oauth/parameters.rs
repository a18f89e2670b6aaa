//! Parameters and transport (RFC 6749 §3.1, §3.2, RFC 9110): each parameter once, strictly decoded, in its place; sizes,
//! media types and methods as every endpoint says.

use crate::support::app::{ALICE, TestApp};
use crate::support::client::{Client, Reply};
use crate::support::http::{Answer, encode};

use super::stops;

/// Endpoints that take a form from a client, with a form that gets past client authentication.
const FORMS: [(&str, &str); 3] = [
    ("/oauth2/token", "grant_type=client_credentials"),
    ("/oauth2/introspect", "token=x"),
    ("/oauth2/revoke", "token=x"),
];

async fn post(app: &TestApp, client: &Client, path: &str, body: impl Into<Vec<u8>>) -> Answer {
    let secret = client.secret.as_deref().unwrap();
    let request = app.public.request("POST", path).basic(&client.id, secret);
    request.body("application/x-www-form-urlencoded", body).send().await
}

async fn app() -> (TestApp, Client) {
    let app = TestApp::new().await;
    let api = app.api("any").await;
    (app, api)
}

/// Slugs: twice-form, twice-query.
#[tokio::test]
async fn a_parameter_comes_once() {
    let (app, client) = app().await;
    for (path, form) in FORMS {
        assert_eq!(post(&app, &client, path, form).await.status, 200, "{path}");
        for twice in ["x=1&x=2", "client_id=a&client_id=a", "scope=a&scope=a", "%78=1&x=1"] {
            let answer = post(&app, &client, path, format!("{form}&{twice}")).await;
            assert_eq!(answer.error(), "400 invalid_request", "{path} {twice}");
        }
        let answer = post(&app, &client, path, format!("{form}&{form}")).await;
        assert_eq!(answer.error(), "400 invalid_request", "{path}");
        let answer = post(&app, &client, &format!("{path}?{form}"), form).await;
        assert_eq!(answer.error(), "400 invalid_request", "{path}: in query and form");
    }
    let answer = app.admin.post("/admin/oauth2/introspect", &[("token", "x"), ("token", "x")]).await;
    assert_eq!(answer.error(), "400 invalid_request");
}

/// Slugs: twice-authorize. Client and address tell whom to answer: when they are doubled, nobody is.
#[tokio::test]
async fn a_parameter_of_an_authorization_request_comes_once() {
    let app = TestApp::new().await;
    let (client, mut browser) = (app.web_app().await, app.logged_in(ALICE).await);
    let ask = client.ask("openid");
    for name in ["client_id", "redirect_uri"] {
        let value = ask.0.iter().find(|(n, _)| n == name).unwrap().1.clone();
        stops(&browser.get(&ask.clone().and(name, &value).url()).await, name);
    }
    for name in ["response_type", "scope", "nonce", "code_challenge", "code_challenge_method", "state"] {
        let value = ask.0.iter().find(|(n, _)| n == name).unwrap().1.clone();
        let reply = Reply::of(&browser.get(&ask.clone().and(name, &value).url()).await);
        assert_eq!(reply.error(), "invalid_request", "{name}");
    }
    for name in ["prompt", "max_age", "login_hint", "response_mode", "display", "unknown"] {
        let reply = Reply::of(&browser.get(&ask.clone().and(name, "1").and(name, "1").url()).await);
        assert_eq!(reply.error(), "invalid_request", "{name}");
        let posted = browser.post(&ask.clone().and(name, "1").url(), &[(name, "1")]).await;
        assert_eq!(Reply::of(&posted).error(), "invalid_request", "{name} in query and form");
    }
}

/// RFC 6749 §3.1, §3.2: unrecognized ones are ignored; slug: unknown-parameters.
#[tokio::test]
async fn unknown_parameters_are_ignored() {
    let (app, client) = app().await;
    for (path, form) in FORMS {
        let answer = post(&app, &client, path, format!("{form}&extra=foobar&resource=x&%C3%BC=%F0%9F%94%91")).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    let web = app.web_app().await;
    let answer = app.ask(&web.ask("openid").and("extra", "foobar").and("claims", "{}")).await;
    assert!(Reply::of(&answer).get("code").is_some(), "{answer:?}");
}

/// Slug: post-authorize. What came by POST is there after the login.
#[tokio::test]
async fn a_posted_request_survives_the_login() {
    let app = TestApp::new().await;
    app.person(ALICE).await;
    let client = app.web_app().await;
    let mut browser = app.browser();
    let answer = browser.post("/oauth2/auth", &client.ask("openid").with("state", "\u{fc} &+%2B").0).await;
    let page = browser.follow(answer).await;
    let reply = Reply::of(&browser.log_in(&page, ALICE).await);
    assert_eq!(reply.get("state"), Some("\u{fc} &+%2B"));
    assert!(reply.get("code").is_some());
}

/// Slugs: broken-encoding, nul-bytes.
#[tokio::test]
async fn what_cannot_be_decoded_is_refused() {
    let (app, client) = app().await;
    let broken: [&[u8]; 9] =
        [b"a=%zz", b"a=%", b"a=%4", b"a=%ff", b"a=%c0%af", b"a=%00", b"a=%ed%a0%80", b"a=\xff\xfe", b"%00=a"];
    for (path, form) in FORMS {
        for bad in broken {
            let answer = post(&app, &client, path, [form.as_bytes(), b"&", bad].concat()).await;
            assert_eq!(answer.error(), "400 invalid_request", "{path} {bad:?}");
        }
    }
    let ask = app.web_app().await.ask("openid").url();
    for bad in ["state2=%zz", "x=%ff", "x=%00", "x=%c0%af"] {
        stops(&app.public.get(&format!("{ask}&{bad}")).await, bad);
        stops(&app.public.get(&format!("/login?{bad}")).await, bad);
        stops(&app.public.get(&format!("/consent?{bad}")).await, bad);
        stops(&app.public.get(&format!("/oauth2/sessions/logout?{bad}")).await, bad);
    }
    assert_eq!(app.public.get("/oauth2/auth?client_id=a%00b").await.status, 400);
}

/// Slugs: media-types, compressed-body.
#[tokio::test]
async fn a_form_is_a_form() {
    let (app, client) = app().await;
    let secret = client.secret.clone().unwrap();
    for (path, form) in FORMS {
        let request = || app.public.request("POST", path).basic(&client.id, &secret);
        for bad in [
            "application/json",
            "text/plain",
            "multipart/form-data; boundary=x",
            "application/x-www-form-urlencoded; charset=utf-7",
            "application/x-www-form-urlencoded; charset=utf-16",
            "x",
            "",
        ] {
            let answer = request().body(bad, form).send().await;
            assert_eq!(answer.error(), "400 invalid_request", "{path} {bad}");
        }
        assert_eq!(request().bare_body(form).send().await.error(), "400 invalid_request", "{path}: no media type");
        let compressed = request().header("Content-Encoding", "gzip");
        let answer = compressed.body("application/x-www-form-urlencoded", form).send().await;
        assert_eq!(answer.error(), "400 invalid_request", "{path}: compressed");
        let good = request().body("Application/X-WWW-Form-Urlencoded;charset=UTF-8", form).send().await;
        assert_eq!(good.status, 200, "{path}");
        assert_eq!(request().send().await.error(), "400 invalid_request", "{path}: nothing at all");
    }
}

/// Slugs: giant-body, many-parameters, giant-value.
#[tokio::test]
async fn sizes_have_limits() {
    let app = TestApp::builder().set("serve.limits.body", "16KiB").start().await;
    let client = app.api("any").await;
    for (path, form) in FORMS {
        let filled = |size: usize| format!("{form}&x={}", "a".repeat(size - form.len() - 3));
        assert_eq!(post(&app, &client, path, filled(16 * 1_024)).await.status, 200, "{path}");
        for giant in [filled(16 * 1_024 + 1), filled(4 << 20)] {
            assert_eq!(post(&app, &client, path, giant).await.status, 413, "{path}");
        }
        let many = format!("{form}{}", "&a".repeat(300));
        assert_eq!(post(&app, &client, path, many).await.error(), "400 invalid_request", "{path}");
        // A body without a length is counted while it comes.
        let secret = client.secret.as_deref().unwrap();
        let chunk = format!("{:x}\r\n{}\r\n", 20_000, "a".repeat(20_000));
        let chunked = app.public.request("POST", path).basic(&client.id, secret).header("Transfer-Encoding", "chunked");
        let answer = chunked.body("application/x-www-form-urlencoded", format!("{chunk}0\r\n\r\n")).send().await;
        assert_eq!(answer.status, 413, "{path}: {answer:?}");
    }
    let answer = app.admin.request("POST", "/admin/clients").body("application/json", "[".repeat(15_000)).send().await;
    assert_eq!(answer.status, 400, "{answer:?}");
}

/// Slug: giant-url.
#[tokio::test]
async fn an_address_has_a_limit() {
    let app = TestApp::new().await;
    let client = app.web_app().await;
    let long = client.ask("openid").with("ui_locales", &"x".repeat(17 * 1_024)).url();
    for path in [long.as_str(), &format!("/{}", "x".repeat(17 * 1_024))] {
        assert_eq!(app.public.get(path).await.status, 414);
        assert_eq!(app.admin.get(path).await.status, 414);
    }
    let fits = client.ask("openid").and("extra", &"x".repeat(15 * 1_024)).url();
    assert_eq!(app.public.get(&fits).await.status, 302);
}

/// RFC 6749 §4.1.2: `state` comes back exactly; slugs: state-exact, giant-texts.
#[tokio::test]
async fn texts_of_a_request_have_limits_and_come_back_exactly() {
    let app = TestApp::new().await;
    let (client, mut browser) = (app.web_app().await, app.logged_in(ALICE).await);
    let longest = "s".repeat(2_048);
    for state in ["x", "\u{fc}\u{1f511}", "a+b c%20d&e=f#g", "<script>\"'", "\u{202e}", &longest] {
        let reply = Reply::of(&browser.get(&client.ask("openid").with("state", state).url()).await);
        assert_eq!(reply.get("state"), Some(state));
        assert_eq!(reply.get("iss"), Some(app.settings.issuer.as_str()));
    }
    let reply = Reply::of(&browser.get(&client.ask("openid").without("state").url()).await);
    assert!(reply.get("code").is_some() && reply.get("state").is_none(), "{reply:?}");
    let giant = "x".repeat(2_049);
    let list = "x ".repeat(100);
    for (name, value) in
        [("state", &giant), ("nonce", &giant), ("login_hint", &giant), ("ui_locales", &list), ("acr_values", &list)]
    {
        let answer = browser.get(&client.ask("openid").with(name, value).url()).await;
        assert_eq!(Reply::of(&answer).error(), "invalid_request", "{name}");
    }
    let scopes: String = (0..2_000).map(|n| format!("s{n} ")).collect();
    let answer = browser.get(&client.ask("openid").with("scope", &scopes).url()).await;
    assert_eq!(Reply::of(&answer).error(), "invalid_scope");
}

/// RFC 9110 §9, §15.5.6; slug: methods.
#[tokio::test]
async fn each_endpoint_has_its_methods() {
    let app = TestApp::new().await;
    for (http, path, allowed) in [
        (&app.public, "/oauth2/auth", "GET, HEAD, POST"),
        (&app.public, "/oauth2/token", "POST"),
        (&app.public, "/oauth2/introspect", "POST"),
        (&app.public, "/oauth2/revoke", "POST"),
        (&app.public, "/userinfo", "GET, HEAD, POST"),
        (&app.public, "/oauth2/sessions/logout", "GET, HEAD, POST"),
        (&app.public, "/.well-known/openid-configuration", "GET, HEAD"),
        (&app.public, "/.well-known/oauth-authorization-server", "GET, HEAD"),
        (&app.public, "/.well-known/jwks.json", "GET, HEAD"),
        (&app.public, "/health/alive", "GET, HEAD"),
        (&app.admin, "/admin/clients", "GET, HEAD, POST"),
        (&app.admin, "/admin/oauth2/introspect", "POST"),
    ] {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "PROPFIND"] {
            let answer = http.request(method, path).send().await;
            let is_allowed = allowed.split(", ").any(|m| m == method);
            match method {
                "OPTIONS" => assert_eq!(answer.status, 204, "{method} {path}"),
                _ if is_allowed => assert_ne!(answer.status, 405, "{method} {path}"),
                _ => assert_eq!(answer.status, 405, "{method} {path}"),
            }
            if answer.status == 405 {
                assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
            }
        }
    }
    let whole = app.public.get("/.well-known/openid-configuration").await;
    let head = app.public.request("HEAD", "/.well-known/openid-configuration").send().await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some(whole.body.len().to_string().as_str()));
    assert_eq!(app.public.get("/nothing/here").await.status, 404);
    assert_eq!(app.public.get("/admin/clients").await.status, 404, "operators have their own listener");
    assert_eq!(app.admin.get("/oauth2/auth").await.status, 404);
}

/// Slug: forged-host. Whatever a request says of its host and protocol, addresses are the configured ones.
#[tokio::test]
async fn the_host_of_a_request_changes_nothing() {
    let app = TestApp::new().await;
    let client = app.web_app().await;
    let honest = app.public.get("/.well-known/openid-configuration").await;
    let forged = |path: &str| {
        app.public
            .request("GET", path)
            .header("Host", "evil.example")
            .header("X-Forwarded-Host", "evil.example")
            .header("X-Forwarded-Proto", "gopher")
            .header("X-Original-URL", "/admin/clients")
            .header("Forwarded", "host=evil.example;proto=http")
    };
    assert_eq!(forged("/.well-known/openid-configuration").send().await.body, honest.body);
    let answer = forged(&client.ask("openid").url()).send().await;
    assert!(answer.location().starts_with("https://id.example/login?"), "{answer:?}");
    let absolute = format!("http://evil.example/oauth2/auth?{}", encode(&client.ask("openid").0));
    let answer = app.public.request("GET", &absolute).header("Host", "evil.example").send().await;
    assert!(answer.location().starts_with("https://id.example/login?"), "{answer:?}");
}
