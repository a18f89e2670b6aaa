//! Cookies: names, flags, reading and writing. What is in them is nobody's business here.
//!
//! The names that clients and operators know are kept; our own get `__Host-` where a browser takes it.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::cookie::time::Duration as CookieTime;
use actix_web::cookie::{Cookie, SameSite as CookieSameSite};
use actix_web::http::header::{COOKIE, HeaderMap};

use crate::base::Secret;
use crate::config::{Interaction, SameSite, Settings};

/// Binds a browser to an interaction; the interaction's tag follows.
const BINDING: &str = "ory_hydra_login_csrf_";
/// So many bindings are kept; older ones are cleared, so that abandoned tabs do not fill the Cookie header.
const MOST_BINDINGS: usize = 10;
/// Longest binding value that is looked at, in bytes.
const MAX_VALUE: usize = 4_096;

/// How cookies of this server look.
#[derive(Clone, Debug)]
pub struct CookieRules {
    secure: bool,
    same_site: CookieSameSite,
    domain: Option<String>,
    session: SessionRules,
}

/// How the cookie of a login looks.
#[derive(Clone, Debug)]
struct SessionRules {
    name: String,
    same_site: CookieSameSite,
    domain: Option<String>,
}

impl CookieRules {
    /// As configured. Where our own identity flows answer, their session is the only one there is.
    pub fn of(settings: &Settings) -> Self {
        let (cookies, identity) = (&settings.cookies, &settings.identity.session_cookie);
        let session = match settings.interaction {
            Interaction::Embedded { .. } => SessionRules {
                name: identity.name.clone(),
                same_site: same_site(identity.same_site),
                domain: identity.domain.clone(),
            },
            Interaction::External { .. } => SessionRules {
                name: cookies.session_name.clone(),
                same_site: same_site(cookies.same_site),
                domain: cookies.domain.clone(),
            },
        };
        Self {
            secure: cookies.secure,
            same_site: same_site(cookies.same_site),
            domain: cookies.domain.clone(),
            session,
        }
    }

    /// The name of a cookie that is ours alone: `__Host-` in front when it is Secure and has no Domain (RFC 6265bis §4.1.3.2).
    pub fn own_name(&self, name: &str) -> String {
        if self.secure && self.domain.is_none() { format!("__Host-{name}") } else { name.to_owned() }
    }

    /// A cookie for this server: HttpOnly, for every path; `None` lasts until the browser is closed.
    pub fn set(&self, name: String, value: String, max_age: Option<Duration>) -> Cookie<'static> {
        self.built(name, value, max_age, (self.same_site, self.domain.as_ref()))
    }

    fn built(
        &self,
        name: String,
        value: String,
        max_age: Option<Duration>,
        (same_site, domain): (CookieSameSite, Option<&String>),
    ) -> Cookie<'static> {
        let mut cookie = Cookie::build(name, value).path("/").http_only(true).secure(self.secure).same_site(same_site);
        if let Some(domain) = domain {
            cookie = cookie.domain(domain.clone());
        }
        if let Some(max_age) = max_age {
            let seconds = i64::try_from(max_age.as_secs()).unwrap_or(i64::MAX);
            cookie = cookie.max_age(CookieTime::seconds(seconds));
        }
        cookie.finish()
    }

    /// Removes a cookie.
    pub fn clear(&self, name: String) -> Cookie<'static> {
        self.set(name, String::new(), Some(Duration::ZERO))
    }

    /// The session cookie's value.
    pub fn session(&self, headers: &HeaderMap) -> Option<Secret<String>> {
        values(headers, &self.session.name).into_iter().next()
    }

    /// Sets the session cookie.
    pub fn set_session(&self, value: &Secret<String>, max_age: Option<Duration>) -> Cookie<'static> {
        let session = &self.session;
        self.built(session.name.clone(), value.expose().clone(), max_age, (session.same_site, session.domain.as_ref()))
    }

    /// Removes the session cookie.
    pub fn clear_session(&self) -> Cookie<'static> {
        self.set_session(&Secret::new(String::new()), Some(Duration::ZERO))
    }

    /// Every binding of the browser: tag and value, oldest first, as browsers send them (RFC 6265 §5.4).
    pub fn bindings(&self, headers: &HeaderMap) -> Vec<(String, Secret<String>)> {
        let binding = |(name, value): (&str, &str)| {
            let tag = name.strip_prefix(BINDING)?;
            let is_ours = !tag.is_empty() && tag.len() <= 64 && tag.bytes().all(|b| b.is_ascii_alphanumeric());
            (is_ours && value.len() <= MAX_VALUE).then(|| (tag.to_owned(), Secret::from(value)))
        };
        pairs(headers).filter_map(binding).collect()
    }

    /// Binds the browser to the interaction with this tag.
    pub fn set_binding(&self, tag: &str, value: &Secret<String>, max_age: Duration) -> Cookie<'static> {
        self.set(format!("{BINDING}{tag}"), value.expose().clone(), Some(max_age))
    }

    /// Removes a binding.
    pub fn clear_binding(&self, tag: &str) -> Cookie<'static> {
        self.clear(format!("{BINDING}{tag}"))
    }

    /// Clears the oldest bindings of a browser that brought too many, `added` new ones included.
    pub fn tidy(&self, headers: &HeaderMap, added: usize, response: &mut HttpResponse) {
        let known = self.bindings(headers);
        let surplus = (known.len() + added).saturating_sub(MOST_BINDINGS);
        for (tag, _) in known.iter().take(surplus) {
            add(response, &self.clear_binding(tag));
        }
    }
}

/// Adds a Set-Cookie to an answer.
pub fn add(response: &mut HttpResponse, cookie: &Cookie<'_>) {
    if response.add_cookie(cookie).is_err() {
        tracing::error!(cookie = cookie.name(), "a cookie could not be written");
    }
}

/// The `SameSite` attribute in the library's words.
pub fn same_site(configured: SameSite) -> CookieSameSite {
    match configured {
        SameSite::Lax => CookieSameSite::Lax,
        SameSite::None => CookieSameSite::None,
        SameSite::Strict => CookieSameSite::Strict,
    }
}

/// Every value of the cookie `name`, in the order sent. A cookie that cannot be read does not hide the others.
pub fn values(headers: &HeaderMap, name: &str) -> Vec<Secret<String>> {
    pairs(headers).filter(|(n, v)| *n == name && !v.is_empty()).map(|(_, v)| Secret::from(v)).collect()
}

fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(COOKIE)
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .map(|(name, value)| (name, value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value)))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderValue, SET_COOKIE};

    use super::*;

    fn rules(secure: bool, domain: Option<&str>) -> CookieRules {
        CookieRules {
            secure,
            same_site: CookieSameSite::Lax,
            domain: domain.map(str::to_owned),
            session: SessionRules {
                name: "ory_hydra_session".into(),
                same_site: CookieSameSite::Lax,
                domain: domain.map(str::to_owned),
            },
        }
    }

    fn sent(lines: &[&str]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for line in lines {
            map.append(COOKIE, HeaderValue::from_str(line).expect("a header"));
        }
        map
    }

    #[test]
    fn flags_follow_the_configuration() {
        let value = Secret::from("v");
        for (rules, expected) in [
            (rules(true, None), "ory_hydra_session=v; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=60"),
            (rules(false, None), "ory_hydra_session=v; HttpOnly; SameSite=Lax; Path=/; Max-Age=60"),
            (
                rules(true, Some("id.example")),
                "ory_hydra_session=v; HttpOnly; SameSite=Lax; Secure; Path=/; Domain=id.example; Max-Age=60",
            ),
        ] {
            assert_eq!(rules.set_session(&value, Some(Duration::from_secs(60))).to_string(), expected);
        }
        assert_eq!(rules(true, None).own_name("x"), "__Host-x");
        assert_eq!(rules(false, None).own_name("x"), "x");
        assert_eq!(rules(true, Some("id.example")).own_name("x"), "x");
        assert!(rules(true, None).clear_session().to_string().ends_with("Path=/; Max-Age=0"));
    }

    #[test]
    fn a_broken_cookie_does_not_hide_the_others() {
        let headers = sent(&["broken; %zz=1; ory_hydra_session=a; ory_hydra_session=b", "x=\"q\"; e="]);
        let read = |name| values(&headers, name).iter().map(|v| v.expose().clone()).collect::<Vec<_>>();
        assert_eq!(read("ory_hydra_session"), ["a", "b"]);
        assert_eq!(read("x"), ["q"]);
        assert!(read("e").is_empty() && read("broken").is_empty());
    }

    #[test]
    fn ten_bindings_are_kept_and_the_oldest_go_first() {
        let rules = rules(true, None);
        let line: Vec<String> = (0..12).map(|n| format!("{BINDING}{n}a=v{n}")).collect();
        let headers = sent(&[&line.join("; "), "ory_hydra_login_csrf_=x; ory_hydra_login_csrf_a.b=x"]);
        assert_eq!(rules.bindings(&headers).len(), 12);
        let mut response = HttpResponse::Ok().finish();
        rules.tidy(&headers, 1, &mut response);
        let cleared: Vec<_> = response.headers().get_all(SET_COOKIE).filter_map(|v| v.to_str().ok()).collect();
        assert_eq!(cleared.len(), 3);
        for (n, line) in cleared.iter().enumerate() {
            assert!(line.starts_with(&format!("{BINDING}{n}a=;")), "{line}");
        }
    }
}
