//! What we say to people: a stable number, a sentence, and the values it speaks of.
//!
//! User interfaces translate and branch by number, so a number never changes its meaning. The ranges are those of the
//! self-service API: `101` login, `107` labels and buttons, `400` validation, `401` login refused, `500` our fault. Within
//! a range our own numbers start 100 above its base (`4010101`), out of the way of the published ones.
//! The context names what went wrong, never what was typed.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::base::Instant;

/// One thing said to a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Stable number.
    pub id: u32,
    /// The sentence in English.
    pub text: String,
    /// How it is meant.
    #[serde(rename = "type")]
    pub kind: MessageKind,
    /// The values the sentence speaks of, for translations.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub context: Map<String, Value>,
}

/// How a message is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageKind {
    /// Something is wrong.
    Error,
    /// A label, a button or a hint.
    Info,
    /// Something is done.
    Success,
}

/// Every number in use and what it is for, in order. Numbers are only ever added.
pub const ALL: &[(u32, &str)] = &[
    (1_010_001, "button: log in again"),
    (1_010_003, "hint: confirm who you are"),
    (1_010_022, "button: log in with a password"),
    (1_070_001, "label: password"),
    (1_070_002, "label from the schema's title {title, name}"),
    (1_070_004, "label: identifier"),
    (4_000_001, "invalid value {reason}"),
    (4_000_002, "value missing {property}"),
    (4_000_005, "password refused {reason}"),
    (4_000_006, "wrong identifier or password"),
    (4_000_007, "identifier is taken"),
    (4_000_031, "password resembles the identifier"),
    (4_000_032, "password too short {min_length, actual_length}"),
    (4_000_033, "password too long {max_length, actual_length}"),
    (4_000_040, "not an email address"),
    (4_010_001, "login form expired {expired_at, expired_at_unix}"),
    (4_010_002, "no such login method"),
    (4_010_007, "login form already used"),
    (4_010_011, "account disabled"),
    (4_010_101, "too many attempts {retry_after}"),
    (5_000_001, "our fault {reason}"),
];

impl Message {
    fn new(id: u32, kind: MessageKind, text: impl Into<String>) -> Self {
        Self { id, text: text.into(), kind, context: Map::new() }
    }

    fn info(id: u32, text: impl Into<String>) -> Self {
        Self::new(id, MessageKind::Info, text)
    }

    fn error(id: u32, text: impl Into<String>) -> Self {
        Self::new(id, MessageKind::Error, text)
    }

    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.context.insert(key.to_owned(), value.into());
        self
    }

    /// Button of a form that asks someone who is signed in for their password again.
    pub fn button_sign_in_again() -> Self {
        Self::info(1_010_001, "Log in")
    }

    /// Above a form that asks someone who is signed in for proof.
    pub fn confirm_who_you_are() -> Self {
        Self::info(1_010_003, "Log in once more to confirm that it is you.")
    }

    /// Button of a password form.
    pub fn button_sign_in_with_password() -> Self {
        Self::info(1_010_022, "Log in with password")
    }

    /// Label of a password field.
    pub fn label_password() -> Self {
        Self::info(1_070_001, "Password")
    }

    /// Label of the field `name`, whose schema calls it `title`.
    pub fn label_trait(title: &str, name: &str) -> Self {
        Self::info(1_070_002, title).with("title", title).with("name", name)
    }

    /// Label of the identifier field when a schema has no single title for it.
    pub fn label_identifier() -> Self {
        Self::info(1_070_004, "ID")
    }

    /// A value was refused; `reason` says why without repeating the value.
    pub fn invalid(reason: &str) -> Self {
        Self::error(4_000_001, format!("This is not valid: {reason}.")).with("reason", reason)
    }

    /// A value is missing.
    pub fn missing(property: &str) -> Self {
        Self::error(4_000_002, format!("Fill in: {property}.")).with("property", property)
    }

    /// A new password was refused for `reason`.
    pub fn password_refused(reason: &str) -> Self {
        Self::error(4_000_005, format!("Choose another password: {reason}.")).with("reason", reason)
    }

    /// The proof was wrong. Says nothing of whether the account exists.
    pub fn wrong_credentials() -> Self {
        Self::error(4_000_006, "That did not match. Check the spelling of both fields and try again.")
    }

    /// Someone else has this identifier.
    pub fn identifier_taken() -> Self {
        Self::error(4_000_007, "An account with this identifier exists already.")
    }

    /// A new password is too close to the person's identifier.
    pub fn password_similar() -> Self {
        Self::error(4_000_031, "Choose another password: this one resembles your ID too much.")
    }

    /// A new password is too short. Lengths in characters.
    pub fn password_too_short(min: usize, actual: usize) -> Self {
        Self::error(4_000_032, format!("Choose a longer password: at least {min} characters, not {actual}."))
            .with("min_length", min)
            .with("actual_length", actual)
    }

    /// A new password is too long. Lengths in bytes.
    pub fn password_too_long(max: usize, actual: usize) -> Self {
        Self::error(4_000_033, format!("Choose a shorter password: at most {max} bytes, not {actual}."))
            .with("max_length", max)
            .with("actual_length", actual)
    }

    /// An address does not look like one.
    pub fn not_an_email() -> Self {
        Self::error(4_000_040, "Enter an email address such as name@example.com.")
    }

    /// A login form was answered after `expired_at`.
    pub fn login_expired(expired_at: Instant) -> Self {
        Self::error(4_010_001, "The form was open for too long. Please log in here.")
            .with("expired_at", expired_at.rfc3339())
            .with("expired_at_unix", expired_at.unix_seconds())
    }

    /// A login form was sent with a method that is unknown or switched off.
    pub fn no_login_method() -> Self {
        Self::error(4_010_002, "Choose one of the ways to log in that are shown here.")
    }

    /// A login form was answered a second time after it had succeeded.
    pub fn login_already_used() -> Self {
        Self::error(4_010_007, "This form was used already. Please log in here.")
    }

    /// The account may not be used. Only said to someone who has proven that it is theirs.
    pub fn account_disabled() -> Self {
        Self::error(4_010_011, "This account is disabled. Ask the operator of this service to enable it.")
    }

    /// Too many wrong answers; the next one is looked at in `retry_after` seconds.
    pub fn too_many_attempts(retry_after: u64) -> Self {
        let wait = match retry_after {
            0..=1 => "a second".to_owned(),
            2..=59 => format!("{retry_after} seconds"),
            60 => "a minute".to_owned(),
            _ => format!("{} minutes", retry_after.div_ceil(60)),
        };
        Self::error(4_010_101, format!("Too many attempts. Try again in {wait}.")).with("retry_after", retry_after)
    }

    /// Something broke on our side; `reason` is for the person, not for the log.
    pub fn system(reason: &str) -> Self {
        Self::error(5_000_001, format!("Something went wrong on our side: {reason}.")).with("reason", reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_of_each() -> Vec<Message> {
        vec![
            Message::button_sign_in_again(),
            Message::confirm_who_you_are(),
            Message::button_sign_in_with_password(),
            Message::label_password(),
            Message::label_trait("E-Mail", "traits.email"),
            Message::label_identifier(),
            Message::invalid("must be text"),
            Message::missing("password"),
            Message::password_refused("it must not hold control characters"),
            Message::wrong_credentials(),
            Message::identifier_taken(),
            Message::password_similar(),
            Message::password_too_short(8, 3),
            Message::password_too_long(1024, 2000),
            Message::not_an_email(),
            Message::login_expired(Instant::from_unix_seconds(1_700_000_000)),
            Message::no_login_method(),
            Message::login_already_used(),
            Message::account_disabled(),
            Message::too_many_attempts(61),
            Message::system("the server is busy"),
        ]
    }

    /// Numbers, kinds and context keys are relied upon by clients: a change here breaks them.
    #[test]
    fn numbers_and_context_keys_never_move() {
        let table: Vec<String> = one_of_each()
            .iter()
            .map(|m| {
                let keys: Vec<&str> = m.context.keys().map(String::as_str).collect();
                format!("{} {:?} [{}] {}", m.id, m.kind, keys.join(" "), m.text)
            })
            .collect();
        insta::assert_snapshot!(table.join("\n"));
    }

    #[test]
    fn every_number_is_listed_once_and_in_order() {
        let built: Vec<u32> = one_of_each().iter().map(|m| m.id).collect();
        let listed: Vec<u32> = ALL.iter().map(|(id, _)| *id).collect();
        assert_eq!(built, listed);
        assert!(listed.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn context_is_left_out_when_empty_and_survives_storage() {
        let label = serde_json::to_value(Message::label_password()).expect("JSON");
        assert_eq!(label, serde_json::json!({"id": 1_070_001, "text": "Password", "type": "info"}));
        for message in one_of_each() {
            let stored = serde_json::to_string(&message).expect("JSON");
            assert_eq!(serde_json::from_str::<Message>(&stored).expect("stored"), message);
        }
    }
}
