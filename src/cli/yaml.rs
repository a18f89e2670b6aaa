//! JSON values as YAML. Every text that YAML could take for something else is quoted, and quotes are JSON's.

use serde_json::Value;

/// The value as a YAML document.
pub(super) fn write(value: &Value) -> String {
    let mut out = String::new();
    block(value, 0, &mut out);
    out
}

fn block(value: &Value, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                out.push_str(&format!("{indent}{}:", text(name)));
                child(member, depth + 1, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                out.push_str(&format!("{indent}-"));
                child(item, depth + 1, out);
            }
        }
        other => out.push_str(&format!("{indent}{}\n", scalar(other))),
    }
}

fn child(value: &Value, depth: usize, out: &mut String) {
    let is_nested = match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if is_nested {
        out.push('\n');
        block(value, depth, out);
    } else {
        out.push_str(&format!(" {}\n", scalar(value)));
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(word) => text(word),
        other => other.to_string(),
    }
}

fn text(word: &str) -> String {
    const RESERVED: &[&str] = &["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_plain = word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '/')
        && word.chars().all(|c| c.is_ascii_alphanumeric() || "_-./@".contains(c))
        && !RESERVED.contains(&word.to_ascii_lowercase().as_str());
    if is_plain { word.to_owned() } else { Value::from(word).to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::document;

    #[test]
    fn what_is_written_reads_back() {
        let value = json!({
            "id": "demo", "n": 12, "t": "12", "yes": "no", "empty": [], "none": {}, "nothing": null, "ok": true,
            "uris": ["http://localhost/", "a: b", "-", ""], "deep": [{"a": [1, [2, "x # y"]]}, "line\nbreak \"q\""]
        });
        assert_eq!(document::parse(&write(&value)), Ok(value));
    }

    #[test]
    fn it_is_pleasant_to_read() {
        let value = json!({"client_id": "demo", "redirect_uris": ["https://a.example/"], "skip": false});
        assert_eq!(write(&value), "client_id: demo\nredirect_uris:\n  - \"https://a.example/\"\nskip: false\n");
    }
}
