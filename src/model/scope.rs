//! Scopes (RFC 6749 §3.3): what a client may do, as an ordered set of names.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest `scope` parameter that is looked at, in bytes.
const MAX_SCOPE_BYTES: usize = 4_096;
/// Most names in one set.
const MAX_SCOPES: usize = 128;

/// A set of scope names in the order they were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet(Vec<String>);

/// Why a `scope` value cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadScope(pub &'static str);

impl ScopeSet {
    /// Reads a space-separated list as RFC 6749 §3.3 spells it. The empty text is the empty set.
    ///
    /// # Errors
    /// [`BadScope`] for other separators, characters outside `%x21 / %x23-5B / %x5D-7E`, repeated names, and lists over
    /// 4096 bytes or 128 names.
    pub fn parse(text: &str) -> Result<Self, BadScope> {
        if text.len() > MAX_SCOPE_BYTES {
            return Err(BadScope("scope must not be longer than 4096 bytes"));
        }
        let mut names: Vec<String> = Vec::new();
        for name in text.split(' ').filter(|n| !n.is_empty()) {
            if !name.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)) {
                return Err(BadScope(
                    "scope must be names of visible ASCII characters, without quotes and backslashes, separated by single spaces",
                ));
            }
            if names.iter().any(|known| known == name) {
                return Err(BadScope("scope must not name the same scope twice"));
            }
            if names.len() == MAX_SCOPES {
                return Err(BadScope("scope must not hold more than 128 names"));
            }
            names.push(name.to_owned());
        }
        Ok(Self(names))
    }

    /// Builds a set from single names, as JSON arrays carry them.
    ///
    /// # Errors
    /// As [`ScopeSet::parse`], and for names that hold a space or are empty.
    pub fn from_names<S: AsRef<str>>(names: &[S]) -> Result<Self, BadScope> {
        if names.iter().any(|n| n.as_ref().is_empty() || n.as_ref().contains(' ')) {
            return Err(BadScope("each scope must be one name without spaces"));
        }
        Self::parse(&names.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(" "))
    }

    /// Whether the set holds `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|n| n == name)
    }

    /// Whether every name of `other` is in this set.
    pub fn covers(&self, other: &Self) -> bool {
        other.0.iter().all(|n| self.contains(n))
    }

    /// The names in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a refresh token may be given: `offline_access` (OIDC Core §11) or Hydra's `offline`.
    pub fn wants_offline(&self) -> bool {
        self.contains("offline_access") || self.contains("offline")
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

impl Serialize for ScopeSet {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0.join(" "))
    }
}

impl<'de> Deserialize<'de> for ScopeSet {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

/// How a client's registered scopes permit the ones it asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScopeStrategy {
    /// Names must be equal.
    Exact,
    /// Dot-separated segments; `*` stands for one segment, a final `*` for one or more.
    #[default]
    Wildcard,
}

impl ScopeStrategy {
    /// Whether `registered` permits `wanted`.
    pub fn permits(self, registered: &ScopeSet, wanted: &str) -> bool {
        registered.iter().any(|pattern| match self {
            Self::Exact => pattern == wanted,
            Self::Wildcard => wildcard_matches(pattern, wanted),
        })
    }

    /// Whether `registered` permits each of `wanted`.
    pub fn permits_all(self, registered: &ScopeSet, wanted: &ScopeSet) -> bool {
        wanted.iter().all(|name| self.permits(registered, name))
    }
}

fn wildcard_matches(pattern: &str, wanted: &str) -> bool {
    if !pattern.contains('*') {
        return pattern == wanted;
    }
    let mut wanted_parts = wanted.split('.');
    let mut pattern_parts = pattern.split('.').peekable();
    while let Some(part) = pattern_parts.next() {
        let Some(have) = wanted_parts.next() else { return false };
        if part == "*" {
            if have.is_empty() {
                return false;
            }
            if pattern_parts.peek().is_none() {
                return wanted_parts.all(|rest| !rest.is_empty());
            }
        } else if part != have {
            return false;
        }
    }
    wanted_parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn odd_scope_lists_are_refused() {
        for bad in ["a\tb", "a\nb", "openid\u{0}", "a\u{a0}b", "a a", "a\"b", "a\\b", "\u{e9}"] {
            assert!(ScopeSet::parse(bad).is_err(), "{bad:?}");
        }
        assert!(ScopeSet::parse(&(0..129).map(|n| n.to_string()).collect::<Vec<_>>().join(" ")).is_err());
        assert!(ScopeSet::parse(&"a".repeat(4_097)).is_err());
        assert_eq!(ScopeSet::parse("b  a").map(|s| s.to_string()), Ok("b a".to_owned()));
        assert!(ScopeSet::from_names(&["a b"]).is_err());
    }

    #[test]
    fn wildcards_stand_for_whole_segments() {
        for (pattern, wanted, expected) in [
            ("foo.*", "foo.bar", true),
            ("foo.*", "foo.bar.baz", true),
            ("foo.*", "foo", false),
            ("foo.*", "foo.", false),
            ("foo.*", "foo.bar.", false),
            ("*", "anything.at.all", true),
            ("foo.*.baz", "foo.bar.baz", true),
            ("foo.*.baz", "foo.bar.qux.baz", false),
            ("foo.*.baz", "foo..baz", false),
            ("foo", "foo.bar", false),
            ("fo*", "foo", false),
        ] {
            let registered = ScopeSet::parse(pattern).expect("a pattern");
            assert_eq!(ScopeStrategy::Wildcard.permits(&registered, wanted), expected, "{pattern} {wanted}");
            assert_eq!(ScopeStrategy::Exact.permits(&registered, wanted), pattern == wanted);
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_back(text in "[!#-\\[\\]-~ ]{0,40}") {
            if let Ok(set) = ScopeSet::parse(&text) {
                prop_assert_eq!(ScopeSet::parse(&set.to_string()), Ok(set));
            }
        }

        #[test]
        fn reading_never_panics(text in "\\PC{0,60}") {
            let _ = ScopeSet::parse(&text);
        }
    }
}
