//! The answer to the client (RFC 6749 §4.1.2, Form Post Response Mode, RFC 9207): parameters and how they travel.

use super::super::error::OAuthError;
use super::ReplyTo;
use crate::base::Issuer;
use crate::model::{ResponseMode, ScopeSet};

/// What the browser carries back to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizeReply {
    /// Where.
    pub to: ReplyTo,
    /// What, in order.
    pub params: Vec<(&'static str, String)>,
}

impl AuthorizeReply {
    /// A code for the client, with the scopes it stands for.
    pub fn code(to: ReplyTo, code: &str, scope: &ScopeSet, issuer: &Issuer) -> Self {
        let params = vec![("code", code.to_owned()), ("scope", scope.to_string())];
        Self { to, params }.finished(issuer)
    }

    /// An error for the client (RFC 6749 §4.1.2.1).
    pub fn error(to: ReplyTo, error: &OAuthError, issuer: &Issuer) -> Self {
        Self::refusal(to, error.code.as_str(), &error.description, issuer)
    }

    /// An error in the words of a login or consent UI.
    pub fn refusal(to: ReplyTo, error: &str, description: &str, issuer: &Issuer) -> Self {
        let mut params = vec![("error", legal_text(error))];
        if !description.is_empty() {
            params.push(("error_description", legal_text(description)));
        }
        Self { to, params }.finished(issuer)
    }

    /// RFC 6749 §4.1.2: the state is echoed; RFC 9207 §2: every answer names its issuer.
    fn finished(mut self, issuer: &Issuer) -> Self {
        if let Some(state) = self.to.state() {
            self.params.push(("state", state.to_owned()));
        }
        self.params.push(("iss", issuer.as_str().to_owned()));
        self
    }

    /// The address to redirect to; `None` when the answer is a form to post.
    pub fn location(&self) -> Option<String> {
        let uri = self.to.redirect_uri();
        let mut encoded = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in &self.params {
            encoded.append_pair(name, value);
        }
        let encoded = encoded.finish();
        match self.to.mode() {
            ResponseMode::FormPost => None,
            ResponseMode::Fragment => Some(format!("{uri}#{encoded}")),
            ResponseMode::Query => {
                let separator = if !uri.contains('?') {
                    "?"
                } else if uri.ends_with(['?', '&']) {
                    ""
                } else {
                    "&"
                };
                Some(format!("{uri}{separator}{encoded}"))
            }
        }
    }
}

/// RFC 6749 §4.1.2.1: `error` and `error_description` hold only `%x20-21 / %x23-5B / %x5D-7E`.
fn legal_text(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '"' | '\\' => '\'',
            ' '..='~' => c,
            _ => '?',
        })
        .take(1_024)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Instant;
    use crate::model::{AuthorizeRequest, ClientId};

    fn to(uri: &str, mode: ResponseMode, state: Option<&str>) -> ReplyTo {
        let mut r = AuthorizeRequest::new(ClientId::new("c"), uri.into(), Instant::from_micros(0));
        r.response_mode = mode;
        r.state = state.map(str::to_owned);
        ReplyTo::of(&r)
    }

    fn issuer() -> Issuer {
        Issuer::parse("https://id.example").expect("an issuer")
    }

    #[test]
    fn answers_keep_the_query_that_was_registered() {
        for (uri, mode, expected) in [
            (
                "https://rp/cb",
                ResponseMode::Query,
                "https://rp/cb?code=c&scope=a+b&state=s%26+%2B&iss=https%3A%2F%2Fid.example",
            ),
            (
                "https://rp/q?a=1",
                ResponseMode::Query,
                "https://rp/q?a=1&code=c&scope=a+b&state=s%26+%2B&iss=https%3A%2F%2Fid.example",
            ),
            (
                "app.x:/cb",
                ResponseMode::Fragment,
                "app.x:/cb#code=c&scope=a+b&state=s%26+%2B&iss=https%3A%2F%2Fid.example",
            ),
        ] {
            let scope = ScopeSet::parse("a b").expect("scopes");
            let reply = AuthorizeReply::code(to(uri, mode, Some("s& +")), "c", &scope, &issuer());
            assert_eq!(reply.location().as_deref(), Some(expected));
        }
    }

    #[test]
    fn errors_hold_legal_characters_only() {
        let reply = AuthorizeReply::refusal(
            to("https://rp/cb", ResponseMode::FormPost, None),
            "no \"way\"\r\n",
            "\u{e9}\\",
            &issuer(),
        );
        assert_eq!(reply.location(), None);
        assert_eq!(
            reply.params,
            [
                ("error", "no 'way'??".to_owned()),
                ("error_description", "?'".to_owned()),
                ("iss", "https://id.example".to_owned())
            ]
        );
    }
}
