//! Headers of every answer (RFC 6749 §5.1, RFC 9700 §4.16, OWASP): nothing is kept, framed, sniffed or passed on.

use serde_json::json;

use crate::support::app::{ALICE, TestApp};
use crate::support::client::CALLBACK;
use crate::support::http::Answer;

#[track_caller]
fn is_plain(answer: &Answer, what: &str) {
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{what}");
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{what}");
    assert!(answer.header("strict-transport-security").is_some(), "{what}");
    assert!(answer.header("x-request-id").is_some(), "{what}");
    for banner in ["server", "x-powered-by", "via"] {
        assert!(answer.header(banner).is_none(), "{what}: {answer:?}");
    }
}

#[track_caller]
fn is_not_kept(answer: &Answer, what: &str) {
    let cache = answer.header("cache-control").unwrap_or_default();
    assert!(cache.contains("no-store"), "{what}: {answer:?}");
}

#[track_caller]
fn is_guarded_page(answer: &Answer, what: &str) {
    assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{what}");
    let policy = answer.header("content-security-policy").unwrap_or_default();
    for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(part), "{what}: {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{what}: {policy}");
    let page = answer.text();
    for foreign in ["src=\"http", "href=\"//", " onclick=", " onload=", "javascript:"] {
        assert!(!page.contains(foreign), "{what}: {foreign}");
    }
}

/// Slugs: cache-tokens, cache-redirects, no-banner.
#[tokio::test]
async fn no_answer_with_a_secret_is_kept() {
    let app = TestApp::new().await;
    let (client, mut browser) = (app.web_app().await, app.logged_in(ALICE).await);
    let api = app.api("any").await;
    let form = [("grant_type", "client_credentials")];
    let ask = client.ask("openid").url();
    for (what, answer) in [
        ("token", app.token(&api, &form).await),
        ("token error", app.token(&client, &form).await),
        ("token without a client", app.public.post("/oauth2/token", &form).await),
        ("introspection", app.introspect_as(&api, "x").await),
        ("introspection for operators", app.admin.post("/admin/oauth2/introspect", &[("token", "x")]).await),
        ("revocation", app.revoke(&client, "x").await),
        ("userinfo error", app.userinfo("x").await),
        ("userinfo without a token", app.public.get("/userinfo").await),
        ("to the client", browser.get(&ask).await),
        ("to the login page", app.public.get(&ask).await),
        ("error page", app.public.get("/oauth2/auth").await),
        ("login", app.browser().visit("/login").await),
        ("form_post", browser.get(&client.ask("openid").with("response_mode", "form_post").url()).await),
        ("a client", app.admin.get(&format!("/admin/clients/{}", client.id)).await),
        ("clients", app.admin.get("/admin/clients").await),
        ("unknown path", app.public.get("/x").await),
        ("wrong method", app.public.get("/oauth2/token").await),
    ] {
        is_plain(&answer, what);
        is_not_kept(&answer, what);
    }
    for path in ["/.well-known/openid-configuration", "/.well-known/jwks.json"] {
        let answer = app.public.get(path).await;
        is_plain(&answer, path);
        assert_eq!(answer.header("cache-control"), Some("public, max-age=300"), "{path}: may be kept");
        let same = app.public.request("GET", path).header("If-None-Match", answer.header("etag").unwrap());
        assert_eq!(same.send().await.status, 304, "{path}");
    }
}

/// Slugs: framing, page-policy, referrer.
#[tokio::test]
async fn pages_stand_alone() {
    let app = TestApp::new().await;
    let client = app.client(json!({ "redirect_uris": [CALLBACK], "client_name": "an app" })).await;
    let mut browser = app.logged_in(ALICE).await;
    let html = |path: &str| app.public.request("GET", path).header("Accept", "text/html");
    for (what, answer) in [
        ("login", app.browser().visit(&client.ask("openid").url()).await),
        ("consent", browser.visit(&client.ask("openid").url()).await),
        ("logout", browser.visit("/oauth2/sessions/logout").await),
        ("error", html("/oauth2/auth").send().await),
        ("welcome", html("/").send().await),
        ("nothing there", html("/nothing").send().await),
    ] {
        is_plain(&answer, what);
        is_guarded_page(&answer, what);
        let policy = answer.header("content-security-policy").unwrap();
        assert!(!policy.contains("script-src") && !answer.text().contains("<script"), "{what}: {policy}");
    }
}

/// Form Post Response Mode 1.0; slug: form-post-escaping.
#[tokio::test]
async fn the_posted_form_holds_values_and_one_known_script() {
    let app = TestApp::new().await;
    let (client, mut browser) = (app.web_app().await, app.logged_in(ALICE).await);
    let state = "\"><script>alert(1)</script>'&amp;";
    let ask = client.ask("openid").with("response_mode", "form_post").with("state", state);
    let answer = browser.get(&ask.url()).await;
    is_guarded_page(&answer, "form_post");
    let form = crate::support::user_agent::Form::of(&answer);
    assert_eq!(form.values("state"), [state]);
    assert!(!answer.text().contains("<script>alert"), "{answer:?}");
    let policy = answer.header("content-security-policy").unwrap();
    assert!(
        policy.contains("script-src 'sha256-") && policy.contains("form-action 'self' https://rp.example"),
        "{policy}"
    );
}

/// Slugs: reflected-text, client-name-html.
#[tokio::test]
async fn what_others_wrote_is_shown_as_text() {
    let app = TestApp::new().await;
    let evil = "<script>alert(1)</script><img src=x onerror=alert(1)>";
    let client = app.client(json!({ "redirect_uris": [CALLBACK], "client_name": evil })).await;
    let ask = client.ask("openid").with("login_hint", evil).with("ui_locales", evil);
    for answer in [
        app.browser().visit(&ask.url()).await,
        app.logged_in(ALICE).await.visit(&ask.url()).await,
        app.public.get(&format!("/oauth2/auth?client_id={}&error={0}", "%3Cscript%3Ealert(1)%3C/script%3E")).await,
        app.public.get("/%3Cscript%3Ealert(1)%3C/script%3E").await,
    ] {
        let page = answer.text();
        assert!(!page.contains("<script>alert") && !page.contains("<img src=x"), "{answer:?}");
    }
}

/// RFC 6265bis, OWASP; slug: cookie-flags.
#[tokio::test]
async fn cookies_are_for_this_server_alone() {
    let app = TestApp::new().await;
    app.person(ALICE).await;
    let client = app.web_app().await;
    let mut browser = app.browser();
    let begun = browser.get(&client.ask("openid").url()).await;
    let page = browser.follow(begun).await;
    let form = crate::support::user_agent::Form::of(&page).with("identifier", ALICE);
    let form = form.with("password", crate::support::app::PASSWORD).and("method", "password");
    let answer = browser.post(&form.action, &form.fields).await;
    let cookies: Vec<_> = answer.all("set-cookie").map(str::to_owned).collect();
    assert!(cookies.iter().any(|cookie| cookie.starts_with("ory_kratos_session=")), "{answer:?}");
    let begun = app.browser().get(&client.ask("openid").url()).await;
    for cookie in cookies.iter().map(String::as_str).chain(begun.all("set-cookie")) {
        for flag in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(cookie.split("; ").any(|part| part == flag), "{flag}: {cookie}");
        }
        assert!(!cookie.contains("Domain="), "{cookie}");
    }
}
