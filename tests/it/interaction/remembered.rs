//! What is remembered of people who were asked by somebody else's UI, for how long, and when they are asked again.

use serde_json::{Value, json};

use super::scene::{
    ASKED, CONSENT_UI, LOGIN_UI, Scene, an_app, challenge_for, claims, error_to_app, keys, param, to_ui,
};
use crate::support::app::ISSUER;
use crate::support::client::{Ask, text};
use crate::support::clock::START;
use crate::support::db::Engine;
use crate::support::user_agent::UserAgent;

const SESSION: &str = "ory_hydra_session";

fn alice(more: Value) -> Value {
    let mut answer = json!({"subject": "alice", "remember": true});
    answer.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    answer
}

fn everything(more: Value) -> Value {
    let mut answer = json!({"grant_scope": ASKED.split(' ').collect::<Vec<_>>()});
    answer.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    answer
}

/// What the login UI is told when the browser comes for `ask`.
async fn told_at_login(scene: &Scene, browser: &mut UserAgent, ask: &Ask) -> (bool, String) {
    let challenge = to_ui(browser, &ask.url(), LOGIN_UI).await;
    let told = scene.told("login", &challenge).await.ok();
    (told["skip"].as_bool().unwrap(), told["subject"].as_str().unwrap().to_owned())
}

/// Whether the consent UI need not ask when Alice comes for `url`.
async fn skips_consent(scene: &Scene, browser: &mut UserAgent, url: &str) -> bool {
    let challenge = scene.ui_logs_in(browser, url, json!({"subject": "alice"})).await;
    scene.told("consent", &challenge).await.ok()["skip"].as_bool().unwrap()
}

#[actix_web::test]
async fn a_remembered_login_is_confirmed_by_the_ui_and_keeps_its_session() {
    for engine in Engine::ALL {
        let scene = Scene::external(engine).await;
        let mut browser = scene.browser();
        let login = alice(json!({"acr": "gold", "amr": ["pwd"]}));
        let done = scene.ui_allows(&mut browser, &scene.url(), login, everything(json!({}))).await;
        let first = claims(&scene.redeem(&done).await, "id_token");
        let cookie = browser.cookies[SESSION].clone();
        scene.wait(100);

        let challenge = to_ui(&mut browser, &scene.url(), LOGIN_UI).await;
        let told = scene.told("login", &challenge).await.ok();
        assert_eq!((&told["skip"], &told["subject"]), (&json!(true), &json!("alice")), "{engine:?}");
        assert_eq!(told["session_id"], first["sid"]);
        // The UI need not say it again, and cannot forget the session by not saying it.
        let back = scene.accepted("login", &challenge, json!({"subject": "alice", "remember": false})).await;
        let challenge = to_ui(&mut browser, &back, CONSENT_UI).await;
        assert_eq!(scene.told("consent", &challenge).await.ok()["login_session_id"], first["sid"]);
        let back = scene.accepted("consent", &challenge, everything(json!({}))).await;
        let tokens = scene.redeem(&browser.get(&back).await).await;
        let second = claims(&tokens, "id_token");
        for name in ["sub", "sid", "acr", "amr", "auth_time"] {
            assert_eq!(first[name], second[name], "{name}");
        }
        assert_eq!(browser.cookies[SESSION], cookie);
        assert_eq!(told_at_login(&scene, &mut browser, &scene.ask()).await, (true, "alice".to_owned()));
    }
}

#[actix_web::test]
async fn a_login_that_is_not_remembered_answers_nothing_later() {
    let scene = Scene::external(Engine::Sqlite).await;
    let mut browser = scene.browser();
    let done = scene.ui_allows(&mut browser, &scene.url(), json!({"subject": "alice"}), everything(json!({}))).await;
    assert!(!browser.cookies.contains_key(SESSION));
    assert!(scene.is_active(text(&scene.redeem(&done).await, "access_token")).await);
    assert_eq!(told_at_login(&scene, &mut browser, &scene.ask()).await, (false, String::new()));
}

/// The browser may keep a cookie for as long as it likes.
#[actix_web::test]
async fn remember_for_ends_on_the_server() {
    let scene = Scene::external(Engine::Sqlite).await;
    for (said, lifetime) in [(json!({"remember_for": 60}), 60), (json!({"remember_for": 0}), 30 * 24 * 3_600)] {
        let mut browser = scene.browser();
        let challenge = to_ui(&mut browser, &scene.url(), LOGIN_UI).await;
        let back = scene.accepted("login", &challenge, alice(said)).await;
        let answer = browser.get(&back).await;
        let cookie = answer.all("set-cookie").find(|c| c.starts_with(SESSION)).unwrap();
        assert!(cookie.contains(&format!("Max-Age={lifetime};")) || cookie.ends_with(&format!("Max-Age={lifetime}")));
        for attribute in ["HttpOnly", "Secure", "SameSite=", "Path=/"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        scene.wait(lifetime - 2);
        assert!(told_at_login(&scene, &mut browser, &scene.ask()).await.0);
        scene.wait(2);
        assert_eq!(told_at_login(&scene, &mut browser, &scene.ask()).await, (false, String::new()));
        let none = scene.ask().with("prompt", "none").url();
        assert_eq!(error_to_app(&browser.get(&none).await), "login_required");
    }
}

#[actix_web::test]
async fn a_login_that_is_not_remembered_ends_the_one_before() {
    let scene = Scene::external(Engine::Sqlite).await;
    let mut browser = scene.browser();
    let only_now = json!({"grant_scope": ["openid"]});
    let done = scene.ui_allows(&mut browser, &scene.url(), alice(json!({})), only_now.clone()).await;
    let earlier = scene.redeem(&done).await;
    let old = browser.cookies[SESSION].clone();

    let again = scene.ask().with("prompt", "login").url();
    scene.ui_allows(&mut browser, &again, json!({"subject": "bob"}), only_now).await;
    assert!(!browser.cookies.contains_key(SESSION));
    browser.cookies.insert(SESSION.to_owned(), old);
    assert_eq!(told_at_login(&scene, &mut browser, &scene.ask()).await, (false, String::new()));
    assert!(!scene.is_active(text(&earlier, "access_token")).await, "its tokens end with it");
}

#[actix_web::test]
async fn somebody_else_than_the_session_says_must_log_in() {
    let scene = Scene::external(Engine::Sqlite).await;
    let mut browser = scene.browser();
    scene.ui_logs_in(&mut browser, &scene.url(), alice(json!({}))).await;
    let challenge = to_ui(&mut browser, &scene.url(), LOGIN_UI).await;
    let back = scene.accepted("login", &challenge, json!({"subject": "bob"})).await;
    assert_eq!(param(&back, "login_verifier"), None);
    assert_eq!(param(&back, "prompt").as_deref(), Some("login"));
    for (name, value) in &scene.ask().0 {
        assert_eq!(param(&back, name).as_ref(), Some(value));
    }
    let challenge = to_ui(&mut browser, &back, LOGIN_UI).await;
    let told = scene.told("login", &challenge).await.ok();
    assert_eq!((&told["skip"], &told["subject"]), (&json!(false), &json!("")));
    let back = scene.accepted("login", &challenge, json!({"subject": "bob", "remember": true})).await;
    let challenge = to_ui(&mut browser, &back, CONSENT_UI).await;
    assert_eq!(scene.told("consent", &challenge).await.ok()["subject"], json!("bob"));
    assert_eq!(told_at_login(&scene, &mut browser, &scene.ask()).await, (true, "bob".to_owned()));
}

#[actix_web::test]
async fn a_session_lives_longer_only_when_the_ui_says_so() {
    let scene = Scene::external(Engine::Sqlite).await;
    for (extend, is_alive) in [(false, false), (true, true)] {
        let mut browser = scene.browser();
        scene.ui_logs_in(&mut browser, &scene.url(), alice(json!({"remember_for": 1_000}))).await;
        scene.wait(900);
        let challenge = to_ui(&mut browser, &scene.url(), LOGIN_UI).await;
        let answer = alice(json!({"remember_for": 1_000, "extend_session_lifespan": extend}));
        let back = scene.accepted("login", &challenge, answer).await;
        let answer = browser.get(&back).await;
        assert_eq!(answer.all("set-cookie").any(|c| c.starts_with(SESSION)), extend);
        scene.wait(500);
        assert_eq!(told_at_login(&scene, &mut browser, &scene.ask()).await.0, is_alive);
    }
}

#[actix_web::test]
async fn a_remembered_consent_is_confirmed_by_the_ui_in_full() {
    let scene = Scene::external(Engine::Sqlite).await;
    let mut browser = scene.browser();
    let yes = everything(json!({"remember": true, "session": {"id_token": {"nick": "al"}}}));
    scene.ui_allows(&mut browser, &scene.url(), json!({"subject": "alice"}), yes).await;
    assert!(skips_consent(&scene, &mut browser, &scene.url()).await);
    // Nothing is inherited: the UI says all of it again.
    let challenge = scene.ui_logs_in(&mut browser, &scene.url(), json!({"subject": "alice"})).await;
    let back = scene.accepted("consent", &challenge, json!({"grant_scope": ["openid"], "remember": true})).await;
    let tokens = scene.redeem(&browser.get(&back).await).await;
    assert_eq!(tokens["scope"], json!("openid"));
    assert_eq!(claims(&tokens, "id_token").get("nick"), None);
    // An answer that was not asked for replaces none that was.
    assert!(skips_consent(&scene, &mut browser, &scene.url()).await);
}

#[actix_web::test]
async fn a_consent_is_remembered_for_what_it_covers() {
    let scene = Scene::external(Engine::Sqlite).await;
    let other = scene.server.client(an_app("other", &json!({}))).await;
    let mut browser = scene.browser();
    let yes = json!({"grant_scope": ["openid", "email", "read"], "remember": true});
    let ask = scene.client.ask("openid email read");
    scene.ui_allows(&mut browser, &ask.url(), json!({"subject": "alice"}), yes).await;
    for (ask, skips) in [
        (ask.clone(), true),
        (scene.client.ask("email"), true),
        (scene.client.ask("openid write"), false),
        (ask.clone().with("audience", "https://api.example"), false),
        (ask.clone().with("prompt", "consent"), false),
        (other.ask("openid email read"), false),
    ] {
        assert_eq!(skips_consent(&scene, &mut browser, &ask.url()).await, skips, "{ask:?}");
    }
    let challenge = scene.ui_logs_in(&mut browser, &ask.url(), json!({"subject": "bob"})).await;
    assert_eq!(scene.told("consent", &challenge).await.ok()["skip"], json!(false), "somebody else's consent");
}

#[actix_web::test]
async fn a_consent_is_remembered_for_as_long_as_it_says() {
    let scene = Scene::external(Engine::Sqlite).await;
    for (remember_for, lasts) in [(3_600, Some(3_600)), (0, None)] {
        let mut browser = scene.browser();
        let url = scene.client.ask(if lasts.is_some() { "openid" } else { "openid read" }).url();
        let scope = if lasts.is_some() { json!(["openid"]) } else { json!(["openid", "read"]) };
        let yes = json!({"grant_scope": scope, "remember": true, "remember_for": remember_for});
        scene.ui_allows(&mut browser, &url, json!({"subject": "alice"}), yes).await;
        scene.wait(lasts.unwrap_or(10 * 365 * 24 * 3_600) - 2);
        assert!(skips_consent(&scene, &mut browser, &url).await);
        scene.wait(2);
        assert_eq!(skips_consent(&scene, &mut browser, &url).await, lasts.is_none());
    }
}

/// RFC 8252 §8.6: another app on the device could claim such an address.
#[actix_web::test]
async fn public_clients_are_asked_again_unless_their_address_is_theirs_alone() {
    let scene = Scene::external(Engine::Sqlite).await;
    for (redirect_uri, skips) in [("https://spa.example/cb", true), ("com.example.app:/cb", false)] {
        let public = json!({
            "token_endpoint_auth_method": "none", "redirect_uris": [redirect_uri], "post_logout_redirect_uris": [],
        });
        let id = format!("public-{skips}");
        let client = scene.server.client(an_app(&id, &public)).await;
        let mut browser = scene.browser();
        let url = client.ask("openid").url();
        let yes = json!({"grant_scope": ["openid"], "remember": true});
        scene.ui_allows(&mut browser, &url, json!({"subject": "alice"}), yes).await;
        assert_eq!(skips_consent(&scene, &mut browser, &url).await, skips, "{redirect_uri}");
    }
}

/// Where a request leads: to the UI with its `skip`, or back to the app.
#[derive(Debug, PartialEq)]
enum Leads {
    Ask,
    Confirm,
    Error(&'static str),
}

#[actix_web::test]
async fn a_table_of_prompts_and_ages() {
    let scene = Scene::external(Engine::Sqlite).await;
    let mut known = scene.browser();
    let yes = everything(json!({"remember": true}));
    let done = scene.ui_allows(&mut known, &scene.url(), alice(json!({})), yes).await;
    let of_alice = scene.redeem(&done).await["id_token"].clone();
    let done =
        scene.ui_allows(&mut scene.browser(), &scene.url(), json!({"subject": "bob"}), everything(json!({}))).await;
    let of_bob = scene.redeem(&done).await["id_token"].clone();
    // The login is a hundred seconds old from here on, and a little more with each request.
    scene.wait(100);
    let (alices, bobs) = (of_alice.as_str().unwrap(), of_bob.as_str().unwrap());
    use Leads::{Ask, Confirm, Error};
    for (changes, stranger, known_person) in [
        (vec![], Ask, Confirm),
        (vec![("prompt", "login")], Ask, Ask),
        (vec![("prompt", "select_account")], Ask, Ask),
        (vec![("prompt", "login consent")], Ask, Ask),
        (vec![("prompt", "consent")], Ask, Confirm),
        (vec![("prompt", "none")], Error("login_required"), Confirm),
        (vec![("prompt", "none"), ("max_age", "99")], Error("login_required"), Error("login_required")),
        (vec![("prompt", "none"), ("max_age", "1000")], Error("login_required"), Confirm),
        (vec![("max_age", "0")], Ask, Ask),
        (vec![("max_age", "99")], Ask, Ask),
        (vec![("max_age", "1000")], Ask, Confirm),
        (vec![("id_token_hint", alices)], Ask, Confirm),
        (vec![("id_token_hint", bobs)], Ask, Error("login_required")),
        (vec![("id_token_hint", bobs), ("prompt", "none")], Error("login_required"), Error("login_required")),
        (vec![("id_token_hint", bobs), ("prompt", "login")], Ask, Ask),
        (vec![("id_token_hint", "x.y.z")], Error("invalid_request"), Error("invalid_request")),
        (vec![("prompt", "none login")], Error("invalid_request"), Error("invalid_request")),
        (vec![("prompt", "registration")], Error("invalid_request"), Error("invalid_request")),
        (vec![("max_age", "-1")], Error("invalid_request"), Error("invalid_request")),
    ] {
        let ask = changes.iter().fold(scene.ask(), |ask, (name, value)| ask.with(name, value));
        for (mut browser, expected) in [(scene.browser(), stranger), (known.clone(), known_person)] {
            let answer = browser.get(&ask.url()).await;
            match expected {
                Error(error) => assert_eq!(error_to_app(&answer), error, "{changes:?}"),
                shown => {
                    let told = scene.told("login", &challenge_for(&answer, LOGIN_UI)).await.ok();
                    assert_eq!(told["skip"], json!(shown == Confirm), "{changes:?}");
                }
            }
        }
    }
}

#[actix_web::test]
async fn without_consent_a_silent_request_comes_to_nothing() {
    let scene = Scene::external(Engine::Sqlite).await;
    let mut browser = scene.browser();
    scene.ui_logs_in(&mut browser, &scene.url(), alice(json!({}))).await;
    let silent = scene.ask().with("prompt", "none").url();
    let challenge = to_ui(&mut browser, &silent, LOGIN_UI).await;
    let back = scene.accepted("login", &challenge, json!({"subject": "alice"})).await;
    assert_eq!(error_to_app(&browser.get(&back).await), "consent_required");
    // With a consent that is remembered, it goes through without a question.
    scene.ui_allows(&mut browser, &scene.url(), alice(json!({})), everything(json!({"remember": true}))).await;
    let done = scene.ui_allows(&mut browser, &silent, json!({"subject": "alice"}), everything(json!({}))).await;
    assert_eq!(claims(&scene.redeem(&done).await, "id_token")["sub"], json!("alice"));
}

/// The person who logs in must be the one whom the app hinted at (OIDC Core §3.1.2.2).
#[actix_web::test]
async fn a_hint_at_somebody_else_is_compared_after_the_login() {
    let scene = Scene::external(Engine::Sqlite).await;
    let done =
        scene.ui_allows(&mut scene.browser(), &scene.url(), json!({"subject": "bob"}), everything(json!({}))).await;
    let tokens = scene.redeem(&done).await;
    let url = scene.ask().with("id_token_hint", text(&tokens, "id_token")).url();
    for (subject, fits) in [("bob", true), ("alice", false)] {
        let mut browser = scene.browser();
        let challenge = to_ui(&mut browser, &url, LOGIN_UI).await;
        let back = scene.accepted("login", &challenge, json!({"subject": subject, "remember": true})).await;
        let answer = browser.get(&back).await;
        match fits {
            true => drop(challenge_for(&answer, CONSENT_UI)),
            false => assert_eq!(error_to_app(&answer), "login_required"),
        }
        assert_eq!(browser.cookies.contains_key(SESSION), fits, "no session for who was not meant");
    }
}

#[actix_web::test]
async fn a_login_that_was_asked_for_is_a_fresh_one() {
    let scene = Scene::external(Engine::Sqlite).await;
    let mut browser = scene.browser();
    scene.ui_logs_in(&mut browser, &scene.url(), alice(json!({}))).await;
    let old = browser.cookies[SESSION].clone();
    scene.wait(100);
    for ask in [scene.ask().with("prompt", "login"), scene.ask().with("max_age", "50")] {
        let done = scene.ui_allows(&mut browser, &ask.url(), alice(json!({})), everything(json!({}))).await;
        let id = claims(&scene.redeem(&done).await, "id_token");
        assert!(id["auth_time"].as_i64().unwrap() >= START + 100, "{id}");
        assert_ne!(browser.cookies[SESSION], old);
    }
}

#[actix_web::test]
async fn the_id_of_a_session_is_known_from_the_first_question_on() {
    let scene = Scene::external(Engine::Sqlite).await;
    let mut browser = scene.browser();
    let challenge = to_ui(&mut browser, &scene.url(), LOGIN_UI).await;
    let told = scene.told("login", &challenge).await.ok();
    assert!(keys(&told).contains(&"session_id"));
    let session = text(&told, "session_id").to_owned();
    let back = scene.accepted("login", &challenge, alice(json!({}))).await;
    let challenge = to_ui(&mut browser, &back, CONSENT_UI).await;
    assert_eq!(scene.told("consent", &challenge).await.ok()["login_session_id"], json!(session));
    let back = scene.accepted("consent", &challenge, everything(json!({}))).await;
    let id = claims(&scene.redeem(&browser.get(&back).await).await, "id_token");
    assert_eq!((&id["sid"], &id["iss"]), (&json!(session), &json!(ISSUER)));
}
