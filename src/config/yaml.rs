//! YAML and JSON files as a tree with line numbers.
//!
//! Anchors, aliases and merge keys (`<<`) work, within a bound on the size of the whole tree.

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::problem::{Place, Problem};
use super::tree::{Entry, Node, Value};

/// Most nodes that a file may come to, aliases counted as often as they are used.
const MAX_NODES: usize = 20_000;
/// Deepest nesting.
const MAX_DEPTH: usize = 32;

/// Reads `text`; `None` when `problems` says why that is impossible. A key written twice is a problem and no more.
pub(super) fn parse(file: &Arc<str>, text: &str, problems: &mut Vec<Problem>) -> Option<Vec<Entry>> {
    let mut builder = Builder { file, open: Vec::new(), anchors: HashMap::new(), root: None, nodes: 0, problems };
    for event in Parser::new_from_str(text) {
        let outcome = match event {
            Ok((event, span)) => builder.take(event, span),
            Err(error) => {
                let (line, column) = (error.marker().line(), error.marker().col() + 1);
                Err((line, format!("not valid YAML or JSON: column {column}: {}", error.info())))
            }
        };
        if let Err((line, message)) = outcome {
            builder.problems.push(Problem::new("", Place::File { file: Arc::clone(file), line }, message));
            return None;
        }
    }
    match builder.root.take() {
        None | Some(Node { value: Value::Null, .. }) => Some(Vec::new()),
        Some(Node { value: Value::Section(entries), .. }) => Some(entries),
        Some(other) => {
            let message = format!("must be a section of keys and values, not {}", other.value.what());
            builder.problems.push(Problem::new("", other.place, message));
            None
        }
    }
}

/// A fault that ends the reading: its line and what it is.
type Fatal = (usize, String);

/// A list or section whose end has not come yet.
struct Open {
    anchor: usize,
    line: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Section { entries: Vec<Entry>, merged: Vec<Entry>, key: Option<(String, usize, bool)> },
}

struct Builder<'a> {
    file: &'a Arc<str>,
    open: Vec<Open>,
    /// Finished anchored nodes, with the number of nodes in them.
    anchors: HashMap<usize, (Node, usize)>,
    root: Option<Node>,
    nodes: usize,
    problems: &'a mut Vec<Problem>,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Fatal> {
        let line = span.start.line();
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                check_tag(tag.as_deref(), line)?;
                let plain = style == ScalarStyle::Plain && tag.is_none();
                if self.awaits_key() {
                    return self.key(text.into_owned(), line, plain);
                }
                let value = if plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL") {
                    Value::Null
                } else {
                    Value::Text(text.into_owned())
                };
                self.put(value, line, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                check_tag(tag.as_deref(), line)?;
                self.begin(Open { anchor, line, content: Content::List(Vec::new()) })
            }
            Event::MappingStart(anchor, tag) => {
                check_tag(tag.as_deref(), line)?;
                let content = Content::Section { entries: Vec::new(), merged: Vec::new(), key: None };
                self.begin(Open { anchor, line, content })
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open { anchor, line, content: Content::List(items) }) => {
                    self.put(Value::List(items), line, anchor)
                }
                Some(Open { anchor, line, content: Content::Section { mut entries, merged, .. } }) => {
                    for entry in merged {
                        if entries.iter().all(|own| own.key != entry.key) {
                            entries.push(entry);
                        }
                    }
                    self.put(Value::Section(entries), line, anchor)
                }
                None => Ok(()),
            },
            Event::Alias(anchor) => self.alias(anchor, line),
            Event::DocumentStart(_) if self.root.is_some() => {
                Err((line, "holds a second document (---); write one document a file".to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn place(&self, line: usize) -> Place {
        Place::File { file: Arc::clone(self.file), line }
    }

    fn awaits_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { content: Content::Section { key: None, .. }, .. }))
    }

    fn key(&mut self, text: String, line: usize, plain: bool) -> Result<(), Fatal> {
        if let Some(Open { content: Content::Section { key, .. }, .. }) = self.open.last_mut() {
            *key = Some((text, line, plain));
        }
        self.count(1, line)
    }

    fn begin(&mut self, open: Open) -> Result<(), Fatal> {
        if self.awaits_key() {
            return Err((open.line, "a key must be a word, not a list or a section".to_owned()));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err((open.line, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.open.push(open);
        Ok(())
    }

    fn count(&mut self, more: usize, line: usize) -> Result<(), Fatal> {
        self.nodes += more;
        if self.nodes > MAX_NODES {
            return Err((line, format!("comes to more than {MAX_NODES} values, aliases (*) written out")));
        }
        Ok(())
    }

    fn alias(&mut self, anchor: usize, line: usize) -> Result<(), Fatal> {
        if self.awaits_key() {
            return Err((line, "a key must be written out, not given by an alias (*)".to_owned()));
        }
        let Some((node, size)) = self.anchors.get(&anchor) else {
            return Err((line, "an alias (*) stands inside the value it repeats".to_owned()));
        };
        let (value, size) = (node.value.clone(), *size);
        self.count(size, line)?;
        self.put(value, line, 0)
    }

    /// Hands a finished value to whatever is open around it.
    fn put(&mut self, value: Value, line: usize, anchor: usize) -> Result<(), Fatal> {
        self.count(1, line)?;
        let node = Node { value, place: self.place(line) };
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), size(&node)));
        }
        let section = self.path();
        let file = self.file;
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Section { entries, merged, key }) => {
                let Some((name, key_line, plain)) = key.take() else { return Ok(()) };
                if plain && name == "<<" {
                    return merge(merged, node, line);
                }
                let place = Place::File { file: Arc::clone(file), line: key_line };
                match entries.iter().find(|earlier| earlier.key == name) {
                    Some(earlier) => {
                        let message = format!("the key is written twice (first at {}); keep one", earlier.place);
                        self.problems.push(Problem::new(section, place, message));
                    }
                    None => entries.push(Entry { key: name, place, node }),
                }
            }
        }
        Ok(())
    }

    /// The keys on the way to the value that comes next.
    fn path(&self) -> String {
        let key = |open: &Open| match &open.content {
            Content::Section { key: Some((name, ..)), .. } => Some(name.clone()),
            _ => None,
        };
        self.open.iter().filter_map(key).collect::<Vec<_>>().join(".")
    }
}

/// Takes the entries of a merge key's value; earlier ones win.
fn merge(merged: &mut Vec<Entry>, node: Node, line: usize) -> Result<(), Fatal> {
    match node.value {
        Value::Section(more) => {
            for entry in more {
                if merged.iter().all(|own| own.key != entry.key) {
                    merged.push(entry);
                }
            }
            Ok(())
        }
        Value::List(items) => items.into_iter().try_for_each(|item| merge(merged, item, line)),
        _ => Err((line, "a merge key (<<) takes a section, or a list of sections".to_owned())),
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::List(items) => items.iter().map(size).sum(),
        Value::Section(entries) => entries.iter().map(|e| size(&e.node) + 1).sum(),
        Value::Null | Value::Text(_) => 0,
    }
}

fn check_tag(tag: Option<&Tag>, line: usize) -> Result<(), Fatal> {
    match tag {
        Some(tag) if !tag.is_yaml_core_schema() => {
            Err((line, "tags (!name) have no meaning here; leave it out".to_owned()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `text` says, in a compact form: `key@line=value`.
    fn read(text: &str) -> String {
        let mut problems = Vec::new();
        let entries = parse(&Arc::from("f"), text, &mut problems);
        let problems = problems.iter().map(|p| format!("{}:{} {}", p.place, p.key, p.message));
        entries
            .map(|entries| shown(&Value::Section(entries)))
            .into_iter()
            .chain(problems)
            .collect::<Vec<_>>()
            .join(" ! ")
    }

    fn shown(value: &Value) -> String {
        match value {
            Value::Null => "null".to_owned(),
            Value::Text(text) => format!("{text:?}"),
            Value::List(items) => format!("[{}]", items.iter().map(|n| shown(&n.value)).collect::<Vec<_>>().join(" ")),
            Value::Section(entries) => {
                let entry = |e: &Entry| {
                    let Place::File { line, .. } = e.place else { panic!("an entry of a file") };
                    format!("{}@{line}={}", e.key, shown(&e.node.value))
                };
                format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(" "))
            }
        }
    }

    #[test]
    fn values_stay_as_written() {
        assert_eq!(read(""), "{}");
        assert_eq!(read("# only a comment"), "{}");
        assert_eq!(
            read("a: 1\nb: 'null'\nc:\nd: [x, ~]\ne:\n  f: 1.50\n"),
            r#"{a@1="1" b@2="null" c@3=null d@4=["x" null] e@5={f@6="1.50"}}"#
        );
        assert_eq!(read("a: |\n  x\n  y\nb: !!str null"), r#"{a@1="x\ny\n" b@4="null"}"#);
    }

    #[test]
    fn anchors_and_merge_keys_work() {
        assert_eq!(
            read("x: &x {a: 1, b: 1}\ny:\n  <<: *x\n  b: 2\nz: [*x]"),
            r#"{x@1={a@1="1" b@1="1"} y@2={b@4="2" a@1="1"} z@5=[{a@1="1" b@1="1"}]}"#
        );
        assert_eq!(read("<<: [{a: 1}, {a: 2, b: 2}]"), r#"{a@1="1" b@1="2"}"#);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (text, reason) in [
            ("- a", "must be a section"),
            ("a", "must be a section"),
            ("a: 1\n---\nb: 2", "f:2: holds a second document"),
            ("a: !secret x", "tags"),
            ("[a]: 1", "a key must be a word"),
            ("a: &a b\n*a : 1", "a key must be written out"),
            ("a: &a [*a]", "stands inside the value"),
            ("a: *b", "not valid YAML"),
            ("<<: 1", "a merge key"),
            ("a: {a: {b: 1, b: 2}}", "f:1:a.a.b the key is written twice"),
            ("a: \"x", "not valid YAML"),
            ("a:\n\tb: 1", "not valid YAML"),
        ] {
            assert!(read(text).contains(reason), "{text:?}: {}", read(text));
        }
    }

    #[test]
    fn alias_bombs_and_towers_are_refused() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
        }
        assert!(read(&bomb).contains("comes to more than"));
        let tower = format!("a: {}{}", "[".repeat(5_000), "]".repeat(5_000));
        assert!(read(&tower).contains("nested deeper") || read(&tower).contains("recursion"));
    }
}
