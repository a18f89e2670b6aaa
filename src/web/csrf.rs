//! The double-submit token of our pages: a cookie, and the same value in the form.
//!
//! In the form it is masked by a one-time pad, so that no two answers show the same text (a compressed answer that
//! repeats a secret can be read by its length). It changes at login and logout. Not here: challenges bound to a browser.

use std::time::Duration;

use actix_web::cookie::Cookie;
use actix_web::http::header::HeaderMap;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::cookies::{CookieRules, values};
use crate::base::{Random, Secret};
use crate::config::Settings;
use crate::model::token::Digest;

const LENGTH: usize = 32;
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Reads, makes and compares tokens.
#[derive(Clone, Debug)]
pub struct Csrf {
    name: String,
}

/// What the browser keeps.
#[derive(Clone, Debug)]
pub struct CsrfToken(Secret<[u8; LENGTH]>);

impl Csrf {
    /// For this server: the cookie is named after its public address.
    pub fn of(settings: &Settings) -> Self {
        Self::named_after(settings.public_url.as_str())
    }

    fn named_after(base_url: &str) -> Self {
        let hash = digest(&SHA256, base_url.as_bytes());
        let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { name: format!("csrf_token_{hex}") }
    }

    /// The token the browser has.
    pub fn known(&self, headers: &HeaderMap) -> Option<CsrfToken> {
        let first = values(headers, &self.name).into_iter().next()?;
        let bytes = URL_SAFE_NO_PAD.decode(first.expose()).ok()?;
        Some(CsrfToken(Secret::new(bytes.try_into().ok()?)))
    }

    /// A new token, for a browser without one, and after login and logout.
    pub fn fresh(random: &dyn Random) -> CsrfToken {
        CsrfToken(Secret::new(random.bytes()))
    }

    /// The cookie that carries `token`.
    pub fn cookie(&self, rules: &CookieRules, token: &CsrfToken) -> Cookie<'static> {
        rules.set(self.name.clone(), URL_SAFE_NO_PAD.encode(token.0.expose()), Some(YEAR))
    }

    /// Whether the form's value and the cookie are of one token. Constant time.
    pub fn holds(&self, headers: &HeaderMap, submitted: Option<&str>) -> bool {
        let Some(token) = self.known(headers) else { return false };
        submitted.and_then(unmask).is_some_and(|bytes| token.0.matches(&bytes))
    }
}

impl CsrfToken {
    /// What a flow keeps of it, to know its browser again.
    pub fn digest(&self) -> Digest {
        let mut out = Digest::default();
        out.copy_from_slice(digest(&SHA256, self.0.expose()).as_ref());
        out
    }

    /// The token as it stands in a form: a pad, and the token under it.
    pub fn masked(&self, random: &dyn Random) -> String {
        let pad: [u8; LENGTH] = random.bytes();
        let mut text = pad.to_vec();
        text.extend(pad.iter().zip(self.0.expose()).map(|(p, t)| p ^ t));
        URL_SAFE_NO_PAD.encode(text)
    }
}

fn unmask(text: &str) -> Option<[u8; LENGTH]> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (pad, masked) = bytes.split_at_checked(LENGTH)?;
    let mut token: [u8; LENGTH] = masked.try_into().ok()?;
    token.iter_mut().zip(pad).for_each(|(t, p)| *t ^= p);
    Some(token)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{COOKIE, HeaderValue};

    use super::*;
    use crate::base::SeededRandom;

    fn with_cookie(csrf: &Csrf, token: &CsrfToken) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let line = format!("{}={}", csrf.name, URL_SAFE_NO_PAD.encode(token.0.expose()));
        headers.insert(COOKIE, HeaderValue::from_str(&line).expect("a header"));
        headers
    }

    #[test]
    fn a_form_needs_the_token_of_its_cookie() {
        let (csrf, random) = (Csrf::named_after("https://id.example/"), SeededRandom::new(1));
        let (token, other) = (Csrf::fresh(&random), Csrf::fresh(&random));
        let headers = with_cookie(&csrf, &token);
        let (first, second) = (token.masked(&random), token.masked(&random));
        assert_ne!(first, second);
        assert!(csrf.holds(&headers, Some(&first)) && csrf.holds(&headers, Some(&second)));
        let unmasked = URL_SAFE_NO_PAD.encode(token.0.expose());
        for bad in [None, Some(""), Some("x"), Some(unmasked.as_str()), Some(other.masked(&random).as_str())] {
            assert!(!csrf.holds(&headers, bad), "{bad:?}");
        }
        assert!(!csrf.holds(&HeaderMap::new(), Some(&first)));
        assert!(!Csrf::named_after("https://other.example/").holds(&headers, Some(&first)));
    }

    #[test]
    fn the_cookie_is_named_after_the_public_address() {
        let name = Csrf::named_after("http://localhost:4444/").name;
        let hex = name.strip_prefix("csrf_token_").expect("the prefix clients know");
        assert!(hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()));
    }
}
