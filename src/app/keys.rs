//! The signing keys of a tenant: read from the database and opened, made and sealed when there are none yet.
//!
//! Several servers may start together on one database. Each makes what it misses, the database lets the first one in
//! (at most one active key an algorithm), and all of them end with the same set. Not here: rotation.

use std::sync::Arc;

use crate::base::{Clock, Instant, Random, Secret, SigningAlg};
use crate::crypto::{KeyState, Keyring, Purpose, Sealer, SigningKey};
use crate::model::Tenant;
use crate::store::keys::{self, StoredKey};
use crate::store::{Store, StoreError};

use super::StartError;

/// Size of new RSA keys; NIST SP 800-57 trusts it beyond 2030.
const RSA_BITS: u32 = 3_072;

/// What opens, seals and dates keys.
pub(super) struct KeyRoom<'a> {
    pub store: &'a Store,
    pub sealer: &'a Sealer,
    pub clock: &'a dyn Clock,
    pub random: &'a dyn Random,
}

impl KeyRoom<'_> {
    /// The keyring of the store's tenant, with an active key for every algorithm.
    ///
    /// # Errors
    /// [`StartError::Keys`] when a key was sealed with a secret that is not in `secrets.system` any more.
    pub(super) async fn keyring(&self) -> Result<Keyring, StartError> {
        let mut stored = self.store.read(keys::all).await?;
        let missing: Vec<SigningAlg> = SigningAlg::ALL.into_iter().filter(|alg| !has_active(&stored, *alg)).collect();
        if !missing.is_empty() {
            let made = self.make(missing).await?;
            stored = self.add(made).await?;
        }
        self.open(&stored)
    }

    async fn make(&self, missing: Vec<SigningAlg>) -> Result<Vec<StoredKey>, StartError> {
        let generate = move || missing.into_iter().map(|alg| SigningKey::generate(alg, RSA_BITS)).collect();
        let keys: Result<Vec<SigningKey>, _> = tokio::task::spawn_blocking(generate)
            .await
            .map_err(|_| StartError::Keys("making signing keys failed; start again".to_owned()))?;
        let now = self.clock.now();
        Ok(keys?.iter().map(|key| self.seal(key, now)).collect())
    }

    fn seal(&self, key: &SigningKey, now: Instant) -> StoredKey {
        let aad = belonging(self.store.tenant(), key.kid());
        let sealed = self.sealer.seal(Purpose::SigningKey, &aad, key.to_private_jwk().expose().as_bytes(), self.random);
        StoredKey {
            kid: key.kid().to_owned(),
            alg: key.alg().as_str().to_owned(),
            state: KeyState::Active.as_str().to_owned(),
            sealed,
            created_at: now,
            state_changed_at: now,
        }
    }

    /// Adds what is still missing, all of it or nothing; whoever comes second takes what the first one made.
    async fn add(&self, made: Vec<StoredKey>) -> Result<Vec<StoredKey>, StartError> {
        let added = self
            .store
            .write(move |tx| {
                let present = keys::all(tx)?;
                for key in made.iter().filter(|key| !present.iter().any(|p| p.alg == key.alg && is_active(p))) {
                    keys::insert(tx, key)?;
                }
                keys::all(tx)
            })
            .await;
        match added {
            Err(StoreError::Conflict { .. }) => Ok(self.store.read(keys::all).await?),
            other => Ok(other?),
        }
    }

    fn open(&self, stored: &[StoredKey]) -> Result<Keyring, StartError> {
        let mut opened = Vec::with_capacity(stored.len());
        // The newest first: of several active keys it signs.
        for row in stored.iter().rev() {
            let state: KeyState = row.state.parse().map_err(|_| {
                StartError::Keys(format!("signing key {}: its state in the database is not known here", row.kid))
            })?;
            opened.push((state, Arc::new(self.open_one(row)?)));
        }
        Ok(Keyring::new(opened)?)
    }

    fn open_one(&self, row: &StoredKey) -> Result<SigningKey, StartError> {
        let aad = belonging(self.store.tenant(), &row.kid);
        let plain = self.sealer.open(Purpose::SigningKey, &aad, &row.sealed).ok_or_else(|| {
            StartError::Keys(format!(
                "signing key {} cannot be opened: secrets.system lacks the secret it was sealed with; \
                 write the earlier secret behind the new one",
                row.kid
            ))
        })?;
        let unreadable = || StartError::Keys(format!("signing key {}: the database holds no readable key", row.kid));
        let jwk = std::str::from_utf8(plain.expose()).map_err(|_| unreadable())?;
        SigningKey::from_private_jwk(&Secret::from(jwk)).map_err(|_| unreadable())
    }
}

/// What a sealed key belongs to: a row cannot be moved to another tenant or name.
fn belonging(tenant: &Tenant, kid: &str) -> Vec<u8> {
    format!("{}\n{kid}", tenant.as_str()).into_bytes()
}

fn is_active(key: &StoredKey) -> bool {
    key.state == KeyState::Active.as_str()
}

fn has_active(stored: &[StoredKey], alg: SigningAlg) -> bool {
    stored.iter().any(|key| key.alg == alg.as_str() && is_active(key))
}
