//! Several tabs, several clients, many hands at once, and how long addresses get.

use std::future::Future;

use serde_json::json;
use tokio::task::JoinSet;

use super::scene::{
    CONSENT_UI, LOGIN_UI, Scene, an_app, challenge_for, claims, code_in, decide, is_refused, log_in, send_login, to_ui,
};
use crate::support::app::{ALICE, PASSWORD};
use crate::support::client::Reply;
use crate::support::db::Engine;
use crate::support::http::Answer;
use crate::support::user_agent::Form;

const BINDING: &str = "ory_hydra_login_csrf_";

/// Runs all at the same time.
async fn together<T: Send + 'static>(
    tries: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    tries.into_iter().collect::<JoinSet<_>>().join_all().await
}

#[actix_web::test]
async fn interleaved_logins_of_two_tabs_each_end_at_their_own_app_with_their_own_state() {
    let scene = Scene::external(Engine::Sqlite).await;
    let other = scene.server.client(an_app("other", &json!({}))).await;
    let mut browser = scene.browser();
    let mut tabs = Vec::new();
    for (client, state) in [(&scene.client, "one"), (&scene.client, "two"), (&other, "three"), (&other, "four")] {
        let url = client.ask("openid").with("state", state).url();
        tabs.push((client, state, to_ui(&mut browser, &url, LOGIN_UI).await));
    }
    let mut asked = Vec::new();
    for (client, state, login) in tabs.into_iter().rev() {
        let back = scene.accepted("login", &login, json!({"subject": state})).await;
        asked.push((client, state, to_ui(&mut browser, &back, CONSENT_UI).await));
    }
    for (client, state, consent) in asked.into_iter().rev() {
        let back = scene.accepted("consent", &consent, json!({"grant_scope": ["openid"]})).await;
        let done = browser.get(&back).await;
        assert_eq!(Reply::of(&done).get("state"), Some(state));
        assert_eq!(claims(&scene.redeem_as(client, &done).await, "id_token")["sub"], json!(state));
    }
    assert!(!browser.cookies.keys().any(|name| name.starts_with(BINDING)), "nothing is left behind");
}

#[actix_web::test]
async fn two_tabs_on_our_own_pages_do_not_disturb_each_other() {
    let scene = Scene::embedded(Engine::Sqlite).await;
    let mut browser = scene.browser();
    let [one, two] = ["one", "two"].map(|state| scene.ask().with("state", state).url());
    let (first, second) = (browser.visit(&one).await, browser.visit(&two).await);
    for (page, state) in [(&second, "two"), (&first, "one")] {
        let asked = send_login(&mut browser, page, ALICE, PASSWORD).await;
        let asked = match asked.location().contains("/consent") {
            true => asked,
            // The first login changed what protects the forms; the second form is shown again, ready to be sent.
            false => {
                let page = browser.follow(asked).await;
                send_login(&mut browser, &page, ALICE, PASSWORD).await
            }
        };
        let done = decide(&mut browser, &asked, "accept").await;
        assert_eq!(Reply::of(&done).get("state"), Some(state));
        scene.redeem(&done).await;
    }
}

#[actix_web::test]
async fn of_many_abandoned_tabs_the_newest_ten_go_on() {
    let scene = Scene::external(Engine::Sqlite).await;
    let mut browser = scene.browser();
    let mut challenges = Vec::new();
    for _ in 0..30 {
        challenges.push(to_ui(&mut browser, &scene.url(), LOGIN_UI).await);
    }
    let bindings = browser.cookies.keys().filter(|name| name.starts_with(BINDING)).count();
    assert_eq!(bindings, 10);
    let back = scene.accepted("login", challenges.last().unwrap(), json!({"subject": "alice"})).await;
    challenge_for(&browser.get(&back).await, CONSENT_UI);
}

/// A redirect to the app is as long as the app's own state; everything else stays short.
#[actix_web::test]
async fn addresses_stay_short_however_much_the_app_says() {
    let long = |c: char| c.to_string().repeat(2_048);
    let many = vec!["a-class"; 32].join(" ");
    for is_external in [true, false] {
        let scene = match is_external {
            true => Scene::external(Engine::Sqlite).await,
            false => Scene::embedded(Engine::Sqlite).await,
        };
        let ask = scene.ask().with("state", &long('s')).with("nonce", &long('n')).with("login_hint", &long('h'));
        let ask = ask.with("acr_values", &many).with("ui_locales", &many);
        assert!(ask.url().len() > 6_000);
        let mut browser = scene.browser();
        let mut seen = Vec::new();
        let done = if is_external {
            let answer = browser.get(&ask.url()).await;
            seen.push(answer.location().to_owned());
            let login = challenge_for(&answer, LOGIN_UI);
            seen.push(scene.accepted("login", &login, json!({"subject": "alice"})).await);
            let answer = browser.get(seen.last().unwrap()).await;
            seen.push(answer.location().to_owned());
            let consent = challenge_for(&answer, CONSENT_UI);
            seen.push(scene.accepted("consent", &consent, json!({"grant_scope": ["openid"]})).await);
            browser.get(seen.last().unwrap()).await
        } else {
            let mut answer = browser.get(&ask.url()).await;
            while answer.status != 200 {
                seen.push(answer.location().to_owned());
                answer = browser.get(seen.last().unwrap()).await;
            }
            seen.push(Form::of(&answer).action);
            let asked = send_login(&mut browser, &answer, ALICE, PASSWORD).await;
            seen.push(asked.location().to_owned());
            decide(&mut browser, &asked, "accept").await
        };
        assert!(seen.len() >= 4 && seen.iter().all(|url| url.len() < 300), "{seen:#?}");
        assert_eq!(Reply::of(&done).get("state"), Some(long('s').as_str()));
        let cookies: usize = browser.cookies.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        assert!(cookies < 1_024, "{cookies} bytes of cookies");
        assert_eq!(claims(&scene.redeem(&done).await, "id_token")["nonce"], json!(long('n')));
    }
}

/// One of the answers brings a code, the others refuse.
fn one_code(answers: &[Answer]) -> &Answer {
    let (codes, others): (Vec<&Answer>, Vec<&Answer>) =
        answers.iter().partition(|answer| Reply::in_redirect(answer).is_some_and(|reply| reply.get("code").is_some()));
    assert_eq!(codes.len(), 1, "{answers:#?}");
    others.into_iter().for_each(is_refused);
    codes[0]
}

#[actix_web::test]
async fn a_verifier_that_comes_twenty_times_at_once_works_once() {
    for engine in Engine::ALL {
        let scene = Scene::external(engine).await;
        let mut browser = scene.browser();
        let login = to_ui(&mut browser, &scene.url(), LOGIN_UI).await;
        let back = scene.accepted("login", &login, json!({"subject": "alice", "remember": true})).await;
        let answers = together((0..20).map(|_| {
            let (mut browser, back) = (browser.clone(), back.clone());
            async move { browser.get(&back).await }
        }))
        .await;
        let (asked, others): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 302);
        assert_eq!(asked.len(), 1, "{engine:?}: {answers:#?}");
        others.into_iter().for_each(is_refused);

        let consent = challenge_for(asked[0], CONSENT_UI);
        let back = scene.accepted("consent", &consent, json!({"grant_scope": ["openid"]})).await;
        let answers = together((0..20).map(|_| {
            let (mut browser, back) = (browser.clone(), back.clone());
            async move { browser.get(&back).await }
        }))
        .await;
        scene.redeem(one_code(&answers)).await;
    }
}

#[actix_web::test]
async fn a_consent_form_sent_twenty_times_at_once_gives_one_code() {
    for engine in Engine::ALL {
        let scene = Scene::embedded(engine).await;
        let mut browser = scene.browser();
        let asked = log_in(&mut browser, &scene.url(), ALICE, PASSWORD).await;
        let form = Form::of(&browser.visit(asked.location()).await).and("decision", "accept");
        let answers = together((0..20).map(|_| {
            let (mut browser, form) = (browser.clone(), form.clone());
            async move { browser.post(&form.action, &form.fields).await }
        }))
        .await;
        scene.redeem(one_code(&answers)).await;
    }
}

#[actix_web::test]
async fn a_login_form_sent_twenty_times_at_once_makes_one_session_and_one_code() {
    for engine in Engine::ALL {
        let scene = Scene::embedded(engine).await;
        let trusted = scene.server.client(an_app("trusted", &json!({"skip_consent": true}))).await;
        let mut browser = scene.browser();
        let page = browser.visit(&trusted.ask("openid").url()).await;
        let form = Form::of(&page).with("identifier", ALICE).with("password", PASSWORD).and("method", "password");
        let answers = together((0..20).map(|_| {
            let (mut browser, form) = (browser.clone(), form.clone());
            async move { (browser.post(&form.action, &form.fields).await, browser) }
        }))
        .await;
        let codes: Vec<_> =
            answers.iter().filter(|(a, _)| Reply::in_redirect(a).is_some_and(|r| r.get("code").is_some())).collect();
        assert_eq!(codes.len(), 1, "{engine:?}");
        code_in(&trusted, &codes[0].0);
        let sessions: Vec<_> =
            answers.iter().filter(|(_, browser)| browser.cookies.contains_key("ory_kratos_session")).collect();
        assert_eq!(sessions.len(), 1, "{engine:?}");
        for (answer, _) in &answers {
            assert!(answer.status < 400 || answer.status == 403, "{answer:?}");
        }
    }
}
