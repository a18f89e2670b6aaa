//! The self-service login over HTTP: JSON for scripts and apps, guesses counted, sessions that begin and end.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::app::{ALICE, PASSWORD, TestApp};
use crate::support::client::text;
use crate::support::db::Engine;
use crate::support::http::Answer;
use crate::support::user_agent::{Form, UserAgent};

const WRONG: &str = "wrong horse battery";
const SESSION: &str = "ory_kratos_session";

async fn with_alice(engine: Engine) -> TestApp {
    let app = TestApp::on(engine).await;
    app.person(ALICE).await;
    app
}

/// A script of a page: it wants JSON.
async fn fetch(app: &TestApp, browser: &mut UserAgent, method: &str, path: &str, body: Option<&Value>) -> Answer {
    let request = app.public.request(method, path).header("Accept", "application/json");
    browser.send(body.into_iter().fold(request, |request, body| request.json(body))).await
}

async fn a_flow(app: &TestApp, browser: &mut UserAgent) -> Value {
    fetch(app, browser, "GET", "/self-service/login/browser", None).await.ok()
}

fn csrf(flow: &Value) -> String {
    let nodes = flow["ui"]["nodes"].as_array().unwrap();
    let node = nodes.iter().find(|node| node["attributes"]["name"] == "csrf_token").unwrap();
    text(&node["attributes"], "value").to_owned()
}

fn action(flow: &Value) -> String {
    format!("/self-service/login?flow={}", text(flow, "id"))
}

fn proof(flow: &Value, who: &str, password: &str) -> Value {
    json!({"method": "password", "identifier": who, "password": password, "csrf_token": csrf(flow)})
}

/// What an error is called.
fn error_id(answer: &Answer) -> String {
    let error = &answer.json()["error"];
    assert_eq!(error["code"], json!(answer.status), "{answer:?}");
    format!("{} {}", answer.status, error["id"].as_str().unwrap_or("-"))
}

#[actix_web::test]
async fn a_script_logs_a_person_in() {
    for engine in Engine::ALL {
        let app = with_alice(engine).await;
        let mut browser = app.browser();
        let flow = a_flow(&app, &mut browser).await;
        assert_eq!((&flow["type"], &flow["state"]), (&json!("browser"), &json!("choose_method")));
        assert_eq!((&flow["refresh"], &flow["requested_aal"]), (&json!(false), &json!("aal1")));
        assert_eq!(flow["ui"]["method"], json!("POST"));
        assert_eq!(flow["ui"]["action"], json!(format!("https://id.example{}", action(&flow))));
        let read = format!("/self-service/login/flows?id={}", text(&flow, "id"));
        assert_eq!(fetch(&app, &mut browser, "GET", &read, None).await.ok()["id"], flow["id"]);

        // The token may come as a header; it is needed either way.
        let mut proof = proof(&flow, ALICE, PASSWORD);
        let token = proof.as_object_mut().unwrap().remove("csrf_token").unwrap();
        let forged = fetch(&app, &mut browser, "POST", &action(&flow), Some(&proof)).await;
        assert_eq!(error_id(&forged), "403 security_csrf_violation");
        assert!(!browser.cookies.contains_key(SESSION));
        let request = app.public.request("POST", &action(&flow)).header("Accept", "application/json").json(&proof);
        let done = browser.send(request.header("X-CSRF-Token", token.as_str().unwrap())).await.ok();
        assert_eq!(done["session"]["identity"]["traits"], json!({"email": ALICE}), "{engine:?}");
        assert_eq!(done["session"]["authentication_methods"][0]["method"], json!("password"));
        assert_eq!(done["continue_with"][0]["action"], json!("redirect_browser_to"));
        assert!(done.get("session_token").is_none(), "a page's script never sees the token");

        let who = browser.get("/sessions/whoami").await;
        assert!(who.header("cache-control").is_some_and(|c| c.contains("no-store")));
        assert_eq!(who.header("x-kratos-authenticated-identity-id"), who.json()["identity"]["id"].as_str());
        assert_eq!(who.ok()["id"], done["session"]["id"]);
        let again = fetch(&app, &mut browser, "GET", "/self-service/login/browser", None).await;
        assert_eq!(error_id(&again), "400 session_already_available");
        let used = fetch(&app, &mut browser, "GET", &read, None).await;
        assert!(used.status == 410 || used.status == 403, "{used:?}");
    }
}

#[actix_web::test]
async fn flows_belong_to_one_browser_and_end_with_their_time() {
    let app = with_alice(Engine::Sqlite).await;
    let mut browser = app.browser();
    let flow = a_flow(&app, &mut browser).await;
    let read = format!("/self-service/login/flows?id={}", text(&flow, "id"));
    let mut other = app.browser();
    a_flow(&app, &mut other).await;
    assert_eq!(error_id(&fetch(&app, &mut other, "GET", &read, None).await), "403 security_csrf_violation");
    let stolen = proof(&flow, ALICE, PASSWORD);
    let answer = fetch(&app, &mut other, "POST", &action(&flow), Some(&stolen)).await;
    assert_eq!(error_id(&answer), "403 security_csrf_violation");
    for id in ["", "x", "2f9b3f0e-9f0c-4f1e-8f0a-0d6d7c5b4a39"] {
        let path = format!("/self-service/login/flows?id={id}");
        assert_eq!(error_id(&fetch(&app, &mut browser, "GET", &path, None).await), "404 -");
    }
    app.clock.advance(std::time::Duration::from_secs(3_600));
    let late = fetch(&app, &mut browser, "GET", &read, None).await;
    assert_eq!(error_id(&late), "410 self_service_flow_expired");
    assert!(text(&late.json()["error"]["details"], "redirect_to").ends_with("/self-service/login/browser"));
    let late = fetch(&app, &mut browser, "POST", &action(&flow), Some(&stolen)).await;
    assert_eq!(error_id(&late), "410 self_service_flow_expired");
    let fresh = text(&late.json(), "use_flow_id").to_owned();
    assert_ne!(json!(fresh), flow["id"]);
    let read = format!("/self-service/login/flows?id={fresh}");
    assert_eq!(fetch(&app, &mut browser, "GET", &read, None).await.status, 200);
}

/// The same answer, whether the account is there, disabled, or was never made.
#[actix_web::test]
async fn a_wrong_password_tells_nothing_about_the_account() {
    let app = with_alice(Engine::Sqlite).await;
    let disabled = app.person("disabled@example.com").await;
    deactivate(&app, &disabled).await;
    let mut seen: Vec<[String; 2]> = Vec::new();
    for who in [ALICE, "disabled@example.com", "nobody@example.com"] {
        let mut browser = app.browser();
        let flow = a_flow(&app, &mut browser).await;
        let answer = fetch(&app, &mut browser, "POST", &action(&flow), Some(&proof(&flow, who, WRONG))).await;
        assert_eq!((answer.status, &answer.json()["ui"]["messages"][0]["id"]), (400, &json!(4_000_006)));
        let json = without_own(&answer.json(), who);
        let mut browser = app.browser();
        let page = browser.visit("/login").await;
        let form = Form::of(&page).with("identifier", who).with("password", WRONG);
        let shown = browser.submit(&form, "method", "password").await;
        assert_eq!(shown.status, 200);
        let token = Form::of(&shown).values("csrf_token")[0].to_owned();
        let flow = Form::of(&shown).action;
        let html = shown.text().replace(who, "[who]").replace(&token, "[token]");
        seen.push([json, html.replace(flow.rsplit('=').next().unwrap(), "[flow]")]);
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
}

/// A flow without what is its own by nature.
fn without_own(flow: &Value, who: &str) -> String {
    let token = csrf(flow);
    let mut flow = flow.clone();
    for name in ["issued_at", "expires_at", "created_at", "updated_at"] {
        flow[name] = Value::Null;
    }
    let id = text(&flow, "id").to_owned();
    flow.to_string().replace(who, "[who]").replace(&token, "[token]").replace(&id, "[flow]")
}

#[actix_web::test]
async fn a_hundred_guesses_at_once_are_heard_ten_times() {
    for engine in Engine::ALL {
        let app = with_alice(engine).await;
        let mut browser = app.browser();
        let flow = a_flow(&app, &mut browser).await;
        let mut tries = JoinSet::new();
        for n in 0..100 {
            // One account, however it is spelled.
            let who = ["alice@example.com", "ALICE@example.com", " alice@example.com"][n % 3];
            let request = app.public.request("POST", &action(&flow)).header("Accept", "application/json");
            let (request, mut browser) = (request.json(&proof(&flow, who, WRONG)), browser.clone());
            tries.spawn(async move { browser.send(request.may_fail()).await });
        }
        let (mut heard, mut turned_away) = (0, 0);
        for answer in tries.join_all().await {
            match answer.status {
                400 => heard += 1,
                429 => {
                    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
                    assert!((1..=300).contains(&wait));
                    turned_away += 1;
                }
                // Shed before it was counted: hashing has its own limit.
                503 => {}
                _ => panic!("{answer:?}"),
            }
        }
        assert!(heard <= 10 && turned_away >= 80, "{engine:?}: {heard} heard, {turned_away} turned away");
        let right = proof(&flow, ALICE, PASSWORD);
        assert_eq!(fetch(&app, &mut browser, "POST", &action(&flow), Some(&right)).await.status, 429);
        app.clock.advance(std::time::Duration::from_secs(300));
        assert_eq!(fetch(&app, &mut browser, "POST", &action(&flow), Some(&right)).await.status, 200);
    }
}

#[actix_web::test]
async fn an_app_without_a_browser_keeps_its_own_token() {
    let app = with_alice(Engine::Sqlite).await;
    app.person("bob@example.com").await;
    let flow = app.public.get("/self-service/login/api").await.ok();
    let proof = json!({"method": "password", "identifier": ALICE, "password": PASSWORD});
    let done = app.public.request("POST", &action(&flow)).json(&proof).send().await;
    assert!(done.all("set-cookie").next().is_none());
    let token = text(&done.ok(), "session_token").to_owned();
    let whoami = || app.public.request("GET", "/sessions/whoami");
    let email = |answer: Answer| answer.ok()["identity"]["traits"]["email"].as_str().unwrap().to_owned();
    assert_eq!(email(whoami().header("X-Session-Token", &token).send().await), ALICE);
    assert_eq!(email(whoami().bearer(&token).send().await), ALICE);

    // One header names the session, then the cookie, then the bearer; what is no session at all names none.
    let cookie = app.logged_in("bob@example.com").await.cookies[SESSION].clone();
    let bobs = |request: crate::support::http::Request| request.header("Cookie", format!("{SESSION}={cookie}"));
    assert_eq!(email(bobs(whoami()).header("X-Session-Token", &token).send().await), ALICE);
    assert_eq!(email(bobs(whoami()).bearer(&token).send().await), "bob@example.com");
    assert_eq!(email(whoami().header("Cookie", format!("{SESSION}=x")).bearer(&token).send().await), ALICE);

    let out = |token: &str| {
        let body = json!({"session_token": token});
        app.public.request("DELETE", "/self-service/logout/api").json(&body).send()
    };
    assert_eq!(out("x").await.status, 403);
    assert_eq!(out(&token).await.status, 204);
    assert_eq!(error_id(&whoami().bearer(&token).send().await), "401 session_inactive");
    assert_eq!(out(&token).await.status, 403);
}

#[actix_web::test]
async fn a_logout_link_works_for_its_own_session_only() {
    let app = with_alice(Engine::Sqlite).await;
    let (mut alice, mut bob) = (app.logged_in(ALICE).await, app.logged_in("bob@example.com").await);
    let begun = alice.get("/self-service/logout/browser").await.ok();
    let link = format!("/self-service/logout?token={}", text(&begun, "logout_token"));
    assert_eq!(begun["logout_url"], json!(format!("https://id.example{link}")));
    assert_eq!(error_id(&fetch(&app, &mut bob, "GET", &link, None).await), "403 -");
    assert_eq!(bob.get("/sessions/whoami").await.status, 200);
    assert_eq!(alice.get("/self-service/logout").await.status, 400);
    assert_eq!(alice.get("/sessions/whoami").await.status, 200);
    let old = alice.clone();
    assert_eq!(alice.get(&link).await.status, 303);
    assert!(!alice.cookies.contains_key(SESSION));
    assert_eq!(old.clone().get("/sessions/whoami").await.status, 401);
    assert_eq!(error_id(&old.clone().get("/self-service/logout/browser").await), "401 session_inactive");
}

/// Law 5: nobody updates tokens one by one, and none of them works.
#[actix_web::test]
async fn everything_of_a_deactivated_person_stops() {
    for engine in Engine::ALL {
        let app = with_alice(engine).await;
        let client = app.web_app().await;
        let mut browser = app.logged_in(ALICE).await;
        let code = app.authorize_in(&mut browser, &client, "openid offline_access").await;
        let tokens = app.redeem(&code).await.ok();
        let unused = app.authorize_in(&mut browser, &client, "openid").await;
        let who = browser.get("/sessions/whoami").await.ok();
        let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
        assert!(app.is_active(access).await && app.is_active(refresh).await);

        let id = who["identity"]["id"].as_str().unwrap().parse().unwrap();
        set_inactive(&app, id).await;
        assert!(!app.is_active(access).await && !app.is_active(refresh).await, "{engine:?}");
        assert_eq!(app.userinfo(access).await.status, 401);
        assert_eq!(app.refresh(&client, refresh).await.error(), "400 invalid_grant");
        assert_eq!(app.redeem(&unused).await.error(), "400 invalid_grant");
        assert_eq!(browser.get("/sessions/whoami").await.status, 401);
        let page = browser.visit(&client.ask("openid").url()).await;
        // Only who knows the password is told why.
        let told = browser.log_in(&page, ALICE).await;
        assert!(told.status == 200 && told.text().contains("role=\"alert\""), "{told:?}");
        assert_eq!(browser.get("/sessions/whoami").await.status, 401);
    }
}

async fn deactivate(app: &TestApp, person: &sallyport::model::Identity) {
    set_inactive(app, person.id.uuid()).await;
}

async fn set_inactive(app: &TestApp, id: uuid::Uuid) {
    use sallyport::base::{Clock, Id};
    use sallyport::model::IdentityState;
    let now = app.clock.now();
    let set = move |tx: &mut sallyport::store::Tx| {
        sallyport::store::identities::set_state(tx, Id::from_uuid(id), IdentityState::Inactive, now)
    };
    assert!(app.store.write(set).await.unwrap());
}

#[actix_web::test]
async fn people_return_to_allowed_addresses_only() {
    let home = "https://app.example/home";
    let builder = TestApp::builder().set("selfservice.default_browser_return_url", home);
    let app = builder.start().await;
    app.person(ALICE).await;
    for (to, is_allowed) in [
        ("https://app.example/home", true),
        ("https://app.example/home/inside?x=1", true),
        ("https://app.example/homely", false),
        ("https://app.example/home/../x", false),
        ("https://evil.example/home", false),
        ("//evil.example/home", false),
        ("https://app.example@evil.example/home", false),
        ("javascript:alert(1)", false),
        ("https://app.example:444/home", false),
    ] {
        let mut browser = app.browser();
        let path = format!("/self-service/login/browser?{}", crate::support::http::encode(&[("return_to", to)]));
        if is_allowed {
            let page = browser.visit(&path).await;
            let done = browser.log_in(&page, ALICE).await;
            assert_eq!((done.status, done.location()), (303, to));
        } else {
            let refused = fetch(&app, &mut browser, "GET", &path, None).await;
            assert_eq!(error_id(&refused), "400 self_service_flow_return_to_forbidden", "{to}");
        }
    }
}
