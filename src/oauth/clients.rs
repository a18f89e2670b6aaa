//! Registers, replaces and removes clients: what the admin API, the command line and manifests have in common.
//!
//! Not here: which metadata is right ([`super::register`]), how a client proves itself ([`super::client_auth`]).

use super::Engine;
use super::error::{ErrorCode, OAuthError};
use super::register::{self, ClientDocument, MIN_SECRET};
use crate::base::{Id, Instant, Secret};
use crate::crypto::client_secret;
use crate::model::client::{Client, ClientMetadata, ClientSecretHash};
use crate::model::{AuthMethod, ClientId, Fact};
use crate::store::{StoreError, clients, constraint};

/// Longest secret that may be chosen, in bytes.
const MAX_SECRET: usize = 512;
/// How often a replacement is tried when others change the same client.
const ATTEMPTS: usize = 3;

/// Why a client is not changed.
#[derive(Debug)]
pub enum ClientFailure {
    /// A client of that id exists.
    Exists,
    /// The document is wrong, or storage does not answer.
    Refused(OAuthError),
    /// There is no client of that id.
    Unknown,
}

impl From<OAuthError> for ClientFailure {
    fn from(error: OAuthError) -> Self {
        Self::Refused(error)
    }
}

impl From<StoreError> for ClientFailure {
    fn from(error: StoreError) -> Self {
        if error.is_conflict(constraint::CLIENT) { Self::Exists } else { Self::Refused(error.into()) }
    }
}

/// A client as it is now, with the secret that was just set, which cannot be shown again.
pub struct Registered {
    /// The client.
    pub client: Client,
    /// Its new secret in the clear, if it got one.
    pub secret: Option<Secret<String>>,
}

impl Registered {
    /// The wire form, with the new secret.
    pub fn document(&self) -> ClientDocument {
        let mut document = ClientDocument::of(&self.client);
        document.client_secret = self.secret.as_ref().map(|s| s.expose().clone());
        document
    }
}

impl Engine {
    /// Registers a client. Without an id it gets a UUID; without a secret, one of 26 characters if it needs one.
    ///
    /// # Errors
    /// [`ClientFailure::Exists`] when the id is taken; `invalid_client_metadata` and `invalid_redirect_uri`.
    pub async fn create_client(&self, document: ClientDocument) -> Result<Registered, ClientFailure> {
        let metadata = register::check(&document)?;
        let id = match document.client_id.as_deref() {
            None | Some("") => ClientId::new(Id::<Client>::random(&*self.random).to_string()),
            Some(chosen) => ClientId::parse(chosen).map_err(|s| refused(format!("client_id: {s}")))?,
        };
        let now = self.clock.now();
        let (secret, secrets) = self.new_secret(&metadata, chosen_secret(&document)?, true, now).await?;
        let client = Client { id, version: 1, metadata, secrets, created_at: now, updated_at: now };
        let row = client.clone();
        self.store
            .write(move |tx| {
                clients::insert(tx, &row)?;
                tx.record(Fact::ClientCreated { client: row.id.clone() });
                Ok(())
            })
            .await?;
        Ok(Registered { client, secret })
    }

    /// Puts a whole document in the place of a client's. Without a secret in it, the client keeps the one it has.
    ///
    /// # Errors
    /// [`ClientFailure::Unknown`] when there is none; `invalid_client_metadata` and `invalid_redirect_uri`.
    pub async fn replace_client(&self, id: &ClientId, document: ClientDocument) -> Result<Registered, ClientFailure> {
        let metadata = register::check(&document)?;
        let chosen = chosen_secret(&document)?;
        for _ in 0..ATTEMPTS {
            let known = self.store.client(id).await?.ok_or(ClientFailure::Unknown)?;
            let now = self.clock.now();
            let needs_one = known.secrets.is_empty();
            let (secret, secrets) = self.new_secret(&metadata, chosen.clone(), needs_one, now).await?;
            let is_public = metadata.token_endpoint_auth_method == AuthMethod::None;
            let client = Client {
                id: known.id.clone(),
                version: known.version + 1,
                metadata: metadata.clone(),
                secrets: if secrets.is_empty() && !is_public { known.secrets.clone() } else { secrets },
                created_at: known.created_at,
                updated_at: now,
            };
            let (row, expected) = (client.clone(), known.version);
            let replaced = self
                .store
                .write(move |tx| {
                    let replaced = clients::replace(tx, &row, expected)?;
                    if replaced {
                        tx.record(Fact::ClientUpdated { client: row.id.clone() });
                    }
                    Ok(replaced)
                })
                .await?;
            if replaced {
                return Ok(Registered { client, secret });
            }
        }
        Err(OAuthError::busy().into())
    }

    /// Removes a client; its tokens are dead from then on.
    ///
    /// # Errors
    /// [`ClientFailure::Unknown`] when there is none.
    pub async fn delete_client(&self, id: &ClientId) -> Result<(), ClientFailure> {
        let gone = id.clone();
        let deleted = self
            .store
            .write(move |tx| {
                let deleted = clients::delete(tx, &gone)?;
                if deleted {
                    tx.record(Fact::ClientDeleted { client: gone.clone() });
                }
                Ok(deleted)
            })
            .await?;
        if deleted { Ok(()) } else { Err(ClientFailure::Unknown) }
    }

    /// The secret in the clear and in its stored form: the chosen one, a generated one if one is needed, or none.
    async fn new_secret(
        &self,
        metadata: &ClientMetadata,
        chosen: Option<Secret<String>>,
        needs_one: bool,
        now: Instant,
    ) -> Result<(Option<Secret<String>>, Vec<ClientSecretHash>), OAuthError> {
        if metadata.token_endpoint_auth_method == AuthMethod::None {
            return match chosen {
                None => Ok((None, Vec::new())),
                Some(_) => Err(refused(
                    "client_secret: a client with token_endpoint_auth_method none has no secret; leave one of the two out",
                )),
            };
        }
        let (secret, hash) = match chosen {
            Some(secret) => {
                let (hasher, random, plain) = (self.client_secrets.clone(), self.random.clone(), secret.clone());
                let hash = self.gate.run(move || hasher.hash_chosen(&plain, &*random)).await??;
                (secret, hash)
            }
            None if needs_one => {
                let secret = client_secret::generate(&*self.random);
                let hash = self.client_secrets.hash_generated(&secret);
                (secret, hash)
            }
            None => return Ok((None, Vec::new())),
        };
        Ok((Some(secret), vec![ClientSecretHash { hash, created_at: now.micros(), expires_at: None }]))
    }
}

/// The secret in the document, if it is long enough.
fn chosen_secret(document: &ClientDocument) -> Result<Option<Secret<String>>, OAuthError> {
    let Some(secret) = document.client_secret.as_deref().filter(|s| !s.is_empty()) else { return Ok(None) };
    if secret.chars().count() < MIN_SECRET || secret.len() > MAX_SECRET {
        return Err(refused("client_secret: must have 6 characters at least and 512 bytes at most"));
    }
    if secret.chars().any(char::is_control) {
        return Err(refused("client_secret: must not hold control characters"));
    }
    Ok(Some(Secret::from(secret)))
}

fn refused(description: impl Into<std::borrow::Cow<'static, str>>) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidClientMetadata, description)
}
