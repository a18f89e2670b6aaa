//! Puts clients and people of files into the database, once: what is there is left alone until its file changes.
//!
//! Not here: which files (`cli::dev`), what clients may say (`oauth::register`).

use serde_json::{Value, json};

use super::{App, StartError};
use crate::base::Secret;
use crate::crypto::Fingerprints;
use crate::identity::accounts::{CreateError, NewPerson};
use crate::model::client::{Client, ClientSecretHash};
use crate::model::identity::CredentialKind;
use crate::model::{ClientId, Fact};
use crate::oauth::register::{self, ClientDocument};
use crate::store::{Tx, clients, constraint, identities};

/// The member of a client's free metadata that tells which document it was made of.
const MADE_OF: &str = "seed";

impl App {
    /// Registers the client of `document`, or replaces it when it was made of another document. A client that somebody
    /// changed since, or made under this id by hand, stays as it is. Its secret must be one that nobody can guess.
    ///
    /// # Errors
    /// [`StartError::Seed`] when the document is wrong; [`StartError::Store`].
    pub async fn seed_client(&self, document: Value) -> Result<(), StartError> {
        let mark = self.fingerprint(&document)?;
        let mut document: ClientDocument =
            serde_json::from_value(document).map_err(|error| wrong("client", &error.to_string()))?;
        let id = document.client_id.take().unwrap_or_default();
        let id = ClientId::parse(&id).map_err(|why| wrong("client_id", why))?;
        let known = self.store.client(&id).await?;
        if known.as_ref().is_some_and(|client| !is_outdated(client, &mark)) {
            return Ok(());
        }
        document.metadata = Some(json!({ MADE_OF: mark }));
        let metadata = register::check(&document).map_err(|error| wrong(id.as_str(), &error.description))?;
        let now = self.clock.now();
        let secret = document.client_secret.map(Secret::new);
        let hash = |secret: &Secret<String>| ClientSecretHash {
            hash: self.engine.client_secrets.hash_generated(secret),
            created_at: now.micros(),
            expires_at: None,
        };
        let secrets = secret.iter().map(hash).collect();
        let expected = known.as_ref().map(|client| client.version);
        let client = Client {
            version: expected.unwrap_or(0) + 1,
            created_at: known.as_ref().map_or(now, |client| client.created_at),
            updated_at: now,
            id,
            metadata,
            secrets,
        };
        let write = move |tx: &mut Tx| {
            match expected {
                None => {
                    clients::insert(tx, &client)?;
                    tx.record(Fact::ClientCreated { client: client.id.clone() });
                }
                // Whoever changed it in this very moment wins.
                Some(version) if clients::replace(tx, &client, version)? => {
                    tx.record(Fact::ClientUpdated { client: client.id.clone() });
                }
                Some(_) => {}
            }
            Ok(())
        };
        match self.store.write(write).await {
            Err(error) if error.is_conflict(constraint::CLIENT) => Ok(()),
            other => Ok(other?),
        }
    }

    /// Makes a person who logs in by `email`, their addresses proven; somebody who does already stays as they are.
    ///
    /// # Errors
    /// [`StartError::Seed`] when traits or password are not acceptable, or the server is busy; [`StartError::Store`].
    pub async fn seed_person(
        &self,
        email: &'static str,
        traits: Value,
        password: &Secret<String>,
    ) -> Result<(), StartError> {
        let known = self
            .store
            .read(move |tx| identities::find_credential_by_identifier(tx, CredentialKind::Password, email))
            .await?;
        if known.is_some() {
            return Ok(());
        }
        let new = NewPerson { traits, password: Some(password.clone()), verified: true };
        match self.accounts.create(new).await {
            Ok(_) | Err(CreateError::Taken) => Ok(()),
            Err(error) => Err(wrong("person", &error.to_string())),
        }
    }

    fn fingerprint(&self, document: &Value) -> Result<String, StartError> {
        let names = Fingerprints::new(&self.settings.secrets.system, "seed")?;
        let bytes = names.of(&[document.to_string().as_bytes()]);
        Ok(bytes.iter().take(12).map(|byte| format!("{byte:02x}")).collect())
    }
}

/// Whether `client` was seeded from another document than the one of this mark.
fn is_outdated(client: &Client, mark: &str) -> bool {
    client.metadata.metadata.get(MADE_OF).and_then(Value::as_str).is_some_and(|made_of| made_of != mark)
}

fn wrong(what: &str, why: &str) -> StartError {
    StartError::Seed(format!("seed {what}: {why}"))
}
