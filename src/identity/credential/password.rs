//! Passwords: the form's fields, the check, and the new hash when the old one is out of date.
//!
//! Not here: which new passwords are accepted ([`super::policy`]), hashing itself (`crypto`), counting attempts
//! ([`crate::identity::throttle`]).

use std::sync::Arc;

use serde_json::{Value, json};

use super::{LoginFields, LoginForm, Method, Verdict, policy};
use crate::base::{Random, Secret};
use crate::crypto::{CryptoError, Passwords};
use crate::identity::message::Message;
use crate::identity::ui::{Group, InputType, Node};
use crate::model::identity::{Credential, CredentialKind};

const HASH: &str = "hashed_password";

/// The password method.
#[derive(Debug)]
pub struct PasswordMethod {
    passwords: Arc<Passwords>,
}

impl PasswordMethod {
    /// The method over this hasher.
    pub const fn new(passwords: Arc<Passwords>) -> Self {
        Self { passwords }
    }
}

/// The configuration of a new password credential. Slow on purpose.
///
/// # Errors
/// [`CryptoError::Refused`] when the password cannot be hashed.
pub fn configure(passwords: &Passwords, password: &Secret<String>, random: &dyn Random) -> Result<Value, CryptoError> {
    Ok(json!({ HASH: passwords.hash(password.expose().as_bytes(), random)? }))
}

/// The hash that a credential holds.
fn stored(credential: Option<&Credential>) -> Option<&str> {
    credential?.config.get(HASH)?.as_str()
}

impl Method for PasswordMethod {
    fn kind(&self) -> CredentialKind {
        CredentialKind::Password
    }

    fn login_nodes(&self, form: &LoginForm<'_>) -> Vec<Node> {
        let mut identifier = if form.refresh {
            Node::input(Group::Default, "identifier", InputType::Hidden)
        } else {
            let label = form
                .identifier_title
                .map_or_else(Message::label_identifier, |title| Message::label_trait(title, "identifier"));
            Node::input(Group::Default, "identifier", InputType::Text).required().autocomplete("username").label(label)
        };
        if let Some(typed) = form.identifier {
            identifier = identifier.value(typed);
        } else {
            identifier = identifier.value("");
        }
        let password = Node::input(Group::Password, "password", InputType::Password)
            .required()
            .autocomplete("current-password")
            .label(Message::label_password());
        let button =
            if form.refresh { Message::button_sign_in_again() } else { Message::button_sign_in_with_password() };
        let submit = Node::input(Group::Password, "method", InputType::Submit).value("password").label(button);
        let mut nodes = vec![identifier, password, submit];
        for node in &mut nodes {
            if form.missing == Some(node.attributes.name) {
                node.messages.push(Message::missing(node.attributes.name));
            }
        }
        nodes
    }

    fn missing(&self, given: &LoginFields) -> Option<&'static str> {
        if given.identifier.trim().is_empty() {
            Some("identifier")
        } else if given.password.expose().is_empty() {
            Some("password")
        } else {
            None
        }
    }

    fn verify(&self, credential: Option<&Credential>, given: &LoginFields, random: &dyn Random) -> Verdict {
        let password = given.password.expose().as_bytes();
        // No stored password can be this long, whoever it is: nothing is told by not hashing it.
        if password.len() > policy::LONGEST {
            return Verdict::Wrong;
        }
        // Nobody knows the dummy's password, but it takes as long as a real hash.
        let hash = stored(credential).unwrap_or_else(|| self.passwords.dummy());
        if !self.passwords.verify(hash, password) {
            return Verdict::Wrong;
        }
        let outdated = self.passwords.needs_rehash(hash);
        let upgrade = outdated.then(|| configure(&self.passwords, &given.password, random).ok()).flatten();
        Verdict::Right { upgrade }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Id, SeededRandom};
    use crate::crypto::PasswordParams;

    fn hasher(iterations: u32) -> Arc<Passwords> {
        let params = PasswordParams { memory: 64, iterations, parallelism: 1 };
        Arc::new(Passwords::new(params, &SeededRandom::new(1)).expect("parameters"))
    }

    fn credential(config: Value) -> Credential {
        let identity_id = Id::random(&SeededRandom::new(1));
        Credential { identity_id, kind: CredentialKind::Password, config, version: 1 }
    }

    fn fields(password: &str) -> LoginFields {
        LoginFields { identifier: "alice@example.com".to_owned(), password: Secret::from(password) }
    }

    #[test]
    fn only_the_stored_password_verifies() {
        let (hasher, random) = (hasher(1), SeededRandom::new(2));
        let method = PasswordMethod::new(Arc::clone(&hasher));
        let config = configure(&hasher, &Secret::from("correct horse"), &random).expect("hashed");
        let real = credential(config);
        for (credential, password, verdict) in [
            (Some(&real), "correct horse", Verdict::Right { upgrade: None }),
            (Some(&real), "correct horse ", Verdict::Wrong),
            (Some(&real), "", Verdict::Wrong),
            (None, "correct horse", Verdict::Wrong),
            (Some(&credential(json!({}))), "correct horse", Verdict::Wrong),
            (Some(&credential(json!({ HASH: 5 }))), "correct horse", Verdict::Wrong),
            (Some(&credential(json!({ HASH: "junk" }))), "correct horse", Verdict::Wrong),
        ] {
            assert_eq!(method.verify(credential, &fields(password), &random), verdict);
        }
        assert_eq!(method.verify(Some(&real), &fields(&"x".repeat(5_000_000)), &random), Verdict::Wrong);
    }

    /// An account that does not exist, or has no password, must not be told by the time the answer takes.
    #[test]
    fn without_a_hash_it_takes_as_long() {
        let params = PasswordParams { memory: 16 * 1_024, iterations: 2, parallelism: 1 };
        let random = SeededRandom::new(1);
        let hasher = Arc::new(Passwords::new(params, &random).expect("parameters"));
        let method = PasswordMethod::new(Arc::clone(&hasher));
        let real = credential(configure(&hasher, &Secret::from("correct horse"), &random).expect("hashed"));
        // The least of several: whatever else the machine does only adds.
        let least = |credential: Option<&Credential>| {
            let time = || {
                let began = std::time::Instant::now();
                assert_eq!(method.verify(credential, &fields("wrong"), &random), Verdict::Wrong);
                began.elapsed()
            };
            (0..5).map(|_| time()).min().expect("five")
        };
        let known = least(Some(&real));
        for empty in [None, Some(&credential(json!({})))] {
            assert!(least(empty) * 4 > known);
        }
    }

    #[test]
    fn a_hash_of_other_cost_is_made_again() {
        let (old, new, random) = (hasher(1), hasher(2), SeededRandom::new(2));
        let stored = credential(configure(&old, &Secret::from("correct horse"), &random).expect("hashed"));
        let method = PasswordMethod::new(Arc::clone(&new));
        let Verdict::Right { upgrade: Some(upgrade) } = method.verify(Some(&stored), &fields("correct horse"), &random)
        else {
            panic!("expected a new hash");
        };
        assert_eq!(
            method.verify(Some(&credential(upgrade)), &fields("correct horse"), &random),
            Verdict::Right { upgrade: None }
        );
    }

    #[test]
    fn login_nodes_have_the_contract_s_shape() {
        let method = PasswordMethod::new(hasher(1));
        let first = LoginForm { identifier_title: Some("Email"), identifier: None, refresh: false, missing: None };
        insta::assert_json_snapshot!("login_nodes", method.login_nodes(&first));
        let again = LoginForm { identifier: Some("a@b.example"), refresh: true, missing: Some("password"), ..first };
        insta::assert_json_snapshot!("refresh_nodes", method.login_nodes(&again));
    }

    #[test]
    fn what_is_missing_is_named() {
        let method = PasswordMethod::new(hasher(1));
        assert_eq!(method.missing(&fields("x")), None);
        assert_eq!(method.missing(&fields("")), Some("password"));
        assert_eq!(method.missing(&LoginFields { identifier: " ".to_owned(), ..fields("x") }), Some("identifier"));
    }
}
