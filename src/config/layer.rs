//! One source of values, its keys compared with the table: a file, the environment, or flags.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::foreign::{self, Foreign};
use super::keys::{self, Key, Kind};
use super::load::Override;
use super::problem::{Notice, Place, Problem};
use super::tree::{Entry, Node, Value};
use super::words;

/// The value of a key, as written.
#[derive(Clone)]
pub(super) struct Leaf {
    /// Where the key was written.
    pub place: Place,
    /// What was written, names expanded.
    pub given: Given,
    /// The folder that file names in it are relative to.
    pub folder: PathBuf,
}

/// What was written.
#[derive(Clone)]
pub(super) enum Given {
    /// A list, each item with its place.
    List(Vec<(String, Place)>),
    /// Explicitly nothing: the default applies.
    Nothing,
    /// A single value.
    Text(String),
}

/// Values by the path of their key.
pub(super) type Values = BTreeMap<&'static str, Leaf>;

/// Collects one source.
pub(super) struct Layer<'a> {
    pub values: Values,
    pub problems: Vec<Problem>,
    pub notices: Vec<Notice>,
    environment: &'a BTreeMap<String, String>,
    folder: PathBuf,
}

impl<'a> Layer<'a> {
    /// An empty layer whose file names are relative to `folder`.
    pub(super) fn new(environment: &'a BTreeMap<String, String>, folder: &Path) -> Self {
        let folder = folder.to_path_buf();
        Self { values: Values::new(), problems: Vec::new(), notices: Vec::new(), environment, folder }
    }

    /// Takes the entries of a file's section; `section` is `""` at the top.
    pub(super) fn take_section(&mut self, section: &str, entries: Vec<Entry>) {
        for entry in entries {
            let path = if section.is_empty() { entry.key.clone() } else { format!("{section}.{}", entry.key) };
            self.take_entry(path, entry);
        }
    }

    fn take_entry(&mut self, path: String, entry: Entry) {
        if let Some(key) = keys::find(&path) {
            self.take_node(key, entry);
        } else if let Some(key) = keys::find_file_form(&path) {
            match self.text(&path, &entry.node) {
                Some(file) => self.take_file(key, &path, &file, entry.place),
                None => self.expected(&path, entry.place, "must be the name of a file"),
            }
        } else if keys::is_section(&path) || foreign::is_section(&path) {
            match entry.node.value {
                Value::Section(inner) => self.take_section(&path, inner),
                Value::Null => {}
                other => {
                    let names = keys::names_below(&path).join(", ");
                    let message = format!("must be a section, not {}; it has the keys {names}", other.what());
                    self.problems.push(Problem::new(path, entry.place, message));
                }
            }
        } else {
            let given = match &entry.node.value {
                Value::Text(text) => text.clone(),
                other => other.what().to_owned(),
            };
            self.take_foreign(path, entry.place, &given);
        }
    }

    fn expected(&mut self, path: &str, place: Place, message: &str) {
        if self.problems.last().is_none_or(|last| last.key != path) {
            self.problems.push(Problem::new(path, place, message));
        }
    }

    /// The text of a single value, names expanded.
    fn text(&mut self, path: &str, node: &Node) -> Option<String> {
        let Value::Text(text) = &node.value else { return None };
        words::expand(text, self.environment)
            .map_err(|message| self.problems.push(Problem::new(path, node.place.clone(), message)))
            .ok()
    }

    fn take_node(&mut self, key: &'static Key, entry: Entry) {
        let given = match &entry.node.value {
            Value::Null => Given::Nothing,
            Value::Text(_) if !key.kind.is_list() => match self.text(key.path, &entry.node) {
                Some(text) => Given::Text(text),
                None => return,
            },
            Value::List(items) if key.kind.is_list() => {
                let mut list = Vec::new();
                for item in items {
                    match self.text(key.path, item) {
                        Some(text) => list.push((text, item.place.clone())),
                        None => {
                            self.expected(key.path, item.place.clone(), "each item of the list must be a single value")
                        }
                    }
                }
                Given::List(list)
            }
            other => {
                let message = match key.kind.is_list() {
                    true => format!(
                        "must be a list, not {}; write [one, two], or a line with a dash for each",
                        other.what()
                    ),
                    false => format!("must be {}, not {}", describe(key.kind), other.what()),
                };
                self.problems.push(Problem::new(key.path, entry.place, message));
                return;
            }
        };
        self.put(key, entry.place, given);
    }

    fn put(&mut self, key: &'static Key, place: Place, given: Given) {
        match self.values.get(key.path) {
            Some(earlier) => {
                let message = format!("given twice (also at {}); keep one", earlier.place);
                self.problems.push(Problem::new(key.path, place, message));
            }
            None => {
                let folder = self.folder.clone();
                self.values.insert(key.path, Leaf { place, given, folder });
            }
        }
    }

    /// Takes a secret from the file that holds it; a list has an item on each line.
    fn take_file(&mut self, key: &'static Key, path: &str, file: &str, place: Place) {
        let Ok(text) = std::fs::read_to_string(self.folder.join(file)) else {
            // The name is not quoted: the secret itself may have been written here by mistake.
            let message = "the file named here cannot be read as text; write the name of a file that holds the secret";
            self.problems.push(Problem::new(path, place, message));
            return;
        };
        let given = if key.kind.is_list() {
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            Given::List(lines.map(|line| (line.to_owned(), place.clone())).collect())
        } else {
            Given::Text(text.trim_end_matches(['\r', '\n']).to_owned())
        };
        self.put(key, place, given);
    }

    fn take_foreign(&mut self, path: String, place: Place, given: &str) {
        let message = match foreign::lookup(&path) {
            Some(Foreign::Notice(message)) => {
                let message = message.to_owned();
                self.notices.push(Notice { is_warning: false, key: path, place, message });
                return;
            }
            Some(Foreign::Fixed(only, _)) if given == only || given == Value::Null.what() => return,
            Some(Foreign::Fixed(only, why)) => format!("can only be {only}: {why}"),
            Some(Foreign::Unsupported(what_now)) => what_now.to_owned(),
            None => unknown(&path),
        };
        self.problems.push(Problem::new(path, place, message));
    }

    /// Takes every variable that names a key.
    pub(super) fn take_environment(&mut self) {
        for key in keys::ALL {
            let name = key.environment();
            if let Some(value) = self.variable(&name) {
                self.take_words(key, Place::Environment(name.clone()), value);
            }
            if key.is_secret {
                let file = format!("{name}_FILE");
                if let Some(value) = self.variable(&file) {
                    self.take_file(key, key.path, value, Place::Environment(file));
                }
            }
            if key.kind.is_list() {
                self.take_indexed(key, &name);
            }
        }
        for (name, value) in self.environment {
            self.take_stray_variable(name, value);
        }
    }

    /// The value of a variable; an empty one counts as not set.
    fn variable(&self, name: &str) -> Option<&'a str> {
        self.environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// `NAME_0`, `NAME_1`, ... make a list.
    fn take_indexed(&mut self, key: &'static Key, name: &str) {
        let items: Vec<_> = (0..)
            .map(|index| format!("{name}_{index}"))
            .map_while(|name| Some((self.variable(&name)?.to_owned(), Place::Environment(name))))
            .collect();
        if let Some((_, place)) = items.first() {
            self.put(key, place.clone(), Given::List(items));
        }
    }

    fn take_words(&mut self, key: &'static Key, place: Place, value: &str) {
        if !key.kind.is_list() {
            return self.put(key, place, Given::Text(value.to_owned()));
        }
        match words::list(value) {
            Ok(items) => {
                let list = items.into_iter().map(|item| (item, place.clone())).collect();
                self.put(key, place, Given::List(list));
            }
            Err(message) => self.problems.push(Problem::new(key.path, place, message)),
        }
    }

    /// A variable that looks like a key of ours but is none: refused when it can only be meant for us.
    fn take_stray_variable(&mut self, name: &str, value: &str) {
        if value.is_empty()
            || !SECTIONS.iter().any(|s| name.starts_with(s))
            || is_ours(name)
            || is_of_kubernetes(name, value)
        {
            return;
        }
        let place = Place::Environment(name.to_owned());
        let below = |path: &&str| {
            let prefix = keys::environment_name(path);
            name.strip_prefix(&prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        };
        if let Some(path) = foreign::paths().find(below) {
            return self.take_foreign(path.to_owned(), place, value);
        }
        let likeness = |key: &Key| strsim::normalized_damerau_levenshtein(&key.environment(), name);
        let near = keys::ALL.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        match near.filter(|key| likeness(key) > 0.8) {
            Some(key) => {
                let message = format!("unknown environment variable; did you mean {}?", key.environment());
                self.problems.push(Problem::new("", place, message));
            }
            None => {
                let message = "looks like a setting but is none, so it has no effect".to_owned();
                self.notices.push(Notice { is_warning: false, key: "environment".to_owned(), place, message });
            }
        }
    }

    /// Takes what flags say.
    pub(super) fn take_overrides(&mut self, overrides: &[Override]) {
        for Override { key, value, by } in overrides {
            let place = Place::Flag(by.clone());
            match keys::find(key) {
                Some(key) => self.take_words(key, place, value),
                None => self.take_foreign(key.clone(), place, value),
            }
        }
    }
}

/// Beginnings of variables that no other program is likely to use.
const SECTIONS: &[&str] = &[
    "COURIER_",
    "FEATURE_FLAGS_",
    "HASHERS_",
    "HSM_",
    "OAUTH2_",
    "OIDC_",
    "SECRETS_",
    "SELFSERVICE_",
    "SERVE_",
    "SQA_",
    "STRATEGIES_",
    "TTL_",
    "URLS_",
    "WEBFINGER_",
];

/// Whether a variable is one that [`Layer::take_environment`] reads.
fn is_ours(name: &str) -> bool {
    keys::ALL.iter().any(|key| match name.strip_prefix(&key.environment()) {
        Some("") => true,
        Some("_FILE") => key.is_secret,
        Some(rest) if key.kind.is_list() => {
            rest.strip_prefix('_').is_some_and(|index| !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit()))
        }
        _ => false,
    })
}

/// Whether Kubernetes sets it for a service of such a name.
fn is_of_kubernetes(name: &str, value: &str) -> bool {
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.contains("_PORT_")
        || value.starts_with("tcp://")
}

/// What a value must look like, for people.
pub(super) fn describe(kind: Kind) -> String {
    let people = words::seconds_for_people;
    match kind {
        Kind::Bool => "true or false".to_owned(),
        Kind::Choice(words) => format!("one of {}", words.join(", ")),
        Kind::Count(min, max) => format!("a whole number from {min} to {max}"),
        Kind::Duration(min, max) => format!("a duration such as 15m or 1h30m, from {} to {}", people(min), people(max)),
        Kind::DurationOrNever(min, max) => {
            format!("a duration such as 15m or 1h30m, from {} to {}, or -1 for never", people(min), people(max))
        }
        Kind::File => "the name of a file".to_owned(),
        Kind::Size(min, max) => {
            format!("a size such as 64KiB, from {} to {}", words::size_for_people(min), words::size_for_people(max))
        }
        Kind::Text => "text".to_owned(),
        Kind::Texts => "a list".to_owned(),
        Kind::Url => "an http or https URL without a password".to_owned(),
    }
}

/// What to say about a key nobody knows.
fn unknown(path: &str) -> String {
    if let Some(near) = keys::nearest(path) {
        return format!("unknown key; did you mean {near}?");
    }
    match path.rsplit_once('.') {
        Some((section, _)) if keys::is_section(section) => {
            format!("unknown key; {section} has the keys {}", keys::names_below(section).join(", "))
        }
        _ => format!("unknown key; the sections are {}", keys::names_below("").join(", ")),
    }
}
