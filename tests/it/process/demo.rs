//! The journey of a newcomer with a real browser: the demo app, login, consent, tokens, refresh, logout.
//!
//! Each page leaves a picture in `target/screenshots/`.

use std::time::Duration;

use serde_json::Value;
use thirtyfour::prelude::ElementQueryable;
use thirtyfour::{By, WebElement};

use crate::support::browser::Browser;
use crate::support::server::Server;

/// A person at a development server.
struct Visit {
    browser: Browser,
    server: Server,
}

impl Visit {
    async fn begin() -> Self {
        Self { server: Server::dev().await, browser: Browser::start().await }
    }

    /// The element, as soon as the page shows it.
    async fn see(&self, css: &str) -> WebElement {
        let found = self.browser.query(By::Css(css)).and_displayed().first().await;
        match found {
            Ok(element) => element,
            Err(_) => {
                let page = self.browser.find(By::Tag("body")).await.unwrap().text().await.unwrap();
                panic!("no {css} at {}: {page}", self.browser.current_url().await.unwrap())
            }
        }
    }

    async fn click(&self, css: &str) {
        self.see(css).await.click().await.unwrap();
    }

    async fn text(&self, css: &str) -> String {
        self.see(css).await.text().await.unwrap()
    }

    async fn json(&self, css: &str) -> Value {
        let text = self.text(css).await;
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{css} holds no JSON: {text}"))
    }

    /// Waits for the page with this heading. It is asked by a script, as elements of the page before may go any time.
    async fn arrive(&self, heading: &str) {
        const READ: &str = "return document.querySelector('h1')?.textContent.trim()";
        let mut shown = Value::Null;
        for _ in 0..200 {
            if let Ok(answer) = self.browser.execute(READ, []).await {
                shown = answer.json().clone();
            }
            if shown == heading {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not the page {heading:?} but {shown}");
    }

    async fn open(&self, path: &str) {
        self.browser.goto(format!("{}{path}", self.server.issuer())).await.unwrap();
    }

    async fn size(&self, width: u32, height: u32) {
        self.browser.set_window_rect(0, 0, width, height).await.unwrap();
    }

    /// A picture of the page, and of the same on a telephone. Our own forms run no script.
    async fn picture_of_our_page(&self, name: &str) {
        let scripts = self.browser.execute("return document.scripts.length", []).await.unwrap();
        assert_eq!(scripts.json(), 0, "{name} works without scripts");
        self.size(1280, 1100).await;
        self.browser.screenshot(name).await;
        self.size(500, 1100).await;
        self.browser.screenshot(&format!("{name}-narrow")).await;
        self.size(1280, 900).await;
    }

    async fn log_in(&self, password: &str) {
        let field = self.see("input[name=identifier]").await;
        field.clear().await.unwrap();
        field.send_keys("alice@example.com").await.unwrap();
        self.see("input[name=password]").await.send_keys(password).await.unwrap();
        self.click("button[name=method]").await;
    }

    /// A button of the demo app; what it answered, once it has.
    async fn press(&self, button: &str, status: &str) -> Value {
        self.click(&format!("#{button}")).await;
        let done = self.browser.query(By::Id("status")).with_text(status.to_owned()).first().await;
        assert!(done.is_ok(), "{button}: {}", self.text("body").await);
        self.json("#output").await
    }

    async fn no_complaints(&self) {
        assert_eq!(self.browser.complaints().await, Vec::<String>::new());
    }
}

#[actix_web::test]
async fn a_newcomer_walks_through_the_demo_app() {
    let visit = Visit::begin().await;
    visit.browser.goto(format!("http://localhost:{}/", visit.server.home.demo)).await.unwrap();
    visit.see("body[data-state=out] #login").await;
    visit.browser.screenshot("demo-1-logged-out").await;
    visit.click("#login").await;

    visit.see("input[name=identifier]").await;
    visit.picture_of_our_page("login").await;
    visit.log_in("not her password").await;
    visit.see("[role=alert]").await;
    visit.picture_of_our_page("login-refused").await;
    visit.log_in(&visit.server.secret("DEMO_PASSWORD")).await;

    visit.see("button[name=decision][value=accept]").await;
    visit.picture_of_our_page("consent").await;
    visit.click("button[name=decision][value=accept]").await;

    visit.see("body[data-state=in] #person").await;
    visit.size(1280, 1700).await;
    visit.browser.screenshot("demo-2-logged-in").await;
    let claims = visit.json("#id-token").await["claims"].take();
    assert_eq!(claims["email"], "alice@example.com");
    assert_eq!(claims["iss"], visit.server.issuer());
    let checks = visit.browser.find_all(By::Css("#checks li")).await.unwrap();
    assert!(checks.len() >= 12, "only {} checks", checks.len());

    use_the_tokens(&visit, &claims["sub"]).await;
    log_out(&visit).await;
    visit.no_complaints().await;
}

async fn use_the_tokens(visit: &Visit, subject: &Value) {
    let userinfo = visit.press("userinfo", "Userinfo answered.").await;
    assert_eq!(&userinfo["sub"], subject);
    let hello = visit.press("call-api", "The API answered.").await;
    assert_eq!(&hello["subject"], subject);
    visit.browser.screenshot("demo-3-api-called").await;
    let before = visit.text("#access-token").await;
    let refreshed = visit.press("refresh", "New tokens.").await;
    assert_eq!(refreshed["refreshed"], true);
    assert_ne!(visit.text("#access-token").await, before);
    assert_eq!(&visit.press("call-api", "The API answered.").await["subject"], subject);
}

async fn log_out(visit: &Visit) {
    visit.size(1280, 900).await;
    visit.click("#logout").await;
    visit.see("body[data-state=out] #login").await;
    assert_eq!(visit.text("#status").await, "You are logged out, here and at the server.");
    visit.browser.screenshot("demo-4-logged-out").await;
    // The server forgot as well: it asks again.
    visit.click("#login").await;
    visit.see("input[name=password]").await;
}

#[actix_web::test]
async fn our_other_pages_say_what_they_are() {
    let visit = Visit::begin().await;
    visit.open("/").await;
    visit.see("h1").await;
    visit.picture_of_our_page("welcome").await;

    visit.open("/login").await;
    visit.log_in(&visit.server.secret("DEMO_PASSWORD")).await;
    visit.arrive("Sallyport is running").await;
    visit.open("/oauth2/sessions/logout").await;
    visit.see("button[name=decision][value=accept]").await;
    visit.picture_of_our_page("logout").await;
    visit.click("button[name=decision][value=accept]").await;
    visit.arrive("You are logged out").await;
    visit.picture_of_our_page("logged-out").await;
    visit.no_complaints().await;

    visit.open("/oauth2/auth?client_id=nobody&response_type=code").await;
    visit.see("h1").await;
    visit.picture_of_our_page("error").await;
    visit.open("/nowhere").await;
    visit.see("h1").await;
    visit.picture_of_our_page("not-found").await;
}
