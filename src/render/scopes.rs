//! What a scope means, said to a person.

use serde::Serialize;

/// One scope in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScopeWords {
    /// The scope as the app asked for it.
    pub name: String,
    /// What the app may do, in a few words.
    pub title: String,
    /// What that means, in one sentence.
    pub text: String,
    /// Whether it cannot be refused alone: it is shown without a box to tick, and sent with every acceptance.
    pub required: bool,
}

/// The words for one scope: those of OIDC Core §5.4 and §11 are known, any other is shown by its name.
pub fn scope_words(name: &str) -> ScopeWords {
    let (title, text) = match name {
        "address" => ("See your postal address", "The address kept in your profile."),
        "email" => ("See your email address", "Your email address, and whether it has been verified."),
        "offline" | "offline_access" => (
            "Stay connected while you are away",
            "It keeps this access when you are not using it, until you withdraw it.",
        ),
        "openid" => ("Know that it is you", "An identifier for your account, and when you last logged in."),
        "phone" => ("See your phone number", "Your phone number, and whether it has been verified."),
        "profile" => ("See your profile", "Your name, picture, language and the other details of your profile."),
        _ => return unknown(name),
    };
    ScopeWords { name: name.to_owned(), title: title.to_owned(), text: text.to_owned(), required: name == "openid" }
}

/// The words for a scope that some other service made up.
fn unknown(name: &str) -> ScopeWords {
    ScopeWords {
        name: name.to_owned(),
        title: format!("Use “{name}”"),
        text: "A permission defined by a service this app works with.".to_owned(),
        required: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_scopes_have_their_own_words() {
        for name in ["address", "email", "offline", "offline_access", "openid", "phone", "profile"] {
            let words = scope_words(name);
            assert_eq!(words.name, name);
            assert_ne!(words.text, unknown(name).text, "{name}");
            assert_eq!(words.required, name == "openid");
        }
    }

    #[test]
    fn an_unknown_scope_is_shown_by_its_name() {
        assert_eq!(scope_words("photos.read").title, "Use “photos.read”");
        assert!(!scope_words("photos.read").required);
    }
}
