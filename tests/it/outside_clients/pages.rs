//! `@badgateway/oauth2-client` and `oidc-client-ts` in pages in a real browser, where a person clicks.

use serde_json::{Value, json};
use thirtyfour::prelude::ElementQueryable;
use thirtyfour::{By, WebElement};

use crate::support::browser::Browser;
use crate::support::server::Server;
use crate::support::static_files::StaticFiles;

/// A public client for the page `name`; its id.
async fn register(server: &Server, origin: &str, name: &str) -> String {
    let document = json!({
        "client_name": name,
        "redirect_uris": [format!("{origin}/{name}/")],
        "allowed_cors_origins": [origin],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": "openid email offline_access",
        "token_endpoint_auth_method": "none",
    });
    server.api().register(&document).await.id
}

/// Answers our login and consent pages.
async fn log_in(browser: &Browser, password: &str) {
    browser.query(By::Name("identifier")).first().await.unwrap().send_keys("alice@example.com").await.unwrap();
    browser.find(By::Name("password")).await.unwrap().send_keys(password).await.unwrap();
    browser.find(By::Css("button[name=method]")).await.unwrap().click().await.unwrap();
    browser.query(By::Css("button[name=decision][value=accept]")).first().await.unwrap().click().await.unwrap();
}

/// The element of the page, once it is there; else what the page complains of.
async fn wait_for(browser: &Browser, css: &str) -> WebElement {
    match browser.query(By::Css(css)).first().await {
        Ok(element) => element,
        Err(_) => {
            let told = browser.find(By::Id("error")).await.unwrap().text().await.unwrap();
            panic!("no {css}: {told} {:?}", browser.complaints().await)
        }
    }
}

/// The JSON that the page shows.
async fn shown(browser: &Browser, id: &str) -> Value {
    let text = wait_for(browser, &format!("#{id}:not(:empty)")).await.text().await.unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Gets tokens in the page `name` and refreshes them; both as the page shows them.
async fn use_page(server: &Server, pages: &StaticFiles, name: &str) -> [Value; 2] {
    let origin = pages.origin();
    let client = register(server, &origin, name).await;
    let browser = Browser::start().await;
    let query = format!("issuer={}&client_id={client}&scope=openid%20email%20offline_access", server.issuer());
    browser.goto(format!("{origin}/{name}/?{query}")).await.unwrap();
    wait_for(&browser, "#login").await.click().await.unwrap();
    log_in(&browser, &server.secret("DEMO_PASSWORD")).await;
    wait_for(&browser, "#refresh:enabled").await.click().await.unwrap();
    let tokens = [shown(&browser, "result").await, shown(&browser, "result2").await];
    browser.screenshot(name).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new(), "{name}");
    tokens
}

#[actix_web::test]
async fn pages_with_published_libraries_log_in_and_refresh() {
    let server = Server::dev().await;
    let api = server.api();
    let pages = StaticFiles::serve_clients();
    for (name, access) in [("page-badgateway", "accessToken"), ("page-oidc-client-ts", "access_token")] {
        let [first, second] = use_page(&server, &pages, name).await;
        let token = |shown: &Value| shown[access].as_str().unwrap().to_owned();
        assert!(!api.is_active(&token(&first)).await, "{name}: it was rotated away");
        let seen = api.introspect(&token(&second)).await;
        assert_eq!((&seen["active"], &seen["scope"]), (&json!(true), &json!("openid email offline_access")), "{name}");
        if name == "page-oidc-client-ts" {
            assert_eq!(second["profile"]["sub"], seen["sub"], "the ID token and userinfo are about the same person");
            assert_eq!(first["profile"]["email"], "alice@example.com");
        }
    }
}
