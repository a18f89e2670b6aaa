//! What is wrong with a configuration, where it is written, and how all of it is told at once.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Where a value was written. Ordered as problems are listed: files by name and line, then the rest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A line of a file, counted from 1; 0 means the file as a whole.
    File {
        /// The file as it was named on the command line.
        file: Arc<str>,
        /// The line.
        line: usize,
    },
    /// An environment variable, by its name.
    Environment(String),
    /// A flag or a command, as it is to be shown (`flag --dev`).
    Flag(String),
    /// Written nowhere although it had to be.
    NotSet,
    /// Not written, so the built-in default applies.
    Default,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line: 0 } => f.write_str(file),
            Self::File { file, line } => write!(f, "{file}:{line}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(flag) => f.write_str(flag),
            Self::NotSet => f.write_str("not set"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Where every key was written, for problems that only show on a later floor.
#[derive(Clone, Debug, Default)]
pub struct Places(BTreeMap<&'static str, Place>);

impl Places {
    /// The places of the keys that were written.
    pub(super) fn new(written: impl Iterator<Item = (&'static str, Place)>) -> Self {
        Self(written.collect())
    }

    /// Where `key` was written, or [`Place::Default`].
    pub fn of(&self, key: &str) -> Place {
        self.0.get(key).cloned().unwrap_or(Place::Default)
    }
}

/// One fault of the configuration. Its text never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where the faulty value stands.
    pub place: Place,
    /// The key, with dots; empty when the fault concerns a whole file.
    pub key: String,
    /// What is wrong, what is allowed and what to write instead.
    pub message: String,
}

impl Problem {
    /// A fault of `key`, written at `place`.
    pub fn new(key: impl Into<String>, place: Place, message: impl Into<String>) -> Self {
        Self { place, key: key.into(), message: message.into() }
    }

    /// A fault that quotes the given value. Never for a secret.
    pub fn of_value(key: impl Into<String>, place: Place, given: &str, message: &str) -> Self {
        Self::new(key, place, format!("{}: {message}", quoted(given)))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.key, self.place, self.message)
    }
}

/// The value in quotes, its control characters escaped, and cut short when it is long.
fn quoted(given: &str) -> String {
    const SHOWN: usize = 60;
    match given.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}...", &given[..end]),
        None => format!("{given:?}"),
    }
}

/// All faults of a configuration, in the order of files and lines. Printing it gives the whole report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// The report of `problems`: sorted, each one once.
    pub fn new(mut problems: Vec<Problem>) -> Self {
        problems.sort();
        problems.dedup();
        Self(problems)
    }

    /// The faults, sorted.
    pub fn as_slice(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => write!(f, "config: 1 problem")?,
            many => write!(f, "config: {many} problems")?,
        }
        let places: Vec<String> = self.0.iter().map(|p| format!("({})", p.place)).collect();
        let left = |(problem, place): (&Problem, &String)| problem.key.chars().count() + 2 + place.chars().count();
        let width = self.0.iter().zip(&places).map(left).max().unwrap_or(0);
        for (problem, place) in self.0.iter().zip(&places) {
            let room = width.saturating_sub(problem.key.chars().count());
            write!(f, "\n  {}{place:>room$}  {}", problem.key, problem.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Something the operator should know, though the server starts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Notice {
    /// Whether it concerns safety, so that it is shown as a warning.
    pub is_warning: bool,
    /// The key, with dots.
    pub key: String,
    /// Where it was written.
    pub place: Place,
    /// What follows from it.
    pub message: String,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.key, self.place, self.message)
    }
}
