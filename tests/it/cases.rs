//! `docs/security-cases.md` and the slugs of the tests say the same.
//!
//! A slug stands in the comment above its test: `Slug: name` or `Slugs: name, name`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A case and a test that holds it.
type Held = (String, String);

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The slugs in a comment: after `Slug:` or `Slugs:`, with commas between.
fn slugs(comment: &str) -> Vec<String> {
    let Some(at) = ["Slugs: ", "Slug: ", "slugs: ", "slug: "].iter().find_map(|m| Some(comment.find(m)? + m.len()))
    else {
        return Vec::new();
    };
    let is_slug = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let words = comment[at..].split([',', '.']).map(str::trim);
    words.take_while(|word| !word.is_empty() && word.chars().all(is_slug)).map(str::to_owned).collect()
}

fn held_by_tests() -> BTreeSet<Held> {
    let (tests, mut files) = (root().join("tests/it"), Vec::new());
    sources(&tests, &mut files);
    let mut held = BTreeSet::new();
    for file in files {
        let module = file.strip_prefix(&tests).unwrap().with_extension("").display().to_string().replace('/', "::");
        let (mut comment, text) = (String::new(), fs::read_to_string(&file).unwrap());
        for line in text.lines() {
            if let Some(more) = line.strip_prefix("/// ") {
                comment.push_str(more);
                comment.push(' ');
            } else if let Some((_, rest)) = line.split_once("fn ").filter(|(before, _)| ["", "async "].contains(before))
            {
                let name = rest.split('(').next().unwrap();
                held.extend(slugs(&comment).into_iter().map(|slug| (slug, format!("{module}::{name}"))));
                comment.clear();
            } else if !line.starts_with("#[") {
                comment.clear();
            }
        }
    }
    held
}

fn told_in_the_page() -> BTreeSet<Held> {
    let page = fs::read_to_string(root().join("docs/security-cases.md")).unwrap();
    let mut told = BTreeSet::new();
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let plain = |cell: &str| cell.trim_matches('`').to_owned();
        assert!(cells.len() == 3 && !cells[1].is_empty(), "{row}");
        told.extend(cells[2].split(", ").map(|test| (plain(cells[0]), plain(test))));
    }
    told
}

#[test]
fn every_case_is_told_and_held() {
    let (held, told) = (held_by_tests(), told_in_the_page());
    assert!(held.len() > 100, "the search finds what is there: {}", held.len());
    let untold: Vec<_> = held.difference(&told).collect();
    let unheld: Vec<_> = told.difference(&held).collect();
    assert!(
        untold.is_empty() && unheld.is_empty(),
        "not in docs/security-cases.md: {untold:?}; without a test: {unheld:?}"
    );
}

#[test]
fn slugs_are_read_to_the_end_of_their_list() {
    assert_eq!(slugs("RFC 1 §2; slugs: a-1, b. What it means, c"), ["a-1", "b"]);
    assert_eq!(slugs("Slug: one. Two words, more"), ["one"]);
    assert_eq!(slugs("nothing here"), Vec::<String>::new());
}
