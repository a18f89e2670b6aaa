//! What can be chosen on the command line of `cargo bench -- ...`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::operations::ALL;

/// Measures the server against a bare endpoint on the same machine in the same run.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --")]
pub struct Args {
    /// Measure only what has this in its name: an operation of the table, `ceiling`, `growth` or `start`.
    pub filter: Option<String>,
    /// Seconds a measured window lasts [default: 5, or 1 with --quick].
    #[arg(long)]
    seconds: Option<f64>,
    /// Short windows, 16 connections, no request log, little growth: minutes become seconds.
    #[arg(long)]
    pub quick: bool,
    /// Clients at the same time.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64])]
    connections: Vec<usize>,
    /// Numbers of stored tokens to compare.
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 100_000, 1_000_000])]
    growth: Vec<u64>,
    /// SQLite only.
    #[arg(long, conflicts_with = "postgres")]
    sqlite: bool,
    /// PostgreSQL only.
    #[arg(long)]
    postgres: bool,
    /// Write the numbers here [default: performance.json in the target folder].
    #[arg(long)]
    json: Option<PathBuf>,
    /// Write the report into this Markdown file, between its marks.
    #[arg(long)]
    pub markdown: Option<PathBuf>,
    /// Measure nothing; report the goals.
    #[arg(long)]
    pub dry_run: bool,
    /// Serve as the ceiling, with bodies of so many bytes.
    #[arg(long, hide = true)]
    pub ceiling_of: Option<usize>,
    /// Given by cargo.
    #[arg(long, hide = true)]
    pub bench: bool,
}

impl Args {
    /// Length of a measured window.
    pub fn window(&self) -> Duration {
        Duration::from_secs_f64(self.seconds.unwrap_or(if self.quick { 1.0 } else { 5.0 }).clamp(0.1, 3_600.0))
    }

    /// Numbers of clients to measure with.
    pub fn connections(&self) -> &[usize] {
        if self.quick { &[16] } else { &self.connections }
    }

    /// Numbers of stored tokens to compare.
    pub fn growth(&self) -> &[u64] {
        if self.quick { &[1_000, 10_000] } else { &self.growth }
    }

    /// Request log off, or off and on.
    pub fn request_logs(&self) -> &[bool] {
        if self.quick { &[false] } else { &[false, true] }
    }

    /// Authorization codes made for a window that redeems them.
    pub fn codes(&self) -> usize {
        if self.quick { 5_000 } else { 30_000 }
    }

    /// The stores to measure: SQLite, PostgreSQL.
    pub fn stores(&self) -> &'static [&'static str] {
        match (self.sqlite, self.postgres) {
            (true, _) => &["SQLite"],
            (_, true) => &["PostgreSQL"],
            _ => &["SQLite", "PostgreSQL"],
        }
    }

    /// Whether what is called `name` is to be measured. A whole name means that one alone.
    pub fn wants(&self, name: &str) -> bool {
        let whole = ALL.iter().any(|operation| self.filter.as_deref() == Some(operation.name));
        self.filter.as_deref().is_none_or(|filter| if whole { name == filter } else { name.contains(filter) })
    }

    /// Where the numbers go.
    pub fn json(&self) -> PathBuf {
        let usual = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("performance.json");
        self.json.clone().unwrap_or(usual)
    }
}
