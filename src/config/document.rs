//! Documents of the operator that are not settings, such as a client: YAML or JSON as a JSON value.
//!
//! Plain words become what JSON would make of them (`true`, `12`, `null`), quoted ones stay text. Anchors and tags are
//! refused: a document says what it means. Not here: what the members mean.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// Deepest nesting.
const MAX_DEPTH: usize = 16;

/// Reads one document.
///
/// # Errors
/// One sentence with the line; never repeats a value.
pub fn parse(text: &str) -> Result<Value, String> {
    let mut reader = Reader { open: Vec::new(), root: None };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            format!("line {}, column {}: {}", error.marker().line(), error.marker().col() + 1, error.info())
        })?;
        reader.take(event).map_err(|why| format!("line {}: {why}", span.start.line()))?;
    }
    reader.root.ok_or_else(|| "the document is empty".to_owned())
}

enum Open {
    List(Vec<Value>),
    Section(Map<String, Value>, Option<String>),
}

struct Reader {
    open: Vec<Open>,
    root: Option<Value>,
}

impl Reader {
    fn take(&mut self, event: Event<'_>) -> Result<(), &'static str> {
        const ANCHOR: &str = "anchors, aliases and tags are not allowed here; write the value itself";
        match event {
            Event::Alias(_) => return Err(ANCHOR),
            Event::Scalar(text, style, anchor, tag) => {
                if anchor != 0 || tag.is_some() {
                    return Err(ANCHOR);
                }
                return self.value(if style == ScalarStyle::Plain { plain(&text) } else { Value::from(&*text) });
            }
            Event::MappingStart(anchor, tag) | Event::SequenceStart(anchor, tag) if anchor != 0 || tag.is_some() => {
                return Err(ANCHOR);
            }
            Event::MappingStart(..) => self.open.push(Open::Section(Map::new(), None)),
            Event::SequenceStart(..) => self.open.push(Open::List(Vec::new())),
            Event::MappingEnd | Event::SequenceEnd => {
                return match self.open.pop() {
                    Some(Open::List(items)) => self.value(Value::Array(items)),
                    Some(Open::Section(entries, _)) => self.value(Value::Object(entries)),
                    None => Ok(()),
                };
            }
            _ => {}
        }
        if self.open.len() > MAX_DEPTH { Err("nested too deeply") } else { Ok(()) }
    }

    fn value(&mut self, value: Value) -> Result<(), &'static str> {
        match self.open.last_mut() {
            None if self.root.is_some() => return Err("more than one document; write one a file"),
            None => self.root = Some(value),
            Some(Open::List(items)) => items.push(value),
            Some(Open::Section(entries, key)) => match key.take() {
                None => *key = Some(name(value)?),
                Some(key) if entries.contains_key(&key) => return Err("a name is written twice"),
                Some(key) => drop(entries.insert(key, value)),
            },
        }
        Ok(())
    }
}

fn name(value: Value) -> Result<String, &'static str> {
    match value {
        Value::String(name) => Ok(name),
        _ => Err("a name must be a word"),
    }
}

/// What an unquoted word means (YAML 1.2 §10.3, the core schema).
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        word => word.parse::<serde_json::Number>().map_or_else(|_| Value::from(word), Value::Number),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_become_what_they_mean() {
        let text = "# a client\nclient_id: demo\nskip_consent: true\nmetadata: {n: 12, s: '12', nothing: }\nuris:\n  - http://a/\n";
        let expected = json!({
            "client_id": "demo", "skip_consent": true, "metadata": {"n": 12, "s": "12", "nothing": null},
            "uris": ["http://a/"]
        });
        assert_eq!(parse(text), Ok(expected.clone()));
        assert_eq!(parse(&expected.to_string()), Ok(expected));
    }

    #[test]
    fn what_is_no_document_is_told_by_its_line() {
        for (text, told) in [
            ("", "the document is empty"),
            ("a: 1\na: 2\n", "line 2: a name is written twice"),
            ("a: &x 1\n", "line 1: anchors"),
            ("a: !!str 1\n", "line 1: anchors"),
            ("a: 1\n---\nb: 2\n", "line 4: more than one document"),
            ("a: [1\n", "line "),
            (&"[".repeat(40), "line 1: nested too deeply"),
        ] {
            let why = parse(text).expect_err("refused");
            assert!(why.starts_with(told), "{text:?}: {why}");
        }
    }
}
