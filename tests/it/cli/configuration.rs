//! Commands that need no server: help, version, configuration, migrations.

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::db::{Engine, TestDatabase};
use crate::support::server::{Home, run, text};

/// What a command prints that succeeds without a word of complaint.
#[track_caller]
fn printed(home: &Home, words: &[&str]) -> String {
    let output = run(home.path(), words);
    assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn the_help_reads_well() {
    assert_snapshot!(printed(&Home::new(), &["-h"]), @r"
    An OAuth 2.0 and OpenID Connect provider that bridges to identity flows

    Usage: sallyport [OPTIONS] <COMMAND>

    Commands:
      dev         Starts everything for development: the server, a demo app, demo clients and a person
      serve       Starts the server
      migrate     Brings a database to this version
      clients     Clients of a running server [alias: client]
      identities  People of a running server [alias: identity]
      introspect  Says whether a token is alive, and what it stands for
      perform     Gets tokens as a client would
      config      Checks and shows the configuration
      version     Says which version this is

    Options:
          --format <FORMAT>  How results are shown [default: table] [possible values: table, json, yaml]
      -q, --quiet            Shows only what identifies the result, for scripts
      -h, --help             Print help (see more with '--help')
      -V, --version          Print version
    ");
    assert_snapshot!(printed(&Home::new(), &["serve", "-h"]), @r"
    Starts the server

    Usage: sallyport serve [OPTIONS] [WHICH]

    Arguments:
      [WHICH]  Which listeners [default: all] [possible values: all, public, admin]

    Options:
      -c, --config <FILE>    A configuration file (YAML, JSON or TOML); may be repeated, a later one wins
          --dev              Development mode: allows an http issuer on this machine
          --no-migrate       Does not migrate the database; refuses one that lacks migrations
          --format <FORMAT>  How results are shown [default: table] [possible values: table, json, yaml]
      -q, --quiet            Shows only what identifies the result, for scripts
      -h, --help             Print help (see more with '--help')
    ");
}

#[test]
fn every_command_has_help_and_unknown_ones_are_usage_errors() {
    let home = Home::new();
    for words in [
        "clients",
        "clients create",
        "clients delete",
        "clients get",
        "clients list",
        "config",
        "config check",
        "config show",
        "dev",
        "identities",
        "identities create",
        "introspect",
        "migrate",
        "migrate sql",
        "perform",
        "perform authorization-code",
        "perform client-credentials",
        "serve",
        "version",
    ] {
        let words: Vec<&str> = words.split(' ').chain(["--help"]).collect();
        assert!(printed(&home, &words).contains("Usage: sallyport "), "{words:?}");
    }
    for words in [&["frobnicate"][..], &["serve", "--frobnicate"], &[], &["clients"]] {
        assert_eq!(run(home.path(), words).status.code(), Some(2), "{words:?}");
    }
    assert_eq!(printed(&home, &["version"]), concat!("sallyport ", env!("CARGO_PKG_VERSION"), "\n"));
    assert_eq!(printed(&home, &["--version"]), printed(&home, &["version"]));
}

#[test]
fn a_configuration_is_checked_and_shown_without_its_secrets() {
    let home = Home::new();
    home.configure("a-secret-nobody-shall-see", "dsn: sqlite://x.db\nttl: { access_token: 5m }");
    let file = ["--dev", "-c", "sallyport.yml"];
    assert_eq!(printed(&home, &[&["config", "check"][..], &file].concat()), "the configuration is fine\n");
    let json = ["config", "show", "--effective", "--format", "json"];
    let shown = printed(&home, &[&json[..], &file].concat());
    assert!(!shown.contains("a-secret-nobody-shall-see"));
    let rows: Value = serde_json::from_str(&shown).unwrap();
    let row = |key: &str| rows.as_array().unwrap().iter().find(|row| row["key"] == key).unwrap().clone();
    assert_eq!((&row("ttl.access_token")["value"], &row("ttl.access_token")["default"]), (&"5m".into(), &"1h".into()));
    assert!(row("ttl.access_token")["source"].as_str().unwrap().contains("sallyport.yml:6"), "{shown}");
    assert_eq!(row("ttl.id_token")["source"], "default");
    let written = printed(&home, &[&["config", "show"][..], &file].concat());
    assert!(written.contains("ttl.access_token") && !written.contains("ttl.id_token"), "{written}");

    home.configure("short", "dsn: nowhere");
    let output = run(home.path(), &[&["config", "check"][..], &file].concat());
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(2), ""));
    assert!(text(&output.stderr).starts_with("config: 2 problems\n"), "{}", text(&output.stderr));
}

#[test]
fn a_database_is_migrated_by_hand() {
    let home = Home::new();
    for engine in Engine::ALL {
        let database = TestDatabase::empty(engine);
        let sql = |words: &[&str]| run(home.path(), &[&["migrate", "sql"], words].concat());
        let status = |word: &str| {
            let shown = printed(&home, &["migrate", "sql", "status", database.dsn()]);
            assert!(shown.contains("foundation") && shown.contains(word), "{engine:?}:\n{shown}");
        };
        status("pending");
        let unanswered = sql(&["up", database.dsn()]);
        assert_eq!(unanswered.status.code(), Some(2), "nobody is there to say yes");
        status("pending");
        let applied = sql(&["up", database.dsn(), "--yes"]);
        assert!(applied.status.success() && text(&applied.stdout).contains("foundation"), "{engine:?}");
        status("applied");
        let again = sql(&[database.dsn(), "--yes"]);
        assert_eq!((again.status.code(), text(&again.stdout).as_str()), (Some(0), ""), "{engine:?}");
    }
}
