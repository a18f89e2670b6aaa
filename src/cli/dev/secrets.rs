//! The secrets of a development folder: made once, kept in `dev-secrets`, readable by its owner alone.
//!
//! Lines of `NAME=value`, so that a shell can read them too: `. data/dev-secrets`.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::base::{Random, Secret};
use crate::cli::CliError;
use crate::crypto::client_secret;

const FILE: &str = "dev-secrets";
const SYSTEM: &str = "SECRETS_SYSTEM";
const API: &str = "DEMO_API_SECRET";
const PASSWORD: &str = "DEMO_PASSWORD";
/// All of them, in the order they are written.
const NAMES: [&str; 5] = [SYSTEM, "DEMO_WEB_SECRET", "DEMO_MACHINE_SECRET", API, PASSWORD];

/// The secrets of one folder.
#[derive(Debug)]
pub(super) struct DevSecrets(Vec<(String, Secret<String>)>);

impl DevSecrets {
    /// The secrets of `folder`; the folder and what is missing of them is made.
    ///
    /// # Errors
    /// One sentence when the folder is not writable, or the file holds something else.
    pub(super) fn load_or_make(folder: &Path, random: &dyn Random) -> Result<Self, CliError> {
        let path = folder.join(FILE);
        let failed = |what: &str, error: &std::io::Error| {
            CliError::failed(format!(
                "{what} {}: {error}; choose a folder you may write to: --data DIR",
                folder.display()
            ))
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|e| failed("cannot make the folder", &e))?;
        let mut known = match fs::read_to_string(&path) {
            Ok(text) => read(&text)
                .ok_or_else(|| CliError::failed(format!("{}: each line must be NAME=value", path.display())))?,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(failed("cannot read dev-secrets in", &error)),
        };
        let missing: Vec<&str> =
            NAMES.into_iter().filter(|name| !known.iter().any(|(known, _)| known == name)).collect();
        for name in &missing {
            known.push(((*name).to_owned(), make(name, random)));
        }
        if missing.is_empty() {
            fs::set_permissions(&path, Permissions::from_mode(0o600))
                .map_err(|e| failed("cannot protect dev-secrets in", &e))?;
        } else {
            write(&path, &known).map_err(|e| failed("cannot write dev-secrets into", &e))?;
        }
        Ok(Self(known))
    }

    /// What everything in the folder is sealed with.
    pub(super) fn system(&self) -> &Secret<String> {
        self.must_have(SYSTEM)
    }

    /// The secret of the demo API.
    pub(super) fn api(&self) -> &Secret<String> {
        self.must_have(API)
    }

    /// The person's password.
    pub(super) fn password(&self) -> &Secret<String> {
        self.must_have(PASSWORD)
    }

    /// The secret of that name.
    pub(super) fn named(&self, name: &str) -> Option<&Secret<String>> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, secret)| secret)
    }

    fn must_have(&self, name: &'static str) -> &Secret<String> {
        self.named(name).expect("every name is made when it is missing")
    }
}

fn make(name: &str, random: &dyn Random) -> Secret<String> {
    if name == PASSWORD { password(random) } else { client_secret::generate(random) }
}

/// Sixteen letters and digits that are not mistaken for each other, in four groups: 80 bits.
fn password(random: &dyn Random) -> Secret<String> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let bytes: [u8; 16] = random.bytes();
    let letters: Vec<char> = bytes.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % 32])).collect();
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    Secret::new(groups.join("-"))
}

fn read(text: &str) -> Option<Vec<(String, Secret<String>)>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pair = |line: &str| {
        let (name, value) = line.split_once('=')?;
        (!value.is_empty()).then(|| (name.to_owned(), Secret::from(value)))
    };
    lines.map(pair).collect()
}

/// Writes the file whole or not at all.
fn write(path: &Path, secrets: &[(String, Secret<String>)]) -> std::io::Result<()> {
    let mut text =
        String::from("# Secrets of `sallyport dev` in this folder. They belong to the database beside them.\n");
    for (name, secret) in secrets {
        text.push_str(&format!("{name}={}\n", secret.expose()));
    }
    let text = Secret::new(text);
    let unfinished = path.with_extension("new");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    file.write_all(text.expose().as_bytes())?;
    file.sync_all()?;
    fs::rename(unfinished, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{OsRandom, SeededRandom};

    #[test]
    fn the_same_folder_has_the_same_secrets_and_nobody_else_reads_them() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join("data");
        let first = DevSecrets::load_or_make(&folder, &OsRandom).expect("made");
        let again = DevSecrets::load_or_make(&folder, &OsRandom).expect("read");
        for name in NAMES {
            assert_eq!(first.must_have(name).expose(), again.must_have(name).expose(), "{name}");
        }
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join(FILE))), (0o700, 0o600));
        let other = DevSecrets::load_or_make(&parent.path().join("other"), &OsRandom).expect("made");
        assert_ne!(first.system().expose(), other.system().expose());
    }

    #[test]
    fn what_is_no_file_of_secrets_is_one_sentence() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(FILE), "hunter2").expect("written");
        let told = DevSecrets::load_or_make(folder.path(), &SeededRandom::new(1)).expect_err("refused").to_string();
        assert!(told.ends_with("each line must be NAME=value") && !told.contains("hunter2"), "{told}");
    }

    #[test]
    fn passwords_can_be_typed() {
        let password = password(&SeededRandom::new(1));
        let groups: Vec<&str> = password.expose().split('-').collect();
        assert!(groups.len() == 4 && groups.iter().all(|group| group.len() == 4), "{}", password.expose());
    }
}
