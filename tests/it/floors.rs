//! Keeps the floors of the house: a module imports only lower floors, and each outside library stays in its place.
//!
//! One package means that cargo cannot refuse a wrong edge, so this test reads every file of `src/` and does.
//! `main.rs` and `lib.rs` are the stairwell and exempt. Not here: how paths are found ([`paths`]).

mod paths;

use std::fs;
use std::path::{Path, PathBuf};

use self::paths::Mention;

/// Each module of `src/lib.rs` and the modules it may use, lowest floor first.
const FLOORS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("model", &["base"]),
    ("crypto", &["base"]),
    ("config", &["base", "model"]),
    ("store", &["base", "model", "crypto", "config"]),
    ("outbound", &["base", "model", "crypto", "config"]),
    ("render", &["base", "model", "crypto", "config"]),
    ("script", &["base", "model", "crypto", "config"]),
    ("oauth", &["base", "model", "crypto", "config", "store", "render", "script"]),
    ("identity", &["base", "model", "crypto", "config", "store", "render", "script"]),
    (
        "interaction",
        &["base", "model", "crypto", "config", "store", "outbound", "render", "script", "oauth", "identity"],
    ),
    ("web", ABOVE_THE_SEAM),
    ("jobs", ABOVE_THE_SEAM),
    (
        "app",
        &[
            "base",
            "model",
            "crypto",
            "config",
            "store",
            "outbound",
            "render",
            "script",
            "oauth",
            "identity",
            "interaction",
            "web",
            "jobs",
        ],
    ),
    (
        "cli",
        &[
            "base",
            "model",
            "crypto",
            "config",
            "store",
            "outbound",
            "render",
            "script",
            "oauth",
            "identity",
            "interaction",
            "web",
            "jobs",
            "app",
        ],
    ),
];

/// `web` and `jobs` see all floors below, and not each other.
const ABOVE_THE_SEAM: &[&str] =
    &["base", "model", "crypto", "config", "store", "outbound", "render", "script", "oauth", "identity", "interaction"];

/// A library (or module of the standard library) that only some modules may name.
struct Fence {
    starts_with: &'static [&'static str],
    only_in: &'static [&'static str],
    instead: &'static str,
}

const FENCES: &[Fence] = &[
    Fence { starts_with: &["actix_*"], only_in: &["web", "app"], instead: "take and return values; `web` speaks HTTP" },
    Fence { starts_with: &["diesel*"], only_in: &["store"], instead: "add a function to `store`" },
    Fence { starts_with: &["r2d2"], only_in: &["store"], instead: "use `store.read` and `store.write`" },
    Fence { starts_with: &["libsqlite3_sys"], only_in: &["store"], instead: "use `store.read` and `store.write`" },
    Fence { starts_with: &["pq_sys"], only_in: &["store"], instead: "use `store.read` and `store.write`" },
    Fence { starts_with: &["reqwest"], only_in: &["outbound"], instead: "take a `&dyn base::Fetch`" },
    Fence { starts_with: &["std", "env"], only_in: &["config", "cli"], instead: "make it a setting in `config`" },
];

/// Above this a file is split; most have 100 to 400 lines.
const MOST_LINES: usize = 500;

/// What is wrong with one path, or `None`.
fn fault(mention: &Mention) -> Option<String> {
    let home = mention.module.first().map(String::as_str).unwrap_or_default();
    let Some((_, allowed)) = FLOORS.iter().find(|(name, _)| *name == home) else {
        return Some(format!("`{home}` has no floor: add it to FLOORS in tests/it/floors.rs"));
    };
    let Some(inside) = absolute(mention) else { return beyond_fence(home, mention) };
    match inside.first().map(String::as_str) {
        // `pub(crate)` and the like.
        None if !mention.imported => None,
        None | Some("*") => Some("imports the whole crate: name the module".to_owned()),
        Some(target) if target == home || allowed.contains(&target) => None,
        Some(target) if FLOORS.iter().any(|(name, _)| *name == target) => {
            Some(format!("`{home}` may not use `{target}`; it may use: {}", allowed.join(", ")))
        }
        Some(target) => Some(format!("`{target}` has no floor: add it to FLOORS in tests/it/floors.rs")),
    }
}

/// The path from the root of this crate, or `None` if it leads elsewhere.
fn absolute(mention: &Mention) -> Option<Vec<String>> {
    let mut at = mention.module.clone();
    let mut rest = mention.path.as_slice();
    match rest.first()?.as_str() {
        "crate" => (at, rest) = (Vec::new(), &rest[1..]),
        "self" => rest = &rest[1..],
        "super" => {}
        _ => return None,
    }
    while rest.first().is_some_and(|segment| segment == "super") {
        at.pop();
        rest = &rest[1..];
    }
    at.extend_from_slice(rest);
    Some(at)
}

fn beyond_fence(home: &str, mention: &Mention) -> Option<String> {
    // One segment in code is a variable, a type or a macro; only an import names a crate with it.
    if mention.path.len() == 1 && !mention.imported {
        return None;
    }
    if mention.imported && mention.path == ["std"] {
        return Some("gives the standard library another name, which hides what is used of it".to_owned());
    }
    let fence = FENCES.iter().find(|fence| fence.stands_before(&mention.path))?;
    let out = !fence.only_in.contains(&home);
    out.then(|| format!("only {} may use this; instead: {}", fence.only_in.join(" and "), fence.instead))
}

impl Fence {
    fn stands_before(&self, path: &[String]) -> bool {
        let matches = |(pattern, segment): (&&str, &String)| match pattern.strip_suffix('*') {
            Some(start) => segment.starts_with(start),
            None => segment == pattern,
        };
        path.len() >= self.starts_with.len() && self.starts_with.iter().zip(path).all(matches)
    }
}

/// What is wrong with a source text that lies at `file`, a path relative to `src/`.
fn faults(file: &str, source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let lines = source.lines().count();
    if lines > MOST_LINES {
        found.push(format!("src/{file}: {lines} lines; split it, {MOST_LINES} is the limit"));
    }
    if file == "main.rs" || file == "lib.rs" {
        return found;
    }
    let module: Vec<String> =
        file.trim_end_matches(".rs").split('/').filter(|part| *part != "mod").map(str::to_owned).collect();
    match paths::mentions(&module, source) {
        Ok(mentions) => found.extend(
            mentions.iter().filter_map(|m| fault(m).map(|why| format!("src/{file}: {}: {why}", m.path.join("::")))),
        ),
        Err(error) => found.push(format!("src/{file}: not Rust: {error}")),
    }
    found.dedup();
    found
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn modules_use_only_lower_floors() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    assert!(files.contains(&src.join("base/mod.rs")), "the files of src/ were not found");
    let found: Vec<String> = files
        .iter()
        .flat_map(|path| faults(path.strip_prefix(&src).unwrap().to_str().unwrap(), &fs::read_to_string(path).unwrap()))
        .collect();
    assert!(found.is_empty(), "{} faults; docs/ARCHITECTURE.md draws the floors\n{}", found.len(), found.join("\n"));
}

#[test]
fn floors_are_listed_from_the_ground_up() {
    for (position, (name, allowed)) in FLOORS.iter().enumerate() {
        for target in *allowed {
            assert!(
                FLOORS[..position].iter().any(|(lower, _)| lower == target),
                "`{name}` may use `{target}` above it"
            );
        }
    }
}

#[test]
fn wrong_edges_are_found() {
    for (file, source) in [
        ("base/clock.rs", "use crate::model::Client;"),
        ("store/mod.rs", "use crate::{base::Id, oauth::Engine};"),
        ("store/tokens.rs", "fn f() { crate::render::page() }"),
        ("store/tokens.rs", "use super::super::identity::Accounts;"),
        ("store/tokens.rs", "mod tests { use super::super::super::web::Server; }"),
        ("oauth/token/code.rs", "use crate::identity::flow;"),
        ("oauth/token/code.rs", "use crate::outbound::Client;"),
        ("identity/mod.rs", "fn f(x: &crate::oauth::Engine) {}"),
        ("identity/mod.rs", "macro_rules! m { () => { $crate::interaction::advance() } }"),
        ("web/mod.rs", "use crate::jobs;"),
        ("jobs/mod.rs", "fn f() { assert!(crate::web::routes() > 0) }"),
        ("web/oauth/token.rs", "use crate::app::App;"),
        ("app.rs", "pub use super::cli;"),
        ("oauth/mod.rs", "use crate::*;"),
        ("oauth/mod.rs", "use crate as house;"),
        ("oauth/mod.rs", "use crate::Unplaced;"),
        ("unplaced.rs", "use crate::base::Id;"),
    ] {
        assert_ne!(faults(file, source), Vec::<String>::new(), "{file}: {source}");
    }
}

#[test]
fn libraries_out_of_place_are_found() {
    for (file, source) in [
        ("oauth/mod.rs", "use actix_web::HttpResponse;"),
        ("oauth/mod.rs", "#[actix_web::test] async fn f() {}"),
        ("oauth/mod.rs", "extern crate diesel;"),
        ("interaction/mod.rs", "fn f() { vec![diesel::insert_into(t)]; }"),
        ("config/load.rs", "fn f(e: diesel_migrations::Error) {}"),
        ("web/mod.rs", "use reqwest;"),
        ("store/mod.rs", "use std::{env, fs};"),
        ("store/mod.rs", "fn f() { std::env::var(\"HOME\").ok(); }"),
        ("store/mod.rs", "use std as standard;"),
    ] {
        assert_ne!(faults(file, source), Vec::<String>::new(), "{file}: {source}");
    }
}

#[test]
fn right_edges_pass() {
    for (file, source) in [
        ("base/mod.rs", "pub mod id; pub use id::Id; pub(crate) fn f() {}"),
        ("base/uri.rs", "use super::{Secret, id::Id}; mod tests { use super::*; use crate::base::Clock; }"),
        ("store/tokens.rs", "use diesel::prelude::*; use crate::model::token; use super::conn::Conn;"),
        ("outbound/mod.rs", "use crate::base::Fetch; fn f() -> reqwest::Client { todo() }"),
        ("interaction/machine.rs", "use crate::{identity::Accounts, oauth::Engine, store::Store};"),
        ("web/mod.rs", "use actix_web::web; use crate::interaction::advance;"),
        ("web/demo.rs", "use crate::outbound::Client;"),
        ("cli/mod.rs", "use crate::{app, outbound}; use std::env;"),
        ("oauth/mod.rs", "/// See [`crate::web`].\nfn f(env: u8, reqwest: u8) -> u8 { env + reqwest }"),
        ("lib.rs", "pub mod web; pub use web::Server;"),
    ] {
        assert_eq!(faults(file, source), Vec::<String>::new(), "{file}: {source}");
    }
}

#[test]
fn long_files_are_found() {
    assert_eq!(faults("base/mod.rs", &"\n".repeat(MOST_LINES)), Vec::<String>::new());
    assert_eq!(faults("base/mod.rs", &"\n".repeat(MOST_LINES + 1)).len(), 1);
}
