//! One spelling for each identifier, so that look-alikes of one name are one account and not two.
//!
//! `Alice@Example.com`, ` alice@example.com ` and a spelling with an invisible character inside all mean the same person.
//! The same function is used when an account is made and when someone logs in. Not here: which traits are identifiers
//! ([`super::schema`]).

use icu_normalizer::ComposingNormalizerBorrowed;

/// Longest identifier in bytes after normalisation (RFC 5321 §4.5.3.1: 64 for the name, 255 for the domain, and the sign).
const LONGEST: usize = 320;

/// Why a text is no identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoIdentifier {
    /// A line break or another control character: it would end up in mail headers and logs.
    #[error("it must not hold line breaks or other control characters")]
    ControlCharacter,
    /// Nothing is left of it.
    #[error("it must not be empty")]
    Empty,
    /// Too long.
    #[error("it must not be longer than 320 bytes")]
    TooLong,
}

/// The one spelling of `text`: trimmed, invisible characters removed, Unicode NFKC, lower case.
///
/// Applied to its own result it changes nothing.
///
/// # Errors
/// [`NoIdentifier`] when there is none.
pub fn normalise(text: &str) -> Result<String, NoIdentifier> {
    let text = text.trim_matches(' ');
    if text.chars().any(char::is_control) {
        return Err(NoIdentifier::ControlCharacter);
    }
    // What compatibility forms stand for is at most 18 times as long (U+FDFA).
    if text.len() > LONGEST * 4 {
        return Err(NoIdentifier::TooLong);
    }
    let nfkc = ComposingNormalizerBorrowed::new_nfkc();
    let visible: String = text.chars().filter(|c| !is_invisible(*c)).collect();
    let composed = nfkc.normalize(&visible);
    let lower: String = composed.chars().filter(|c| !is_invisible(*c)).flat_map(char::to_lowercase).collect();
    let settled = nfkc.normalize(&lower);
    let settled = settled.trim();
    if settled.chars().any(char::is_control) {
        return Err(NoIdentifier::ControlCharacter);
    }
    match settled.len() {
        0 => Err(NoIdentifier::Empty),
        1..=LONGEST => Ok(settled.to_owned()),
        _ => Err(NoIdentifier::TooLong),
    }
}

/// Characters that are not seen, or only change how others are drawn (Unicode `Default_Ignorable_Code_Point`).
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFF8}' | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Whether `normalised` has the form of a mail address that is safe in a mail header: one `@`, something on both sides,
/// and none of the characters with which headers are built.
pub fn is_mail_address(normalised: &str) -> bool {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || "<>()[]\\,;:\"".contains(c);
    match normalised.split_once('@') {
        Some((name, domain)) => {
            !name.is_empty()
                && name.len() <= 64
                && !domain.is_empty()
                && !domain.contains('@')
                && !domain.starts_with(['.', '-'])
                && !domain.ends_with(['.', '-'])
                && !normalised.contains(forbidden)
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn look_alikes_are_one_identifier() {
        for twin in [
            "alice@example.com",
            "  Alice@EXAMPLE.com ",
            "ali\u{200B}ce@example.com",
            "alice\u{AD}@example.com",
            "\u{FEFF}alice@example.com\u{2060}",
            "ａｌｉｃｅ@example.com",
            "𝒶lice@example.com",
            "al\u{E0069}ice@example.com",
            "\u{202E}alice@example.com",
            "alice\u{FE0F}@example.com",
        ] {
            assert_eq!(normalise(twin).as_deref(), Ok("alice@example.com"), "{twin:?}");
        }
        assert_eq!(normalise("Zoe\u{308}"), normalise("ZOË"));
        assert_eq!(normalise("\u{212A}elvin").as_deref(), Ok("kelvin"));
    }

    #[test]
    fn different_names_stay_different() {
        for other in ["alice@example.co", "al.ice@example.com", "alice+tag@example.com", "al ice@example.com"] {
            assert_ne!(normalise(other).as_deref(), Ok("alice@example.com"), "{other}");
        }
    }

    #[test]
    fn what_breaks_headers_or_says_nothing_is_refused() {
        for (text, why) in [
            ("alice@example.com\r\nBcc: eve@example.com", NoIdentifier::ControlCharacter),
            ("alice@example.com\n", NoIdentifier::ControlCharacter),
            ("ali\0ce@example.com", NoIdentifier::ControlCharacter),
            ("ali\u{85}ce", NoIdentifier::ControlCharacter),
            ("", NoIdentifier::Empty),
            ("   ", NoIdentifier::Empty),
            ("\u{200B}\u{2060}", NoIdentifier::Empty),
            ("\u{3000}", NoIdentifier::Empty),
        ] {
            assert_eq!(normalise(text), Err(why), "{text:?}");
        }
        assert_eq!(normalise(&"a".repeat(321)), Err(NoIdentifier::TooLong));
        assert_eq!(normalise(&"a".repeat(1_000_000)), Err(NoIdentifier::TooLong));
        assert_eq!(normalise(&"\u{FDFA}".repeat(40)), Err(NoIdentifier::TooLong));
    }

    #[test]
    fn mail_addresses_have_two_plain_sides() {
        for good in ["a@b", "alice@example.com", "o'hara+x_y.z@sub.example.com", "用户@例子.广告"] {
            assert!(is_mail_address(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "@",
            "a@",
            "@b",
            "a@b@c",
            "a b@c",
            "a@b c",
            "<a@b>",
            "a@b>",
            "\"a@b\"@c",
            "a@.b",
            "a@b.",
            "a@b,c@d",
            "a@b;c",
            "a@-b",
            "a(x)@b",
            "a@[127.0.0.1]",
        ] {
            assert!(!is_mail_address(bad), "{bad}");
        }
        assert!(!is_mail_address(&format!("{}@b", "a".repeat(65))));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn normalising_twice_changes_nothing(text in "\\PC{0,24}", mark in "[\u{200B}\u{AD}\u{300}-\u{30F} ]{0,3}", end in "\\PC{0,8}") {
            if let Ok(once) = normalise(&format!("{text}{mark}{end}")) {
                prop_assert_eq!(normalise(&once), Ok(once));
            }
        }
    }
}
