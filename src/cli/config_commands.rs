//! `config check|show`: what the configuration comes to, without starting anything.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::CliError;
use super::output::Output;
use crate::config::{self, Inputs, Row};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Tells everything that is wrong with the configuration.
    Check(Files),
    /// Shows what is configured.
    Show {
        #[command(flatten)]
        files: Files,
        /// Every key, with its default, also where nothing was written.
        #[arg(long)]
        effective: bool,
    },
}

#[derive(Args)]
pub(super) struct Files {
    /// A configuration file (YAML, JSON or TOML); may be repeated, a later one wins.
    #[arg(short, long = "config", value_name = "FILE")]
    config: Vec<PathBuf>,
    /// Development mode.
    #[arg(long)]
    dev: bool,
}

impl Files {
    pub(super) fn inputs(self) -> Inputs {
        Inputs { dev: self.dev, ..Inputs::from_process(self.config) }
    }
}

pub(super) fn run(command: Command, output: &Output) -> Result<(), CliError> {
    match command {
        Command::Check(files) => {
            let settings = config::load(&files.inputs())?;
            for notice in &settings.notices {
                output.remark(&format!("notice: {notice}"));
            }
            output.line("the configuration is fine");
            Ok(())
        }
        Command::Show { files, effective } => show(&files.inputs(), effective, output),
    }
}

fn show(inputs: &Inputs, all: bool, output: &Output) -> Result<(), CliError> {
    let found = config::effective(inputs);
    let rows: Vec<&Row> = found.rows.iter().filter(|row| all || row.source != config::Place::Default).collect();
    let document: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({ "key": row.key, "value": row.value, "default": row.default, "source": row.source.to_string() })
        })
        .collect();
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| vec![row.key.to_owned(), row.value.clone(), row.default.to_owned(), row.source.to_string()])
        .collect();
    output.many(&Value::Array(document), &["KEY", "VALUE", "DEFAULT", "SOURCE"], &cells);
    found.problems.map_or(Ok(()), |problems| Err(problems.into()))
}
