//! `migrate sql [up|status]`: brings a database to this version, or says where it stands.

use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::CliError;
use super::output::Output;
use crate::config::{self, Database, Inputs, Override};
use crate::store;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Applies what is missing, or shows it.
    Sql(Sql),
}

#[derive(Args)]
pub(super) struct Sql {
    /// `up` (what is done when nothing is said) or `status`, and the DSN unless it is configured.
    #[arg(value_name = "up|status] [DSN", num_args = 0..=2)]
    words: Vec<String>,
    /// Takes the DSN from the environment variable DSN.
    #[arg(short = 'e', long)]
    read_from_env: bool,
    /// A configuration file with the DSN; may be repeated.
    #[arg(short, long = "config", value_name = "FILE")]
    config: Vec<PathBuf>,
    /// Does not ask.
    #[arg(short, long)]
    yes: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Status,
    Up,
}

pub(super) fn run(command: Command, output: &Output) -> Result<(), CliError> {
    let Command::Sql(sql) = command;
    let (action, dsn) = words(&sql.words)?;
    let database = database(&sql, dsn)?;
    let failed = |error: store::OpenError| CliError::failed(error.to_string());
    let status = store::migration_status(&database).map_err(failed)?;
    if action == Action::Status {
        let all = status.applied.iter().map(|name| (name, "applied"));
        let all = all.chain(status.pending.iter().map(|name| (name, "pending")));
        let all = all.chain(status.unknown.iter().map(|name| (name, "unknown: from a newer version")));
        let rows: Vec<Vec<String>> = all.map(|(name, state)| vec![name.clone(), state.to_owned()]).collect();
        let document = json!({ "applied": status.applied, "pending": status.pending, "unknown": status.unknown });
        output.many(&document, &["MIGRATION", "STATE"], &rows);
        return Ok(());
    }
    if !status.pending.is_empty() && !sql.yes {
        confirm(&status.pending, output)?;
    }
    for name in store::migrate_up(&database).map_err(failed)? {
        output.line(&name);
    }
    output.remark("the database is up to date");
    Ok(())
}

fn words(given: &[String]) -> Result<(Action, Option<&str>), CliError> {
    let given: Vec<&str> = given.iter().map(String::as_str).collect();
    match given.as_slice() {
        [] | ["up"] => Ok((Action::Up, None)),
        ["status"] => Ok((Action::Status, None)),
        ["up", dsn] => Ok((Action::Up, Some(dsn))),
        ["status", dsn] => Ok((Action::Status, Some(dsn))),
        [dsn] if *dsn == "memory" || dsn.contains(':') => Ok((Action::Up, Some(dsn))),
        _ => Err(CliError::usage("write: migrate sql [up|status] [DSN]")),
    }
}

/// The database alone: what else is configured does not matter here, so nothing else has to be.
fn database(sql: &Sql, dsn: Option<&str>) -> Result<Database, CliError> {
    let mut inputs = Inputs::from_process(sql.config.clone());
    match dsn {
        Some(dsn) => inputs.overrides.push(Override::new("dsn", dsn, "argument DSN")),
        None if sql.config.is_empty() && !sql.read_from_env => {
            return Err(CliError::usage(
                "which database? write its DSN, -e to take it from the environment, or -c FILE",
            ));
        }
        None => {}
    }
    if sql.config.is_empty() {
        inputs.environment.retain(|name, _| name.starts_with("DSN"));
        inputs.presets.push(Override::new("dev", "true", "sallyport migrate"));
    }
    Ok(config::load(&inputs)?.database)
}

fn confirm(pending: &[String], output: &Output) -> Result<(), CliError> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(CliError::usage("nobody is here to say yes; write --yes"));
    }
    output.remark(&format!("These migrations will be applied:\n  {}\nGo on? [y/N]", pending.join("\n  ")));
    let mut line = String::new();
    stdin.lock().read_line(&mut line).map_err(|error| CliError::usage(format!("no answer: {error}")))?;
    if matches!(line.trim(), "y" | "Y" | "yes") { Ok(()) } else { Err(CliError::failed("nothing was changed")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_action_may_be_left_out() {
        for (given, action, dsn) in [
            (vec![], Action::Up, None),
            (vec!["status"], Action::Status, None),
            (vec!["sqlite://x"], Action::Up, Some("sqlite://x")),
            (vec!["status", "postgres://h/d"], Action::Status, Some("postgres://h/d")),
        ] {
            let given: Vec<String> = given.into_iter().map(str::to_owned).collect();
            let (got, found) = words(&given).unwrap_or_else(|_| panic!("{given:?}"));
            assert!(got == action && found == dsn, "{given:?}");
        }
        assert!(words(&["down".to_owned()]).is_err() && words(&["a:".to_owned(), "b".to_owned()]).is_err());
    }
}
