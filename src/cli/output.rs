//! The only place that writes to standard output and standard error.

use std::io::{IsTerminal, Write};

use clap::ValueEnum;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde_json::Value;

use super::yaml;

/// How results are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
    /// For both.
    Yaml,
}

/// Where results go.
pub(super) struct Output {
    format: Format,
    quiet: bool,
}

impl Output {
    pub(super) const fn new(format: Format, quiet: bool) -> Self {
        Self { format, quiet }
    }

    /// A line of result. A reader that left (`| head`) is not an error.
    pub(super) fn line(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }

    /// A remark for the person at the terminal.
    pub(super) fn remark(&self, text: &str) {
        if !self.quiet {
            let _ = writeln!(std::io::stderr().lock(), "{text}");
        }
    }

    /// What went wrong.
    pub(super) fn complain(&self, text: &str) {
        let prefix = if text.starts_with("config: ") { "" } else { "error: " };
        let _ = writeln!(std::io::stderr().lock(), "{prefix}{text}");
    }

    /// One result: as a document, or as a table with a row for each of `rows`. Quiet: `id` alone.
    pub(super) fn one(&self, document: &Value, rows: &[(&str, String)], id: &str) {
        if self.quiet {
            return self.line(id);
        }
        match self.format {
            Format::Json => self.line(&pretty(document)),
            Format::Yaml => self.line(yaml::write(document).trim_end()),
            Format::Table => {
                let mut table = table();
                for (name, value) in rows {
                    table.add_row([name, value.as_str()]);
                }
                self.line(&table.to_string());
            }
        }
    }

    /// Many results: as one document, or as a table. Quiet: the first column alone.
    pub(super) fn many(&self, document: &Value, head: &[&str], rows: &[Vec<String>]) {
        if self.quiet {
            for row in rows {
                self.line(row.first().map_or("", String::as_str));
            }
            return;
        }
        match self.format {
            Format::Json => self.line(&pretty(document)),
            Format::Yaml => self.line(yaml::write(document).trim_end()),
            Format::Table => {
                let mut table = table();
                table.set_header(head);
                for row in rows {
                    table.add_row(row);
                }
                self.line(&table.to_string());
            }
        }
    }
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    if std::io::stdout().is_terminal() {
        table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    }
    table
}

fn pretty(document: &Value) -> String {
    serde_json::to_string_pretty(document).unwrap_or_default()
}
