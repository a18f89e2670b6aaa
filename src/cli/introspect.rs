//! `introspect`: what a token stands for, by the admin API.

use std::io::BufRead;

use serde_json::Value;

use super::CliError;
use super::api::{Endpoint, shown};
use super::output::Output;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The token; `-` reads it from standard input, so that it stands in no command line.
    token: String,
    /// A scope it must have; otherwise it counts as dead.
    #[arg(long)]
    scope: Option<String>,
    #[command(flatten)]
    at: Endpoint,
}

pub(super) async fn run(args: Args, output: &Output) -> Result<(), CliError> {
    let token = if args.token == "-" {
        let mut line = String::new();
        std::io::stdin()
            .lock()
            .read_line(&mut line)
            .map_err(|error| CliError::usage(format!("standard input cannot be read: {error}")))?;
        line.trim().to_owned()
    } else {
        args.token
    };
    let mut fields = vec![("token", token.as_str())];
    fields.extend(args.scope.as_deref().map(|scope| ("scope", scope)));
    let answer = args.at.connect()?.form("/admin/oauth2/introspect", &fields).await?;
    let names: Vec<String> = answer.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    let rows: Vec<(&str, String)> = names.iter().map(|name| (name.as_str(), shown(&answer, name))).collect();
    let is_active = answer.get("active").and_then(Value::as_bool).unwrap_or(false);
    output.one(&answer, &rows, if is_active { "active" } else { "inactive" });
    Ok(())
}
