//! `identities create`.

use std::io::Read;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::CliError;
use super::api::{Endpoint, shown};
use super::output::Output;
use crate::base::Secret;
use crate::config::document;

/// Longest input that is read.
const MAX_INPUT: u64 = 1 << 20;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Makes a person.
    Create(Create),
}

#[derive(Args)]
pub(super) struct Create {
    #[command(flatten)]
    at: Endpoint,
    /// A YAML or JSON file with the whole person (`schema_id`, `traits`, `credentials`); `-` reads standard input.
    #[arg(conflicts_with_all = ["email", "traits", "password_stdin"], required_unless_present_any = ["email", "traits"])]
    file: Option<PathBuf>,
    /// Their email address.
    #[arg(long)]
    email: Option<String>,
    /// Their first name.
    #[arg(long, requires = "email")]
    first_name: Option<String>,
    /// Their last name.
    #[arg(long, requires = "email")]
    last_name: Option<String>,
    /// All their traits, as JSON.
    #[arg(long, conflicts_with = "email")]
    traits: Option<String>,
    /// The schema their traits follow.
    #[arg(long, default_value = "default")]
    schema: String,
    /// Reads their password from the first line of standard input.
    #[arg(long)]
    password_stdin: bool,
}

pub(super) async fn run(command: Command, output: &Output) -> Result<(), CliError> {
    let Command::Create(create) = command;
    let person = create.at.connect()?.json("POST", "/admin/identities", Some(&body(&create)?)).await?;
    let traits = person.get("traits").map(Value::to_string).unwrap_or_default();
    let rows = [("ID", shown(&person, "id")), ("STATE", shown(&person, "state")), ("TRAITS", traits)];
    output.one(&person, &rows, &shown(&person, "id"));
    Ok(())
}

fn body(create: &Create) -> Result<Value, CliError> {
    if let Some(path) = &create.file {
        let text = if path.as_os_str() == "-" {
            standard_input()?
        } else {
            std::fs::read_to_string(path)
                .map_err(|error| CliError::usage(format!("{} cannot be read: {error}", path.display())))?
        };
        return document::parse(&text).map_err(|why| CliError::usage(format!("{}: {why}", path.display())));
    }
    let traits = match (&create.traits, &create.email) {
        (Some(json), _) => serde_json::from_str(json).map_err(|_| CliError::usage("--traits must be JSON"))?,
        (None, Some(email)) => {
            let mut traits = json!({ "email": email });
            for (part, value) in [("first", &create.first_name), ("last", &create.last_name)] {
                if let Some(value) = value {
                    traits["name"][part] = value.as_str().into();
                }
            }
            traits
        }
        (None, None) => return Err(CliError::usage("say who it is: --email, --traits, or a file")),
    };
    let mut person = json!({ "schema_id": create.schema, "traits": traits });
    if create.password_stdin {
        let input = Secret::new(standard_input()?);
        let password = input.expose().lines().next().unwrap_or_default();
        person["credentials"] = json!({ "password": { "config": { "password": password } } });
    }
    Ok(person)
}

fn standard_input() -> Result<String, CliError> {
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .take(MAX_INPUT)
        .read_to_string(&mut text)
        .map_err(|error| CliError::usage(format!("standard input cannot be read: {error}")))?;
    Ok(text)
}
