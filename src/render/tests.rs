//! Every page is made from samples: plain, bare and hostile. Nothing may be missing, nothing may stay unescaped.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use scraper::{Html, Selector};
use serde_json::{Value, json};

use super::*;

/// Every sample text with which somebody could try to leave the place it is written in.
const HOSTILE: &[&str] = &[
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' autofocus onfocus='alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "\u{202e}gpj.exe\u{202c}\u{0000}",
    "</title></bdi></form><form action=https://evil.example>",
    "javascript:alert(1)",
    "&lt;b&gt;&#x3c;i&#x3e;",
];

fn login_ui(text: &str) -> Value {
    let field = |group: &str, name: &str, kind: &str, extra: Value| {
        let mut attributes =
            json!({"name": name, "type": kind, "required": true, "disabled": false, "node_type": "input"});
        for (key, value) in extra.as_object().into_iter().flatten() {
            attributes[key] = value.clone();
        }
        json!({"type": "input", "group": group, "attributes": attributes,
            "messages": [{"id": 4_000_002, "text": text, "type": "error", "context": {}}],
            "meta": {"label": {"id": 1_070_004, "text": text, "type": "info"}}})
    };
    json!({
        "action": "http://localhost:4444/self-service/login?flow=1", "method": "POST",
        "messages": [{"id": 4_000_006, "text": text, "type": "error"}, {"id": 1, "text": text, "type": "info"}],
        "nodes": [
            field("default", "csrf_token", "hidden", json!({"value": text})),
            field("default", "identifier", "email", json!({"value": text, "autocomplete": "username", "pattern": text})),
            field("password", "password", "password", json!({"autocomplete": "current-password", "maxlength": 72})),
            field("password", "remember", "checkbox", json!({"value": true})),
            field("password", "method", "submit", json!({"value": "password"})),
            field("oidc", text, "submit", json!({"value": text})),
            field("passkey", "passkey_trigger", "button", json!({"onclickTrigger": text})),
            {"type": "text", "group": "totp", "attributes": {"id": "t", "text": {"id": 1, "text": text, "type": "info"}}},
            {"type": "a", "group": "totp", "attributes": {"href": "/recovery", "title": {"id": 1, "text": text}}},
            {"type": "a", "group": "totp", "attributes": {"href": text, "title": {"id": 1, "text": text}}},
            {"type": "img", "group": "totp", "attributes": {"src": "data:image/png;base64,AA=="}},
        ],
    })
}

fn client(text: &str, uri: Option<&str>) -> ClientView {
    let uri = uri.map(str::to_owned);
    ClientView {
        name: text.to_owned(),
        logo_uri: uri.clone(),
        client_uri: uri.clone(),
        policy_uri: uri.clone(),
        tos_uri: uri,
    }
}

/// Every page with all its parts, each text being `text` and each address of a client `uri`.
fn full(pages: &Pages, text: &str, uri: &str) -> Vec<(&'static str, Result<String, RenderError>)> {
    let own = |text: &str| text.to_owned();
    let link = Some(Link { href: "/login".to_owned(), text: own(text) });
    let client = client(text, Some(uri));
    let person = PersonView { name: own(text), switch_url: Some("/logout".to_owned()) };
    let login = LoginPage {
        client: Some(client.clone()),
        ui: Ui::read(login_ui(text)).expect("a form"),
        login_hint: Some(own(text)),
        reauthenticate: true,
    };
    let consent = ConsentPage {
        action: "/consent".to_owned(),
        consent_challenge: own(text),
        csrf_token: own(text),
        client: client.clone(),
        person: person.clone(),
        scopes: vec![scope_words("openid"), scope_words("email"), scope_words(text)],
        can_remember: true,
        returns_to: Some(own(text)),
    };
    let logout = LogoutPage {
        action: "/logout".to_owned(),
        logout_challenge: own(text),
        csrf_token: own(text),
        client: Some(client),
        person: Some(person),
    };
    let error = ErrorPage {
        title: own(text),
        happened: own(text),
        advice: Some(own(text)),
        code: Some(own(text)),
        request_id: Some(own(text)),
        back: link.clone(),
    };
    let form_post = FormPostPage {
        action: "https://app.example/cb?a=1&b=\"2".to_owned(),
        client_name: Some(own(text)),
        fields: vec![("state".to_owned(), own(text)), (own(text), own(text))],
    };
    let welcome = WelcomePage {
        issuer: own(text),
        discovery_url: "/.well-known/openid-configuration".to_owned(),
        jwks_url: "/.well-known/jwks.json".to_owned(),
        links: link.clone().into_iter().collect(),
    };
    vec![
        ("login", pages.fill("login.html", &login.view())),
        ("consent", pages.fill("consent.html", &consent)),
        ("logout", pages.fill("logout.html", &logout)),
        ("logged_out", pages.fill("logged_out.html", &LoggedOutPage { next: link })),
        ("error", pages.fill("error.html", &error)),
        ("form_post", pages.fill("form_post.html", &form_post)),
        ("welcome", pages.fill("welcome.html", &welcome)),
    ]
}

/// Every page with everything optional left out.
fn bare(pages: &Pages) -> Vec<(&'static str, Result<String, RenderError>)> {
    let ui = Ui::read(json!({"action": "/x", "method": "POST"})).expect("a form");
    let login = LoginPage { client: None, ui, login_hint: None, reauthenticate: false };
    vec![
        ("login", pages.fill("login.html", &login.view())),
        ("consent", pages.fill("consent.html", &ConsentPage::default())),
        ("logout", pages.fill("logout.html", &LogoutPage::default())),
        ("logged_out", pages.fill("logged_out.html", &LoggedOutPage::default())),
        ("error", pages.fill("error.html", &ErrorPage::default())),
        ("form_post", pages.fill("form_post.html", &FormPostPage::default())),
        ("welcome", pages.fill("welcome.html", &WelcomePage::default())),
    ]
}

/// What a browser makes of a page: every element, with its name and the names of its attributes.
fn skeleton(html: &str) -> Vec<String> {
    let all = Selector::parse("*").expect("a selector");
    let elements = Html::parse_document(html);
    let shape = |e: scraper::ElementRef<'_>| {
        let mut names: Vec<&str> = e.value().attrs().map(|(name, _)| name).collect();
        names.sort_unstable();
        format!("{} {}", e.value().name(), names.join(" "))
    };
    elements.select(&all).map(shape).collect()
}

#[test]
fn every_page_is_made_with_and_without_its_optional_parts() {
    let pages = Pages::new().expect("templates parse");
    for (name, page) in full(&pages, "Ann", "https://app.example/").into_iter().chain(bare(&pages)) {
        let html = page.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let document = Html::parse_document(&html);
        assert!(html.starts_with("<!doctype html>") && html.contains(&assets::stylesheet().path), "{name}");
        let h1 = Selector::parse("h1").expect("a selector");
        assert_eq!(document.select(&h1).count(), 1, "{name} has one heading");
        assert!(document.errors.is_empty(), "{name}: {:?}", document.errors);
    }
}

#[test]
fn hostile_text_changes_no_element_and_no_attribute() {
    let pages = Pages::new().expect("templates parse");
    let plain = full(&pages, "Ann", "https://app.example/");
    let long = "ä".repeat(10 * 1024);
    for text in HOSTILE.iter().copied().chain([long.as_str()]) {
        for ((name, page), (_, calm)) in full(&pages, text, "https://app.example/").iter().zip(&plain) {
            let html = page.as_ref().unwrap_or_else(|error| panic!("{name}: {error:?}"));
            let calm = calm.as_ref().unwrap_or_else(|error| panic!("{name}: {error:?}"));
            assert_eq!(skeleton(html), skeleton(calm), "{name} with {text:?}");
            let words: String = Html::parse_document(html).root_element().text().collect();
            assert!(!words.contains('\u{202e}'), "{name} with {text:?}");
        }
    }
}

#[test]
fn an_address_that_is_not_a_web_address_is_no_link() {
    let pages = Pages::new().expect("templates parse");
    for uri in ["javascript:alert(1)", "data:text/html,x", "//evil.example", "vbscript:x"] {
        for (name, page) in full(&pages, "Ann", uri) {
            let html = page.unwrap_or_else(|error| panic!("{name}: {error:?}"));
            let linked = Selector::parse("[href], [src], form[action]").expect("a selector");
            for element in Html::parse_document(&html).select(&linked) {
                for attribute in ["href", "src", "action"] {
                    assert_ne!(element.value().attr(attribute), Some(uri), "{name}");
                }
            }
        }
    }
}

#[test]
fn pages_run_no_script_but_the_one_whose_hash_is_known() {
    let pages = Pages::new().expect("templates parse");
    let script = Selector::parse("script").expect("a selector");
    for (name, page) in full(&pages, "Ann", "https://app.example/") {
        let html = page.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let scripts: Vec<String> = Html::parse_document(&html).select(&script).map(|s| s.inner_html()).collect();
        let expected: &[&str] = if name == "form_post" { &[FORM_POST_SCRIPT] } else { &[] };
        assert_eq!(scripts, expected, "{name}");
        assert!(!html.contains(" style="), "{name}: the policy allows no inline style");
    }
    let hash = STANDARD.encode(digest::digest(&digest::SHA256, FORM_POST_SCRIPT.as_bytes()));
    assert_eq!(FORM_POST_SCRIPT_HASH, format!("'sha256-{hash}'"));
}

#[test]
fn form_post_carries_every_value_unchanged() {
    let pages = Pages::new().expect("templates parse");
    let input = Selector::parse("input").expect("a selector");
    for text in HOSTILE.iter().filter(|text| !text.contains('\u{0000}')) {
        let action = "https://app.example/cb?a=1&b=%22";
        let fields = vec![("state".to_owned(), (*text).to_owned()), ("code".to_owned(), "c".to_owned())];
        let html = pages.form_post(&FormPostPage { action: action.to_owned(), client_name: None, fields });
        let document = Html::parse_document(&html);
        let sent: Vec<_> = document.select(&input).map(|i| (i.attr("name"), i.attr("value"))).collect();
        assert_eq!(sent, [(Some("state"), Some(*text)), (Some("code"), Some("c"))]);
        let form = Selector::parse("form[method=post]").expect("a selector");
        assert_eq!(document.select(&form).next().and_then(|f| f.attr("action")), Some(action));
    }
}

#[test]
fn messages_are_tied_to_their_field_and_passwords_never_come_back() {
    let mut ui = login_ui("wrong");
    ui["nodes"][2]["attributes"]["value"] = json!("hunter2");
    let page = LoginPage { client: None, ui: Ui::read(ui).expect("a form"), login_hint: None, reauthenticate: false };
    let html = Pages::new().expect("templates parse").login(&page);
    assert!(!html.contains("hunter2"));
    let document = Html::parse_document(&html);
    let password = Selector::parse("input[name=password][aria-invalid=true]").expect("a selector");
    let described = document.select(&password).next().and_then(|i| i.attr("aria-describedby")).expect("described");
    let help = Selector::parse(&format!("#{described}")).expect("a selector");
    assert!(document.select(&help).next().is_some_and(|h| h.text().any(|t| t == "wrong")));
    let alert = Selector::parse("[role=alert]").expect("a selector");
    assert_eq!(document.select(&alert).count(), 2);
}

#[test]
fn a_person_who_logs_in_again_sees_as_whom() {
    let mut ui = login_ui("x");
    ui["nodes"][1]["attributes"]["type"] = json!("hidden");
    ui["nodes"][1]["attributes"]["value"] = json!("ann@example.com");
    let ui = Ui::read(ui).expect("a form");
    for client in [None, Some(client("Notes", None))] {
        let page = LoginPage { client, ui: ui.clone(), login_hint: None, reauthenticate: true };
        let html = Pages::new().expect("templates parse").login(&page);
        let who = Selector::parse(".lead .who").expect("a selector");
        let shown: Vec<String> = Html::parse_document(&html).select(&who).map(|e| e.text().collect()).collect();
        assert_eq!(shown, ["ann@example.com"]);
    }
}

#[test]
fn consent_sends_what_it_must_and_offers_the_rest() {
    let page =
        ConsentPage { scopes: ["openid", "email", "photos.read"].map(scope_words).to_vec(), ..ConsentPage::default() };
    let html = Pages::new().expect("templates parse").consent(&page);
    let document = Html::parse_document(&html);
    let scopes = Selector::parse("input[name=grant_scope]").expect("a selector");
    let offered: Vec<_> = document.select(&scopes).map(|i| (i.attr("type"), i.attr("value"))).collect();
    let boxes = |name| (Some("checkbox"), Some(name));
    assert_eq!(offered, [(Some("hidden"), Some("openid")), boxes("email"), boxes("photos.read")]);
    let remember = Selector::parse("input[name=remember]").expect("a selector");
    assert_eq!(document.select(&remember).count(), 0, "not offered unless it may be");
}

#[test]
fn a_page_that_cannot_be_filled_says_so_plainly() {
    let pages = Pages::new().expect("templates parse");
    assert!(pages.fill("error.html", &json!({"title": "x"})).is_err(), "a missing variable is an error");
    assert_eq!(pages.show("error.html", &json!({"title": "x"})), LAST_RESORT);
}
