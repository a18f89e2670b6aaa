//! `cargo bench`: how fast the server is, as a share of what this machine can do at all.
//!
//! [`run`] decides what is measured, [`operations`] what each operation sends, [`load`] drives it,
//! [`ceiling`] and [`signing`] are the yardsticks, [`report`] tells the result. `docs/performance.md` keeps it.

mod args;
mod authorize;
mod ceiling;
mod child;
mod http;
mod load;
mod machine;
mod operations;
mod postgres;
mod report;
mod response;
mod run;
mod server;
mod signing;
mod traffic;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use crate::args::Args;
use crate::run::Run;

fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = match args.ceiling_of {
        Some(size) => ceiling::serve(size).map_err(|error| error.to_string()),
        None if args.bench => measure(args),
        None => {
            Err("run this with `cargo bench`: it measures, and an unoptimised server has nothing to say".to_owned())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(args: Args) -> Result<(), String> {
    let (json, markdown) = (args.json(), args.markdown.clone());
    let report = Run::prepare(args)?.measure();
    let text = serde_json::to_string_pretty(&report).map_err(|error| format!("the numbers: {error}"))?;
    std::fs::write(&json, text).map_err(|error| format!("{}: {error}", json.display()))?;
    if let Some(file) = &markdown {
        report.write_markdown(file)?;
    }
    writeln!(std::io::stdout(), "{}\nnumbers: {}", report.markdown(), json.display())
        .map_err(|error| error.to_string())?;
    match report.failures.len() {
        0 => Ok(()),
        failures => Err(format!("{failures} measurements failed, see above")),
    }
}
