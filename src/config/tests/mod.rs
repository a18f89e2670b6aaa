//! Whole configurations, good and broken, from files on disk.

mod accepted;
mod refused;

use std::collections::BTreeMap;
use std::path::Path;

use super::*;

const SECRET: &str = "geheimnis-0123456789";

/// Loads `files` (name and text) with `environment`; file names in the report have no folder.
fn load_files(files: &[(&str, &str)], environment: &[(&str, &str)]) -> Result<Settings, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut inputs = Inputs::default();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        inputs.files.push(path);
    }
    inputs.environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let without_folder = format!("{}/", folder.path().display());
    load(&inputs).map_err(|problems| problems_without(&problems, &without_folder))
}

/// The report as if the files stood in the working directory.
fn problems_without(problems: &Problems, folder: &str) -> String {
    let shorten = |problem: &Problem| {
        let mut problem = problem.clone();
        if let Place::File { file, .. } = &mut problem.place {
            *file = file.replace(folder, "").into();
        }
        Problem { message: problem.message.replace(folder, ""), ..problem }
    };
    Problems::new(problems.as_slice().iter().map(shorten).collect()).to_string()
}

fn report(files: &[(&str, &str)], environment: &[(&str, &str)]) -> String {
    match load_files(files, environment) {
        Ok(_) => "no problems".to_owned(),
        Err(report) => {
            assert!(!report.contains("geheim"), "the report tells a secret: {report}");
            report
        }
    }
}

/// A file that starts the server, with `more` behind it.
fn good(more: &str) -> String {
    format!("dsn: memory\nsecrets: {{system: [{SECRET}]}}\nurls: {{self: {{issuer: https://id.example}}}}\n{more}")
}

/// Compares `text` with `snapshots/<name>.snap`.
fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}
