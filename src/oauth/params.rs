//! Parameters of a form or query: strictly decoded, each at most once (RFC 6749 §3.1, §3.2).

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::error::OAuthError;

/// Most parameters that are looked at.
const MAX_PARAMETERS: usize = 200;

/// Decoded parameters in the order they came. Values may be secret, so there is no `Debug`.
#[derive(Clone, Default)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Decodes `application/x-www-form-urlencoded` bytes.
    ///
    /// # Errors
    /// `invalid_request` for broken percent-encoding, text that is not UTF-8, NUL and other control characters but
    /// tab and line ends, and more than 200 parameters. Repeated parameters are found later, by [`Params::one`].
    pub fn decode(bytes: &[u8]) -> Result<Self, OAuthError> {
        let mut pairs = Vec::new();
        for part in bytes.split(|b| *b == b'&').filter(|p| !p.is_empty()) {
            if pairs.len() == MAX_PARAMETERS {
                return Err(OAuthError::invalid_request("the request has more than 200 parameters"));
            }
            let (name, value) = match part.iter().position(|b| *b == b'=') {
                Some(at) => (&part[..at], &part[at + 1..]),
                None => (part, &part[part.len()..]),
            };
            pairs.push((decode_part(name)?, decode_part(value)?));
        }
        Ok(Self(pairs))
    }

    /// Adds the parameters of `other`; a name in both counts as repeated.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The value of `name`, if it came exactly once and is not empty.
    /// RFC 6749 §3.1: a parameter without a value is treated as if it were left out, and none may come more than once.
    ///
    /// # Errors
    /// `invalid_request` when it came more than once.
    pub fn one(&self, name: &'static str) -> Result<Option<&str>, OAuthError> {
        let mut values = self.0.iter().filter(|(n, _)| n == name);
        let first = values.next();
        if values.next().is_some() {
            return Err(repeated());
        }
        Ok(first.map(|(_, v)| v.as_str()).filter(|v| !v.is_empty()))
    }

    /// Like [`Params::one`], for a parameter that must be there.
    ///
    /// # Errors
    /// `invalid_request` when it is missing, with `missing` as the sentence, or repeated.
    pub fn required(&self, name: &'static str, missing: &'static str) -> Result<&str, OAuthError> {
        self.one(name)?.ok_or_else(|| OAuthError::invalid_request(missing))
    }

    /// Every value of a parameter that may be repeated.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.as_str())
    }

    /// Whether any parameter of that name came.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(n, _)| n == name)
    }

    /// Refuses a request in which any parameter but those of `but` comes twice.
    ///
    /// # Errors
    /// `invalid_request` for a repeated parameter, known or unknown.
    pub fn refuse_repeated(&self, but: &[&str]) -> Result<(), OAuthError> {
        let mut names: Vec<&str> = self.0.iter().map(|(n, _)| n.as_str()).filter(|n| !but.contains(n)).collect();
        names.sort_unstable();
        if names.windows(2).any(|w| w[0] == w[1]) { Err(repeated()) } else { Ok(()) }
    }

    /// The parameters in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }
}

fn repeated() -> OAuthError {
    OAuthError::invalid_request("a parameter comes more than once (RFC 6749 §3.1)")
}

/// Decodes one name or value: `+` is a space, `%XX` a byte, and the whole must be UTF-8.
///
/// # Errors
/// `invalid_request` for anything else.
pub fn decode_part(raw: &[u8]) -> Result<String, OAuthError> {
    let mut rest = raw;
    while let Some(at) = rest.iter().position(|b| *b == b'%') {
        match rest.get(at + 1..at + 3) {
            Some(hex) if hex.iter().all(u8::is_ascii_hexdigit) => rest = &rest[at + 3..],
            _ => return Err(OAuthError::invalid_request("a parameter is not percent-encoded correctly")),
        }
    }
    let plain: Cow<'_, [u8]> = if raw.contains(&b'+') {
        raw.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect::<Vec<u8>>().into()
    } else {
        raw.into()
    };
    let text = percent_decode(&plain)
        .decode_utf8()
        .map_err(|_| OAuthError::invalid_request("a parameter is not UTF-8"))?
        .into_owned();
    if text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
        return Err(OAuthError::invalid_request("a parameter holds a control character"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn decoded(text: &str) -> Params {
        Params::decode(text.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn broken_encodings_are_refused() {
        for bad in ["a=%zz", "a=%", "a=%4", "a=%ff", "a=%c0%af", "a=%00", "a=%ed%a0%80", "%gg=1"] {
            assert!(Params::decode(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(Params::decode(b"a=\xff").is_err());
        assert!(Params::decode(vec![b"a=1&".as_slice(); 201].concat().as_slice()).is_err());
    }

    #[test]
    fn a_parameter_comes_once_or_not_at_all() {
        let p = decoded("a=1&b=&c=x%20y+z&d=1&d=1&e");
        assert_eq!(p.one("a").ok().flatten(), Some("1"));
        assert_eq!(p.one("b").ok().flatten(), None);
        assert_eq!(p.one("e").ok().flatten(), None);
        assert_eq!(p.one("c").ok().flatten(), Some("x y z"));
        assert!(p.one("d").is_err() && p.refuse_repeated(&[]).is_err() && p.refuse_repeated(&["d"]).is_ok());
        assert!(decoded("a=1").and(decoded("a=2")).one("a").is_err());
    }

    proptest! {
        #[test]
        fn decoding_never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = Params::decode(&bytes);
        }

        #[test]
        fn what_a_browser_encodes_is_read_back(name in "[a-z]{1,8}", value in "[^\\p{Cc}]{0,40}") {
            let encoded = url::form_urlencoded::Serializer::new(String::new()).append_pair(&name, &value).finish();
            let params = Params::decode(encoded.as_bytes());
            prop_assert!(params.is_ok());
            prop_assert_eq!(params.ok().and_then(|p| p.iter().next().map(|(n, v)| (n.to_owned(), v.to_owned()))), Some((name, value)));
        }
    }
}
