//! The demo clients: documents inside the binary, with the secrets and ports of this folder put in.

use serde_json::Value;

use super::secrets::DevSecrets;
use crate::config::document;

/// The demo app.
pub(super) const SPA: &str = "demo-spa";
/// The demo API.
pub(super) const API: &str = "demo-api";

/// Each document, and what its client is.
const DOCUMENTS: &[(&str, &str)] = &[
    ("the demo app: a page with PKCE", include_str!("../../../clients/dev/demo-spa.yaml")),
    ("a web app with a secret", include_str!("../../../clients/dev/demo-web.yaml")),
    ("a program: client_credentials", include_str!("../../../clients/dev/demo-machine.yaml")),
    ("an API: introspects tokens for it", include_str!("../../../clients/dev/demo-api.yaml")),
];

/// A demo client.
pub(super) struct DemoClient {
    pub id: String,
    pub what: String,
    pub secret: Option<String>,
    pub document: Value,
}

/// All demo clients, in the order they are shown.
///
/// # Errors
/// A sentence when a document inside the binary is none.
pub(super) fn all(secrets: &DevSecrets, demo_port: u16) -> Result<Vec<DemoClient>, String> {
    let made = |(what, text): &(&str, &str)| {
        let mut document = document::parse(text)?;
        fill(&mut document, secrets, demo_port)?;
        let word = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(DemoClient {
            id: word("client_id").ok_or("a client without client_id")?,
            what: (*what).to_owned(),
            secret: word("client_secret"),
            document,
        })
    };
    DOCUMENTS.iter().map(made).collect()
}

/// Puts secrets in the place of `${NAME}`, and the demo app's port in the place of the usual one.
fn fill(value: &mut Value, secrets: &DevSecrets, demo_port: u16) -> Result<(), String> {
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(|item| fill(item, secrets, demo_port)),
        Value::Object(members) => members.values_mut().try_for_each(|member| fill(member, secrets, demo_port)),
        Value::String(text) => {
            if let Some(name) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
                let secret = secrets.named(name).ok_or_else(|| format!("there is no development secret {name}"))?;
                secret.expose().clone_into(text);
            } else if text.contains("://") {
                *text = text.replace(":4446", &format!(":{demo_port}"));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SeededRandom;
    use crate::oauth::register::{self, ClientDocument};

    #[test]
    fn every_document_is_a_client() {
        let folder = tempfile::tempdir().expect("a folder");
        let secrets = DevSecrets::load_or_make(folder.path(), &SeededRandom::new(1)).expect("secrets");
        let clients = all(&secrets, 1234).expect("documents");
        assert_eq!(clients.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), [SPA, "demo-web", "demo-machine", API]);
        for client in clients {
            let text = client.document.to_string();
            assert!(!text.contains("4446") && !text.contains("${"), "{text}");
            let document: ClientDocument = serde_json::from_value(client.document).expect("registered names only");
            let metadata = register::check(&document).unwrap_or_else(|e| panic!("{}: {}", client.id, e.description));
            let is_public = metadata.token_endpoint_auth_method == crate::model::AuthMethod::None;
            assert_eq!(client.secret.is_none(), is_public, "{}", client.id);
        }
    }
}
