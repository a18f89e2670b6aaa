//! F7: the command line. It parses, calls one function below, and turns what comes back into words and an exit code.
//!
//! Exit codes: 0 done, 1 failed, 2 the command line or the configuration is wrong. Results go to standard output,
//! everything else to standard error. Not here: what the commands do with the database (`app`, `store`).

mod api;
mod client_commands;
mod config_commands;
mod dev;
mod identity_commands;
mod introspect;
mod migrate;
mod output;
mod perform;
mod serve;
mod yaml;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::output::Output;
use crate::app::StartError;
use crate::config::Problems;
use crate::outbound::CallError;

/// An OAuth 2.0 and OpenID Connect provider that bridges to identity flows.
#[derive(Parser)]
#[command(name = "sallyport", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// How results are shown.
    #[arg(long, global = true, value_enum, default_value_t = output::Format::Table)]
    format: output::Format,
    /// Shows only what identifies the result, for scripts.
    #[arg(short, long, global = true)]
    quiet: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Starts everything for development: the server, a demo app, demo clients and a person.
    Dev(dev::Args),
    /// Starts the server.
    Serve(serve::Args),
    /// Brings a database to this version.
    #[command(subcommand)]
    Migrate(migrate::Command),
    /// Clients of a running server.
    #[command(subcommand, visible_alias = "client")]
    Clients(client_commands::Command),
    /// People of a running server.
    #[command(subcommand, visible_alias = "identity")]
    Identities(identity_commands::Command),
    /// Says whether a token is alive, and what it stands for.
    Introspect(introspect::Args),
    /// Gets tokens as a client would.
    #[command(subcommand)]
    Perform(perform::Command),
    /// Checks and shows the configuration.
    #[command(subcommand)]
    Config(config_commands::Command),
    /// Says which version this is.
    Version,
}

/// Why a command did not do what it should.
#[derive(Debug, thiserror::Error)]
enum CliError {
    /// It failed; a sentence.
    #[error("{0}")]
    Failed(String),
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] Problems),
    /// The command line is wrong; a sentence.
    #[error("{0}")]
    Usage(String),
}

impl CliError {
    fn failed(sentence: impl Into<String>) -> Self {
        Self::Failed(sentence.into())
    }

    fn usage(sentence: impl Into<String>) -> Self {
        Self::Usage(sentence.into())
    }
}

impl From<StartError> for CliError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Config(problems) => Self::Config(problems),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<CallError> for CliError {
    fn from(error: CallError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.format, cli.quiet);
    match run(cli.command, &output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.complain(&error.to_string());
            match error {
                CliError::Failed(_) => ExitCode::from(1),
                CliError::Config(_) | CliError::Usage(_) => ExitCode::from(2),
            }
        }
    }
}

fn run(command: Command, output: &Output) -> Result<(), CliError> {
    match command {
        Command::Dev(args) => dev::run(&args, output),
        Command::Serve(args) => serve::run(args),
        Command::Migrate(command) => migrate::run(command, output),
        Command::Clients(command) => waiting(client_commands::run(command, output)),
        Command::Identities(command) => waiting(identity_commands::run(command, output)),
        Command::Introspect(args) => waiting(introspect::run(args, output)),
        Command::Perform(command) => waiting(perform::run(command, output)),
        Command::Config(command) => config_commands::run(command, output),
        Command::Version => {
            output.line(concat!("sallyport ", env!("CARGO_PKG_VERSION")));
            Ok(())
        }
    }
}

/// Runs a command that talks to a server.
fn waiting<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| CliError::failed(format!("no event loop: {error}")))?.block_on(work)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_tree_is_consistent() {
        Cli::command().debug_assert();
    }
}
