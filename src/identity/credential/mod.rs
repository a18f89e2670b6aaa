//! Ways to prove who one is. Each is a [`Method`]; a flow asks all that are enabled and knows none of them by name.
//!
//! To add one: a [`CredentialKind`], a file here, and its line in [`enabled`].

pub mod password;
pub mod policy;

use std::sync::Arc;

use serde_json::Value;

use super::ui::Node;
use crate::base::{Random, Secret};
use crate::crypto::Passwords;
use crate::model::identity::{Credential, CredentialKind};

pub use password::PasswordMethod;

/// One way to prove who one is.
pub trait Method: Send + Sync {
    /// Which kind of credential it checks; its name in forms.
    fn kind(&self) -> CredentialKind;

    /// What it adds to a login form.
    fn login_nodes(&self, form: &LoginForm<'_>) -> Vec<Node>;

    /// The field that is missing from what was sent, or `None`.
    fn missing(&self, given: &LoginFields) -> Option<&'static str>;

    /// Checks what was sent against the person's credential. Without one it takes as long and answers
    /// [`Verdict::Wrong`]. Slow on purpose: runs behind the hashing gate.
    fn verify(&self, credential: Option<&Credential>, given: &LoginFields, random: &dyn Random) -> Verdict;
}

/// What a method needs to know to draw its part of a login form.
#[derive(Clone, Copy, Debug)]
pub struct LoginForm<'a> {
    /// What people call their identifier.
    pub identifier_title: Option<&'a str>,
    /// The identifier typed before, or the one that is known.
    pub identifier: Option<&'a str>,
    /// Whether someone who is signed in confirms who they are, so that the identifier is fixed.
    pub refresh: bool,
    /// The field that was left empty, if one was.
    pub missing: Option<&'a str>,
}

/// What a person sent to log in.
#[derive(Clone, Debug)]
pub struct LoginFields {
    /// Who they say they are, as typed.
    pub identifier: String,
    /// Their password; empty when none was sent.
    pub password: Secret<String>,
}

/// What a check says.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The proof holds. `upgrade` is the credential's new configuration when the stored one is out of date.
    Right {
        /// Replaces [`Credential::config`].
        upgrade: Option<Value>,
    },
    /// The proof does not hold, or there is nothing to hold it against.
    Wrong,
}

/// The methods that are switched on.
pub fn enabled(passwords: &Arc<Passwords>) -> Vec<Arc<dyn Method>> {
    vec![Arc::new(PasswordMethod::new(Arc::clone(passwords)))]
}
