//! What is known about keys, and which key was probably meant by an unknown one.
//!
//! The keys themselves: [`super::table`]. Keys that other servers know and we do not: [`super::foreign`].

pub(super) use super::table::ALL;

/// A key of the configuration.
#[derive(Debug)]
pub(super) struct Key {
    /// The path, with dots.
    pub path: &'static str,
    /// What its value must look like.
    pub kind: Kind,
    /// What it is when not written.
    pub fallback: Fallback,
    /// One line of documentation.
    pub doc: &'static str,
    /// Whether its value must never be shown.
    pub is_secret: bool,
}

/// What a value must look like.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// `true` or `false`.
    Bool,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A whole number in this range.
    Count(u64, u64),
    /// A duration between these, in seconds.
    Duration(u64, u64),
    /// A duration between these, in seconds, or -1 for "never".
    DurationOrNever(u64, u64),
    /// The name of a file, relative to the file it is written in.
    File,
    /// Words; what they must look like is said where they are read.
    Text,
    /// A list of words.
    Texts,
    /// A number of bytes in this range.
    Size(u64, u64),
    /// An http or https URL.
    Url,
}

/// What a key is when not written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fallback {
    /// Nothing.
    Empty,
    /// Worked out from something else, as said here.
    Said(&'static str),
    /// This value, in the form an operator would write.
    Value(&'static str),
}

impl Kind {
    /// Whether the value is a list.
    pub(super) const fn is_list(self) -> bool {
        matches!(self, Self::Texts)
    }
}

impl Key {
    /// The name of the environment variable that sets it.
    pub(super) fn environment(&self) -> String {
        environment_name(self.path)
    }
}

/// `serve.public.port` → `SERVE_PUBLIC_PORT`.
pub(super) fn environment_name(path: &str) -> String {
    path.to_ascii_uppercase().replace('.', "_")
}

/// The key with this path.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    ALL.iter().find(|key| key.path == path)
}

/// The secret key that `path` names the file of (`secrets.system_file` → `secrets.system`).
pub(super) fn find_file_form(path: &str) -> Option<&'static Key> {
    path.strip_suffix("_file").and_then(find).filter(|key| key.is_secret)
}

/// Whether keys exist below this path.
pub(super) fn is_section(path: &str) -> bool {
    ALL.iter().any(|key| key.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// The names right below a section (`""` for the top), sorted.
pub(super) fn names_below(section: &str) -> Vec<&'static str> {
    let below = |key: &'static Key| match section {
        "" => Some(key.path),
        _ => key.path.strip_prefix(section)?.strip_prefix('.'),
    };
    let mut names: Vec<_> = ALL.iter().filter_map(below).filter_map(|rest| rest.split('.').next()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The documented key that was probably meant by `path`, in the shortest form that is clear.
pub(super) fn nearest(path: &str) -> Option<&'static str> {
    let (section, name) = path.rsplit_once('.').unwrap_or(("", path));
    let closest = |candidates: Vec<&'static str>, wanted: &str, threshold: f64| {
        candidates
            .into_iter()
            .map(|c| (strsim::normalized_damerau_levenshtein(c, wanted), c))
            .filter(|(likeness, _)| *likeness >= threshold)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, c)| c)
    };
    let ends_with_name = || {
        let mut found = ALL.iter().map(|k| k.path).filter(|p| p.rsplit('.').next() == Some(name));
        found.next().filter(|_| found.next().is_none())
    };
    let siblings = if section.is_empty() || is_section(section) { names_below(section) } else { Vec::new() };
    closest(siblings, name, 0.6)
        .or_else(|| closest(ALL.iter().map(|k| k.path).collect(), path, 0.75))
        .or_else(ends_with_name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_path_and_no_environment_name_stands_twice() {
        let paths: BTreeSet<_> = ALL.iter().map(|k| k.path).collect();
        let names: BTreeSet<_> = ALL.iter().map(Key::environment).collect();
        assert_eq!((paths.len(), names.len()), (ALL.len(), ALL.len()));
        for key in ALL {
            assert!(!is_section(key.path), "{} is a key and a section", key.path);
            assert!(key.doc.ends_with('.'), "{}", key.path);
        }
    }

    #[test]
    fn the_nearest_key_is_the_one_meant() {
        for (written, meant) in [
            ("serve.public.prot", Some("port")),
            ("sevre", Some("serve")),
            ("ttl.acess_token", Some("access_token")),
            ("issuer", Some("urls.self.issuer")),
            ("serve.port", None),
            ("secret.system", Some("secrets.system")),
            ("something.else.entirely", None),
        ] {
            assert_eq!(nearest(written), meant, "{written}");
        }
    }
}
