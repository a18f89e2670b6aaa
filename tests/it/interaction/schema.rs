//! Answers held against the published description of the API, where `scripts/test` found one.

use std::sync::OnceLock;
use std::{env, fs};

use serde_json::{Value, json};

/// Fails unless `answer` has the form that the description calls `name`.
pub fn check(name: &str, answer: &Value) {
    let Some(schemas) = schemas() else { return };
    assert!(schemas.get(name).is_some(), "the description knows no {name}");
    let schema = json!({"$ref": format!("#/components/schemas/{name}"), "components": {"schemas": schemas}});
    let validator = jsonschema::validator_for(&schema).unwrap();
    // Clients of this API read null as absent.
    let answer = without_nulls(answer.clone());
    let faults: Vec<String> = validator.iter_errors(&answer).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(faults.is_empty(), "{name}: {faults:#?}\n{answer:#}");
}

fn schemas() -> Option<&'static Value> {
    static SCHEMAS: OnceLock<Option<Value>> = OnceLock::new();
    let read = || {
        let folder = env::var_os("SALLYPORT_SPECS")?;
        let text = fs::read(std::path::Path::new(&folder).join("hydra-api.json")).unwrap();
        let mut whole: Value = serde_json::from_slice(&text).unwrap();
        Some(whole["components"]["schemas"].take())
    };
    SCHEMAS.get_or_init(read).as_ref()
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            map.into_iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k, without_nulls(v))).collect()
        }
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}
