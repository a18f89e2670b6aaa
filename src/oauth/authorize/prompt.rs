//! Whether a person must be asked: `prompt`, `max_age` and `id_token_hint` (OIDC Core §3.1.2.1, §3.1.2.3).

use std::time::Duration;

use super::super::error::{ErrorCode, OAuthError};
use super::super::params::Params;
use crate::base::Instant;
use crate::model::client::Client;
use crate::model::{AuthorizeRequest, Grant, Prompt, Session};

/// Reads `prompt`.
///
/// # Errors
/// `invalid_request` for an unknown value, and for `none` beside another (OIDC Core §3.1.2.1).
pub(super) fn parse(params: &Params) -> Result<Prompt, OAuthError> {
    let mut prompt = Prompt::default();
    for value in params.one("prompt")?.unwrap_or("").split(' ').filter(|v| !v.is_empty()) {
        match value {
            "none" => prompt.none = true,
            "login" => prompt.login = true,
            "consent" => prompt.consent = true,
            "select_account" => prompt.select_account = true,
            _ => {
                return Err(OAuthError::invalid_request(
                    "prompt must be made of none, login, consent and select_account",
                ));
            }
        }
    }
    if prompt.none && (prompt.login || prompt.consent || prompt.select_account) {
        return Err(OAuthError::invalid_request("prompt=none cannot be combined with another value"));
    }
    Ok(prompt)
}

/// Whether somebody must log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginNeed {
    /// Yes.
    Ask,
    /// No: the session answers.
    Known,
}

/// Decides whether the session at hand may answer for its person.
///
/// # Errors
/// `login_required` where a person would have to be asked but `prompt=none`, and where the hint names somebody else.
pub fn login_need(
    request: &AuthorizeRequest,
    session: Option<&Session>,
    now: Instant,
) -> Result<LoginNeed, OAuthError> {
    let ask = |why: &'static str| {
        if request.prompt.none { Err(OAuthError::new(ErrorCode::LoginRequired, why)) } else { Ok(LoginNeed::Ask) }
    };
    if request.prompt.login || request.prompt.select_account {
        return Ok(LoginNeed::Ask);
    }
    let Some(session) = session.filter(|s| s.is_live(now) && s.remembered) else {
        return ask("nobody is logged in, and prompt=none forbids asking");
    };
    if let Some(max_age) = request.max_age {
        // OIDC Core §3.1.2.1: older than max_age means to authenticate again; 0 is the same as prompt=login.
        if max_age == 0 || now > session.authenticated_at.plus(Duration::from_secs(max_age)) {
            return ask("the login is older than max_age, and prompt=none forbids asking");
        }
    }
    fits_hint(request, session.subject.as_str())?;
    Ok(LoginNeed::Known)
}

/// Checks that the person who is there is the one the hint names (OIDC Core §3.1.2.2).
///
/// # Errors
/// `login_required` when it is somebody else.
pub fn fits_hint(request: &AuthorizeRequest, subject: &str) -> Result<(), OAuthError> {
    match request.hinted_subject() {
        Some(hinted) if hinted != subject => {
            Err(OAuthError::new(ErrorCode::LoginRequired, "the person logged in is not the one id_token_hint names"))
        }
        _ => Ok(()),
    }
}

/// Finds the remembered answer that makes asking for consent needless, newest first.
///
/// Never for `prompt=consent`; never for a public client whose address another app on the device could claim
/// (RFC 8252 §8.6), unless `loopback_is_safe` as in development.
pub fn remembered_consent<'g>(
    request: &AuthorizeRequest,
    client: &Client,
    remembered: &'g [Grant],
    loopback_is_safe: bool,
) -> Option<&'g Grant> {
    let claimed = request.redirect_uri.starts_with("https://")
        || (loopback_is_safe && request.redirect_uri.starts_with("http://"));
    if request.prompt.consent || (client.is_public() && !claimed) {
        return None;
    }
    remembered
        .iter()
        .find(|grant| grant.scope.covers(&request.scope) && request.audience.iter().all(|a| grant.audience.contains(a)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Id, SeededRandom};
    use crate::model::{Aal, ClientId, Device, Subject};

    const LOGIN: i64 = 1_700_000_000;

    fn session() -> Session {
        let random = SeededRandom::new(1);
        let at = Instant::from_unix_seconds(LOGIN);
        Session {
            key: Id::ordered(at, &random),
            id: Id::<()>::random(&random).uuid(),
            digest: [0; 32],
            subject: Subject::new("alice"),
            identity_id: None,
            authenticated_at: at,
            issued_at: at,
            expires_at: at.plus(Duration::from_secs(3_600)),
            remembered: true,
            aal: Aal::Aal1,
            acr: String::new(),
            amr: Vec::new(),
            provider_session_id: None,
            device: Device::default(),
            revoked_at: None,
        }
    }

    fn request(prompt: &str, max_age: Option<u64>, hint: Option<&str>) -> AuthorizeRequest {
        let mut r = AuthorizeRequest::new(
            ClientId::new("c"),
            "https://rp.example/cb".into(),
            Instant::from_unix_seconds(LOGIN),
        );
        r.prompt = parse(&Params::decode(format!("prompt={prompt}").as_bytes()).expect("a form")).expect("a prompt");
        r.max_age = max_age;
        r.id_token_hint = hint.map(|s| serde_json::Map::from_iter([("sub".to_owned(), s.into())]));
        r
    }

    #[test]
    fn a_table_of_who_must_log_in() {
        let revoked = Session { revoked_at: Some(Instant::from_unix_seconds(LOGIN)), ..session() };
        let forgotten = Session { remembered: false, ..session() };
        let live = session();
        for (prompt, max_age, hint, session, after, expected) in [
            ("", None, None, None, 0, Some(LoginNeed::Ask)),
            ("none", None, None, None, 0, None),
            ("", None, None, Some(&live), 10, Some(LoginNeed::Known)),
            ("none", None, None, Some(&live), 10, Some(LoginNeed::Known)),
            ("login", None, None, Some(&live), 10, Some(LoginNeed::Ask)),
            ("select_account", None, None, Some(&live), 10, Some(LoginNeed::Ask)),
            ("consent", None, None, Some(&live), 10, Some(LoginNeed::Known)),
            ("", Some(10), None, Some(&live), 10, Some(LoginNeed::Known)),
            ("", Some(10), None, Some(&live), 11, Some(LoginNeed::Ask)),
            ("none", Some(10), None, Some(&live), 11, None),
            ("", Some(0), None, Some(&live), 0, Some(LoginNeed::Ask)),
            ("", None, Some("alice"), Some(&live), 0, Some(LoginNeed::Known)),
            ("", None, Some("bob"), Some(&live), 0, None),
            ("none", None, Some("bob"), Some(&live), 0, None),
            ("", None, None, Some(&live), 3_600, Some(LoginNeed::Ask)),
            ("", None, None, Some(&revoked), 0, Some(LoginNeed::Ask)),
            ("none", None, None, Some(&forgotten), 0, None),
        ] {
            let now = Instant::from_unix_seconds(LOGIN + after);
            let got = login_need(&request(prompt, max_age, hint), session, now);
            assert_eq!(got.ok(), expected, "prompt={prompt} max_age={max_age:?} hint={hint:?} after={after}");
        }
    }

    #[test]
    fn prompts_are_checked() {
        for bad in ["none+login", "none+consent", "registration", "Login", "none+select_account"] {
            let params = Params::decode(format!("prompt={bad}").as_bytes()).expect("a form");
            assert!(parse(&params).is_err(), "{bad}");
        }
    }
}
