//! JWTs that come in (RFC 7515, RFC 8725, RFC 9068): hints and access tokens are ours, whole, and of the right kind.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sallyport::base::Secret;
use sallyport::crypto::SigningKey;
use serde_json::{Value, json};

use crate::support::app::{ALICE, SIGNING_KEYS, TestApp};
use crate::support::client::{CALLBACK, Client, Reply, jwt, text};
use crate::support::clock::hours;
use crate::support::db::Engine;

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn key(alg: &str) -> SigningKey {
    let (_, jwk) = SIGNING_KEYS.into_iter().find(|(a, _)| a.as_str() == alg).unwrap();
    SigningKey::from_private_jwk(&Secret::from(jwk)).unwrap()
}

fn with(value: &Value, name: &str, changed: Value) -> Value {
    let mut value = value.clone();
    value[name] = changed;
    value
}

/// Every way to spoil a good token; each must be refused. `alg` is the algorithm it is signed with.
fn spoiled(good: &str, alg: &str) -> Vec<(String, String)> {
    let (header, claims) = jwt(good);
    let parts: Vec<&str> = good.split('.').collect();
    let (body, signature) = (parts[1], parts[2]);
    let signer = key(alg);
    let typ = text(&header, "typ").to_owned();
    let resigned = |claims: &Value| signer.sign(&typ, claims).unwrap();
    let mut bad = vec![
        ("no signature".to_owned(), format!("{}.{body}.", parts[0])),
        ("two parts".to_owned(), format!("{}.{body}", parts[0])),
        ("four dots".to_owned(), format!("{good}..")),
        ("five parts".to_owned(), format!("{good}.x.y")),
        ("padded".to_owned(), format!("{good}=")),
        ("signature of nothing".to_owned(), format!("{}.{body}.{}", parts[0], URL_SAFE_NO_PAD.encode([0; 64]))),
        ("cut signature".to_owned(), good[..good.len() - 4].to_owned()),
        ("other claims".to_owned(), format!("{}.{}.{signature}", parts[0], part(&with(&claims, "sub", json!("x"))))),
    ];
    for none in ["none", "None", "nOnE", ""] {
        let header = part(&with(&header, "alg", json!(none)));
        bad.push((format!("alg {none:?}"), format!("{header}.{body}.")));
        bad.push((format!("alg {none:?}, signed"), format!("{header}.{body}.{signature}")));
    }
    // The public key as a shared secret (CVE-2015-9235).
    let public = signer.public().to_json();
    for secret in [public.as_str(), ""] {
        let head = part(&with(&header, "alg", json!("HS256")));
        let signed = format!("{head}.{body}");
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), signed.as_bytes());
        bad.push(("HS256".to_owned(), format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))));
    }
    for (name, value) in [
        ("crit", json!(["bork"])),
        ("alg", json!("ES384")),
        ("typ", json!("logout+jwt")),
        ("jwk", json!({"kty": "oct"})),
    ] {
        let changed = part(&with(&header, name, value.clone()));
        bad.push((format!("{name} {value}"), format!("{changed}.{body}.{signature}")));
    }
    for (name, value) in
        [("iss", json!("https://evil.example")), ("sub", json!(7)), ("iss", json!(["https://id.example"]))]
    {
        bad.push((format!("{name} {value}"), resigned(&with(&claims, name, value.clone()))));
    }
    bad.push(("a key of nobody's".to_owned(), {
        let stranger = SigningKey::generate(sallyport::base::SigningAlg::EdDsa, 0).unwrap();
        stranger.sign(&typ, &claims).unwrap()
    }));
    bad.push(("another kind".to_owned(), signer.sign(if typ == "JWT" { "at+jwt" } else { "JWT" }, &claims).unwrap()));
    bad
}

async fn jwt_app(alg: &str) -> (TestApp, Client, Value) {
    let builder = TestApp::builder()
        .set("strategies.access_token", "jwt")
        .set("strategies.jwt.alg", alg)
        .set("oidc.id_token.alg", alg);
    let app = builder.start().await;
    let client = app.web_app().await;
    let tokens = app.tokens(&client, "openid offline_access").await;
    (app, client, tokens)
}

/// Slugs: jwt-none, jwt-confusion, jwt-parts, jwt-kind, jwt-claim-types.
#[tokio::test]
async fn a_spoiled_access_token_is_none() {
    for alg in ["RS256", "ES256", "EdDSA"] {
        let (app, client, tokens) = jwt_app(alg).await;
        let good = text(&tokens, "access_token");
        assert!(app.is_active(good).await, "{alg}");
        let mut bad = spoiled(good, alg);
        let (_, claims) = jwt(good);
        for (name, value) in [
            ("exp", json!("9999999999")),
            ("exp", json!(null)),
            ("exp", json!(-1)),
            ("nbf", json!("x")),
            ("nbf", json!(9_999_999_999_i64)),
            ("jti", json!("x")),
            ("grant_id", json!(7)),
            ("grant_id", json!("00000000-0000-4000-8000-000000000000")),
            ("client_id", json!(null)),
        ] {
            let forged = key(alg).sign("at+jwt", &with(&claims, name, value.clone())).unwrap();
            bad.push((format!("{name} {value}"), forged));
        }
        for (what, token) in bad {
            assert_eq!(app.introspect(&token).await, json!({ "active": false }), "{alg}: {what}");
            assert_eq!(app.userinfo(&token).await.error(), "401 invalid_token", "{alg}: {what}");
            assert_eq!(app.revoke(&client, &token).await.status, 200, "{alg}: {what}");
        }
        assert!(app.is_active(good).await, "{alg}: nothing of that revoked it");
        assert!(!app.is_active(text(&tokens, "id_token")).await, "{alg}: an ID token opens nothing");
    }
}

/// OIDC Core §3.1.2.1; slugs: hint-forged, hint-kind, hint-other-client, hint-other-person.
#[tokio::test]
async fn a_hint_is_an_id_token_of_ours_for_this_client() {
    for alg in ["RS256", "ES256", "EdDSA"] {
        let (app, client, tokens) = jwt_app(alg).await;
        let mut browser = app.logged_in(ALICE).await;
        let good = text(&tokens, "id_token");
        let ask = |hint: &str| client.ask("openid").with("id_token_hint", hint).with("prompt", "none").url();
        assert!(Reply::of(&browser.get(&ask(good)).await).get("code").is_some(), "{alg}");
        let mut bad = spoiled(good, alg);
        bad.push(("an access token".to_owned(), text(&tokens, "access_token").to_owned()));
        bad.push(("an opaque token".to_owned(), text(&tokens, "refresh_token").to_owned()));
        let other = app.tokens(&app.spa().await, "openid").await;
        bad.push(("another client's".to_owned(), text(&other, "id_token").to_owned()));
        for (what, hint) in bad {
            let reply = Reply::of(&browser.get(&ask(&hint)).await);
            assert_eq!(reply.error(), "invalid_request", "{alg}: {what}");
            let url = format!("/oauth2/sessions/logout?id_token_hint={hint}&post_logout_redirect_uri={CALLBACK}");
            let answer = browser.get(&url).await;
            assert!(answer.status == 400 && answer.header("location").is_none(), "{alg}: {what}: {answer:?}");
        }
        let mut bob = app.logged_in("bob@example.com").await;
        assert_eq!(Reply::of(&bob.get(&ask(good)).await).error(), "login_required", "{alg}: somebody else is there");
        // However long ago it was signed.
        app.clock.advance(hours(2));
        assert!(Reply::of(&browser.get(&ask(good)).await).get("code").is_some(), "{alg}: expired");
    }
}

/// RFC 9068 §2.2 with the names that clients of the contract know.
#[tokio::test]
async fn an_access_token_says_what_it_is() {
    for (form, scope, scp) in [("both", true, true), ("string", true, false), ("list", false, true)] {
        let builder = TestApp::builder().set("strategies.access_token", "jwt").set("strategies.jwt.scope_claim", form);
        let app = builder.set("strategies.jwt.alg", "EdDSA").start().await;
        let client = app.web_app().await;
        let (header, claims) = jwt(text(&app.tokens(&client, "openid photos.read").await, "access_token"));
        assert_eq!((text(&header, "typ"), text(&header, "alg")), ("at+jwt", "EdDSA"));
        assert_eq!(header["kid"], key("EdDSA").kid());
        for name in ["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "client_id"] {
            assert!(claims.get(name).is_some(), "{name}: {claims}");
        }
        assert_eq!(claims["client_id"], client.id.as_str());
        assert_eq!(claims.get("scope").and_then(Value::as_str), scope.then_some("openid photos.read"));
        assert_eq!(claims.get("scp"), scp.then_some(&json!(["openid", "photos.read"])));
    }
}

/// Slug: system-secret-rotation. The first seals, all open; nothing that was handed out dies of it.
#[tokio::test]
async fn a_new_system_secret_kills_nothing() {
    for engine in Engine::ALL {
        let app = TestApp::on(engine).await;
        let (client, machine) = (app.web_app().await, app.machine().await);
        let mut browser = app.logged_in(ALICE).await;
        let mut stranger = app.browser();
        let login = stranger.visit(&client.ask("openid").url()).await;
        let code = app.authorize_in(&mut browser, &client, "openid offline_access").await;
        let other = app.authorize_in(&mut browser, &client, "openid offline_access").await;
        let tokens = app.redeem(&other).await.ok();
        let opaque = app.client_credentials(&machine, "photos.read").await;

        let both = json!(["the new system secret", crate::support::app::SYSTEM_SECRET]).to_string();
        let app = app.restarted(|builder| builder.set("secrets.system", both)).await;
        for token in [text(&tokens, "access_token"), text(&tokens, "refresh_token"), text(&opaque, "access_token")] {
            assert!(app.is_active(token).await, "{engine:?}");
        }
        app.redeem(&code).await.ok();
        let fresh = app.refresh(&client, text(&tokens, "refresh_token")).await.ok();
        app.client_credentials(&machine, "photos.read").await;
        let rehomed = |agent: &crate::support::user_agent::UserAgent| {
            let mut moved = app.browser();
            moved.cookies = agent.cookies.clone();
            moved
        };
        let mut browser = rehomed(&browser);
        app.authorize_in(&mut browser, &client, "openid").await;
        let done = rehomed(&stranger).log_in(&login, ALICE).await;
        assert!(Reply::of(&done).get("code").is_some(), "{engine:?}: a login that was under way");

        // Dropping the old one is a mistake that is told before anything is answered.
        let new = json!(["the new system secret"]).to_string();
        let refusal = app.refusal(|builder| builder.set("secrets.system", new)).await;
        assert!(refusal.contains("secrets.system lacks the secret"), "{refusal}");
        assert!(app.is_active(text(&fresh, "access_token")).await, "{engine:?}");
    }
}

/// Slugs: secrets-at-rest, keys-sealed. What is stolen with the database opens nothing.
#[tokio::test]
async fn the_database_holds_no_secret_in_the_clear() {
    let app = TestApp::new().await;
    let client = app.web_app().await;
    let chosen =
        app.client(json!({ "client_secret": "a-secret-somebody-chose", "grant_types": ["client_credentials"] }));
    let chosen = chosen.await;
    let mut browser = app.logged_in(ALICE).await;
    let begun = app.browser().get(&client.ask("openid").url()).await;
    let challenge = begun.location().split("login_challenge=").nth(1).unwrap().to_owned();
    let unused = app.authorize_in(&mut browser, &client, "openid offline_access").await;
    let tokens = app.redeem(&app.authorize_in(&mut browser, &client, "openid offline_access").await).await.ok();
    let mut form = unused.form();
    form[3] = ("code_verifer", "a-misspelt-verifier-of-forty-three-characters");
    assert_eq!(app.token(&client, &form).await.error(), "400 invalid_grant");
    let mut secrets = vec![
        unused.code,
        challenge,
        text(&tokens, "access_token").to_owned(),
        text(&tokens, "refresh_token").to_owned(),
        text(&tokens, "id_token").to_owned(),
        client.secret.unwrap(),
        chosen.secret.unwrap(),
        crate::support::app::PASSWORD.to_owned(),
        "a-misspelt-verifier-of-forty-three-characters".to_owned(),
    ];
    secrets.extend(browser.cookies.values().cloned());
    for (_, jwk) in SIGNING_KEYS {
        let jwk: Value = serde_json::from_str(jwk).unwrap();
        secrets.push(text(&jwk, "d").to_owned());
    }
    let file = app.database().dsn().strip_prefix("sqlite://").unwrap().to_owned();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.extend(std::fs::read(format!("{file}-wal")).unwrap_or_default());
    let holds = |needle: &str| memchr::memmem::find(&bytes, needle.as_bytes()).is_some();
    assert!(holds(ALICE) && holds(&client.id), "the search finds what is there");
    for secret in secrets {
        assert!(!holds(&secret), "{secret}");
        if let Some(last) = secret.get(secret.len().saturating_sub(40)..) {
            assert!(!holds(last), "the end of {secret}");
        }
    }
}
