//! Client authentication (RFC 6749 §2.3, RFC 7591 §2): exactly one method, the registered one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::http::{Answer, Request};

const FORM: [(&str, &str); 1] = [("grant_type", "client_credentials")];
const INVALID_CLIENT: &str = "401 invalid_client";

async fn machine(app: &TestApp, method: &str) -> Client {
    app.client(json!({ "grant_types": ["client_credentials"], "token_endpoint_auth_method": method })).await
}

fn request(app: &TestApp) -> Request {
    app.public.request("POST", "/oauth2/token")
}

fn header(raw: &[u8]) -> String {
    format!("Basic {}", STANDARD.encode(raw))
}

async fn with_header(app: &TestApp, value: &str) -> Answer {
    request(app).header("Authorization", value).form(&FORM).send().await
}

/// Slugs: client-wrong-secret, client-unknown. Nothing tells a wrong secret from an unknown client.
#[tokio::test]
async fn wrong_secrets_and_unknown_clients_are_told_the_same() {
    let app = TestApp::new().await;
    let client = machine(&app, "client_secret_basic").await;
    let wrong = request(&app).basic(&client.id, "a wrong secret").form(&FORM).send().await;
    let unknown = request(&app).basic("nobody", "a wrong secret").form(&FORM).send().await;
    assert_eq!(wrong.error(), INVALID_CLIENT);
    assert_eq!(wrong.body, unknown.body);
    let plain = |answer: &Answer| {
        let mut headers = answer.headers.clone();
        headers.retain(|(name, _)| name != "x-request-id" && name != "date");
        headers.sort();
        headers
    };
    assert_eq!(plain(&wrong), plain(&unknown));
    // RFC 6749 §5.2: the challenge for who used the header.
    assert!(wrong.header("www-authenticate").unwrap().starts_with("Basic realm="), "{wrong:?}");
}

/// Slugs: client-no-auth, client-public-secret, client-other-method.
#[tokio::test]
async fn the_registered_method_is_the_only_one() {
    let app = TestApp::new().await;
    let basic = machine(&app, "client_secret_basic").await;
    let post = machine(&app, "client_secret_post").await;
    let public =
        app.client(json!({ "grant_types": ["authorization_code"], "token_endpoint_auth_method": "none" })).await;
    assert!(public.secret.is_none() && public.document.get("client_secret").is_none(), "{}", public.document);
    app.token(&basic, &FORM).await.ok();
    app.token(&post, &FORM).await.ok();
    let in_form = |client: &Client, secret: &str| {
        let mut form = FORM.to_vec();
        form.push(("client_id", &client.id));
        if !secret.is_empty() {
            form.push(("client_secret", secret));
        }
        request(&app).form(&form)
    };
    let secret = |client: &Client| client.secret.clone().unwrap();
    for (what, request) in [
        ("none at all", in_form(&basic, "")),
        ("none at all", in_form(&post, "")),
        ("not even a name", request(&app).form(&FORM)),
        ("form instead of header", in_form(&basic, &secret(&basic))),
        ("header instead of form", request(&app).basic(&post.id, &secret(&post)).form(&FORM)),
        ("a public client with a secret", in_form(&public, "a secret")),
        ("a public client in the header", request(&app).basic(&public.id, "").form(&FORM)),
        ("an empty secret", request(&app).basic(&basic.id, "").form(&FORM)),
        ("another's secret", request(&app).basic(&basic.id, &secret(&post)).form(&FORM)),
        ("a bearer token", request(&app).bearer("x").form(&FORM)),
    ] {
        assert_eq!(request.send().await.error(), INVALID_CLIENT, "{what}");
    }
}

/// RFC 6749 §2.3: MUST NOT use more than one; slug: client-two-methods.
#[tokio::test]
async fn two_methods_at_once_are_refused() {
    let app = TestApp::new().await;
    let client = machine(&app, "client_secret_basic").await;
    let secret = client.secret.clone().unwrap();
    let basic = || request(&app).basic(&client.id, &secret);
    let with = |extra: &[(&'static str, &str)]| {
        let mut form: Vec<(&str, String)> = FORM.iter().map(|(n, v)| (*n, (*v).to_owned())).collect();
        form.extend(extra.iter().map(|(n, v)| (*n, (*v).to_owned())));
        basic().form(&form)
    };
    with(&[("client_id", &client.id)]).send().await.ok();
    for refused in [
        with(&[("client_secret", &secret)]),
        with(&[("client_secret", "")]),
        with(&[("client_id", "another")]),
        with(&[("client_id", &client.id), ("client_secret", &secret)]),
        basic().basic(&client.id, &secret).form(&FORM),
    ] {
        assert_eq!(refused.send().await.error(), "400 invalid_request");
    }
    let assertion = [
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", "e30.e30.x"),
    ];
    assert_eq!(with(&assertion).send().await.error(), "400 invalid_request", "an assertion beside a secret");
    let mut alone = FORM.to_vec();
    alone.extend(assertion);
    assert_eq!(request(&app).form(&alone).send().await.error(), INVALID_CLIENT, "a method that is off");
    let public = app.spa().await;
    alone.push(("client_id", &public.id));
    assert_eq!(request(&app).form(&alone).send().await.error(), INVALID_CLIENT, "a method that is not registered");
}

/// Slug: client-secret-in-url. A secret in a URL is in every log on the way.
#[tokio::test]
async fn secrets_in_the_url_are_refused() {
    let app = TestApp::new().await;
    let client = machine(&app, "client_secret_post").await;
    let secret = client.secret.clone().unwrap();
    let all = format!("grant_type=client_credentials&client_id={}&client_secret={secret}", client.id);
    for (query, form) in [
        (all.as_str(), String::new()),
        (&format!("client_secret={secret}"), format!("grant_type=client_credentials&client_id={}", client.id)),
        (&format!("client_id={}", client.id), format!("grant_type=client_credentials&client_secret={secret}")),
        ("grant_type=client_credentials", all.clone()),
    ] {
        let request = app.public.request("POST", &format!("/oauth2/token?{query}"));
        let answer = request.body("application/x-www-form-urlencoded", form).send().await;
        assert_eq!(answer.error(), "400 invalid_request", "{query}");
        assert!(!answer.text().contains(&secret));
    }
}

/// RFC 6749 §2.3.1; slug: client-basic-encoding.
#[tokio::test]
async fn both_parts_of_the_header_are_percent_encoded() {
    let app = TestApp::new().await;
    for (id, secret) in
        [("plain-client", "a:b%c+d e\u{fc}"), ("urn:ex:a+b%", "simple-secret"), ("c1", "::::::"), ("c2", "%25%3A+")]
    {
        let document = json!({ "client_id": id, "client_secret": secret, "grant_types": ["client_credentials"] });
        let client = app.client(document).await;
        assert_eq!(client.secret.as_deref(), Some(secret));
        app.token(&client, &FORM).await.ok();
        app.token(&client, &FORM).await.ok();
        assert_eq!(request(&app).basic(id, "wrong-secret").form(&FORM).send().await.error(), INVALID_CLIENT);
    }
    // Bytes that are not encoded but cannot be mistaken are read as they stand.
    with_header(&app, &header(b"plain-client:a%3Ab%25c%2Bd+e%C3%BC")).await.ok();
}

/// Slug: client-basic-broken.
#[tokio::test]
async fn headers_that_cannot_be_read_are_refused() {
    let app = TestApp::new().await;
    let client = machine(&app, "client_secret_basic").await;
    let id = client.id.as_bytes();
    let long = header(&[b'a'; 5_000]);
    for bad in [
        header(id),
        header(b""),
        header(b":"),
        header(&[id, b":%zz"].concat()),
        header(&[id, b":%"].concat()),
        header(&[id, b":\xff\xfe"].concat()),
        header(&[id, b":%ff"].concat()),
        header(&[id, b"\x00:x"].concat()),
        "Basic".to_owned(),
        "Basic ".to_owned(),
        "Basic !!!!".to_owned(),
        "Basic =".to_owned(),
        "Digest x".to_owned(),
        String::new(),
        long,
    ] {
        let answer = with_header(&app, &bad).await;
        assert_eq!(answer.error(), INVALID_CLIENT, "{bad}");
        assert!(answer.header("www-authenticate").is_some(), "{bad}");
    }
    let giant = header(&[b'a'; 100_000]);
    let answer = with_header(&app, &giant).await;
    assert!((400..=431).contains(&answer.status), "{answer:?}");
}

/// Slug: client-id-types.
#[tokio::test]
async fn a_client_id_is_a_name() {
    let app = TestApp::new().await;
    for bad in ["", " ", "null", "[]", "0", "a\u{0}b", "\u{202e}x", "../x", "' OR 1=1 --"] {
        let mut form = FORM.to_vec();
        form.push(("client_id", bad));
        form.push(("client_secret", "a secret of nobody"));
        let answer = request(&app).form(&form).send().await;
        assert!([400, 401].contains(&answer.status), "{bad:?}: {answer:?}");
    }
    for (bad, status) in
        [(json!(7), 400), (json!([]), 400), (json!({}), 400), (json!("a b"), 400), (json!(null), 201), (json!(""), 201)]
    {
        let answer = app.admin.request("POST", "/admin/clients").json(&json!({ "client_id": bad })).send().await;
        assert_eq!(answer.status, status, "{bad}: {answer:?}");
    }
}

/// RFC 6749 §5.2: the grant a client may use is part of its registration.
#[tokio::test]
async fn a_client_uses_the_grants_it_is_registered_for() {
    let app = TestApp::new().await;
    let (web, machine) = (app.web_app().await, app.machine().await);
    assert_eq!(app.token(&web, &FORM).await.error(), "400 unauthorized_client");
    let code = app.authorize(&web, "openid").await;
    assert_eq!(app.token(&machine, &code.form()).await.error(), "400 unauthorized_client");
    assert_eq!(app.refresh(&machine, "x").await.error(), "400 unauthorized_client");
    assert_eq!(app.token(&machine, &[("grant_type", "password")]).await.error(), "400 unsupported_grant_type");
    assert_eq!(app.token(&machine, &[("grant_type", "")]).await.error(), "400 invalid_request");
    assert_eq!(app.token(&machine, &[]).await.error(), "400 invalid_request");
    let public = app.client(json!({ "grant_types": ["client_credentials"], "token_endpoint_auth_method": "none" }));
    let answer = app.token(&public.await, &FORM).await;
    assert_eq!(answer.error(), "400 unauthorized_client", "RFC 6749 §4.4: confidential clients only");
}
