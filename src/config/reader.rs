//! Reads typed values out of the gathered ones, collecting a [`Problem`] for each that does not fit the table.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::keys::{self, Fallback, Key, Kind};
use super::layer::{self, Given, Leaf};
use super::load::Gathered;
use super::problem::{Notice, Place, Places, Problem};
use super::words;

/// Reads values; asks for each key by its path, which must stand in the table.
pub(super) struct Reader<'a> {
    gathered: &'a Gathered,
    pub problems: Vec<Problem>,
    pub notices: Vec<Notice>,
    /// Every key that was asked for.
    pub asked: BTreeSet<&'static str>,
}

impl<'a> Reader<'a> {
    /// A reader that goes on with the problems found while gathering.
    pub(super) fn new(gathered: &'a Gathered) -> Self {
        let (problems, notices) = (gathered.problems.clone(), gathered.notices.clone());
        Self { gathered, problems, notices, asked: BTreeSet::new() }
    }

    fn key(&mut self, path: &str) -> &'static Key {
        let key = keys::find(path).expect("settings are only read by keys of the table, see the test of all keys");
        self.asked.insert(key.path);
        key
    }

    fn leaf(&self, path: &str) -> Option<&'a Leaf> {
        self.gathered.values.get(path).filter(|leaf| !matches!(leaf.given, Given::Nothing))
    }

    /// Whether somebody wrote the key.
    pub(super) fn is_set(&self, path: &str) -> bool {
        self.leaf(path).is_some()
    }

    /// Where the key was written.
    pub(super) fn place(&self, path: &str) -> Place {
        self.leaf(path).map_or(Place::NotSet, |leaf| leaf.place.clone())
    }

    /// Where every key was written.
    pub(super) fn places(&self) -> Places {
        let written = |path: &'static str| self.leaf(path).map(|leaf| (path, leaf.place.clone()));
        Places::new(keys::ALL.iter().filter_map(|key| written(key.path)))
    }

    /// What was written for a single value.
    fn written(&self, path: &str) -> Option<&'a str> {
        match &self.leaf(path)?.given {
            Given::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Refuses what was written for `path`; the value is quoted unless it is secret.
    pub(super) fn refuse(&mut self, path: &str, message: &str) {
        let is_secret = self.key(path).is_secret;
        let place = self.place(path);
        // What was written for it may have been refused already, or stand in a file that cannot be read.
        let is_told = self.gathered.is_partial
            || self.problems.iter().any(|told| told.key.strip_suffix("_file").unwrap_or(&told.key) == path);
        if place == Place::NotSet && is_told {
            return;
        }
        let problem = match self.written(path).filter(|text| !is_secret && !may_hold_password(text)) {
            Some(given) => Problem::of_value(path, place, given, message),
            None => Problem::new(path, place, message),
        };
        self.problems.push(problem);
    }

    /// Adds a notice about `path`.
    pub(super) fn notice(&mut self, is_warning: bool, path: &str, message: &str) {
        let place = self.place(path);
        self.notices.push(Notice { is_warning, key: path.to_owned(), place, message: message.to_owned() });
    }

    /// Reads a single value with `parse`; when nothing (or nothing good) was written, the default of the table.
    fn value<T>(&mut self, path: &str, parse: impl Fn(Kind, &str) -> Option<T>) -> Option<T> {
        let key = self.key(path);
        if let Some(text) = self.written(path) {
            match parse(key.kind, text) {
                Some(value) => return Some(value),
                None => self.refuse(path, &format!("must be {}", layer::describe(key.kind))),
            }
        }
        match key.fallback {
            Fallback::Value(text) => parse(key.kind, text),
            Fallback::Empty | Fallback::Said(_) => None,
        }
    }

    /// A boolean; `None` when nothing was written and there is no default.
    pub(super) fn boolean_if_set(&mut self, path: &str) -> Option<bool> {
        self.value(path, |_, text| words::boolean(text))
    }

    /// A boolean that has a default.
    pub(super) fn boolean(&mut self, path: &str) -> bool {
        self.boolean_if_set(path).unwrap_or_default()
    }

    /// A number within the bounds of the table; `None` when nothing was written and there is no default.
    pub(super) fn count_if_set(&mut self, path: &str) -> Option<u64> {
        self.value(path, |kind, text| {
            let Kind::Count(min, max) = kind else { return None };
            text.parse::<u64>().ok().filter(|n| (min..=max).contains(n))
        })
    }

    /// A number that has a default. The bounds of the table must fit `T`.
    pub(super) fn count<T: TryFrom<u64> + std::default::Default>(&mut self, path: &str) -> T {
        self.count_if_set(path).and_then(|n| T::try_from(n).ok()).unwrap_or_default()
    }

    /// A number of bytes that has a default.
    pub(super) fn size(&mut self, path: &str) -> u64 {
        let read = |kind, text: &str| {
            let Kind::Size(min, max) = kind else { return None };
            words::size(text).filter(|n| (min..=max).contains(n))
        };
        self.value(path, read).unwrap_or_default()
    }

    /// A duration that has a default; `None` is "never".
    pub(super) fn duration_or_never(&mut self, path: &str) -> Option<Duration> {
        let read = |kind, text: &str| {
            let (Kind::Duration(min, max) | Kind::DurationOrNever(min, max)) = kind else { return None };
            if matches!(kind, Kind::DurationOrNever(..)) && text == "-1" {
                return Some(None);
            }
            let allowed = Duration::from_secs(min)..=Duration::from_secs(max);
            words::duration(text).filter(|d| allowed.contains(d)).map(Some)
        };
        self.value(path, read).flatten()
    }

    /// A duration that has a default.
    pub(super) fn duration(&mut self, path: &str) -> Duration {
        self.duration_or_never(path).unwrap_or_default()
    }

    /// One of the words of the table, in the table's spelling; case does not matter where it cannot confuse.
    pub(super) fn choice(&mut self, path: &str) -> &'static str {
        let read = |kind, text: &str| {
            let Kind::Choice(words) = kind else { return None };
            words.iter().copied().find(|word| word.eq_ignore_ascii_case(text))
        };
        self.value(path, read).unwrap_or_default()
    }

    /// A single word.
    pub(super) fn text(&mut self, path: &str) -> Option<String> {
        self.value(path, |_, text| Some(text.to_owned()).filter(|text| !text.is_empty()))
    }

    /// The name of a file, resolved from the folder of the file it was written in.
    pub(super) fn file(&mut self, path: &str) -> Option<PathBuf> {
        let text = self.text(path)?;
        Some(self.resolve(path, text.strip_prefix("file://").unwrap_or(&text)))
    }

    /// `file` as seen from where `path` was written.
    pub(super) fn resolve(&self, path: &str, file: &str) -> PathBuf {
        self.leaf(path).map_or_else(|| PathBuf::from(file), |leaf| leaf.folder.join(file))
    }

    /// An http or https URL.
    pub(super) fn url(&mut self, path: &str) -> Option<Url> {
        self.value(path, |_, text| {
            let url = Url::parse(text).ok()?;
            (matches!(url.scheme(), "http" | "https") && url.has_host() && url.password().is_none()).then_some(url)
        })
    }

    /// A list; each item is read with `parse`, whose error says what the item must be.
    pub(super) fn list<T>(&mut self, path: &str, parse: impl Fn(&str) -> Result<T, &'static str>) -> Vec<T> {
        let key = self.key(path);
        let items: Vec<(String, Place)> = match (self.leaf(path).map(|leaf| &leaf.given), key.fallback) {
            (Some(Given::List(items)), _) => items.clone(),
            (_, Fallback::Value(text)) => {
                words::list(text).unwrap_or_default().into_iter().map(|item| (item, Place::Default)).collect()
            }
            _ => Vec::new(),
        };
        let mut parsed = Vec::new();
        for (number, (item, place)) in items.into_iter().enumerate() {
            match parse(&item) {
                Ok(value) => parsed.push(value),
                Err(message) if key.is_secret => {
                    let message = format!("entry {} {message}", number + 1);
                    self.problems.push(Problem::new(key.path, place, message));
                }
                Err(message) => self.problems.push(Problem::of_value(key.path, place, &item, message)),
            }
        }
        parsed
    }

    /// A list of words.
    pub(super) fn texts(&mut self, path: &str) -> Vec<String> {
        self.list(path, |item| Ok(item.to_owned()))
    }
}

/// Whether a text may be an address with a password in it.
fn may_hold_password(text: &str) -> bool {
    text.split_once("://").is_some_and(|(_, rest)| rest.contains('@'))
}
