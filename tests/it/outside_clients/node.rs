//! `openid-client` in Node: `tests/clients/openid-client.mjs` says what it checks.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::support::server::{Server, text};

const CALLBACK: &str = "https://diary.example/callback";

#[actix_web::test]
async fn the_certified_library_for_node_finds_nothing_wrong() {
    let server = Server::dev().await;
    let api = server.api();
    let web = api.register_web_app(CALLBACK, &json!({})).await;
    let machine = api.register_web_app(CALLBACK, &json!({ "grant_types": ["client_credentials"] })).await;
    let looker = json!({ "introspect": "any", "grant_types": [], "response_types": [], "client_name": "API" });
    let looker = api.register(&looker).await;
    let mut command = Command::new("node");
    command.arg("openid-client.mjs").current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients"));
    command.env("ISSUER", server.issuer()).env("REDIRECT_URI", CALLBACK);
    command.env("IDENTIFIER", "alice@example.com").env("PASSWORD", server.secret("DEMO_PASSWORD"));
    for (name, client) in [("WEB", web), ("MACHINE", machine), ("API", looker)] {
        command.env(format!("{name}_CLIENT_ID"), client.id);
        command.env(format!("{name}_CLIENT_SECRET"), client.secret.unwrap());
    }
    let output = command.output().expect("node is installed: `scripts/test` does that");
    let told = text(&output.stdout);
    assert!(output.status.success() && told.ends_with(" passed, 0 failed\n"), "{told}{}", text(&output.stderr));
}
