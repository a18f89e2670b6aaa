//! What happens to other people's text and addresses before a template shows them.

use minijinja::Environment;
use url::Url;

/// Longest name shown, in characters.
const NAME_LIMIT: usize = 72;

/// Longest sentence shown, in characters.
const PROSE_LIMIT: usize = 600;

/// Makes the filters known to all templates.
pub(super) fn add_filters(environment: &mut Environment<'static>) {
    environment.add_filter("name", |text: &str| tidy(text, NAME_LIMIT));
    environment.add_filter("prose", |text: &str| tidy(text, PROSE_LIMIT));
    environment.add_filter("monogram", monogram);
    environment.add_filter("weblink", |address: Option<&str>| address.and_then(web_link));
    environment.add_filter("logo", |address: Option<&str>| address.and_then(logo));
    environment.add_filter("host", |address: Option<&str>| address.and_then(host));
}

/// One line without control characters and without marks that turn the direction of text around, cut at `limit`.
pub(super) fn tidy(text: &str, limit: usize) -> String {
    let visible = text.chars().take(limit * 8).map(|c| if c.is_control() { ' ' } else { c }).filter(|c| !is_mark(*c));
    let line = visible.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line,
    }
}

/// Whether `c` is invisible and changes how its neighbours are laid out (Unicode bidi controls, zero-width marks).
fn is_mark(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The letter that stands for an app without a logo.
fn monogram(name: &str) -> String {
    let first = tidy(name, NAME_LIMIT).chars().find(|c| c.is_alphanumeric());
    first.map_or_else(|| "•".to_owned(), |c| c.to_uppercase().collect())
}

/// The address if it is http(s) and names a host, so that no link can run a script.
pub(super) fn web_link(address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    (matches!(url.scheme(), "https" | "http") && url.has_host()).then(|| url.to_string())
}

/// The address if our pages may load it as a picture.
fn logo(address: &str) -> Option<String> {
    web_link(address).filter(|address| address.starts_with("https:"))
}

/// The host (and port, if written) of a web address.
fn host(address: &str) -> Option<String> {
    let url = Url::parse(&web_link(address)?).ok()?;
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

/// The address if it is a web address or a path on this server: not `//host`, not `\`.
pub(super) fn own_or_web_link(address: &str) -> Option<String> {
    let own = address.starts_with('/') && !address.starts_with("//") && !address.contains('\\');
    if own && !address.contains(char::is_control) { Some(address.to_owned()) } else { web_link(address) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_short_visible_line() {
        for (given, shown) in [
            ("Notes", "Notes"),
            (" two\n\tlines ", "two lines"),
            ("moc\u{202e}evil\u{202c}", "mocevil"),
            ("a\u{0000}b", "a b"),
            ("אבג", "אבג"),
            ("", ""),
        ] {
            assert_eq!(tidy(given, NAME_LIMIT), shown);
        }
        assert_eq!(tidy(&"x".repeat(10_240), NAME_LIMIT).chars().count(), NAME_LIMIT + 1);
    }

    #[test]
    fn an_app_without_a_letter_still_has_a_mark() {
        for (name, mark) in [("notes", "N"), ("\u{202e}(ßeta)", "SS"), ("!!!", "•"), ("", "•"), ("7days", "7")] {
            assert_eq!(monogram(name), mark);
        }
    }

    #[test]
    fn only_web_addresses_become_links() {
        for refused in
            ["javascript:alert(1)", "data:text/html,x", "ftp://x/", "//x", "/x", "x", "", "https:", " java\nscript:x"]
        {
            assert_eq!(web_link(refused), None, "{refused}");
        }
        assert_eq!(web_link("https://app.example").as_deref(), Some("https://app.example/"));
        assert_eq!(host("http://localhost:4446/x?y").as_deref(), Some("localhost:4446"));
        assert_eq!(logo("http://app.example/a.png"), None);
        for refused in ["//evil.example", "/\\evil.example", "/a\nb", "javascript:alert(1)"] {
            assert_eq!(own_or_web_link(refused), None, "{refused}");
        }
        assert_eq!(own_or_web_link("/login?x=1").as_deref(), Some("/login?x=1"));
    }
}
