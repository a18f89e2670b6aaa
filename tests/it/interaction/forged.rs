//! Forms and cookies that are not what they should be: another browser's, another session's, an older page's.

use serde_json::json;

use super::scene::{
    LOGIN_UI, Scene, an_app, code_in, decide, error_to_app, is_refused, log_in, param, send_login, to_ui,
};
use crate::support::app::{ALICE, ISSUER, PASSWORD};
use crate::support::client::{Reply, text};
use crate::support::db::Engine;
use crate::support::http::Answer;
use crate::support::user_agent::{Form, UserAgent};

const SESSION: &str = "ory_kratos_session";
const BINDING: &str = "ory_hydra_login_csrf_";

/// Alice at the consent page of the app: her browser, and what pressing "Allow" would send.
async fn at_consent(scene: &Scene) -> (UserAgent, Form) {
    let mut browser = scene.logged_in(ALICE).await;
    let form = Form::of(&browser.visit(&scene.url()).await).and("decision", "accept");
    (browser, form)
}

/// Nothing reached the app.
#[track_caller]
fn leads_nowhere(answer: &Answer) {
    assert!(Reply::in_redirect(answer).is_none(), "{answer:?}");
    assert!((400..410).contains(&answer.status), "{answer:?}");
    assert!(answer.text().contains("<h1>"), "a page for a person: {answer:?}");
}

#[actix_web::test]
async fn a_consent_form_of_another_hand_is_refused_and_the_right_one_still_works() {
    let scene = Scene::embedded(Engine::Sqlite).await;
    let (mut browser, form) = at_consent(&scene).await;
    let (mut mallory, of_mallory) = at_consent(&scene).await;
    let token = of_mallory.values("csrf_token")[0].to_owned();
    let stolen = of_mallory.values("consent_challenge")[0].to_owned();
    for (why, form) in [
        ("no token", form.clone().without("csrf_token")),
        ("an empty token", form.clone().with("csrf_token", "")),
        ("a foreign token", form.clone().with("csrf_token", &token)),
        ("two tokens", form.clone().and("csrf_token", &token)),
        ("no challenge", form.clone().without("consent_challenge")),
        ("a foreign challenge", form.clone().with("consent_challenge", &stolen)),
        ("no decision", form.clone().without("decision")),
        ("both decisions", form.clone().and("decision", "reject")),
        ("a scope added", form.clone().and("grant_scope", "write")),
        ("a scope that cannot be", form.clone().and("grant_scope", "a\"b")),
    ] {
        let answer = browser.post(&form.action, &form.fields).await;
        assert!(answer.status == 400 || answer.status == 403, "{why}: {answer:?}");
        leads_nowhere(&answer);
    }
    // Another browser with all that the form holds, and with a token of its own.
    is_refused(&mallory.post(&form.action, &form.clone().with("csrf_token", &token).fields).await);
    is_refused(&mallory.post(&form.action, &form.fields).await);
    is_refused(&scene.browser().post(&form.action, &form.fields).await);
    is_refused(&mallory.get(&format!("/consent?consent_challenge={}", form.values("consent_challenge")[0])).await);

    code_in(&scene.client, &browser.post(&form.action, &form.fields).await);
    is_refused(&browser.post(&form.action, &form.fields).await);
    is_refused(&browser.get(&format!("/consent?consent_challenge={}", form.values("consent_challenge")[0])).await);
}

#[actix_web::test]
async fn consent_that_waited_too_long_is_not_given() {
    let scene = Scene::embedded(Engine::Sqlite).await;
    let (mut browser, form) = at_consent(&scene).await;
    scene.wait(30 * 60);
    leads_nowhere(&browser.post(&form.action, &form.fields).await);
    leads_nowhere(&browser.get(&format!("/consent?consent_challenge={}", form.values("consent_challenge")[0])).await);
}

/// Who logged out between login and consent allows nothing, and somebody who logged in meanwhile allows nothing for them.
#[actix_web::test]
async fn consent_is_given_in_the_session_that_was_asked() {
    let scene = Scene::embedded(Engine::Sqlite).await;
    let (mut browser, form) = at_consent(&scene).await;
    let page = browser.visit("/oauth2/sessions/logout").await;
    let out = Form::of(&page).and("decision", "accept");
    assert_eq!(browser.post(&out.action, &out.fields).await.status, 200);
    let token = fresh_token(&mut browser).await;
    let form = form.with("csrf_token", &token);
    let done = browser.post(&form.action, &form.fields).await;
    assert_eq!(error_to_app(&done), "login_required");

    scene.person("bob@example.com").await;
    let (mut browser, form) = at_consent(&scene).await;
    let again = scene.ask().with("prompt", "login").url();
    log_in(&mut browser, &again, "bob@example.com", PASSWORD).await;
    let token = fresh_token(&mut browser).await;
    let form = form.with("csrf_token", &token);
    is_refused(&browser.post(&form.action, &form.fields).await);
    is_refused(&browser.get(&format!("/consent?consent_challenge={}", form.values("consent_challenge")[0])).await);
}

/// The token of this browser's forms.
async fn fresh_token(browser: &mut UserAgent) -> String {
    let page = browser.visit("/self-service/login/browser?refresh=true").await;
    Form::of(&page).values("csrf_token")[0].to_owned()
}

#[actix_web::test]
async fn a_login_form_of_another_hand_makes_no_session() {
    let scene = Scene::embedded(Engine::Sqlite).await;
    let mut browser = scene.browser();
    let form = Form::of(&browser.visit(&scene.url()).await);
    let form = form.with("identifier", ALICE).with("password", PASSWORD).and("method", "password");
    let mut mallory = scene.browser();
    let of_mallory = Form::of(&mallory.visit(&scene.url()).await);
    let token = of_mallory.values("csrf_token")[0].to_owned();

    // Login CSRF: the victim's browser sends the attacker's flow and names.
    let forged = Form { action: of_mallory.action.clone(), ..form.clone().with("csrf_token", &token) };
    for browser in [&mut browser.clone(), &mut scene.browser()] {
        is_refused(&browser.post(&forged.action, &forged.fields).await);
        assert!(!browser.cookies.contains_key(SESSION));
    }
    is_refused(&mallory.post(&form.action, &form.fields).await);
    assert!(!mallory.cookies.contains_key(SESSION));
    // Its own browser, but without the token or with another one: the form comes anew, and nothing was looked at.
    for wrong in [form.clone().without("csrf_token"), form.clone().with("csrf_token", &token)] {
        let mut browser = browser.clone();
        let answer = browser.post(&wrong.action, &wrong.fields).await;
        assert_eq!(answer.status, 303);
        assert!(answer.location().starts_with("https://id.example/self-service/login/browser?login_challenge="));
        assert!(!browser.cookies.contains_key(SESSION));
        assert_eq!(Form::of(&browser.follow(answer).await).values("password"), [""]);
    }
    // The challenge alone is worth nothing in another browser.
    let page = browser.get(&scene.url()).await;
    leads_nowhere(&mallory.get(page.location()).await);
}

#[actix_web::test]
async fn a_flow_that_is_empty_unknown_or_of_another_method_stays_where_it_is() {
    let scene = Scene::embedded(Engine::Sqlite).await;
    let mut browser = scene.browser();
    let page = browser.visit(&scene.url()).await;
    let form = Form::of(&page);
    for fields in [
        vec![],
        vec![("method", "password")],
        vec![("method", "oidc"), ("identifier", ALICE), ("password", PASSWORD)],
        vec![("method", "")],
    ] {
        let mut sent = form.clone().without("identifier").without("password");
        sent.fields.extend(fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
        let answer = browser.post(&sent.action, &sent.fields).await;
        assert!(Reply::in_redirect(&answer).is_none() && !browser.cookies.contains_key(SESSION), "{answer:?}");
    }
    for flow in ["", "?flow=", "?flow=x", "?flow=2f9b3f0e-9f0c-4f1e-8f0a-0d6d7c5b4a39"] {
        leads_nowhere(&browser.post(&format!("/self-service/login{flow}"), &form.fields).await);
    }
    let asked = send_login(&mut browser, &page, ALICE, PASSWORD).await;
    code_in(&scene.client, &decide(&mut browser, &asked, "accept").await);
}

/// Session fixation: whatever the browser brought, the session that begins is another one.
#[actix_web::test]
async fn a_cookie_that_was_there_before_is_replaced_at_login() {
    let scene = Scene::embedded(Engine::Sqlite).await;
    let client = scene.server.client(an_app("trusted", &json!({"skip_consent": true}))).await;
    let planted = scene.logged_in("mallory@example.com").await.cookies[SESSION].clone();
    for value in ["made-up", planted.as_str()] {
        let mut browser = scene.browser();
        browser.cookies.insert(SESSION.to_owned(), value.to_owned());
        let ask = client.ask("openid").with("prompt", "login");
        let done = log_in(&mut browser, &ask.url(), ALICE, PASSWORD).await;
        let tokens = scene.redeem_as(&client, &done).await;
        assert_ne!(browser.cookies[SESSION], value);
        let known = scene.userinfo(text(&tokens, "access_token")).await.ok();
        let mut stranger = scene.browser();
        stranger.cookies.insert(SESSION.to_owned(), value.to_owned());
        let whoami = stranger.get("/sessions/whoami").await;
        assert!(whoami.status == 401 || whoami.json()["identity"]["id"] != known["sub"]);
    }
}

#[actix_web::test]
async fn cookies_that_are_broken_count_as_none() {
    let scene = Scene::embedded(Engine::Sqlite).await;
    let mut browser = scene.logged_in(ALICE).await;
    let good = browser.cookies[SESSION].clone();
    let silent = scene.ask().with("prompt", "none").url();
    assert_eq!(error_to_app(&browser.get(&silent).await), "consent_required");
    let flipped = format!("{}{}", &good[..good.len() - 1], if good.ends_with('A') { 'B' } else { 'A' });
    for bad in ["", "x", &good[1..], &good[..good.len() - 1], &flipped, &good.to_uppercase(), &format!("{good}{good}")]
    {
        browser.cookies.insert(SESSION.to_owned(), bad.to_owned());
        assert_eq!(error_to_app(&browser.get(&silent).await), "login_required", "{bad}");
        assert_eq!(browser.get("/sessions/whoami").await.status, 401);
    }
}

/// The binding of one login is worth nothing for another, nor when it is cut or exchanged.
#[actix_web::test]
async fn a_binding_belongs_to_one_login() {
    let scene = Scene::external(Engine::Sqlite).await;
    let mut browser = scene.browser();
    let login = to_ui(&mut browser, &scene.url(), LOGIN_UI).await;
    let (name, value) = browser.cookies.iter().find(|(n, _)| n.starts_with(BINDING)).unwrap();
    let (name, value) = (name.clone(), value.clone());
    let back = scene.accepted("login", &login, json!({"subject": "alice"})).await;
    let mut other = scene.browser();
    to_ui(&mut other, &scene.url(), LOGIN_UI).await;
    let (_, foreign) = other.cookies.iter().find(|(n, _)| n.starts_with(BINDING)).unwrap();
    for bad in [foreign.as_str(), "", &value[1..], &value.to_lowercase()] {
        let mut thief = scene.browser();
        thief.cookies.insert(name.clone(), bad.to_owned());
        is_refused(&thief.get(&back).await);
    }
    let cookie = browser.get(&scene.url()).await;
    let cookie = cookie.all("set-cookie").find(|c| c.starts_with(BINDING)).unwrap();
    for attribute in ["HttpOnly", "Secure", "SameSite=", "Max-Age=1800"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert_eq!(browser.get(&back).await.status, 302);
}

#[actix_web::test]
async fn challenges_of_one_page_are_not_taken_by_another() {
    let scene = Scene::embedded(Engine::Sqlite).await;
    let mut browser = scene.browser();
    let login = to_ui(&mut browser, &scene.url(), &format!("{ISSUER}/login")).await;
    let asked = log_in(&mut browser, &scene.url(), ALICE, PASSWORD).await;
    let consent = param(asked.location(), "consent_challenge").unwrap();
    for path in [
        format!("/consent?consent_challenge={login}"),
        format!("/logout?logout_challenge={consent}"),
        format!("/login?login_challenge={consent}"),
        format!("/self-service/login/browser?login_challenge={consent}"),
        "/consent".to_owned(),
        "/logout?logout_challenge=".to_owned(),
        "/login?login_challenge=x".to_owned(),
        format!("/consent?consent_challenge={consent}&consent_challenge={consent}"),
    ] {
        let answer = browser.get(&path).await;
        leads_nowhere(&answer);
    }
}
