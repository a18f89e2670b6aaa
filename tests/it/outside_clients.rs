//! Clients that others published, in a page in a real browser.
//!
//! The pages lie in `tests/clients/`, and load the packages from its `node_modules`.

use thirtyfour::By;

use crate::support::browser::Browser;
use crate::support::static_files::StaticFiles;

#[actix_web::test]
async fn the_pages_load_their_libraries() {
    let pages = StaticFiles::serve_clients();
    let browser = Browser::start().await;
    for page in ["page-badgateway", "page-oidc-client-ts"] {
        let client = "client_id=spa&scope=openid%20offline_access";
        let address = format!("{}/{page}/?issuer=http://localhost:4444&{client}", pages.origin());
        browser.goto(address).await.unwrap();
        // A module that does not load, or a library that lost a name, leaves the button without effect.
        let wired = browser.execute("return document.getElementById('login').onclick !== null", []).await.unwrap();
        assert_eq!(wired.json(), true, "{page}: {:?}", browser.complaints().await);
        assert_eq!(browser.find(By::Id("error")).await.unwrap().text().await.unwrap(), "", "{page}");
        assert_eq!(browser.complaints().await, Vec::<String>::new(), "{page}");
    }
}
