//! Logging out: who is asked, what ends, and where the browser goes (OIDC RP-Initiated Logout 1.0).

use serde_json::{Value, json};

use super::scene::{LOGOUT_UI, Scene, an_app, challenge_for, code_in, decide, error_to_app, log_in, param, to_ui};
use super::schema;
use crate::support::app::{ALICE, ISSUER, PASSWORD};
use crate::support::client::{Reply, text};
use crate::support::db::Engine;
use crate::support::http::{Answer, encode};
use crate::support::user_agent::{Form, UserAgent};

const BYE: &str = "https://app.example/bye";
const END: &str = "/oauth2/sessions/logout";

/// Alice at the app with these scopes: her browser and the app's tokens.
async fn at_the_app(scene: &Scene, scope: &str) -> (UserAgent, Value) {
    let mut browser = scene.browser();
    let asked = log_in(&mut browser, &scene.client.ask(scope).url(), ALICE, PASSWORD).await;
    let done = decide(&mut browser, &asked, "accept").await;
    let tokens = scene.redeem(&done).await;
    (browser, tokens)
}

fn end(params: &[(&str, &str)]) -> String {
    format!("{END}?{}", encode(params))
}

/// Whether Alice is still logged in.
async fn is_known(scene: &Scene, browser: &UserAgent) -> bool {
    let mut browser = browser.clone();
    match error_to_app(&browser.get(&scene.ask().with("prompt", "none").url()).await).as_str() {
        "consent_required" => true,
        "login_required" => false,
        other => panic!("{other}"),
    }
}

/// A page that refuses: nobody is sent anywhere.
#[track_caller]
fn stops(answer: &Answer) {
    assert_eq!((answer.status, answer.header("location")), (400, None), "{answer:?}");
    assert!(answer.text().contains("<h1>"), "{answer:?}");
}

#[actix_web::test]
async fn nobody_is_logged_out_by_a_link() {
    for engine in Engine::ALL {
        let scene = Scene::embedded(engine).await;
        let (mut browser, tokens) = at_the_app(&scene, "openid offline_access").await;
        let answer = browser.get(END).await;
        assert_eq!((answer.status, answer.location().split('?').next()), (302, Some("https://id.example/logout")));
        assert!(is_known(&scene, &browser).await, "{engine:?}");
        let page = browser.follow(answer).await;
        let form = Form::of(&page);
        for wrong in [
            form.clone().without("csrf_token").and("decision", "accept"),
            form.clone().with("csrf_token", "x").and("decision", "accept"),
            form.clone(),
        ] {
            let answer = browser.post(&wrong.action, &wrong.fields).await;
            assert!(answer.status == 403 || answer.status == 400, "{answer:?}");
            assert!(is_known(&scene, &browser).await);
        }
        let old = browser.clone();
        let yes = form.and("decision", "accept");
        let out = browser.post(&yes.action, &yes.fields).await;
        assert!(out.status == 200 && out.text().contains("logged out"), "{out:?}");
        assert!(!browser.cookies.contains_key("ory_kratos_session"));
        assert!(!is_known(&scene, &old).await, "the cookie is dead on the server, wherever it is kept");
        assert_eq!(old.clone().get("/sessions/whoami").await.status, 401);
        // What was granted for when nobody is there goes on (OIDC Core §11).
        assert_eq!(scene.refresh(&scene.client, text(&tokens, "refresh_token")).await.status, 200);
    }
}

#[actix_web::test]
async fn a_no_keeps_the_session_and_spends_the_question() {
    let scene = Scene::embedded(Engine::Sqlite).await;
    let (mut browser, _) = at_the_app(&scene, "openid").await;
    let form = Form::of(&browser.visit(END).await);
    let no = form.clone().and("decision", "reject");
    assert_eq!(browser.post(&no.action, &no.fields).await.status, 303);
    let yes = form.and("decision", "accept");
    stops(&browser.post(&yes.action, &yes.fields).await);
    assert!(is_known(&scene, &browser).await);
}

#[actix_web::test]
async fn tokens_that_were_for_the_session_end_with_it() {
    for engine in Engine::ALL {
        let scene = Scene::embedded(engine).await;
        let (browser, online) = at_the_app(&scene, "openid email").await;
        let (mut other, of_other_browser) = at_the_app(&scene, "openid email").await;
        let access = text(&online, "access_token");
        assert!(scene.is_active(access).await);
        let mut leaving = browser.clone();
        let hint = end(&[("id_token_hint", text(&online, "id_token"))]);
        assert_eq!(leaving.get(&hint).await.status, 200);
        assert!(!scene.is_active(access).await, "{engine:?}");
        assert_eq!(scene.userinfo(access).await.status, 401);
        // Another browser of the same person is another session.
        assert!(scene.is_active(text(&of_other_browser, "access_token")).await);
        assert!(is_known(&scene, &other).await);
        assert_eq!(other.get("/sessions/whoami").await.status, 200);
    }
}

#[actix_web::test]
async fn a_code_of_a_session_that_ended_is_worth_nothing() {
    let scene = Scene::embedded(Engine::Sqlite).await;
    let (mut browser, tokens) = at_the_app(&scene, "openid").await;
    let form = Form::of(&browser.visit(&scene.client.ask("openid").url()).await).and("decision", "accept");
    let code = code_in(&scene.client, &browser.post(&form.action, &form.fields).await);
    browser.get(&end(&[("id_token_hint", text(&tokens, "id_token"))])).await;
    assert_eq!(scene.server.redeem(&code).await.error(), "400 invalid_grant");
}

#[actix_web::test]
async fn the_app_proves_whose_session_it_means_and_gets_its_state_back() {
    let scene = Scene::embedded(Engine::Sqlite).await;
    for (params, lands) in [
        (vec![], None),
        (vec![("post_logout_redirect_uri", BYE)], Some(BYE.to_owned())),
        (vec![("post_logout_redirect_uri", BYE), ("state", "a&b=ü")], Some(format!("{BYE}?state=a%26b%3D%C3%BC"))),
        (vec![("state", "nowhere to go")], None),
        (vec![("post_logout_redirect_uri", BYE), ("client_id", "app")], Some(BYE.to_owned())),
    ] {
        let (mut browser, tokens) = at_the_app(&scene, "openid").await;
        // A hint is a name, not a key: it may be old.
        scene.wait(7_200);
        let mut all = vec![("id_token_hint", text(&tokens, "id_token"))];
        all.extend(params);
        let answer = browser.get(&end(&all)).await;
        match lands {
            Some(address) => assert_eq!((answer.status, answer.location()), (302, address.as_str())),
            None => assert!(answer.status == 200 && answer.text().contains("logged out"), "{answer:?}"),
        }
        assert!(!is_known(&scene, &browser).await);
    }
    // By POST as well (§2), and a POST is not repeated at the app.
    let (mut browser, tokens) = at_the_app(&scene, "openid").await;
    let form = [("id_token_hint", text(&tokens, "id_token")), ("post_logout_redirect_uri", BYE)];
    let answer = browser.post(END, &form).await;
    assert_eq!((answer.status, answer.location()), (303, BYE));
    assert!(!is_known(&scene, &browser).await);
}

#[actix_web::test]
async fn addresses_that_are_not_the_app_s_own_are_never_visited() {
    let scene = Scene::embedded(Engine::Sqlite).await;
    scene.server.client(an_app("other", &json!({}))).await;
    let (mut browser, tokens) = at_the_app(&scene, "openid").await;
    let hint = text(&tokens, "id_token");
    for params in [
        vec![("post_logout_redirect_uri", BYE)],
        vec![("post_logout_redirect_uri", "https://evil.example/"), ("id_token_hint", hint)],
        vec![("post_logout_redirect_uri", "https://app.example/bye?x=1"), ("id_token_hint", hint)],
        vec![("post_logout_redirect_uri", "https://app.example/bye/"), ("id_token_hint", hint)],
        vec![("post_logout_redirect_uri", "https://app.example/cb"), ("id_token_hint", hint)],
        vec![("post_logout_redirect_uri", "https://other.example/bye"), ("id_token_hint", hint)],
        vec![("post_logout_redirect_uri", "javascript:alert(1)"), ("id_token_hint", hint)],
        vec![("post_logout_redirect_uri", "https://evil.example/"), ("client_id", "app")],
        vec![("client_id", "other"), ("id_token_hint", hint)],
        vec![("client_id", "nobody")],
        vec![("id_token_hint", hint), ("id_token_hint", hint)],
    ] {
        stops(&browser.get(&end(&params)).await);
        stops(&browser.post(END, &params).await);
        assert!(is_known(&scene, &browser).await, "{params:?}");
    }
}

#[actix_web::test]
async fn hints_that_this_server_did_not_sign_are_refused() {
    let scene = Scene::embedded(Engine::Sqlite).await;
    let (mut browser, tokens) = at_the_app(&scene, "openid").await;
    let hint = text(&tokens, "id_token");
    let parts: Vec<&str> = hint.split('.').collect();
    let none = "eyJhbGciOiJub25lIn0";
    for bad in [
        "x".to_owned(),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{none}.{}.", parts[1]),
        format!("{}.{}.{}", parts[0], parts[1], "A".repeat(parts[2].len())),
        text(&tokens, "access_token").to_owned(),
    ] {
        stops(&browser.get(&end(&[("id_token_hint", &bad)])).await);
        assert!(is_known(&scene, &browser).await);
    }
}

/// O124: whoever is logged in is asked, and stays logged in if another person was meant.
#[actix_web::test]
async fn a_hint_of_another_person_or_session_logs_nobody_out_silently() {
    let scene = Scene::embedded(Engine::Sqlite).await;
    let (_, of_elsewhere) = at_the_app(&scene, "openid").await;
    let mut bob = scene.logged_in("bob@example.com").await;
    let (mut alice, _) = at_the_app(&scene, "openid").await;
    for browser in [&mut bob, &mut alice] {
        let hint = end(&[("id_token_hint", text(&of_elsewhere, "id_token")), ("post_logout_redirect_uri", BYE)]);
        to_ui(browser, &hint, &format!("{ISSUER}/logout")).await;
        assert!(is_known(&scene, browser).await);
        let page = browser.visit(&hint).await;
        assert!(page.text().contains("The app"), "it says who asks: {page:?}");
        let yes = Form::of(&page).and("decision", "accept");
        let answer = browser.post(&yes.action, &yes.fields).await;
        assert_eq!((answer.status, answer.location()), (303, BYE));
        assert!(!is_known(&scene, browser).await);
    }
}

#[actix_web::test]
async fn without_a_session_there_is_nothing_to_ask() {
    let scene = Scene::embedded(Engine::Sqlite).await;
    let answer = scene.browser().get(END).await;
    assert!(answer.status == 200 && answer.text().contains("logged out"), "{answer:?}");
    let with_client = end(&[("client_id", "app"), ("post_logout_redirect_uri", BYE)]);
    assert_eq!(scene.browser().get(&with_client).await.location(), BYE);
}

/// O126: the answer of one browser ends nothing in another.
#[actix_web::test]
async fn a_logout_ui_answers_for_one_browser() {
    for engine in Engine::ALL {
        let scene = Scene::external(engine).await;
        let mut browser = scene.browser();
        let login = json!({"subject": "alice", "remember": true});
        let consent = json!({"grant_scope": ["openid"]});
        let done = scene.ui_allows(&mut browser, &scene.url(), login.clone(), consent.clone()).await;
        let tokens = scene.redeem(&done).await;
        let hint = text(&tokens, "id_token").to_owned();
        let mut bob = scene.browser();
        scene.ui_allows(&mut bob, &scene.url(), json!({"subject": "bob", "remember": true}), consent).await;

        let url = end(&[("id_token_hint", &hint), ("post_logout_redirect_uri", BYE), ("state", "s")]);
        let challenge = to_ui(&mut browser, &url, LOGOUT_UI).await;
        let told = scene.told("logout", &challenge).await.ok();
        schema::check("oAuth2LogoutRequest", &told);
        assert_eq!((&told["challenge"], &told["subject"]), (&json!(challenge), &json!("alice")));
        assert_eq!((&told["rp_initiated"], &told["client"]["client_id"]), (&json!(true), &json!("app")));
        assert_eq!(told["request_url"], json!(format!("{ISSUER}{url}")));
        let back = scene.accepted("logout", &challenge, json!({})).await;
        assert!(param(&back, "logout_verifier").is_some());
        assert_eq!(scene.accepted("logout", &challenge, json!({})).await, back, "it may be said again");

        bob.get(&back).await;
        let silent = scene.ask().with("prompt", "none").url();
        to_ui(&mut bob, &silent, super::scene::LOGIN_UI).await;
        to_ui(&mut browser, &silent, super::scene::LOGIN_UI).await;
        let out = browser.get(&back).await;
        assert_eq!((out.status, out.location()), (302, format!("{BYE}?state=s").as_str()), "{engine:?}");
        assert_eq!(Reply::of(&browser.get(&silent).await).error(), "login_required");
        assert!(!scene.is_active(text(&tokens, "access_token")).await);
        assert_eq!(scene.told("logout", &challenge).await.status, 404);
    }
}

#[actix_web::test]
async fn a_logout_ui_says_no() {
    let scene = Scene::external(Engine::Sqlite).await;
    let mut browser = scene.browser();
    let login = json!({"subject": "alice", "remember": true});
    scene.ui_logs_in(&mut browser, &scene.url(), login).await;
    let challenge = challenge_for(&browser.get(END).await, LOGOUT_UI);
    let told = scene.told("logout", &challenge).await.ok();
    schema::check("oAuth2LogoutRequest", &told);
    assert_eq!((&told["rp_initiated"], &told["client"]), (&json!(false), &Value::Null));
    let no = scene.answered("logout", "reject", &challenge, &json!({})).await;
    assert_eq!((no.status, no.body.len()), (204, 0));
    assert_eq!(scene.answered("logout", "accept", &challenge, &json!({})).await.status, 404);
    to_ui(&mut browser, &scene.ask().with("prompt", "none").url(), super::scene::LOGIN_UI).await;
}
