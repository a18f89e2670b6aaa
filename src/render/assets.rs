//! Files that pages load. Each name carries a hash of the content, so an answer may be cached for ever.

use std::sync::LazyLock;

use aws_lc_rs::digest;

/// One embedded file.
#[derive(Debug)]
pub struct Asset {
    /// The path pages use, such as `/assets/site.0a1b2c3d.css`.
    pub path: String,
    /// The `Content-Type` to answer with.
    pub content_type: &'static str,
    /// The content.
    pub bytes: &'static [u8],
}

static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("mark", "svg", "image/svg+xml", include_bytes!("static/mark.svg")));
static STYLESHEET: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("site", "css", "text/css; charset=utf-8", include_bytes!("static/site.css")));

impl Asset {
    fn new(stem: &str, ending: &str, content_type: &'static str, bytes: &'static [u8]) -> Self {
        let hash = digest::digest(&digest::SHA256, bytes);
        let tag: String = hash.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        Self { path: format!("/assets/{stem}.{tag}.{ending}"), content_type, bytes }
    }
}

/// Sallyport's mark, also the pages' icon.
pub fn icon() -> &'static Asset {
    &ICON
}

/// The style of every page.
pub fn stylesheet() -> &'static Asset {
    &STYLESHEET
}

/// The file at `path` (as in [`Asset::path`]). An older hash is not found: pages that name it are gone as well.
pub fn find(path: &str) -> Option<&'static Asset> {
    [icon(), stylesheet()].into_iter().find(|asset| asset.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_the_path_pages_use_and_by_no_other() {
        let css = find(&stylesheet().path).expect("found by its own path");
        assert!(css.path.starts_with("/assets/site.") && css.path.len() == "/assets/site.01234567.css".len());
        for path in ["/assets/site.css", "/assets/site.00000000.css", "/assets/../site.css", ""] {
            assert!(find(path).is_none(), "{path}");
        }
    }

    #[test]
    fn the_style_loads_nothing_from_elsewhere() {
        let css = std::str::from_utf8(stylesheet().bytes).expect("text");
        assert!(!css.contains("http") && !css.contains("@import") && !css.contains("url("));
    }
}
