//! The three kinds of address that decide trust: our issuer, a client's redirect URI, a browser's origin.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// Why an address was refused. The text says what it must be instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadUri(pub &'static str);

/// The issuer identifier (RFC 8414 §2), kept exactly as written: clients compare it byte by byte.
#[derive(Clone, PartialEq, Eq)]
pub struct Issuer {
    written: String,
    url: Url,
}

impl Issuer {
    /// Reads an issuer: http(s), a host, no query, no fragment, no user. Whether http is allowed is for the caller to say.
    ///
    /// # Errors
    /// [`BadUri`] says which part is wrong.
    pub fn parse(written: &str) -> Result<Self, BadUri> {
        let url = Url::parse(written).map_err(|_| BadUri("must be an absolute URL"))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(BadUri("must start with https://"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(BadUri("must have neither query nor fragment (RFC 8414 §2)"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadUri("must not contain a user or password"));
        }
        Ok(Self { written: written.to_owned(), url })
    }

    /// The issuer as written, for `iss`.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The issuer without a trailing slash, to append paths to.
    pub fn base(&self) -> &str {
        self.written.trim_end_matches('/')
    }

    /// An endpoint below the issuer; `path` starts with a slash.
    pub fn endpoint(&self, path: &str) -> String {
        format!("{}{path}", self.base())
    }

    /// Whether the issuer is served over TLS.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether the host is this machine itself.
    pub fn is_loopback(&self) -> bool {
        is_loopback_host(&self.url)
    }

    /// The origin of the issuer's pages.
    pub fn origin(&self) -> Origin {
        Origin(self.url.origin().ascii_serialization())
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}
impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.written, f)
    }
}

fn is_loopback_host(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(d)) => d == "localhost" || d.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Longest redirect URI that is looked at, in bytes.
pub const MAX_REDIRECT_URI: usize = 2_048;

/// A registered redirect URI, kept exactly as written.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RedirectUri(String);

impl RedirectUri {
    /// Reads a redirect URI for registration (RFC 6749 §3.1.2, RFC 8252 §7, RFC 9700 §2.1).
    ///
    /// Allowed: https; http for loopback hosts; private-use schemes that contain a dot or are at least not one a browser runs.
    ///
    /// # Errors
    /// [`BadUri`] says what is wrong: relative, fragment, user, wildcard, a scheme that browsers execute, http to another machine.
    pub fn parse(written: &str) -> Result<Self, BadUri> {
        if written.len() > MAX_REDIRECT_URI {
            return Err(BadUri("must not be longer than 2048 bytes"));
        }
        if !written.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(BadUri("must hold visible ASCII characters only; percent-encode the others"));
        }
        if written.contains(['*', '\\', '<', '>', '"', '^', '`', '{', '}', '|']) {
            return Err(BadUri("must be one exact address: wildcards and patterns are not supported"));
        }
        let url = Url::parse(written).map_err(|_| BadUri("must be an absolute URI"))?;
        if written.contains('#') {
            return Err(BadUri("must not contain a fragment (RFC 6749 §3.1.2)"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadUri("must not contain a user or password"));
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback_host(&url) => {}
            "http" => {
                return Err(BadUri("must be https unless it points at this machine (localhost, 127.0.0.1, [::1])"));
            }
            "javascript" | "data" | "vbscript" | "file" | "blob" | "about" | "view-source" | "ws" | "wss" | "ftp"
            | "filesystem" => {
                return Err(BadUri("must not use a scheme that browsers interpret themselves"));
            }
            _ => {}
        }
        if matches!(url.scheme(), "http" | "https") && has_dot_segment(written) {
            return Err(BadUri("must not contain . or .. segments"));
        }
        Ok(Self(written.to_owned()))
    }

    /// The address as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `presented` is this address: byte for byte, or, for `http://127.0.0.1` and `http://[::1]`,
    /// the same but for the port (RFC 8252 §7.3).
    pub fn matches(&self, presented: &str) -> bool {
        self.0 == presented
            || match (loopback_without_port(&self.0), loopback_without_port(presented)) {
                (Some(ours), Some(theirs)) => ours == theirs,
                _ => false,
            }
    }

    /// Whether a browser or another app on the device could have claimed this address: anything but https
    /// (RFC 8252 §8.6); consent is never skipped silently for those when the client is public.
    pub fn is_claimed_https(&self) -> bool {
        self.0.starts_with("https://")
    }
}

fn has_dot_segment(written: &str) -> bool {
    let path = written.split('?').next().unwrap_or(written);
    path.split('/').any(|segment| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        matches!(plain.split(';').next(), Some("." | ".."))
    })
}

/// Splits `http://127.0.0.1:PORT/rest` into host and rest; `None` for everything else, including other spellings of loopback.
fn loopback_without_port(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("http://")?;
    let host_len = if rest.starts_with("127.0.0.1") {
        "127.0.0.1".len()
    } else if rest.starts_with("[::1]") {
        "[::1]".len()
    } else {
        return None;
    };
    let (host, after) = rest.split_at(host_len);
    let tail = match after.strip_prefix(':') {
        None => after,
        Some(with_port) => {
            let digits = with_port.bytes().take_while(u8::is_ascii_digit).count();
            let (port, tail) = with_port.split_at(digits);
            port.parse::<u16>().ok().filter(|p| *p > 0)?;
            tail
        }
    };
    (tail.is_empty() || tail.starts_with(['/', '?'])).then_some((host, tail))
}

/// A web origin (RFC 6454), compared byte by byte in its ASCII form.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Origin(String);

impl Origin {
    /// Reads an origin: http(s), host, optional port, nothing after it.
    ///
    /// # Errors
    /// [`BadUri`] says what is wrong.
    pub fn parse(written: &str) -> Result<Self, BadUri> {
        let url = Url::parse(written).map_err(|_| BadUri("must be an origin such as https://app.example"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(BadUri("must be an http or https origin"));
        }
        let plain = url.origin().ascii_serialization();
        if written.trim_end_matches('/').eq_ignore_ascii_case(&plain) {
            Ok(Self(plain))
        } else {
            Err(BadUri("must be an origin only: scheme, host and port, without a path"))
        }
    }

    /// The origin in the form browsers send it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};

    use super::*;

    fn registered(uri: &str) -> RedirectUri {
        RedirectUri::parse(uri).expect("a registrable address")
    }

    #[test]
    fn only_the_exact_address_matches() {
        let cb = registered("https://rp.example/cb");
        assert!(cb.matches("https://rp.example/cb"));
        for other in [
            "https://rp.example/CB",
            "https://RP.example/cb",
            "https://rp.example/cb/",
            "https://rp.example/cb/x",
            "https://rp.example/cb?x=1",
            "https://rp.example/cb#",
            "https://rp.example/cb/../x",
            "https://rp.example//cb",
            "https://rp.example/cb%2F",
            "https://rp.example/cb%00",
            "https://rp.example@evil/cb",
            "https://evil\\@rp.example/cb",
            "https://rp.example%2f.evil/cb",
            "http://rp.example/cb",
            " https://rp.example/cb",
            "https://rp.example/cb/..;/x",
            "",
        ] {
            assert!(!cb.matches(other), "{other}");
        }
    }

    #[test]
    fn loopback_addresses_match_on_any_port_and_nothing_else() {
        let native = registered("http://127.0.0.1/n");
        for good in ["http://127.0.0.1/n", "http://127.0.0.1:9/n", "http://127.0.0.1:65535/n"] {
            assert!(native.matches(good), "{good}");
        }
        for bad in [
            "http://127.0.0.1:9/other",
            "http://127.0.0.1:9/n?x=1",
            "http://127.0.0.1.evil:9/n",
            "http://127.1/n",
            "http://0/n",
            "http://[::ffff:127.0.0.1]/n",
            "http://localhost/n",
            "https://127.0.0.1/n",
            "http://127.0.0.1:/n",
            "http://127.0.0.1:0/n",
            "http://127.0.0.1:99999/n",
            "http://127.0.0.1:9@evil/n",
            "http://[::1]/n",
            "http://127.0.0.1:9",
        ] {
            assert!(!native.matches(bad), "{bad}");
        }
        assert!(registered("http://[::1]:1/x").matches("http://[::1]:2/x"));
        assert!(!registered("http://localhost:1/x").matches("http://localhost:2/x"));
    }

    #[test]
    fn dangerous_addresses_cannot_be_registered() {
        for bad in [
            "/cb",
            "rp.example/cb",
            "http://rp.example/cb",
            "https://rp.example/cb#",
            "https://rp.example/*",
            "https://*.example/cb",
            "https://u:p@rp.example/cb",
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "\tjavascript:x",
            " data:x",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "https://rp.example/a/../b",
            "https://rp.example/%2e%2e/b",
            "https://rp.example/..;/x",
            "https://rp.example/c b",
            "https://rp.example/\u{e9}",
            "https://",
            "",
        ] {
            assert!(RedirectUri::parse(bad).is_err(), "{bad}");
        }
        for good in [
            "app.x:/cb",
            "com.example.app:/oauth",
            "https://rp.example/q?a=1",
            "http://localhost:4446/",
            "http://a.localhost/cb",
        ] {
            assert!(RedirectUri::parse(good).is_ok(), "{good}");
        }
        assert!(RedirectUri::parse(&format!("https://rp.example/{}", "a".repeat(2_048))).is_err());
    }

    #[test]
    fn origins_have_no_path() {
        assert_eq!(Origin::parse("https://App.example/").map(|o| o.0), Ok("https://app.example".to_owned()));
        for bad in ["https://app.example/x", "null", "app.example", "ftp://a", "https://a?b", "https://u@a", "*"] {
            assert!(Origin::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn issuers_are_kept_as_written() {
        let issuer = Issuer::parse("https://id.example/t/").expect("an issuer");
        assert_eq!(
            (issuer.as_str(), issuer.endpoint("/x").as_str()),
            ("https://id.example/t/", "https://id.example/t/x")
        );
        for bad in
            ["id.example", "https://id.example?x", "https://id.example#x", "https://u@id.example", "ftp://id.example"]
        {
            assert!(Issuer::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        /// Oracle: bytes are equal, or both are loopback addresses that differ in the port alone.
        #[test]
        fn matching_is_equality_or_the_loopback_rule(path in "[a-z/?=&%.;]{0,12}", a in 1u16.., b in 1u16.., junk in "\\PC{0,20}") {
            let ours = format!("http://127.0.0.1:{a}/{path}");
            if let Ok(reg) = RedirectUri::parse(&ours) {
                let theirs = format!("http://127.0.0.1:{b}/{path}");
                prop_assert_eq!(reg.matches(&theirs), true);
                let spoiled = format!("{theirs}{junk}");
                prop_assert_eq!(reg.matches(&spoiled), junk.is_empty());
            }
        }
    }
}
