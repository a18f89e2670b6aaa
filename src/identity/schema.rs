//! Schemas of traits: what may be known of a person, and which of it is an identifier or an address.
//!
//! A schema is JSON Schema whose strings may carry the extension `ory.sh/kratos`:
//! `credentials.password.identifier: true` makes the value something to log in with, `verification.via` and
//! `recovery.via` make it an address. Identifiers and addresses are always derived from traits, never set beside them.
//! Not here: where schemas come from (`config`), rows (`store`).

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

use super::identifier::{self, NoIdentifier};
use super::message::Message;
use crate::model::identity::{AddressPurpose, CredentialKind};

/// The id of the schema that people follow unless another is named.
pub const DEFAULT: &str = "default";
/// Deepest nesting of objects that is looked into.
const DEEPEST: usize = 16;

/// A schema, parsed once.
#[derive(Debug)]
pub struct Schema {
    id: String,
    document: Value,
    validator: Validator,
    identifier_title: Option<String>,
}

/// What follows from a person's traits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Derived {
    /// What they log in with, normalised, each once.
    pub identifiers: Vec<(CredentialKind, String)>,
    /// Where they are reached, normalised, each once for each purpose.
    pub addresses: Vec<DerivedAddress>,
}

/// One address of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DerivedAddress {
    /// What for.
    pub purpose: AddressPurpose,
    /// How it is reached: `email`.
    pub via: String,
    /// Normalised.
    pub value: String,
}

/// One thing that is wrong with traits.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// Which field, as forms name it: `traits.email`.
    pub field: String,
    /// What is wrong; never repeats the value.
    pub message: Message,
}

/// Why a document is no schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSchema {
    /// JSON Schema does not allow it.
    #[error("it is not a JSON Schema: {0}")]
    Invalid(String),
    /// It does not say what `traits` are.
    #[error("it must describe an object with the property `traits`")]
    NoTraits,
}

impl Schema {
    /// Reads a schema. References to other documents are not followed.
    ///
    /// # Errors
    /// [`NoSchema`] says what is wrong with it.
    pub fn new(id: &str, document: Value) -> Result<Self, NoSchema> {
        let traits = document.pointer("/properties/traits").ok_or(NoSchema::NoTraits)?;
        let validator = jsonschema::options()
            .with_draft(Draft::Draft7)
            .should_validate_formats(true)
            .build(&document)
            .map_err(|error| NoSchema::Invalid(error.to_string()))?;
        let mut titles = Vec::new();
        identifier_titles(traits, &mut titles, 0);
        let identifier_title = match titles.as_slice() {
            [only] => only.clone(),
            _ => None,
        };
        Ok(Self { id: id.to_owned(), document, validator, identifier_title })
    }

    /// The built-in schema: an email address to log in with, to verify and to recover by, and perhaps a name.
    pub fn built_in() -> Self {
        Self::new(DEFAULT, built_in()).expect("the built-in schema is a schema, see its test")
    }

    /// Its name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The document itself, for `/schemas/{id}`.
    pub const fn document(&self) -> &Value {
        &self.document
    }

    /// What people call the thing they log in with, when there is exactly one such trait and it has a title.
    pub fn identifier_title(&self) -> Option<&str> {
        self.identifier_title.as_deref()
    }

    /// Checks traits and derives identifiers and addresses from them.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the fields.
    pub fn derive(&self, traits: &Value) -> Result<Derived, Vec<Violation>> {
        let wrapped = json!({ "traits": traits });
        let mut found: Vec<Violation> = self.validator.iter_errors(&wrapped).flat_map(|e| violations(&e)).collect();
        let mut derived = Derived::default();
        if let Some(schema) = self.document.pointer("/properties/traits") {
            let mut walk = Walk { derived: &mut derived, violations: &mut found };
            walk.enter(schema, traits, &mut vec!["traits".to_owned()]);
        }
        found.sort_by(|a, b| a.field.cmp(&b.field).then(a.message.id.cmp(&b.message.id)));
        found.dedup_by(|a, b| a.field == b.field && a.message.id == b.message.id);
        if found.is_empty() { Ok(derived) } else { Err(found) }
    }

    /// Only the identifiers, of traits that were checked when they were stored.
    pub fn identifiers(&self, traits: &Value) -> Vec<String> {
        self.derive(traits).map_or_else(|_| Vec::new(), |d| d.identifiers.into_iter().map(|(_, value)| value).collect())
    }
}

fn built_in() -> Value {
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Person",
        "type": "object",
        "properties": {
            "traits": {
                "type": "object",
                "properties": {
                    "email": {
                        "type": "string",
                        "format": "email",
                        "title": "Email",
                        "maxLength": 320,
                        "ory.sh/kratos": {
                            "credentials": { "password": { "identifier": true } },
                            "verification": { "via": "email" },
                            "recovery": { "via": "email" }
                        }
                    },
                    "name": {
                        "type": "object",
                        "properties": {
                            "first": { "type": "string", "title": "First name", "maxLength": 256 },
                            "last": { "type": "string", "title": "Last name", "maxLength": 256 }
                        },
                        "additionalProperties": false
                    }
                },
                "required": ["email"],
                "additionalProperties": false
            }
        }
    })
}

fn is_password_identifier(schema: &Value) -> bool {
    schema.pointer("/ory.sh~1kratos/credentials/password/identifier") == Some(&Value::Bool(true))
}

fn identifier_titles(schema: &Value, titles: &mut Vec<Option<String>>, depth: usize) {
    if is_password_identifier(schema) {
        titles.push(schema.get("title").and_then(Value::as_str).map(str::to_owned));
    }
    if let Some(properties) = schema.get("properties").and_then(Value::as_object).filter(|_| depth < DEEPEST) {
        properties.values().for_each(|property| identifier_titles(property, titles, depth + 1));
    }
}

fn field_of(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".")
}

/// What a fault found by the validator means for the form. The validator's own words would repeat the value.
fn violations(error: &jsonschema::ValidationError<'_>) -> Vec<Violation> {
    let field = field_of(error.instance_path().as_str());
    let at = |message: Message| vec![Violation { field: field.clone(), message }];
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or("value");
            vec![Violation { field: format!("{field}.{name}"), message: Message::missing(name) }]
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => unexpected
            .iter()
            .map(|name| Violation {
                field: format!("{field}.{name}"),
                message: Message::invalid("the schema does not know this field"),
            })
            .collect(),
        ValidationErrorKind::Format { format } if format == "email" => at(Message::not_an_email()),
        ValidationErrorKind::Format { format } => at(Message::invalid(&format!("expected the format {format}"))),
        ValidationErrorKind::Type { .. } => at(Message::invalid("it is of the wrong type")),
        ValidationErrorKind::MinLength { limit } => {
            at(Message::invalid(&format!("it needs {limit} characters or more")))
        }
        ValidationErrorKind::MaxLength { limit } => {
            at(Message::invalid(&format!("it may have {limit} characters at most")))
        }
        _ => at(Message::invalid(&format!("the schema refuses it by `{}`", error.kind().keyword()))),
    }
}

/// Looks at each string that the schema gives a meaning to.
struct Walk<'a> {
    derived: &'a mut Derived,
    violations: &'a mut Vec<Violation>,
}

impl Walk<'_> {
    fn enter(&mut self, schema: &Value, value: &Value, path: &mut Vec<String>) {
        if path.len() > DEEPEST {
            return;
        }
        if let (Some(extension), Some(text)) = (schema.get("ory.sh/kratos"), value.as_str()) {
            self.take(schema, extension, text, &path.join("."));
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, inner) in properties.into_iter().flatten() {
            if let Some(value) = value.get(name) {
                path.push(name.clone());
                self.enter(inner, value, path);
                path.pop();
            }
        }
    }

    fn take(&mut self, schema: &Value, extension: &Value, text: &str, field: &str) {
        let via = |purpose: &str| extension.pointer(&format!("/{purpose}/via")).and_then(Value::as_str);
        let purposes =
            [(AddressPurpose::Verification, via("verification")), (AddressPurpose::Recovery, via("recovery"))];
        let is_identifier = is_password_identifier(schema);
        if !is_identifier && purposes.iter().all(|(_, via)| via.is_none()) {
            return;
        }
        let mut refuse = |message| self.violations.push(Violation { field: field.to_owned(), message });
        let value = match identifier::normalise(text) {
            Ok(value) => value,
            Err(NoIdentifier::Empty) => return refuse(Message::missing(field)),
            Err(why) => return refuse(Message::invalid(&why.to_string())),
        };
        if purposes.iter().any(|(_, via)| *via == Some("email")) && !identifier::is_mail_address(&value) {
            return refuse(Message::not_an_email());
        }
        let identifier = (CredentialKind::Password, value.clone());
        if is_identifier && !self.derived.identifiers.contains(&identifier) {
            self.derived.identifiers.push(identifier);
        }
        for (purpose, via) in purposes {
            let Some(via) = via else { continue };
            let address = DerivedAddress { purpose, via: via.to_owned(), value: value.clone() };
            if !self.derived.addresses.contains(&address) {
                self.derived.addresses.push(address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(traits: &Value) -> Vec<(String, u32)> {
        let found = Schema::built_in().derive(traits).expect_err("refused");
        found.into_iter().map(|v| (v.field, v.message.id)).collect()
    }

    #[test]
    fn the_built_in_schema_derives_one_identifier_and_two_addresses() {
        let schema = Schema::built_in();
        let derived =
            schema.derive(&json!({"email": "Alice@Example.com", "name": {"first": "Alice"}})).expect("valid traits");
        assert_eq!(derived.identifiers, [(CredentialKind::Password, "alice@example.com".to_owned())]);
        let addresses: Vec<_> =
            derived.addresses.iter().map(|a| (a.purpose.as_str(), a.via.as_str(), a.value.as_str())).collect();
        assert_eq!(
            addresses,
            [("verification", "email", "alice@example.com"), ("recovery", "email", "alice@example.com")]
        );
        assert_eq!(schema.identifier_title(), Some("Email"));
        assert_eq!(schema.id(), DEFAULT);
    }

    #[test]
    fn each_fault_is_named_with_its_field() {
        for (traits, expected) in [
            (json!({}), vec![("traits.email", 4_000_002)]),
            (json!(null), vec![("traits", 4_000_001)]),
            (json!({"email": 5}), vec![("traits.email", 4_000_001)]),
            (json!({"email": "nobody"}), vec![("traits.email", 4_000_040)]),
            (json!({"email": "a@b@c"}), vec![("traits.email", 4_000_040)]),
            (json!({"email": "\"a@b\"@c.example"}), vec![("traits.email", 4_000_040)]),
            (
                json!({"email": "a@b.example\r\nBcc: c@d.example"}),
                vec![("traits.email", 4_000_001), ("traits.email", 4_000_040)],
            ),
            (json!({"email": "<a@b.example>"}), vec![("traits.email", 4_000_040)]),
            (json!({"email": ""}), vec![("traits.email", 4_000_002), ("traits.email", 4_000_040)]),
            (json!({"email": "a@b.example", "role": "admin"}), vec![("traits.role", 4_000_001)]),
            (json!({"email": "a@b.example", "name": {"first": 1}}), vec![("traits.name.first", 4_000_001)]),
            (json!({"email": "a@b.example", "name": {"nick": "x"}}), vec![("traits.name.nick", 4_000_001)]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|(f, id)| (f.to_owned(), id)).collect();
            assert_eq!(fields(&traits), expected, "{traits}");
        }
    }

    #[test]
    fn no_message_repeats_what_was_typed() {
        let found = Schema::built_in()
            .derive(&json!({"email": "hunter2-typed-here", "name": {"first": ["hunter2-typed-here"]}}))
            .expect_err("refused");
        assert_eq!(found.len(), 2);
        assert!(!format!("{found:?}").contains("hunter2"));
    }

    #[test]
    fn schemas_of_others_are_read_and_faulty_ones_refused() {
        let two = json!({"type": "object", "properties": {"traits": {"type": "object", "properties": {
            "username": {"type": "string", "title": "Name", "ory.sh/kratos": {"credentials": {"password": {"identifier": true}}}},
            "work": {"type": "object", "properties": {"mail": {"type": "string", "ory.sh/kratos": {
                "credentials": {"password": {"identifier": true}}, "verification": {"via": "email"}}}}}}}}});
        let schema = Schema::new("staff", two).expect("a schema");
        assert_eq!(schema.identifier_title(), None, "two traits serve as identifier");
        let derived = schema.derive(&json!({"username": "Bob", "work": {"mail": "BOB@x.example"}})).expect("valid");
        assert_eq!(derived.identifiers.len(), 2);
        assert_eq!(derived.addresses.len(), 1);
        let same = schema.derive(&json!({"username": "bob@x.example", "work": {"mail": "bob@x.example"}}));
        assert_eq!(same.expect("valid").identifiers.len(), 1, "the same identifier twice is one");
        assert_eq!(Schema::new("x", json!({"type": "object"})).err(), Some(NoSchema::NoTraits));
        let faulty = json!({"properties": {"traits": {"type": "nonsense"}}});
        assert!(matches!(Schema::new("x", faulty), Err(NoSchema::Invalid(_))));
        let remote = json!({"properties": {"traits": {"$ref": "https://example.com/schema.json"}}});
        assert!(matches!(Schema::new("x", remote), Err(NoSchema::Invalid(_))), "nothing is fetched");
        let local = json!({"properties": {"traits": {"$ref": "file:///etc/passwd"}}});
        assert!(matches!(Schema::new("x", local), Err(NoSchema::Invalid(_))), "nothing is read");
    }
}
