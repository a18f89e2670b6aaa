//! Shows the configuration: every key with its value, default and source; and the reference page.

use super::check;
use super::database;
use super::keys::{self, Fallback, Key};
use super::layer::{self, Given, Leaf};
use super::load::{Inputs, gather};
use super::problem::{Place, Problems};

/// A line of `config show --effective`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The key, with dots.
    pub key: &'static str,
    /// Its value, as an operator would write it; secrets are masked; in brackets when it is worked out.
    pub value: String,
    /// What it would be when not written.
    pub default: &'static str,
    /// Where the value was written.
    pub source: Place,
}

/// Every key with its value, and what is wrong, if anything is.
#[derive(Clone, Debug)]
pub struct Effective {
    /// All keys, in the order of the reference page.
    pub rows: Vec<Row>,
    /// The report that [`super::load`] would give.
    pub problems: Option<Problems>,
}

/// What the configuration comes to. No row holds a secret.
pub fn effective(inputs: &Inputs) -> Effective {
    let gathered = gather(inputs);
    let row = |key: &'static Key| {
        let leaf = gathered.values.get(key.path).filter(|leaf| !matches!(leaf.given, Given::Nothing));
        let default = fallback(key);
        match leaf {
            Some(leaf) => Row { key: key.path, value: shown(key, leaf), default, source: leaf.place.clone() },
            None => Row { key: key.path, value: unwritten(key), default, source: Place::Default },
        }
    };
    Effective { rows: keys::ALL.iter().map(row).collect(), problems: check::check(&gathered).err() }
}

const fn fallback(key: &Key) -> &'static str {
    match key.fallback {
        Fallback::Empty => "",
        Fallback::Said(text) | Fallback::Value(text) => text,
    }
}

fn unwritten(key: &Key) -> String {
    match key.fallback {
        Fallback::Said(text) => format!("({text})"),
        Fallback::Empty | Fallback::Value(_) => fallback(key).to_owned(),
    }
}

fn shown(key: &Key, leaf: &Leaf) -> String {
    match &leaf.given {
        Given::Nothing => String::new(),
        Given::Text(text) if key.path == "dsn" => database::masked(text),
        Given::Text(_) if key.is_secret => "***".to_owned(),
        Given::Text(text) => text.clone(),
        Given::List(items) if key.is_secret => vec!["***"; items.len()].join(", "),
        Given::List(items) => items.iter().map(|(item, _)| item.as_str()).collect::<Vec<_>>().join(", "),
    }
}

/// The reference page of all keys, in Markdown.
pub fn reference() -> String {
    let mut page = INTRODUCTION.to_owned();
    let mut section = "";
    for key in keys::ALL {
        let own = key.path.split('.').next().unwrap_or_default();
        if own != section {
            section = own;
            page.push_str(&format!("\n## {section}\n\n| key | value | default | meaning |\n|---|---|---|---|\n"));
        }
        let default = match key.fallback {
            Fallback::Empty | Fallback::Value("") => "none".to_owned(),
            Fallback::Said(text) => text.to_owned(),
            Fallback::Value(text) => format!("`{text}`"),
        };
        let secret = if key.is_secret { " Secret: never shown; can be read from a file." } else { "" };
        let doc = key.doc.replace('|', "\\|");
        page.push_str(&format!("| `{}` | {} | {default} | {doc}{secret} |\n", key.path, layer::describe(key.kind)));
    }
    page
}

const INTRODUCTION: &str = "\
# Configuration

<!-- Made from the table in src/config/table.rs: `UPDATE_DOCS=1 cargo test --lib config::` writes it anew. -->

Values come from these places; the later one wins:

1. the default below;
2. files: `-c FILE`, as often as you like, YAML, JSON or TOML (by its extension); a list replaces the earlier list;
3. the environment: the key in capitals with underscores for dots (`serve.public.port` is `SERVE_PUBLIC_PORT`);
   an empty variable counts as not set;
4. flags.

- **Lists** are lists in a file; in the environment they are a JSON array, values with commas between, or one variable
  an item (`SECRETS_SYSTEM_0`, `SECRETS_SYSTEM_1`).
- **Secrets** can be kept in files of their own: `secrets.system_file` in a file, `SECRETS_SYSTEM_FILE` in the environment.
  A list has an item on each line.
- `${NAME}` in a file is replaced by the environment variable of that name; `$${` stands for `${` itself.
- **Durations** are written `15m`, `1h30m`, `1.5h`, `300ms`, or in plain seconds. **Sizes** are written `64KiB`, `19MiB`, or in bytes.
- **File names** in a file (and `sqlite://PATH`) are relative to the folder of that file, elsewhere to the working directory.

No key is ever ignored in silence: an unknown one, or one of another server that is not supported yet, stops the start and is
named with its file and line. Only switches for telemetry, profiling, process limits and previews (`sqa`, `profiling`,
`cgroups`, `version`, `feature_flags`) are accepted without effect, with a notice. `sallyport config check` tells all problems
at once; `sallyport config show --effective` prints every key with its value and where it was written.
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Override;

    #[test]
    fn the_reference_page_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/docs")).expect("the docs folder");
            std::fs::write(path, reference()).expect("the page is written");
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(written == reference(), "docs/configuration.md is stale: run UPDATE_DOCS=1 cargo test --lib config::");
    }

    #[test]
    fn no_row_holds_a_secret() {
        let secrets =
            ["Geheim-der-erste-000", "Geheim-der-zweite-00", "Geheim-im-Keks-00000", "Geheim-Admin-Schluessel-00"];
        let by = "flag --x";
        for dsn in [
            "postgres://u:Geheim@h/db?sslmode=disable",
            "postgres://h/db?user=u&password=Geheim",
            "postgres:Geheim",
            "Geheim",
            "mysql://u:Geheim@tcp(h:3306)/db",
            "postgres://u:Geheim@h1:1,h2:2/db",
            "sqlite:///Geheim",
        ] {
            let inputs = Inputs {
                overrides: vec![
                    Override::new("dsn", dsn, by),
                    Override::new("secrets.system", format!("{},{}", secrets[0], secrets[1]), by),
                    Override::new("secrets.cookie", secrets[2], by),
                    Override::new("serve.admin.auth.keys", secrets[3], by),
                ],
                ..Inputs::default()
            };
            let effective = effective(&inputs);
            let is_plain = dsn.starts_with("sqlite:");
            let all =
                format!("{effective:?} {}", effective.problems.as_ref().map(ToString::to_string).unwrap_or_default());
            assert_eq!(all.contains("Geheim"), is_plain, "{all}");
            let row = effective.rows.iter().find(|row| row.key == "secrets.system").expect("a row");
            assert_eq!((row.value.as_str(), row.source.to_string().as_str()), ("***, ***", by));
        }
    }
}
