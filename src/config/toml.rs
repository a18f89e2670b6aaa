//! TOML files as a tree with line numbers.

use std::ops::Range;
use std::sync::Arc;

use toml_edit::{Document, Item, TableLike};

use super::problem::{Place, Problem};
use super::tree::{Entry, Node, Value};

/// Reads `text`; `None` when `problems` says why that is impossible.
pub(super) fn parse(file: &Arc<str>, text: &str, problems: &mut Vec<Problem>) -> Option<Vec<Entry>> {
    let lines = Lines { file, text };
    match Document::parse(text) {
        Ok(document) => Some(section(document.as_table(), &lines, 1)),
        Err(error) => {
            let start = error.span().map_or(0, |span| span.start);
            let (line, column) = lines.position(start);
            let first = error.message().lines().next().unwrap_or("syntax error");
            let place = Place::File { file: Arc::clone(file), line };
            let value =
                text.lines().nth(line - 1).and_then(|text| text.split_once('=')).map_or("", |(_, value)| value.trim());
            let hint = if value.starts_with(char::is_alphabetic) { "; text must stand in quotes" } else { "" };
            problems.push(Problem::new("", place, format!("not valid TOML: column {column}: {first}{hint}")));
            None
        }
    }
}

struct Lines<'a> {
    file: &'a Arc<str>,
    text: &'a str,
}

impl Lines<'_> {
    /// Line and column of a byte, both from 1.
    fn position(&self, byte: usize) -> (usize, usize) {
        let before = self.text.get(..byte).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    fn place(&self, span: Option<Range<usize>>, otherwise: usize) -> Place {
        let line = span.map_or(otherwise, |span| self.position(span.start).0);
        Place::File { file: Arc::clone(self.file), line }
    }
}

fn section(table: &dyn TableLike, lines: &Lines<'_>, line: usize) -> Vec<Entry> {
    let entry = |(name, item): (&str, &Item)| {
        let span = table.key(name).and_then(toml_edit::Key::span).or_else(|| item.span());
        let place = lines.place(span, line);
        let line = if let Place::File { line, .. } = place { line } else { line };
        Entry { key: name.to_owned(), node: node(item, lines, line), place }
    };
    table.iter().map(entry).collect()
}

fn node(item: &Item, lines: &Lines<'_>, line: usize) -> Node {
    let place = lines.place(item.span(), line);
    let line = if let Place::File { line, .. } = place { line } else { line };
    let value = match item {
        Item::None => Value::Null,
        Item::Table(table) => Value::Section(section(table, lines, line)),
        Item::ArrayOfTables(tables) => {
            let sections = tables.iter().map(|table| Node {
                value: Value::Section(section(table, lines, line)),
                place: lines.place(table.span(), line),
            });
            Value::List(sections.collect())
        }
        Item::Value(value) => return scalar(value, lines, line),
    };
    Node { value, place }
}

fn scalar(value: &toml_edit::Value, lines: &Lines<'_>, line: usize) -> Node {
    let place = lines.place(value.span(), line);
    let value = match value {
        toml_edit::Value::String(text) => Value::Text(text.value().clone()),
        toml_edit::Value::Integer(number) => Value::Text(number.value().to_string()),
        toml_edit::Value::Float(number) => Value::Text(number.value().to_string()),
        toml_edit::Value::Boolean(flag) => Value::Text(flag.value().to_string()),
        toml_edit::Value::Datetime(time) => Value::Text(time.value().to_string()),
        toml_edit::Value::Array(items) => Value::List(items.iter().map(|item| scalar(item, lines, line)).collect()),
        toml_edit::Value::InlineTable(table) => Value::Section(section(table, lines, line)),
    };
    Node { value, place }
}
