//! Who asks the person: our own pages, or the operator's app.

use url::Url;

use super::reader::Reader;

/// Where login, consent and logout are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interaction {
    /// Our identity flows answer.
    Embedded {
        /// A login page of the operator that shows our flows; `None`: our own pages.
        ui_url: Option<Url>,
    },
    /// An app of the operator answers over the admin API.
    External {
        /// Where the browser goes with a `login_challenge`.
        login: Url,
        /// Where the browser goes with a `consent_challenge`.
        consent: Url,
        /// Where the browser goes with a `logout_challenge`; `None`: our own page asks.
        logout: Option<Url>,
    },
}

/// Reads `urls.login`, `urls.consent`, `urls.logout` and `selfservice.flows.login.ui_url`.
pub(super) fn read(r: &mut Reader<'_>, dev: bool) -> Interaction {
    let login = page(r, "urls.login", dev);
    let consent = page(r, "urls.consent", dev);
    let logout = page(r, "urls.logout", dev);
    let ui_url = page(r, "selfservice.flows.login.ui_url", dev);
    match (login, consent) {
        (Some(login), Some(consent)) => {
            if ui_url.is_some() {
                r.refuse(
                    "selfservice.flows.login.ui_url",
                    "urls.login hands the login to your own app, so this page would never be shown; keep one of the two",
                );
            }
            Interaction::External { login, consent, logout }
        }
        (login, consent) => {
            missing_half(r, login.is_some(), consent.is_some());
            Interaction::Embedded { ui_url }
        }
    }
}

fn missing_half(r: &mut Reader<'_>, login: bool, consent: bool) {
    let says = |r: &mut Reader<'_>, written: &str, missing: &str| {
        if !r.is_set(missing) {
            let message = format!("needs {missing} as well: one app answers both; without both our own pages answer");
            r.refuse(written, &message);
        }
    };
    if login {
        says(r, "urls.login", "urls.consent");
    } else if consent {
        says(r, "urls.consent", "urls.login");
    } else if r.is_set("urls.logout") && !r.is_set("urls.login") && !r.is_set("urls.consent") {
        r.refuse(
            "urls.logout",
            "needs urls.login and urls.consent as well: one app answers all three; without them our own pages answer",
        );
    }
}

/// The URL of a page that a person visits; plain http to another machine earns a warning.
pub(super) fn page(r: &mut Reader<'_>, path: &str, dev: bool) -> Option<Url> {
    let url = r.url(path)?;
    let is_here = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    if url.scheme() == "http" && !dev && !is_here {
        r.notice(true, path, "plain http: everyone on the way can read and change this page; write https");
    }
    Some(url)
}
