//! People are made here: traits checked, identifiers and addresses derived, the password hashed, all rows in one write.
//!
//! Not here: registration as a flow (it will call this), logging in ([`super::flow`]).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::credential::{password, policy};
use super::message::Message;
use super::schema::{DerivedAddress, Violation};
use super::{Accounts, schema};
use crate::base::gate::GateError;
use crate::base::{Id, Instant, Secret};
use crate::model::identity::{Address, AddressPurpose, Credential, CredentialKind, IdentityState};
use crate::model::{Fact, Identity, Subject};
use crate::store::{StoreError, Tx, constraint, identities};

/// A person to be made.
#[derive(Clone, Debug)]
pub struct NewPerson {
    /// What is known of them; must follow the schema.
    pub traits: Value,
    /// What they will log in with; `None`: nothing yet.
    pub password: Option<Secret<String>>,
    /// Whether their addresses count as proven, because the operator says so.
    pub verified: bool,
}

/// A person ready to be stored.
#[derive(Clone, Debug)]
pub struct PreparedPerson {
    identity: Identity,
    credentials: Vec<Credential>,
    identifiers: Vec<(CredentialKind, String)>,
    addresses: Vec<Address>,
}

/// Why a person could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Too much to do: try again.
    #[error("the server is busy; try again")]
    Busy,
    /// Something broke.
    #[error(transparent)]
    Internal(StoreError),
    /// Traits or password are not acceptable.
    #[error("{}", told(.0))]
    Invalid(Vec<Violation>),
    /// Somebody else has this identifier or address.
    #[error("somebody with this identifier or address exists already")]
    Taken,
}

fn told(violations: &[Violation]) -> String {
    let lines: Vec<String> = violations.iter().map(|v| format!("{}: {}", v.field, v.message.text)).collect();
    lines.join("\n")
}

impl From<StoreError> for CreateError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::Busy,
            e if e.is_conflict(constraint::IDENTIFIER) || e.is_conflict(constraint::ADDRESS) => Self::Taken,
            other => Self::Internal(other),
        }
    }
}

impl From<GateError> for CreateError {
    fn from(error: GateError) -> Self {
        match error {
            GateError::Busy => Self::Busy,
            GateError::Panicked => Self::Internal(StoreError::Panicked),
        }
    }
}

/// Stores a prepared person.
///
/// # Errors
/// [`StoreError::Conflict`] when somebody has their identifier or address; else as the store.
pub fn apply(tx: &mut Tx, prepared: &PreparedPerson) -> Result<(), StoreError> {
    identities::insert(tx, &prepared.identity, &prepared.credentials, &prepared.identifiers, &prepared.addresses)?;
    tx.record(Fact::IdentityCreated { subject: Subject::new(prepared.identity.id.to_string()) });
    Ok(())
}

impl PreparedPerson {
    /// The person to be.
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }
}

impl Accounts {
    /// Checks a person's traits and password, and hashes the password.
    ///
    /// # Errors
    /// [`CreateError::Invalid`] with everything that is wrong; [`CreateError::Busy`] and [`CreateError::Internal`].
    pub async fn prepare_person(&self, new: NewPerson) -> Result<PreparedPerson, CreateError> {
        let now = self.clock.now();
        let mut faults = Vec::new();
        let derived = self.schema.derive(&new.traits).unwrap_or_else(|found| {
            faults = found;
            schema::Derived::default()
        });
        let names: Vec<String> = derived.identifiers.iter().map(|(_, value)| value.clone()).collect();
        if let Some(Err(message)) = new.password.as_ref().map(|password| policy::check(password.expose(), &names)) {
            faults.push(Violation { field: "password".to_owned(), message });
        }
        if !faults.is_empty() {
            return Err(CreateError::Invalid(faults));
        }
        let id = Id::random(&*self.random);
        let mut credentials = Vec::new();
        if let Some(password) = new.password {
            let config = self.hash(password).await?;
            credentials.push(Credential { identity_id: id, kind: CredentialKind::Password, config, version: 1 });
        }
        let identity = Identity {
            id,
            seq: Id::ordered(now, &*self.random),
            schema_id: self.schema.id().to_owned(),
            state: IdentityState::Active,
            state_changed_at: now,
            traits: new.traits,
            metadata_public: None,
            metadata_admin: None,
            external_id: None,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let of = |address| self.address(id, address, new.verified, now);
        let addresses = derived.addresses.into_iter().map(of).collect();
        Ok(PreparedPerson { identity, credentials, identifiers: derived.identifiers, addresses })
    }

    /// Makes a person in a transaction of its own.
    ///
    /// # Errors
    /// As [`prepare_person`](Self::prepare_person); [`CreateError::Taken`] when somebody has their identifier.
    pub async fn create(&self, new: NewPerson) -> Result<Identity, CreateError> {
        let prepared = self.prepare_person(new).await?;
        let identity = prepared.identity.clone();
        self.store.write(move |tx| apply(tx, &prepared)).await?;
        Ok(identity)
    }

    /// A person as the self-service API shows them to themselves: no credentials, none of the operator's own notes.
    pub fn identity_json(&self, identity: &Identity, addresses: &[Address]) -> Value {
        let of = |purpose| addresses.iter().filter(move |address| address.purpose == purpose);
        let mut body = json!({
            "id": identity.id,
            "schema_id": identity.schema_id,
            "schema_url": self.schema_url(&identity.schema_id),
            "state": identity.state,
            "state_changed_at": identity.state_changed_at.rfc3339(),
            "traits": identity.traits,
            "verifiable_addresses": of(AddressPurpose::Verification).map(verifiable).collect::<Vec<_>>(),
            "recovery_addresses": of(AddressPurpose::Recovery).map(recovery).collect::<Vec<_>>(),
            "metadata_public": identity.metadata_public,
            "organization_id": null,
            "created_at": identity.created_at.rfc3339(),
            "updated_at": identity.updated_at.rfc3339(),
        });
        if let Some(external_id) = &identity.external_id {
            body["external_id"] = json!(external_id);
        }
        body
    }

    /// The addresses of a person.
    ///
    /// # Errors
    /// As the store.
    pub async fn addresses(&self, id: Id<Identity>) -> Result<Vec<Address>, StoreError> {
        self.store.read(move |tx| identities::addresses(tx, id)).await
    }

    /// Where a schema is found: its name in base64url, as the self-service API has it.
    fn schema_url(&self, id: &str) -> String {
        format!("{}/schemas/{}", self.public_url.as_str().trim_end_matches('/'), URL_SAFE_NO_PAD.encode(id))
    }

    async fn hash(&self, password: Secret<String>) -> Result<Value, CreateError> {
        let (passwords, random) = (Arc::clone(&self.passwords), Arc::clone(&self.random));
        let hashed = self.gate.run(move || password::configure(&passwords, &password, &*random)).await?;
        let refused =
            || Violation { field: "password".to_owned(), message: Message::password_refused("it is too long") };
        hashed.map_err(|_| CreateError::Invalid(vec![refused()]))
    }

    fn address(&self, identity_id: Id<Identity>, of: DerivedAddress, verified: bool, now: Instant) -> Address {
        let proven = verified && of.purpose == AddressPurpose::Verification;
        Address {
            id: Id::random(&*self.random),
            identity_id,
            purpose: of.purpose,
            via: of.via,
            value: of.value,
            status: if proven { "completed" } else { "pending" }.to_owned(),
            verified_at: proven.then_some(now),
            created_at: now,
            updated_at: now,
        }
    }
}

fn verifiable(address: &Address) -> Value {
    let mut body = json!({
        "id": address.id,
        "value": address.value,
        "verified": address.verified_at.is_some(),
        "via": address.via,
        "status": address.status,
        "created_at": address.created_at.rfc3339(),
        "updated_at": address.updated_at.rfc3339(),
    });
    if let Some(at) = address.verified_at {
        body["verified_at"] = json!(at.rfc3339());
    }
    body
}

fn recovery(address: &Address) -> Value {
    json!({
        "id": address.id,
        "value": address.value,
        "via": address.via,
        "created_at": address.created_at.rfc3339(),
        "updated_at": address.updated_at.rfc3339(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::identity::testing::{House, RIGHT, without_ids};

    fn new(traits: Value, password: &str) -> NewPerson {
        NewPerson { traits, password: Some(Secret::from(password)), verified: false }
    }

    #[tokio::test]
    async fn a_person_is_made_with_their_addresses() {
        let house = House::new();
        let traits = json!({"email": "Alice@Example.com", "name": {"first": "Alice"}});
        let alice = house.accounts.create(NewPerson { verified: true, ..new(traits, RIGHT) }).await.expect("made");
        let addresses = house.accounts.addresses(alice.id).await.expect("read");
        without_ids(|| insta::assert_json_snapshot!(house.accounts.identity_json(&alice, &addresses)));
    }

    /// attack case: twins that look like one account.
    #[tokio::test]
    async fn look_alikes_of_somebody_are_refused() {
        let (house, _) = House::with_alice().await;
        for twin in ["alice@example.com", "ALICE@EXAMPLE.COM"] {
            let made = house.accounts.create(new(json!({ "email": twin }), RIGHT)).await;
            assert!(matches!(made, Err(CreateError::Taken)), "{twin}");
        }
        for twin in ["ali\u{200B}ce@example.com", "\u{ff41}lice@example.com", " alice@example.com"] {
            assert!(house.accounts.create(new(json!({ "email": twin }), RIGHT)).await.is_err(), "{twin}");
        }
    }

    #[tokio::test]
    async fn everything_wrong_is_told_at_once_and_nothing_is_kept() {
        let house = House::new();
        let made = house.accounts.create(new(json!({"email": "a@b.example", "role": 1}), "short")).await;
        let Err(error @ CreateError::Invalid(_)) = made else { panic!("expected faults") };
        insta::assert_snapshot!(error, @r"
        traits.role: This is not valid: the schema does not know this field.
        password: Choose a longer password: at least 8 characters, not 5.
        ");
        let similar = house.accounts.create(new(json!({"email": "alice@example.com"}), "alice@example.co")).await;
        assert!(matches!(similar, Err(CreateError::Invalid(_))));
        assert!(house.accounts.create(new(json!({"email": "a@b.example"}), RIGHT)).await.is_ok());
    }

    /// attack case: one address registered many times at the same moment.
    #[tokio::test]
    async fn parallel_creations_make_one_person() {
        let house = House::new();
        let tries = (0..20).map(|_| house.accounts.create(new(json!({"email": "alice@example.com"}), RIGHT)));
        let mut prepared = Vec::new();
        for attempt in tries {
            prepared.push(attempt.await);
        }
        assert_eq!(prepared.iter().filter(|made| made.is_ok()).count(), 1);
        assert_eq!(prepared.iter().filter(|made| matches!(made, Err(CreateError::Taken))).count(), 19);
    }
}
