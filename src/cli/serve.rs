//! `serve`: the server in the foreground.

use std::path::PathBuf;

use clap::ValueEnum;

use super::CliError;
use crate::app::{self, Listeners};
use crate::config::{self, Inputs};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Which listeners.
    #[arg(value_enum, default_value_t = Which::All)]
    which: Which,
    /// A configuration file (YAML, JSON or TOML); may be repeated, a later one wins.
    #[arg(short, long = "config", value_name = "FILE")]
    config: Vec<PathBuf>,
    /// Development mode: allows an http issuer on this machine.
    #[arg(long)]
    dev: bool,
    /// Does not migrate the database; refuses one that lacks migrations.
    #[arg(long)]
    no_migrate: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Which {
    /// Both.
    All,
    /// For clients and people.
    Public,
    /// For operators.
    Admin,
}

pub(super) fn run(args: Args) -> Result<(), CliError> {
    let inputs = Inputs { dev: args.dev, ..Inputs::from_process(args.config) };
    let settings = config::load(&inputs)?;
    app::observe::start(settings.log);
    let listeners = match args.which {
        Which::All => Listeners { public: true, admin: true, demo: None },
        Which::Public => Listeners { public: true, admin: false, demo: None },
        Which::Admin => Listeners { public: false, admin: true, demo: None },
    };
    let mut builder = app::build(settings);
    if args.no_migrate {
        builder = builder.without_migrating();
    }
    Ok(app::run(async move {
        let bound = app::bind(builder.settings(), &listeners)?;
        let app = builder.finish().await?;
        app::serve(app, bound).await
    })?)
}
