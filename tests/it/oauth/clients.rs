//! `/admin/clients` in the contract's conventions (RFC 7591 §2 names): shapes, conflicts, paging, and what is refused.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::client::{CALLBACK, text};
use crate::support::clock::hours;
use crate::support::db::Engine;
use crate::support::http::Answer;

async fn create(app: &TestApp, document: &Value) -> Answer {
    app.admin.request("POST", "/admin/clients").json(document).send().await
}

/// Which fields are empty, null or left out is what programs compare.
#[tokio::test]
async fn a_client_that_says_nothing_has_these_fields() {
    let app = TestApp::new().await;
    let mut expected = json!({
        "client_name": "", "redirect_uris": [], "grant_types": null, "response_types": null,
        "scope": "offline_access offline openid", "audience": [], "owner": "", "policy_uri": "",
        "allowed_cors_origins": [], "tos_uri": "", "client_uri": "", "logo_uri": "", "contacts": null,
        "client_secret_expires_at": 0, "subject_type": "public", "jwks": {},
        "token_endpoint_auth_method": "client_secret_basic", "userinfo_signed_response_alg": "none",
        "created_at": "2027-01-15T08:00:00Z", "updated_at": "2027-01-15T08:00:00Z", "metadata": {},
        "skip_consent": false, "skip_logout_consent": null,
    });
    for grant in ["authorization_code", "refresh_token", "device_authorization"] {
        for token in ["access", "id", "refresh"] {
            expected[format!("{grant}_grant_{token}_token_lifespan")] = Value::Null;
        }
    }
    for name in
        ["client_credentials_grant_access", "implicit_grant_access", "implicit_grant_id", "jwt_bearer_grant_access"]
    {
        expected[format!("{name}_token_lifespan")] = Value::Null;
    }
    let created = create(&app, &json!({})).await;
    assert_eq!(created.status, 201);
    let mut document = created.json();
    let members = document.as_object_mut().unwrap();
    let id = members.remove("client_id").unwrap().as_str().unwrap().to_owned();
    let secret = members.remove("client_secret").unwrap();
    assert_eq!(secret.as_str().unwrap().len(), 26);
    assert!(uuid::Uuid::parse_str(&id).is_ok_and(|id| id.get_version_num() == 4), "{id}");
    assert_eq!(created.header("location"), Some(format!("/admin/clients/{id}").as_str()));
    assert_eq!(document, expected);
    let mut read = app.admin.get(&format!("/admin/clients/{id}")).await.ok();
    assert_eq!(read.as_object_mut().unwrap().remove("client_id"), Some(json!(id)));
    assert_eq!(read, expected, "no secret, no hash");
}

/// Slug: client-secret-read.
#[tokio::test]
async fn a_secret_is_told_once() {
    for engine in Engine::ALL {
        let app = TestApp::on(engine).await;
        let client = app.machine().await;
        let path = format!("/admin/clients/{}", client.id);
        let secret = client.secret.clone().unwrap();
        for answer in [app.admin.get(&path).await, app.admin.get("/admin/clients").await] {
            assert!(!answer.text().contains(&secret) && !answer.text().contains("client_secret\""), "{answer:?}");
            assert!(!answer.text().contains("argon2") && !answer.text().contains("secrets"), "{answer:?}");
        }
        app.clock.advance(hours(1));
        let mut document = app.admin.get(&path).await.ok();
        document["client_name"] = json!("renamed");
        let replaced = app.admin.request("PUT", &path).json(&document).send().await.ok();
        assert!(replaced.get("client_secret").is_none());
        assert_eq!(
            (text(&replaced, "created_at"), text(&replaced, "updated_at")),
            ("2027-01-15T08:00:00Z", "2027-01-15T09:00:00Z")
        );
        app.client_credentials(&client, "photos.read").await;
        document["client_secret"] = json!("a new secret, chosen");
        let replaced = app.admin.request("PUT", &path).json(&document).send().await.ok();
        assert_eq!(replaced["client_secret"], "a new secret, chosen");
        assert_eq!(app.token(&client, &[("grant_type", "client_credentials")]).await.error(), "401 invalid_client");
        let mut client = client;
        client.secret = Some("a new secret, chosen".to_owned());
        app.client_credentials(&client, "photos.read").await;
    }
}

/// Slugs: client-conflict, client-id-swap.
#[tokio::test]
async fn an_id_is_taken_once_and_stays() {
    for engine in Engine::ALL {
        let app = TestApp::on(engine).await;
        let document = json!({ "client_id": "chosen", "client_name": "one", "grant_types": ["client_credentials"] });
        let client = app.client(document.clone()).await;
        let again = create(&app, &document).await;
        assert_eq!((again.status, again.json()["error_description"].as_str()), (409, Some("")));
        app.client(json!({ "client_id": "other" })).await;
        let swap = json!({ "client_id": "other", "client_name": "swapped" });
        let answer = app.admin.request("PUT", "/admin/clients/chosen").json(&swap).send().await;
        let other = app.admin.get("/admin/clients/other").await.ok();
        assert_eq!(other["client_name"], "", "{answer:?}");
        if answer.status == 200 {
            assert_eq!(answer.json()["client_id"], "chosen", "the path names the client");
        }
        app.token(&client, &[("grant_type", "client_credentials")]).await;
        for (method, path) in
            [("GET", "/admin/clients/nobody"), ("DELETE", "/admin/clients/nobody"), ("PUT", "/admin/clients/nobody")]
        {
            let answer = app.admin.request(method, path).json(&json!({})).send().await;
            assert_eq!(answer.status, 404, "{method}");
            assert_eq!(answer.json(), json!({ "error": "Unable to locate the resource", "error_description": "" }));
        }
        assert_eq!(app.admin.request("DELETE", "/admin/clients/chosen").send().await.status, 204);
        assert_eq!(app.admin.get("/admin/clients/chosen").await.status, 404);
        assert_eq!(app.token(&client, &[("grant_type", "client_credentials")]).await.error(), "401 invalid_client");
    }
}

/// Slugs: page-size, page-token.
#[tokio::test]
async fn lists_come_in_pages() {
    for engine in Engine::ALL {
        let app = TestApp::on(engine).await;
        for n in 0..7 {
            let owner = if n % 2 == 0 { "even" } else { "odd" };
            app.client(
                json!({ "client_id": format!("client-{n}"), "client_name": format!("name {n}"), "owner": owner }),
            )
            .await;
        }
        let mut path = "/admin/clients?page_size=3".to_owned();
        let mut seen = Vec::new();
        let mut pages = 0;
        loop {
            let answer = app.admin.get(&path).await;
            seen.extend(answer.ok().as_array().unwrap().iter().map(|c| text(c, "client_id").to_owned()));
            pages += 1;
            let link = answer.header("link").unwrap();
            assert!(link.contains("rel=\"first\""), "{link}");
            let Some(next) = link.split(',').find(|part| part.contains("rel=\"next\"")) else { break };
            path = next.split(['<', '>']).nth(1).unwrap().to_owned();
        }
        seen.sort();
        assert_eq!((pages, seen), (3, (0..7).map(|n| format!("client-{n}")).collect::<Vec<_>>()), "{engine:?}");
        let count =
            async |query: &str| app.admin.get(&format!("/admin/clients?{query}")).await.ok().as_array().unwrap().len();
        assert_eq!(count("owner=even").await, 4);
        assert_eq!(count("client_name=name%203").await, 1);
        assert_eq!(count("client_name=name").await, 0, "exact");
        assert_eq!(count("owner=even%27%20OR%20%271%27=%271").await, 0);
        for bad in [
            "page_size=0",
            "page_size=-1",
            "page_size=x",
            "page_size=99999999999999999999",
            "page_token=x!",
            "page_token=%27",
        ] {
            let answer = app.admin.get(&format!("/admin/clients?{bad}")).await;
            assert_eq!(answer.status, 400, "{bad}: {answer:?}");
        }
        assert_eq!(count("page_size=1000000").await, 7, "cut to the most");
    }
}

/// Slugs: client-escalation, client-metadata-urls.
#[tokio::test]
async fn documents_are_checked() {
    let app = TestApp::new().await;
    let many: Vec<String> = (0..101).map(|n| format!("https://rp.example/{n}")).collect();
    for (document, error) in [
        (json!({ "redirect_uris": many }), "400 invalid_client_metadata"),
        (json!({ "client_name": "x".repeat(3_000) }), "400 invalid_client_metadata"),
        (json!({ "client_name": "a\u{0}b" }), "400 invalid_client_metadata"),
        (json!({ "logo_uri": "javascript:alert(1)" }), "400 invalid_client_metadata"),
        (json!({ "policy_uri": "JAVASCRIPT:alert(1)" }), "400 invalid_client_metadata"),
        (json!({ "tos_uri": "data:text/html,x" }), "400 invalid_client_metadata"),
        (json!({ "client_uri": "//evil.example" }), "400 invalid_client_metadata"),
        (json!({ "grant_types": ["password"] }), "400 invalid_client_metadata"),
        (json!({ "response_types": ["token"] }), "400 invalid_client_metadata"),
        (json!({ "scope": "a\"b" }), "400 invalid_client_metadata"),
        (json!({ "allowed_cors_origins": ["*"] }), "400 invalid_client_metadata"),
        (json!({ "allowed_cors_origins": ["null"] }), "400 invalid_client_metadata"),
        (json!({ "allowed_cors_origins": ["https://rp.example/x"] }), "400 invalid_client_metadata"),
        (json!({ "introspect": "everything" }), "400 invalid_client_metadata"),
        (json!({ "access_token_strategy": "paseto" }), "400 invalid_client_metadata"),
        (json!({ "subject_type": "pairwise" }), "400 invalid_client_metadata"),
        (json!({ "jwks_uri": "http://169.254.169.254/" }), "400 invalid_client_metadata"),
        (json!({ "jwks": { "keys": [] } }), "400 invalid_client_metadata"),
        (json!({ "request_uris": ["https://rp.example/o"] }), "400 invalid_client_metadata"),
        (json!({ "sector_identifier_uri": "https://rp.example/s" }), "400 invalid_client_metadata"),
        (json!({ "backchannel_logout_uri": "http://127.0.0.1/" }), "400 invalid_client_metadata"),
        (json!({ "refresh_token_grant_access_token_lifespan": "-1h" }), "400 invalid_client_metadata"),
        (json!({ "refresh_token_grant_access_token_lifespan": "soon" }), "400 invalid_client_metadata"),
        (json!({ "client_secret": "short" }), "400 invalid_client_metadata"),
        (
            json!({ "client_secret": "not-for-a-public-client", "token_endpoint_auth_method": "none" }),
            "400 invalid_client_metadata",
        ),
        (
            json!({ "redirect_uris": [CALLBACK], "post_logout_redirect_uris": ["https://evil.example/"] }),
            "400 invalid_client_metadata",
        ),
    ] {
        let answer = create(&app, &document).await;
        assert_eq!(answer.error(), error, "{document}");
        assert!(!answer.text().contains("evil.example") && !answer.text().contains("169.254"), "{answer:?}");
    }
    assert_eq!(app.admin.get("/admin/clients").await.ok(), json!([]), "nothing of that is left");
}

/// Slugs: client-types, client-giant.
#[tokio::test]
async fn a_document_is_json_of_the_right_types() {
    let app = TestApp::new().await;
    for wrong in [
        json!([]),
        json!("x"),
        json!(7),
        json!(null),
        json!({ "redirect_uris": "x" }),
        json!({ "redirect_uris": [7] }),
        json!({ "scope": ["a"] }),
        json!({ "skip_consent": "yes" }),
        json!({ "client_name": { "a": 1 } }),
        json!({ "unknown_field": 1 }),
    ] {
        let answer = create(&app, &wrong).await;
        assert_eq!(answer.status, 400, "{wrong}: {answer:?}");
    }
    for (media_type, body) in [
        ("application/json", "{"),
        ("application/json", ""),
        ("text/plain", "{}"),
        ("application/json", "{\"client_id\":\"a\",\"client_id\":\"b\"}"),
    ] {
        let answer = app.admin.request("POST", "/admin/clients").body(media_type, body).send().await;
        assert_eq!(answer.status, 400, "{media_type} {body}: {answer:?}");
    }
    let giant = create(&app, &json!({ "client_name": "x".repeat(1 << 20) })).await;
    assert_eq!(giant.status, 413);
    assert_eq!(app.admin.get("/admin/clients").await.ok(), json!([]), "nothing of that is left");
}

/// Both spellings of the paths, as programs know them.
#[tokio::test]
async fn the_prefix_may_be_left_out() {
    let app = TestApp::new().await;
    let id = app.machine().await.id;
    assert_eq!(app.admin.get("/clients").await.ok().as_array().map(Vec::len), Some(1));
    assert_eq!(app.admin.get(&format!("/clients/{id}")).await.ok()["client_id"], id.as_str());
}

/// Slug: admin-keys. Where keys are configured nothing is answered without one.
#[tokio::test]
async fn operators_prove_themselves_where_keys_are_set() {
    let key = "a-key-of-the-operator-of-this-server";
    let app = TestApp::builder().set("serve.admin.auth.keys", format!("[\"{key}\"]")).start().await;
    for path in ["/admin/clients", "/clients", "/admin/clients/x", "/admin/oauth2/auth/requests/login", "/nothing"] {
        for header in ["", "Bearer", "Bearer x", "Basic eDp4", &format!("Bearer {key}x"), &format!("Digest {key}")] {
            let answer = app.admin.request("GET", path).header("Authorization", header).send().await;
            assert_eq!(answer.status, 401, "{path} {header}");
            assert!(answer.header("www-authenticate").is_some());
        }
    }
    assert_eq!(app.admin.request("GET", "/admin/clients").bearer(key).send().await.ok(), json!([]));
    assert_eq!(app.admin.get("/health/alive").await.status, 200);
}
