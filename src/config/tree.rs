//! What a file says, before anybody asks what it means: a tree whose every node knows its place.

use super::problem::Place;

/// A value and where it was written.
#[derive(Clone)]
pub(super) struct Node {
    /// The value.
    pub value: Value,
    /// Where it was written.
    pub place: Place,
}

/// A value. Numbers and booleans stay the text they were written as; the key decides how it is read.
#[derive(Clone)]
pub(super) enum Value {
    /// A list.
    List(Vec<Node>),
    /// Nothing.
    Null,
    /// Keys and values, in the order written.
    Section(Vec<Entry>),
    /// Everything else.
    Text(String),
}

/// A key with its value.
#[derive(Clone)]
pub(super) struct Entry {
    /// The key.
    pub key: String,
    /// Where the key was written.
    pub place: Place,
    /// Its value.
    pub node: Node,
}

impl Value {
    /// What it is, in a word for people.
    pub(super) const fn what(&self) -> &'static str {
        match self {
            Self::List(_) => "a list",
            Self::Null => "nothing",
            Self::Section(_) => "a section",
            Self::Text(_) => "a single value",
        }
    }
}
