//! Somebody else's UI answers over the admin listener: the protocol on the wire.

use serde_json::json;

use super::scene::{
    CONSENT_UI, LOGIN_UI, Scene, an_app, challenge_for, claims, code_in, error_to_app, is_refused, keys, param, to_ui,
};
use super::schema;
use crate::support::app::{ALICE, ISSUER};
use crate::support::client::{Reply, text};
use crate::support::clock::START;
use crate::support::db::Engine;

#[actix_web::test]
async fn what_the_ui_says_reaches_tokens_introspection_and_userinfo() {
    for engine in Engine::ALL {
        let scene = Scene::external(engine).await;
        let mut browser = scene.browser();
        let url = scene.ask().with("audience", "https://api.example").with("acr_values", "gold").url();
        let asked = browser.get(&url).await;
        assert_eq!(asked.status, 302);
        let challenge = challenge_for(&asked, LOGIN_UI);

        let login = scene.told("login", &challenge).await.json();
        schema::check("oAuth2LoginRequest", &login);
        assert_eq!(login["challenge"], json!(challenge));
        assert_eq!(login["requested_scope"], json!(["openid", "offline_access", "email"]));
        assert_eq!(login["requested_access_token_audience"], json!(["https://api.example"]));
        assert_eq!((&login["skip"], &login["subject"]), (&json!(false), &json!("")));
        assert_eq!(login["oidc_context"], json!({"acr_values": ["gold"]}));
        assert_eq!(login["request_url"], json!(format!("{ISSUER}{url}")));
        assert_eq!((&login["client"]["client_id"], login["client"].get("client_secret")), (&json!("app"), None));

        let said = json!({
            "subject": "alice", "acr": "gold", "amr": ["pwd", "otp"], "context": {"from": ["login"]},
            "identity_provider_session_id": "idp-1",
        });
        let back = scene.answered("login", "accept", &challenge, &said).await;
        assert_eq!((back.status, keys(&back.json())), (200, vec!["redirect_to"]));
        let back = back.json()["redirect_to"].as_str().unwrap().to_owned();
        assert!(back.starts_with(&format!("{ISSUER}/oauth2/auth?")) && param(&back, "login_verifier").is_some());
        let asked = browser.get(&back).await;
        assert_eq!(asked.status, 302);
        let challenge = challenge_for(&asked, CONSENT_UI);

        let consent = scene.told("consent", &challenge).await.json();
        schema::check("oAuth2ConsentRequest", &consent);
        assert_eq!((&consent["challenge"], &consent["request_url"]), (&json!(challenge), &login["request_url"]));
        assert_eq!(consent["requested_scope"], login["requested_scope"]);
        assert_eq!(consent["requested_access_token_audience"], json!(["https://api.example"]));
        assert_eq!((&consent["subject"], &consent["skip"]), (&json!("alice"), &json!(false)));
        assert_eq!((&consent["acr"], &consent["amr"]), (&json!("gold"), &json!(["pwd", "otp"])));
        assert_eq!(
            (&consent["context"], &consent["oidc_context"]),
            (&json!({"from": ["login"]}), &login["oidc_context"])
        );

        let said = json!({
            "grant_scope": ["openid", "email", "offline_access"],
            "grant_access_token_audience": ["https://api.example"],
            "session": {
                "access_token": {"tier": {"name": "gold"}},
                "id_token": {"email": "alice@elsewhere.example", "sub": "root", "iss": "https://evil.example"},
            },
        });
        let back = scene.accepted("consent", &challenge, said).await;
        let done = browser.get(&back).await;
        let reply = Reply::of(&done);
        assert_eq!(reply.address, "https://app.example/cb");
        assert_eq!((reply.get("state"), reply.get("iss")), (Some("the state of this request"), Some(ISSUER)));
        assert_eq!(reply.get("scope"), Some("openid email offline_access"));

        let tokens = scene.redeem(&done).await;
        assert_eq!(tokens["scope"], json!("openid email offline_access"));
        let id = claims(&tokens, "id_token");
        assert_eq!((&id["sub"], &id["iss"], &id["aud"]), (&json!("alice"), &json!(ISSUER), &json!(["app"])));
        assert_eq!(
            (&id["acr"], &id["amr"], &id["nonce"]),
            (&json!("gold"), &json!(["pwd", "otp"]), &json!("the nonce of this request"))
        );
        assert_eq!((&id["auth_time"], &id["sid"]), (&json!(START), &consent["login_session_id"]));
        assert_eq!(id["email"], json!("alice@elsewhere.example"));
        let access = text(&tokens, "access_token");
        let seen = scene.introspect(access).await;
        schema::check("introspectedOAuth2Token", &seen);
        assert_eq!((&seen["active"], &seen["sub"]), (&json!(true), &json!("alice")), "{engine:?}");
        assert_eq!((&seen["ext"], &seen["aud"]), (&json!({"tier": {"name": "gold"}}), &json!(["https://api.example"])));
        let known = scene.userinfo(access).await.ok();
        assert_eq!((&known["sub"], &known["email"]), (&json!("alice"), &json!("alice@elsewhere.example")));
        assert!(known.get("nonce").is_none() && known.get("tier").is_none());
    }
}

#[actix_web::test]
async fn a_jwt_carries_what_the_ui_says_for_access_tokens() {
    let scene = Scene::external(Engine::Sqlite).await;
    let client = scene.server.client(an_app("jwt", &json!({"access_token_strategy": "jwt"}))).await;
    let session = json!({"access_token": {"tier": "gold"}, "id_token": {"nick": "al"}});
    let consent = json!({"grant_scope": ["openid", "read"], "session": session});
    let url = client.ask("openid read").url();
    let done = scene.ui_allows(&mut scene.browser(), &url, json!({"subject": "alice"}), consent).await;
    let tokens = scene.redeem_as(&client, &done).await;
    let access = claims(&tokens, "access_token");
    assert_eq!((&access["ext"], &access["sub"]), (&json!({"tier": "gold"}), &json!("alice")));
    assert!(access.get("nick").is_none() && access.get("tier").is_none());
    assert_eq!(claims(&tokens, "id_token")["nick"], json!("al"));
}

#[actix_web::test]
async fn what_the_app_hints_at_is_handed_on() {
    let scene = Scene::external(Engine::Sqlite).await;
    let mut browser = scene.browser();
    let allowed = json!({"grant_scope": ["openid"]});
    let done = scene.ui_allows(&mut browser, &scene.url(), json!({"subject": "alice"}), allowed).await;
    let tokens = scene.redeem(&done).await;
    let ask = scene.ask().with("id_token_hint", text(&tokens, "id_token")).with("login_hint", "al <b>");
    let url = ask.with("ui_locales", "fr-CA fr").with("display", "touch").with("acr_values", "gold silver").url();
    let challenge = to_ui(&mut browser, &url, LOGIN_UI).await;
    let login = scene.told("login", &challenge).await.json();
    schema::check("oAuth2LoginRequest", &login);
    let context = &login["oidc_context"];
    assert_eq!(context["login_hint"], json!("al <b>"));
    assert_eq!(context["ui_locales"], json!(["fr-CA", "fr"]));
    assert_eq!((&context["display"], &context["acr_values"]), (&json!("touch"), &json!(["gold", "silver"])));
    assert_eq!(context["id_token_hint_claims"]["sub"], json!("alice"));
    // Asked for a class and told of none: "0", not a class that nobody reached.
    let back = scene.accepted("login", &challenge, json!({"subject": "alice"})).await;
    let challenge = to_ui(&mut browser, &back, CONSENT_UI).await;
    assert_eq!(scene.told("consent", &challenge).await.json()["acr"], json!("0"));
}

#[actix_web::test]
async fn requests_are_found_by_every_spelling_of_their_address() {
    let scene = Scene::external(Engine::Sqlite).await;
    let mut browser = scene.browser();
    let login = to_ui(&mut browser, &scene.url(), LOGIN_UI).await;
    for prefix in ["/admin", ""] {
        for name in ["login_challenge", "challenge"] {
            let path = format!("{prefix}/oauth2/auth/requests/login");
            let told = scene.admin.get(&format!("{path}?{name}={login}")).await;
            assert_eq!(told.status, 200, "{path} {name}");
            let accept = format!("{path}/accept?{name}={login}");
            let accepted = scene.admin.request("PUT", &accept).json(&json!({"subject": "alice"})).send().await;
            schema::check("oAuth2RedirectTo", &accepted.json());
            assert_eq!(accepted.status, 200, "{path} {name}");
        }
    }
    // What belongs to the admin listener is not on the public one.
    let public = format!("/admin/oauth2/auth/requests/login?login_challenge={login}");
    assert_eq!(browser.get(&public).await.status, 404);
}

#[actix_web::test]
async fn challenges_that_are_not_there_too_old_or_of_another_kind_are_refused() {
    let scene = Scene::external(Engine::Sqlite).await;
    let mut browser = scene.browser();
    let login = to_ui(&mut browser, &scene.url(), LOGIN_UI).await;
    let back = scene.accepted("login", &login, json!({"subject": "alice"})).await;
    let verifier = param(&back, "login_verifier").unwrap();
    let flipped = match login.strip_suffix('A') {
        Some(start) => format!("{start}B"),
        None => format!("{}A", &login[..login.len() - 1]),
    };
    for (what, challenge) in [
        ("login", "x"),
        ("login", flipped.as_str()),
        ("login", verifier.as_str()),
        ("consent", login.as_str()),
        ("logout", login.as_str()),
    ] {
        let told = scene.told(what, challenge).await;
        schema::check("errorOAuth2", &told.json());
        assert_eq!((told.status, keys(&told.json())), (404, vec!["error", "error_description"]), "{what}");
        assert_eq!(told.json()["error"], json!("Not Found"));
        assert!(!told.text().contains(challenge) || challenge == "x", "the challenge is echoed: {told:?}");
        let body = json!({"subject": "alice", "grant_scope": []});
        assert_eq!(scene.answered(what, "accept", challenge, &body).await.status, 404, "{what}");
        assert_eq!(scene.answered(what, "reject", challenge, &json!({})).await.status, 404, "{what}");
    }
    for what in ["login", "consent", "logout"] {
        let path = format!("/admin/oauth2/auth/requests/{what}");
        let nothing = scene.admin.get(&path).await;
        assert_eq!(nothing.status, 400, "{what}");
        assert!(nothing.description().contains(&format!("{what}_challenge")), "{nothing:?}");
    }
    // ttl.login_consent_request is half an hour.
    scene.wait(30 * 60 - 2);
    assert_eq!(scene.told("login", &login).await.status, 200);
    scene.wait(2);
    for answer in [
        scene.told("login", &login).await,
        scene.answered("login", "accept", &login, &json!({"subject": "alice"})).await,
        scene.answered("login", "reject", &login, &json!({})).await,
    ] {
        assert_eq!((answer.status, keys(&answer.json())), (401, vec!["error", "error_description"]));
    }
    let late = browser.get(&back).await;
    assert!(late.status == 400 && late.header("location").is_none(), "{late:?}");
}

#[actix_web::test]
async fn an_answer_may_be_given_again_until_its_verifier_was_used() {
    let scene = Scene::external(Engine::Sqlite).await;
    let mut browser = scene.browser();
    let login = to_ui(&mut browser, &scene.url(), LOGIN_UI).await;
    let first = scene.accepted("login", &login, json!({"subject": "alice"})).await;
    let second = scene.accepted("login", &login, json!({"subject": "bob"})).await;
    assert_eq!(first, second);
    assert_eq!(scene.told("login", &login).await.status, 200);
    let consent = to_ui(&mut browser, &first, CONSENT_UI).await;
    assert_eq!(scene.told("consent", &consent).await.json()["subject"], json!("bob"), "the last answer counts");
    is_over(&scene, "login", &login).await;

    let first = scene.accepted("consent", &consent, json!({"grant_scope": ["openid", "read"]})).await;
    let second = scene.accepted("consent", &consent, json!({"grant_scope": ["openid"]})).await;
    assert_eq!(first, second);
    let done = browser.get(&first).await;
    assert_eq!(scene.redeem(&done).await["scope"], json!("openid"), "the last answer counts");
    is_over(&scene, "consent", &consent).await;
}

/// The one who answers is told where a new attempt begins.
async fn is_over(scene: &Scene, what: &str, challenge: &str) {
    let url = format!("{ISSUER}{}", scene.url());
    for answer in [
        scene.told(what, challenge).await,
        scene.answered(what, "accept", challenge, &json!({"subject": "eve", "grant_scope": []})).await,
        scene.answered(what, "reject", challenge, &json!({})).await,
    ] {
        schema::check("oAuth2RedirectTo", &answer.json());
        assert_eq!((answer.status, answer.json()), (410, json!({"redirect_to": url})), "{what}");
    }
}

#[actix_web::test]
async fn verifiers_work_once_and_in_one_browser() {
    let scene = Scene::external(Engine::Sqlite).await;
    let (mut browser, mut other) = (scene.browser(), scene.browser());
    // The other browser has a login of its own on its way, as an attacker's would.
    to_ui(&mut other, &scene.url(), LOGIN_UI).await;
    let login = to_ui(&mut browser, &scene.url(), LOGIN_UI).await;
    let back = scene.accepted("login", &login, json!({"subject": "alice", "remember": true})).await;
    is_refused(&other.get(&back).await);
    assert!(!other.cookies.contains_key("ory_hydra_session"));
    let consent = to_ui(&mut browser, &back, CONSENT_UI).await;
    is_refused(&browser.get(&back).await);

    let back = scene.accepted("consent", &consent, json!({"grant_scope": ["openid"]})).await;
    is_refused(&other.get(&back).await);
    code_in(&scene.client, &browser.get(&back).await);
    is_refused(&browser.get(&back).await);
}

#[actix_web::test]
async fn a_verifier_without_its_answer_or_of_another_step_leads_nowhere() {
    let scene = Scene::external(Engine::Sqlite).await;
    let mut browser = scene.browser();
    let login = to_ui(&mut browser, &scene.url(), LOGIN_UI).await;
    let back = scene.accepted("login", &login, json!({"subject": "alice"})).await;
    let verifier = param(&back, "login_verifier").unwrap();
    for query in [
        format!("consent_verifier={verifier}"),
        format!("login_verifier={login}"),
        "login_verifier=x".to_owned(),
        "consent_verifier=".to_owned(),
        format!("login_verifier={verifier}&login_verifier={verifier}"),
    ] {
        let answer = browser.get(&format!("/oauth2/auth?{query}")).await;
        assert!(answer.status == 400 && answer.header("location").is_none(), "{query}: {answer:?}");
    }
    assert_eq!(browser.get(&back).await.status, 302);
}

#[actix_web::test]
async fn a_no_reaches_the_app_in_the_words_of_whoever_said_it() {
    let scene = Scene::external(Engine::Sqlite).await;
    for (said, error, description) in [
        (json!({}), "access_denied", "the login was refused"),
        (json!({"error": "login_required"}), "login_required", "the login was refused"),
        (
            json!({"error": "too_young", "error_description": "come back", "error_hint": "in 2030", "status_code": 418,
                "error_debug": "secret"}),
            "too_young",
            "come back in 2030",
        ),
    ] {
        for what in ["login", "consent"] {
            let mut browser = scene.browser();
            let challenge = match what {
                "login" => to_ui(&mut browser, &scene.url(), LOGIN_UI).await,
                _ => scene.ui_logs_in(&mut browser, &scene.url(), json!({"subject": "alice"})).await,
            };
            let back = scene.answered(what, "reject", &challenge, &said).await;
            assert_eq!((back.status, keys(&back.json())), (200, vec!["redirect_to"]));
            let back = back.json()["redirect_to"].as_str().unwrap().to_owned();
            is_refused(&scene.browser().get(&back).await);
            let done = browser.get(&back).await;
            assert_eq!(error_to_app(&done), error);
            let (reply, expected) = (Reply::of(&done), description.replace("the login", &format!("the {what}")));
            assert_eq!(reply.get("error_description"), Some(expected.as_str()));
            assert_eq!(reply.get("state"), Some("the state of this request"));
            is_refused(&browser.get(&back).await);
            is_over(&scene, what, &challenge).await;
        }
    }
}

#[actix_web::test]
async fn a_no_may_be_said_again_and_taken_back_until_the_browser_returns() {
    let scene = Scene::external(Engine::Sqlite).await;
    let mut browser = scene.browser();
    let login = to_ui(&mut browser, &scene.url(), LOGIN_UI).await;
    let no = scene.answered("login", "reject", &login, &json!({})).await;
    let again = scene.answered("login", "reject", &login, &json!({"error": "login_required"})).await;
    assert_eq!((again.status, again.json()), (200, no.json()));
    let yes = scene.accepted("login", &login, json!({"subject": "alice"})).await;
    let consent = to_ui(&mut browser, &yes, CONSENT_UI).await;
    let no = scene.answered("consent", "reject", &consent, &json!({})).await;
    let again = scene.answered("consent", "reject", &consent, &json!({"error": "not_today"})).await;
    assert_eq!((again.status, again.json()), (200, no.json()));
    let back = again.json()["redirect_to"].as_str().unwrap().to_owned();
    assert_eq!(error_to_app(&browser.get(&back).await), "not_today");
}

#[actix_web::test]
async fn answers_that_cannot_be_meant_are_refused_and_change_nothing() {
    let scene = Scene::external(Engine::Sqlite).await;
    let mut browser = scene.browser();
    let login = to_ui(&mut browser, &scene.url(), LOGIN_UI).await;
    for body in [
        json!({}),
        json!({"subject": ""}),
        json!({"subject": 7}),
        json!({"subject": "alice", "remember_for": -1}),
        json!({"subject": "alice", "remember": "yes"}),
        json!({"subject": "alice", "force_subject_identifier": "al"}),
        json!({"subject": "a".repeat(300)}),
        json!([]),
    ] {
        let answer = scene.answered("login", "accept", &login, &body).await;
        assert_eq!((answer.status, keys(&answer.json())), (400, vec!["error", "error_description"]), "{body}");
    }
    let path = format!("/admin/oauth2/auth/requests/login/accept?login_challenge={login}");
    assert_eq!(scene.admin.request("PUT", &path).send().await.status, 400);
    let consent = scene.ui_logs_in(&mut browser, &scene.url(), json!({"subject": "alice"})).await;
    for body in [
        json!({"grant_scope": ["admin"]}),
        json!({"grant_scope": ["a b"]}),
        json!({"grant_scope": "openid"}),
        json!({"grant_scope": [], "remember_for": -1}),
        json!({"grant_scope": [], "session": {"id_token": []}}),
    ] {
        let answer = scene.answered("consent", "accept", &consent, &body).await;
        assert_eq!((answer.status, keys(&answer.json())), (400, vec!["error", "error_description"]), "{body}");
    }
    assert_eq!(scene.told("consent", &consent).await.json()["skip"], json!(false));
    let back = scene.accepted("consent", &consent, json!({})).await;
    assert_eq!(scene.redeem(&browser.get(&back).await).await["scope"], json!(""), "null grants nothing");
}

#[actix_web::test]
async fn what_is_granted_is_what_the_token_has() {
    let scene = Scene::external(Engine::Sqlite).await;
    for (grant, scope, has_refresh, has_id) in [
        (json!(["openid", "offline_access"]), "openid offline_access", true, true),
        (json!(["read"]), "read", false, false),
        // More than was asked for, but within what the client is registered for: the UI's word counts.
        (json!(["openid", "write"]), "openid write", false, true),
        (json!([]), "", false, false),
    ] {
        let consent = json!({"grant_scope": grant});
        let mut browser = scene.browser();
        let done = scene.ui_allows(&mut browser, &scene.url(), json!({"subject": "alice"}), consent).await;
        assert_eq!(Reply::of(&done).get("scope"), Some(scope));
        let tokens = scene.redeem(&done).await;
        assert_eq!(tokens["scope"], json!(scope));
        assert_eq!((tokens.get("refresh_token").is_some(), tokens.get("id_token").is_some()), (has_refresh, has_id));
        let seen = scene.introspect(text(&tokens, "access_token")).await;
        assert_eq!(seen.get("scope").cloned().unwrap_or_default().as_str().unwrap_or_default(), scope);
    }
}

#[actix_web::test]
async fn the_admin_api_answers_for_our_own_pages_as_well() {
    let scene = Scene::embedded(Engine::Sqlite).await;
    let mut browser = scene.browser();
    let login = to_ui(&mut browser, &scene.url(), &format!("{ISSUER}/login")).await;
    assert_eq!(scene.told("login", &login).await.json()["client"]["client_name"], json!("The app"));
    let back = scene.accepted("login", &login, json!({"subject": ALICE})).await;
    let consent = to_ui(&mut browser, &back, &format!("{ISSUER}/consent")).await;
    let back = scene.accepted("consent", &consent, json!({"grant_scope": ["openid"]})).await;
    let tokens = scene.redeem(&browser.get(&back).await).await;
    assert_eq!(claims(&tokens, "id_token")["sub"], json!(ALICE));
}

#[actix_web::test]
async fn parameters_of_a_post_survive_the_login() {
    let scene = Scene::external(Engine::Sqlite).await;
    let mut browser = scene.browser();
    let ask = scene.ask().with("state", "ü & + %");
    let asked = browser.post("/oauth2/auth", &ask.0).await;
    assert_eq!(asked.status, 303, "a POST must not be repeated at the UI");
    let login = challenge_for(&asked, LOGIN_UI);
    let told = scene.told("login", &login).await.ok();
    assert_eq!(told["request_url"], json!(format!("{ISSUER}{}", ask.url())));
    let back = scene.accepted("login", &login, json!({"subject": "alice"})).await;
    let consent = to_ui(&mut browser, &back, CONSENT_UI).await;
    let back = scene.accepted("consent", &consent, json!({"grant_scope": ["openid"]})).await;
    let done = browser.get(&back).await;
    assert_eq!(Reply::of(&done).get("state"), Some("ü & + %"));
    let tokens = scene.redeem(&done).await;
    assert_eq!(claims(&tokens, "id_token")["nonce"], json!("the nonce of this request"));
}
