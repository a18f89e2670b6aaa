//! Where a browser may be sent when a flow ends: only to places the operator named, or to ourselves.
//!
//! An entry allows its own scheme and host, and every path below its path. What is stored is the parsed and serialised
//! address, so that what was checked is what the browser follows.

use url::Url;

/// The address is not one of those the operator allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("return_to is not an allowed return address")]
pub struct Forbidden;

/// Longest address in bytes.
const LONGEST: usize = 2_048;

/// Checks `raw` against `allowed`; a relative one is resolved against `base`.
///
/// # Errors
/// [`Forbidden`] when no entry allows it, or it cannot be an address a browser is sent to.
pub fn check(raw: &str, base: &Url, allowed: &[Url]) -> Result<Url, Forbidden> {
    // Browsers drop tabs and line breaks and read `\` as `/`: what they see must be what we checked.
    if raw.len() > LONGEST || raw.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err(Forbidden);
    }
    let target = base.join(raw).map_err(|_| Forbidden)?;
    let is_safe = target.username().is_empty()
        && target.password().is_none()
        && !matches!(target.scheme(), "javascript" | "data" | "blob" | "file" | "about" | "vbscript");
    let is_allowed = allowed.iter().any(|entry| allows(entry, &target));
    if is_safe && is_allowed { Ok(target) } else { Err(Forbidden) }
}

fn allows(entry: &Url, target: &Url) -> bool {
    let below = entry.path().trim_end_matches('/');
    let is_below = match target.path().strip_prefix(below) {
        Some(rest) => below.is_empty() || rest.is_empty() || rest.starts_with('/'),
        None => false,
    };
    entry.scheme() == target.scheme()
        && entry.host() == target.host()
        && entry.port_or_known_default() == target.port_or_known_default()
        && is_below
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_operator_named_is_a_destination() {
        let url = |text: &str| Url::parse(text).expect("an address");
        let base = url("https://id.example/");
        let allowed = [url("https://id.example/self-service"), url("https://app.example/in/"), url("myapp://done")];
        for (raw, expected) in [
            ("https://app.example/in", Some("https://app.example/in")),
            ("https://app.example/in/side?x=1#y", Some("https://app.example/in/side?x=1#y")),
            ("HTTPS://APP.example/in/", Some("https://app.example/in/")),
            ("https://app.example:443/in/", Some("https://app.example/in/")),
            ("/self-service/settings?flow=1", Some("https://id.example/self-service/settings?flow=1")),
            ("myapp://done/x", Some("myapp://done/x")),
            ("https://app.example/inside", None),
            ("https://app.example/", None),
            ("https://app.example/in/../out", None),
            ("https://app.example/in/%2e%2e/out", None),
            ("https://app.example:8443/in", None),
            ("http://app.example/in", None),
            ("https://app.example.evil.example/in", None),
            ("https://app.example@evil.example/in", None),
            ("https://me:pw@app.example/in", None),
            ("//evil.example/in", None),
            ("/\\evil.example/in", None),
            ("https:\\\\app.example\\in", None),
            ("\thttps://app.example/in", None),
            ("https://app.example/in\r\nX: y", None),
            ("javascript:alert(1)//https://app.example/in", None),
            ("data:text/html,x", None),
            ("", None),
        ] {
            assert_eq!(check(raw, &base, &allowed).ok().map(String::from).as_deref(), expected, "{raw:?}");
        }
        assert!(check(&format!("https://app.example/in/{}", "a".repeat(3_000)), &base, &allowed).is_err());
        assert!(check("javascript:alert(1)", &base, &[url("javascript:alert(1)")]).is_err());
    }
}
