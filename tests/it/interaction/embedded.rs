//! Our own pages answer: login, consent, and nothing in between that is not needed.

use serde_json::json;

use super::scene::{
    ASKED, Scene, an_app, claims, code_in, decide, error_to_app, is_refused, log_in, param, send_login, to_ui,
};
use crate::support::app::{ALICE, ISSUER, PASSWORD, TestApp};
use crate::support::client::{Client, Reply, text};
use crate::support::clock::START;
use crate::support::db::Engine;
use crate::support::user_agent::{Form, UserAgent};

const SESSION: &str = "ory_kratos_session";

/// A browser in which Alice is logged in, and has allowed the app nothing yet.
async fn known(scene: &Scene) -> UserAgent {
    scene.logged_in(ALICE).await
}

async fn trusted(scene: &Scene) -> Client {
    scene.server.client(an_app("app-of-the-house", &json!({"skip_consent": true}))).await
}

#[actix_web::test]
async fn a_person_logs_in_consents_and_is_back_at_the_app() {
    for engine in Engine::ALL {
        let scene = Scene::embedded(engine).await;
        let mut browser = scene.browser();
        let answer = browser.get(&scene.url()).await;
        assert_eq!((answer.status, answer.location().split('?').next()), (302, Some("https://id.example/login")));
        let page = browser.follow(answer).await;
        assert!(page.text().contains("The app"), "{page:?}");
        let asked = send_login(&mut browser, &page, ALICE, PASSWORD).await;
        assert_eq!((asked.status, asked.location().split('?').next()), (303, Some("https://id.example/consent")));
        let page = browser.visit(asked.location()).await;
        assert!(page.text().contains("The app") && page.text().contains(ALICE), "{page:?}");
        assert_eq!(Form::of(&page).values("grant_scope"), ASKED.split(' ').collect::<Vec<_>>());
        let done = decide(&mut browser, &asked, "accept").await;
        let reply = Reply::of(&done);
        assert_eq!(reply.address, "https://app.example/cb");
        assert_eq!((reply.get("state"), reply.get("iss")), (Some("the state of this request"), Some(ISSUER)));
        let tokens = scene.redeem(&done).await;
        let id = claims(&tokens, "id_token");
        assert_eq!((&id["email"], &id["email_verified"]), (&json!(ALICE), &json!(true)));
        assert_eq!((&id["amr"], &id["acr"]), (&json!(["pwd"]), &json!("aal1")), "{engine:?}");
        assert!((START..START + 10).contains(&id["auth_time"].as_i64().unwrap()));
        let seen = scene.introspect(text(&tokens, "access_token")).await;
        assert_eq!((&seen["active"], &seen["sub"]), (&json!(true), &id["sub"]));
        assert!(!browser.cookies.keys().any(|name| name.starts_with("ory_hydra")), "{:?}", browser.cookies);
    }
}

#[actix_web::test]
async fn an_app_of_the_house_gets_its_code_straight_from_the_login_form() {
    for engine in Engine::ALL {
        let scene = Scene::embedded(engine).await;
        let client = trusted(&scene).await;
        let mut browser = scene.browser();
        let done = log_in(&mut browser, &client.ask(ASKED).url(), ALICE, PASSWORD).await;
        assert_eq!(scene.redeem_as(&client, &done).await["scope"], json!(ASKED), "{engine:?}");
        // And once it knows the person, with no page at all.
        let done = browser.get(&client.ask("openid").url()).await;
        scene.redeem_as(&client, &done).await;
        // Unless the app wants the person to be asked.
        to_ui(&mut browser, &client.ask("openid").with("prompt", "consent").url(), &format!("{ISSUER}/consent")).await;
    }
}

#[actix_web::test]
async fn a_remembered_consent_costs_no_page() {
    let scene = Scene::embedded(Engine::Sqlite).await;
    let mut browser = known(&scene).await;
    let form = Form::of(&browser.visit(&scene.url()).await).and("decision", "accept");
    code_in(&scene.client, &browser.post(&form.action, &form.fields).await);
    // The box was not ticked, so the next request asks again.
    let form = Form::of(&browser.visit(&scene.url()).await).and("decision", "accept").and("remember", "true");
    code_in(&scene.client, &browser.post(&form.action, &form.fields).await);
    let done = browser.get(&scene.url()).await;
    assert_eq!(scene.redeem(&done).await["scope"], json!(ASKED), "one 303 to the app");
    let silent = browser.get(&scene.ask().with("prompt", "none").url()).await;
    code_in(&scene.client, &silent);
    // It covers what was granted, for this person, in any browser of theirs.
    code_in(&scene.client, &known(&scene).await.get(&scene.client.ask("openid").url()).await);
    let wider = scene.client.ask("openid write");
    to_ui(&mut browser, &wider.url(), &format!("{ISSUER}/consent")).await;
    assert_eq!(error_to_app(&browser.get(&wider.with("prompt", "none").url()).await), "consent_required");
    let mut bob = scene.logged_in("bob@example.com").await;
    to_ui(&mut bob, &scene.url(), &format!("{ISSUER}/consent")).await;
}

#[actix_web::test]
async fn a_session_answers_silently_or_not_at_all() {
    let scene = Scene::embedded(Engine::Sqlite).await;
    let silent = scene.ask().with("prompt", "none");
    assert_eq!(error_to_app(&scene.browser().get(&silent.url()).await), "login_required");
    let mut browser = known(&scene).await;
    assert_eq!(error_to_app(&browser.get(&silent.url()).await), "consent_required");
    let client = trusted(&scene).await;
    let silent = client.ask("openid").with("prompt", "none");
    code_in(&client, &browser.get(&silent.url()).await);
    scene.wait(100);
    let stale = browser.get(&silent.clone().with("max_age", "99").url()).await;
    assert_eq!(Reply::of(&stale).error(), "login_required");
    code_in(&client, &browser.get(&silent.clone().with("max_age", "1000").url()).await);
    // The session is over by its own time, whatever the browser keeps.
    scene.wait(24 * 3_600);
    assert_eq!(Reply::of(&browser.get(&silent.url()).await).error(), "login_required");
}

#[actix_web::test]
async fn asked_to_log_in_again_the_same_person_goes_on_in_their_session() {
    let scene = Scene::embedded(Engine::Sqlite).await;
    let client = trusted(&scene).await;
    let mut browser = known(&scene).await;
    let first = claims(&scene.redeem_as(&client, &browser.get(&client.ask("openid").url()).await).await, "id_token");
    let cookie = browser.cookies[SESSION].clone();
    scene.wait(100);
    for ask in [client.ask("openid").with("prompt", "login"), client.ask("openid").with("max_age", "0")] {
        let done = log_in(&mut browser, &ask.url(), ALICE, PASSWORD).await;
        let again = claims(&scene.redeem_as(&client, &done).await, "id_token");
        assert!(again["auth_time"].as_i64().unwrap() >= START + 100);
        assert_eq!(again["sid"], first["sid"]);
        assert_ne!(browser.cookies[SESSION], cookie, "under a new token");
    }
    let mut old = scene.browser();
    old.cookies.insert(SESSION.to_owned(), cookie);
    let silent = client.ask("openid").with("prompt", "none").url();
    assert_eq!(Reply::of(&old.get(&silent).await).error(), "login_required", "the old token is dead");
}

/// OIDC Core §3.1.2.2: the app means one person, and another one is there, or logs in.
#[actix_web::test]
async fn a_hint_at_another_person_is_never_answered_for_them() {
    let scene = Scene::embedded(Engine::Sqlite).await;
    let client = trusted(&scene).await;
    let mut bob = scene.logged_in("bob@example.com").await;
    let tokens = scene.redeem_as(&client, &bob.get(&client.ask("openid").url()).await).await;
    let ask = client.ask("openid").with("id_token_hint", text(&tokens, "id_token"));
    let mut alice = known(&scene).await;
    assert_eq!(Reply::of(&alice.get(&ask.url()).await).error(), "login_required");
    let done = log_in(&mut scene.browser(), &ask.url(), ALICE, PASSWORD).await;
    assert_eq!(Reply::of(&done).error(), "login_required");
    code_in(&client, &log_in(&mut scene.browser(), &ask.url(), "bob@example.com", PASSWORD).await);
}

#[actix_web::test]
async fn unticked_scopes_are_not_granted() {
    let scene = Scene::embedded(Engine::Sqlite).await;
    let url = scene.client.ask("openid offline_access email read").url();
    let mut browser = known(&scene).await;
    for (ticked, granted) in [
        (vec!["openid", "email"], "openid email"),
        // The app is about knowing who is there: that cannot be unticked.
        (vec!["read"], "openid read"),
        (vec![], "openid"),
    ] {
        let mut form = Form::of(&browser.visit(&url).await).without("grant_scope").and("decision", "accept");
        form.fields.extend(ticked.iter().map(|scope| ("grant_scope".to_owned(), (*scope).to_owned())));
        let done = browser.post(&form.action, &form.fields).await;
        assert_eq!(Reply::of(&done).get("scope"), Some(granted));
        let tokens = scene.redeem(&done).await;
        assert_eq!((&tokens["scope"], tokens.get("refresh_token")), (&json!(granted), None));
        let known = scene.userinfo(text(&tokens, "access_token")).await.ok();
        assert_eq!(known.get("email").is_some(), ticked.contains(&"email"));
    }
}

#[actix_web::test]
async fn a_no_goes_to_the_app_and_is_final() {
    let scene = Scene::embedded(Engine::Sqlite).await;
    let mut browser = known(&scene).await;
    let page = browser.visit(&scene.url()).await;
    let form = Form::of(&page);
    let no = form.clone().and("decision", "reject");
    let done = browser.post(&no.action, &no.fields).await;
    assert_eq!(error_to_app(&done), "access_denied");
    assert_eq!(Reply::of(&done).get("state"), Some("the state of this request"));
    let yes = form.and("decision", "accept");
    is_refused(&browser.post(&yes.action, &yes.fields).await);
}

#[actix_web::test]
async fn the_answer_comes_in_the_mode_that_was_asked_for() {
    let scene = Scene::embedded(Engine::Sqlite).await;
    let mut browser = known(&scene).await;
    let page = browser.visit(&scene.ask().with("response_mode", "form_post").url()).await;
    let yes = Form::of(&page).and("decision", "accept");
    let posted = browser.post(&yes.action, &yes.fields).await;
    let form = Form::of(&posted);
    assert_eq!((posted.status, form.action.as_str()), (200, "https://app.example/cb"));
    assert_eq!(form.values("state"), ["the state of this request"]);
    let page = browser.visit(&scene.ask().with("response_mode", "fragment").url()).await;
    let no = Form::of(&page).and("decision", "reject");
    let done = browser.post(&no.action, &no.fields).await;
    assert!(done.location().starts_with("https://app.example/cb#") && Reply::of(&done).error() == "access_denied");
}

#[actix_web::test]
async fn a_wrong_password_shows_the_form_again_and_the_right_one_goes_on() {
    let scene = Scene::embedded(Engine::Sqlite).await;
    let mut browser = scene.browser();
    let wrong = log_in(&mut browser, &scene.url(), ALICE, "wrong horse battery").await;
    assert_eq!((wrong.status, param(wrong.location(), "flow").is_some()), (303, true));
    assert!(!browser.cookies.contains_key(SESSION));
    let page = browser.follow(wrong).await;
    let form = Form::of(&page);
    assert_eq!((page.status, form.values("identifier"), form.values("password")), (200, vec![ALICE], vec![""]));
    assert!(page.text().contains("role=\"alert\""), "{page:?}");
    let asked = send_login(&mut browser, &page, ALICE, PASSWORD).await;
    code_in(&scene.client, &decide(&mut browser, &asked, "accept").await);
}

/// The page of an app of the operator's over our forms.
#[actix_web::test]
async fn a_page_of_the_operators_shows_our_form() {
    let ui = "https://ui.example/sign-in";
    let scene = Scene::of(TestApp::builder().set("selfservice.flows.login.ui_url", ui)).await;
    let mut browser = scene.browser();
    let answer = browser.visit(&scene.url()).await;
    assert!(answer.location().starts_with("https://ui.example/sign-in?flow="), "{answer:?}");
    let id = param(answer.location(), "flow").unwrap();
    let flow = browser.get(&format!("/self-service/login/flows?id={id}")).await.ok();
    assert!(flow["oauth2_login_challenge"].as_str().is_some_and(|challenge| !challenge.is_empty()));
    let nodes = flow["ui"]["nodes"].as_array().unwrap();
    let csrf = nodes.iter().find(|node| node["attributes"]["name"] == "csrf_token").unwrap();
    let fields = [
        ("csrf_token", csrf["attributes"]["value"].as_str().unwrap()),
        ("method", "password"),
        ("identifier", ALICE),
        ("password", PASSWORD),
    ];
    let asked = browser.post(flow["ui"]["action"].as_str().unwrap(), &fields).await;
    code_in(&scene.client, &decide(&mut browser, &asked, "accept").await);
}
