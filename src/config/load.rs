//! Gathers files, environment and flags into one set of values; later sources win.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::layer::{Layer, Values};
use super::problem::{Notice, Place, Problem, Problems};
use super::tree::Entry;
use super::{Settings, check, toml, yaml};
use crate::base::Secret;

/// Largest file that is read.
const MAX_FILE: u64 = 1 << 20;

/// What the operator gave. Built with `Inputs::default()` in tests, with [`Inputs::from_process`] elsewhere.
#[derive(Default)]
pub struct Inputs {
    /// Values that everything else overrides; see [`dev_defaults`].
    pub presets: Vec<Override>,
    /// Configuration files (YAML, JSON, or TOML by its extension); a later one wins.
    pub files: Vec<PathBuf>,
    /// The environment; it wins over the files.
    pub environment: BTreeMap<String, String>,
    /// What flags say; they win over everything.
    pub overrides: Vec<Override>,
    /// Whether `--dev` was given.
    pub dev: bool,
}

/// A value given by a flag or a command. Lists are a JSON array, or have commas between the items.
pub struct Override {
    /// The key, with dots.
    pub key: String,
    /// The value, as it would stand in the environment.
    pub value: String,
    /// Who says so, as shown to the operator: `flag --port`.
    pub by: String,
}

impl Override {
    /// A value for `key`, said by `by`.
    pub fn new(key: &str, value: impl Into<String>, by: &str) -> Self {
        Self { key: key.to_owned(), value: value.into(), by: by.to_owned() }
    }
}

impl Inputs {
    /// The files and the environment of this process; variables that are not Unicode are left out.
    pub fn from_process(files: Vec<PathBuf>) -> Self {
        let words = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let environment = std::env::vars_os().filter_map(words).collect();
        Self { files, environment, ..Self::default() }
    }
}

/// The presets of `sallyport dev`: development mode, issuer `http://localhost:4444`, listeners on this machine,
/// an SQLite file in `data_dir`, and `system` as the system secret. Files, environment and flags override them.
pub fn dev_defaults(data_dir: &Path, system: &Secret<String>) -> Vec<Override> {
    const BY: &str = "sallyport dev";
    let secret = serde_json::Value::from(vec![system.expose().as_str()]).to_string();
    vec![
        Override::new("dev", "true", BY),
        Override::new("dsn", format!("sqlite://{}", data_dir.join("sallyport.db").display()), BY),
        Override::new("secrets.system", secret, BY),
        Override::new("serve.public.host", "localhost", BY),
        Override::new("serve.admin.host", "localhost", BY),
    ]
}

/// Reads and checks the configuration.
///
/// # Errors
/// All problems at once; printing them gives the report.
pub fn load(inputs: &Inputs) -> Result<Settings, Problems> {
    let gathered = gather(inputs);
    check::check(&gathered)
}

/// All values, and what was wrong on the way.
pub(super) struct Gathered {
    pub values: Values,
    pub problems: Vec<Problem>,
    pub notices: Vec<Notice>,
    /// Whether a file could not be read, so that what is missing may stand in it.
    pub is_partial: bool,
}

/// Reads all sources.
pub(super) fn gather(inputs: &Inputs) -> Gathered {
    let mut gathered = Gathered { values: Values::new(), problems: Vec::new(), notices: Vec::new(), is_partial: false };
    let here = Path::new("");
    let mut presets = Layer::new(&inputs.environment, here);
    presets.take_overrides(&inputs.presets);
    gathered.add(presets);
    for file in &inputs.files {
        let mut layer = Layer::new(&inputs.environment, file.parent().unwrap_or(here));
        match read(file, &mut layer.problems) {
            Some(entries) => layer.take_section("", entries),
            None => gathered.is_partial = true,
        }
        gathered.add(layer);
    }
    let mut environment = Layer::new(&inputs.environment, here);
    environment.take_environment();
    gathered.add(environment);
    let mut flags = Layer::new(&inputs.environment, here);
    if inputs.dev {
        flags.take_overrides(&[Override::new("dev", "true", "flag --dev")]);
    }
    flags.take_overrides(&inputs.overrides);
    gathered.add(flags);
    gathered
}

impl Gathered {
    fn add(&mut self, layer: Layer<'_>) {
        let Layer { values, problems, notices, .. } = layer;
        self.values.extend(values);
        self.problems.extend(problems);
        self.notices.extend(notices);
    }
}

/// The entries of a file; `None` when `problems` says why there are none.
fn read(path: &Path, problems: &mut Vec<Problem>) -> Option<Vec<Entry>> {
    let file: Arc<str> = path.display().to_string().into();
    let mut refuse = |message: String| {
        problems.push(Problem::new("", Place::File { file: Arc::clone(&file), line: 0 }, message));
        None
    };
    match std::fs::metadata(path) {
        Ok(found) if found.len() > MAX_FILE => {
            return refuse("is larger than 1 MiB; is it a configuration?".to_owned());
        }
        _ => {}
    }
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => return refuse(format!("cannot be read: {error}")),
    };
    let Ok(text) = String::from_utf8(bytes) else {
        return refuse("is not UTF-8 text; save it as UTF-8".to_owned());
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml")) {
        toml::parse(&file, text, problems)
    } else {
        yaml::parse(&file, text, problems)
    }
}
