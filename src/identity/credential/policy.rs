//! Which new passwords are accepted. Long is what counts (NIST SP 800-63B §5.1.1.2): no rules of composition, no expiry.

use crate::identity::message::Message;

/// Fewest characters.
pub const SHORTEST: usize = 8;
/// Most bytes; what is longer costs time and says no more.
pub const LONGEST: usize = 1024;
/// A password that fewer changes than this turn into an identifier is refused.
const FEWEST_CHANGES: usize = 5;
/// Longer texts are not compared: they cannot resemble each other by accident.
const LONGEST_COMPARED: usize = 256;

/// Checks a new password of someone who is known by `identifiers`.
///
/// # Errors
/// The message for the password field.
pub fn check(password: &str, identifiers: &[String]) -> Result<(), Message> {
    let characters = password.chars().count();
    if characters < SHORTEST {
        return Err(Message::password_too_short(SHORTEST, characters));
    }
    if password.len() > LONGEST {
        return Err(Message::password_too_long(LONGEST, password.len()));
    }
    if password.contains(['\0', '\r', '\n']) {
        return Err(Message::password_refused("it must not hold line breaks"));
    }
    if identifiers.iter().any(|identifier| resembles(password, identifier)) {
        return Err(Message::password_similar());
    }
    Ok(())
}

/// Whether `password` gives itself away to someone who knows `identifier`: few changes apart, or more than half of it
/// copied from there.
fn resembles(password: &str, identifier: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (folded(password), folded(identifier));
    if a.len() > LONGEST_COMPARED || b.len() > LONGEST_COMPARED || b.is_empty() {
        return false;
    }
    let changes = strsim::generic_levenshtein(&a, &b);
    changes < FEWEST_CHANGES || longest_common(&a, &b) * 2 > a.len()
}

fn folded(text: &str) -> Vec<char> {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// Length of the longest run of characters that both have.
fn longest_common(a: &[char], b: &[char]) -> usize {
    let mut longest = 0;
    let mut row = vec![0; b.len() + 1];
    for left in a {
        let mut diagonal = 0;
        for (at, right) in b.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if left == right { diagonal + 1 } else { 0 };
            longest = longest.max(row[at + 1]);
            diagonal = above;
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_judged_by_length_and_likeness() {
        let known = ["alice@example.com".to_owned()];
        for (password, verdict) in [
            ("", Some(4_000_032)),
            ("1234567", Some(4_000_032)),
            ("pässwör", Some(4_000_032)),
            ("correct horse battery", None),
            ("ünïcödé!", None),
            ("alice@example.com", Some(4_000_031)),
            ("Alice@Example.Com1", Some(4_000_031)),
            ("example.com!", Some(4_000_031)),
            ("xx-example-yy-zz", None),
            ("line\nbreak in it", Some(4_000_005)),
            ("nul\0 in the middle", Some(4_000_005)),
        ] {
            assert_eq!(check(password, &known).err().map(|m| m.id), verdict, "{password:?}");
        }
        assert_eq!(check(&"x".repeat(LONGEST + 1), &known).err().map(|m| m.id), Some(4_000_033));
        assert_eq!(check(&"x".repeat(LONGEST), &known), Ok(()));
        assert_eq!(check("alice@example.com", &[]), Ok(()));
    }

    #[test]
    fn the_longest_common_run_is_found() {
        for (a, b, expected) in
            [("", "x", 0), ("abc", "abc", 3), ("xabcy", "zabcw", 3), ("abab", "baba", 3), ("a", "b", 0)]
        {
            assert_eq!(longest_common(&folded(a), &folded(b)), expected, "{a} {b}");
        }
    }
}
