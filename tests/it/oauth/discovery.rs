//! The metadata document (RFC 8414, OIDC Discovery 1.0): everything it names works, and nothing works that it denies.

use serde_json::{Value, json};

use crate::support::app::{ALICE, TestApp};
use crate::support::client::{CALLBACK, Reply, SCOPES, jwt, text};

const PATHS: [&str; 2] = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];

async fn document(app: &TestApp) -> Value {
    app.public.get(PATHS[0]).await.ok()
}

fn list(document: &Value, name: &str) -> Vec<String> {
    let words = document[name].as_array().unwrap_or_else(|| panic!("no {name}: {document}"));
    words.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// Each member is walked by a test of this file. A new one makes this fail until it is walked too.
#[tokio::test]
async fn the_document_says_this_and_nothing_else() {
    let app = TestApp::new().await;
    let expected = json!({
        "issuer": "https://id.example",
        "authorization_endpoint": "https://id.example/oauth2/auth",
        "token_endpoint": "https://id.example/oauth2/token",
        "introspection_endpoint": "https://id.example/oauth2/introspect",
        "revocation_endpoint": "https://id.example/oauth2/revoke",
        "userinfo_endpoint": "https://id.example/userinfo",
        "end_session_endpoint": "https://id.example/oauth2/sessions/logout",
        "jwks_uri": "https://id.example/.well-known/jwks.json",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
        "subject_types_supported": ["public"],
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic", "none"],
        "revocation_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic", "none"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "id_token_signed_response_alg": ["RS256"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "display_values_supported": ["page", "popup", "touch", "wap"],
        "authorization_response_iss_parameter_supported": true,
    });
    for path in PATHS {
        let mut found = app.public.get(path).await.ok();
        let members = found.as_object_mut().unwrap();
        for walked in ["scopes_supported", "claims_supported", "id_token_signing_alg_values_supported"] {
            assert!(members.remove(walked).is_some(), "{walked}");
        }
        assert_eq!(found, expected, "{path}");
    }
}

#[tokio::test]
async fn every_endpoint_is_there() {
    let app = TestApp::new().await;
    let found = document(&app).await;
    let at = |name: &str| text(&found, name).strip_prefix("https://id.example").unwrap().to_owned();
    let client = app.web_app().await;
    let api = app.api("any").await;
    let tokens = app.tokens(&client, SCOPES).await;
    let access = text(&tokens, "access_token");
    let ask = client.ask("openid").url();
    let query = ask.split_once('?').unwrap().1;
    assert_eq!(app.public.get(&format!("{}?{query}", at("authorization_endpoint"))).await.status, 302);
    let post = |name: &str| app.public.request("POST", &at(name));
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", text(&tokens, "refresh_token"))];
    let fresh = client.sign(post("token_endpoint"), &refresh).send().await.ok();
    let form = [("token", text(&fresh, "access_token"))];
    assert_eq!(api.sign(post("introspection_endpoint"), &form).send().await.ok()["active"], true);
    let userinfo = app.public.request("GET", &at("userinfo_endpoint")).bearer(form[0].1);
    assert_eq!(userinfo.send().await.ok()["email"], ALICE);
    assert_eq!(client.sign(post("revocation_endpoint"), &form).send().await.status, 200);
    assert!(!app.is_active(form[0].1).await && !app.is_active(access).await);
    assert!(app.public.get(&at("end_session_endpoint")).await.status < 400);
    assert!(!app.public.get(&at("jwks_uri")).await.ok()["keys"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn every_method_proves_a_client() {
    let app = TestApp::new().await;
    let found = document(&app).await;
    for method in list(&found, "token_endpoint_auth_methods_supported") {
        let is_public = method == "none";
        let document = json!({
            "redirect_uris": [CALLBACK], "scope": SCOPES, "skip_consent": true, "token_endpoint_auth_method": method,
            "grant_types": list(&found, "grant_types_supported"), "response_types": ["code"],
        });
        let client = app.client(document.clone()).await;
        let tokens = app.tokens(&client, "openid offline_access").await;
        let tokens = app.refresh(&client, text(&tokens, "refresh_token")).await.ok();
        let machines = app.token(&client, &[("grant_type", "client_credentials")]).await;
        assert_eq!(machines.status == 200, !is_public, "{method}: {machines:?}");
        if list(&found, "revocation_endpoint_auth_methods_supported").contains(&method) {
            assert_eq!(app.revoke(&client, text(&tokens, "access_token")).await.status, 200, "{method}");
            assert!(!app.is_active(text(&tokens, "access_token")).await, "{method}");
        }
        let is_advertised = list(&found, "introspection_endpoint_auth_methods_supported").contains(&method);
        if is_advertised {
            let mut asking = document;
            asking["introspect"] = json!("own");
            let client = app.client(asking).await;
            assert_eq!(app.introspect_as(&client, "x").await.ok(), json!({ "active": false }), "{method}");
        } else {
            assert_eq!(app.introspect_as(&client, "x").await.error(), "401 invalid_client", "{method}");
        }
    }
    for denied in ["private_key_jwt", "client_secret_jwt", "tls_client_auth", "self_signed_tls_client_auth"] {
        let document = json!({ "token_endpoint_auth_method": denied });
        let answer = app.admin.request("POST", "/admin/clients").json(&document).send().await;
        assert_eq!(answer.error(), "400 invalid_client_metadata", "{denied}");
    }
}

#[tokio::test]
async fn every_way_of_asking_works_and_no_other() {
    let app = TestApp::new().await;
    let found = document(&app).await;
    let (client, mut browser) = (app.web_app().await, app.logged_in(ALICE).await);
    let ask = client.ask("openid");
    for mode in list(&found, "response_modes_supported") {
        let answer = browser.get(&ask.clone().with("response_mode", &mode).url()).await;
        match mode.as_str() {
            "query" => assert!(answer.location().starts_with("https://rp.example/cb?code="), "{answer:?}"),
            "fragment" => assert!(answer.location().starts_with("https://rp.example/cb#code="), "{answer:?}"),
            _ => {
                let form = crate::support::user_agent::Form::of(&answer);
                assert_eq!((form.action.as_str(), form.method.as_str()), (CALLBACK, "post"));
                assert_eq!(form.values("code").len(), 1);
                assert_eq!(form.values("iss"), ["https://id.example"]);
            }
        }
    }
    let error_of = async |browser: &mut crate::support::user_agent::UserAgent, name: &str, value: &str| {
        Reply::of(&browser.get(&ask.clone().with(name, value).url()).await).error().to_owned()
    };
    for kind in ["token", "id_token", "code token", "code id_token", "none"] {
        assert_eq!(error_of(&mut browser, "response_type", kind).await, "unsupported_response_type", "{kind}");
    }
    assert_eq!(error_of(&mut browser, "response_mode", "query.jwt").await, "unsupported_response_mode");
    assert_eq!(error_of(&mut browser, "request", "e30.e30.").await, "request_not_supported");
    assert_eq!(error_of(&mut browser, "request_uri", "https://rp.example/o").await, "request_uri_not_supported");
    assert_eq!(error_of(&mut browser, "registration", "{}").await, "registration_not_supported");
    assert_eq!(error_of(&mut browser, "prompt", "create").await, "invalid_request");
    assert_eq!(error_of(&mut browser, "display", "hologram").await, "invalid_request");
    for display in list(&found, "display_values_supported") {
        let answer = browser.get(&ask.clone().with("display", &display).url()).await;
        assert!(Reply::of(&answer).get("code").is_some(), "{display}");
    }
    for prompt in list(&found, "prompt_values_supported") {
        let answer = browser.get(&ask.clone().with("prompt", &prompt).url()).await;
        match prompt.as_str() {
            "none" => assert!(Reply::of(&answer).get("code").is_some()),
            "consent" => assert!(answer.location().contains("/consent?"), "{answer:?}"),
            _ => assert!(answer.location().contains("/login?"), "{prompt}: {answer:?}"),
        }
    }
    let url = ask.clone().with("prompt", "none").url();
    assert_eq!(Reply::of(&app.browser().get(&url).await).error(), "login_required");
    for grant in ["password", "implicit", "urn:ietf:params:oauth:grant-type:device_code"] {
        assert_eq!(app.token(&client, &[("grant_type", grant)]).await.error(), "400 unsupported_grant_type", "{grant}");
    }
}

/// OIDC Core §10.1, RFC 7517: each algorithm signs, and the key set has its key and nothing private.
#[tokio::test]
async fn every_algorithm_signs() {
    let app = TestApp::new().await;
    let found = document(&app).await;
    let jwks = app.public.get("/.well-known/jwks.json").await.ok();
    let keys = jwks["keys"].as_array().unwrap();
    let algs = list(&found, "id_token_signing_alg_values_supported");
    assert_eq!((algs.len(), keys.len(), algs[0].as_str()), (3, 3, "RS256"));
    for key in keys {
        for private in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
            assert!(key.get(private).is_none(), "{private}");
        }
        assert_eq!(key["use"], "sig");
    }
    for alg in algs {
        let document = json!({
            "redirect_uris": [CALLBACK], "skip_consent": true, "id_token_signed_response_alg": alg,
        });
        let tokens = app.tokens(&app.client(document).await, "openid").await;
        let id_token = text(&tokens, "id_token");
        let header = jwt(id_token).0;
        assert_eq!((text(&header, "alg"), text(&header, "typ")), (alg.as_str(), "JWT"));
        let key = keys.iter().find(|key| key["kid"] == header["kid"]).unwrap();
        assert_eq!(key["alg"], alg.as_str());
        let key: jsonwebtoken::jwk::Jwk = serde_json::from_value(key.clone()).unwrap();
        let mut rules = jsonwebtoken::Validation::new(alg.parse().unwrap());
        rules.validate_exp = false;
        rules.validate_aud = false;
        let key = jsonwebtoken::DecodingKey::from_jwk(&key).unwrap();
        jsonwebtoken::decode::<Value>(id_token, &key, &rules).unwrap();
    }
    for denied in ["none", "HS256", "RS1", "PS256", "rs256"] {
        let document = json!({ "id_token_signed_response_alg": denied });
        let answer = app.admin.request("POST", "/admin/clients").json(&document).send().await;
        assert_eq!(answer.error(), "400 invalid_client_metadata", "{denied}");
    }
}

#[tokio::test]
async fn every_scope_and_claim_is_real() {
    let extras = TestApp::builder()
        .set("webfinger.oidc_discovery.supported_scope", "photos.read")
        .set("webfinger.oidc_discovery.supported_claims", "shoe_size");
    let app = extras.start().await;
    let found = document(&app).await;
    let (scopes, claims) = (list(&found, "scopes_supported"), list(&found, "claims_supported"));
    assert!(scopes.contains(&"photos.read".to_owned()) && claims.contains(&"shoe_size".to_owned()), "{found}");
    let document = json!({ "redirect_uris": [CALLBACK], "skip_consent": true, "scope": scopes.join(" ") });
    let client = app.client(document).await;
    let tokens = app.tokens(&client, &scopes.join(" ")).await;
    assert_eq!(tokens["scope"], scopes.join(" "));
    let told = app.userinfo(text(&tokens, "access_token")).await.ok();
    for name in told.as_object().unwrap().keys() {
        let is_protocol = ["iss", "aud", "iat", "rat", "auth_time", "acr", "amr"].contains(&name.as_str());
        assert!(is_protocol || claims.contains(name), "{name} is told but not named");
    }
}

/// RFC 8414 §3.3; slug: issuer-constant.
#[tokio::test]
async fn the_issuer_is_the_configured_one() {
    for issuer in ["https://id.example", "https://id.example/", "https://id.example:8443/tenant"] {
        let app = TestApp::builder().set("urls.self.issuer", issuer).start().await;
        let found = document(&app).await;
        assert_eq!(found["issuer"], issuer);
        let base = issuer.trim_end_matches('/');
        assert_eq!(found["token_endpoint"], format!("{base}/oauth2/token"));
        let machine = app.machine().await;
        let tokens = app.client_credentials(&machine, "").await;
        assert_eq!(app.introspect(text(&tokens, "access_token")).await["iss"], issuer);
    }
}
