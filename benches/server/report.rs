//! What was measured, and how it is told: a table for the terminal and the documentation, JSON for machines.
//!
//! Goals are shares of what the same machine did in the same run, so a report needs no other to be judged.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use comfy_table::{CellAlignment, Table, presets::ASCII_MARKDOWN};
use serde::Serialize;

use crate::machine::Machine;
use crate::operations::{ALL, Goal};

/// Everything one run measured.
#[derive(Debug, Serialize)]
pub struct Report {
    /// When it was run (RFC 3339).
    pub at: String,
    /// Seconds a window lasts.
    pub seconds: f64,
    /// Where.
    pub machine: Machine,
    /// The ceilings, each time they were measured.
    pub ceilings: Vec<CeilingRow>,
    /// The bare signing rates measured.
    pub signing: Vec<SigningRow>,
    /// The operations.
    pub operations: Vec<Row>,
    /// p50 by number of stored tokens.
    pub growth: Vec<GrowthRow>,
    /// Start-up time and idle memory.
    pub starts: Vec<StartRow>,
    /// What could not be measured, and why.
    pub failures: Vec<String>,
}

/// The bare endpoint at one size and number of connections.
#[derive(Debug, Clone, Serialize)]
pub struct CeilingRow {
    /// Size of the body; bytes.
    pub size: usize,
    /// Clients at the same time.
    pub connections: usize,
    /// Answers a second.
    pub rate: f64,
    /// Median latency; microseconds.
    pub p50: f64,
    /// Latency that one in a hundred exceeded; microseconds.
    pub p99: f64,
}

/// The machine's bare RS256 signing rate.
#[derive(Debug, Clone, Serialize)]
pub struct SigningRow {
    /// Size of the key.
    pub bits: usize,
    /// Signatures a second on all cores.
    pub rate: f64,
}

/// One operation in one setting.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The operation's name.
    pub operation: String,
    /// `SQLite` or `PostgreSQL`.
    pub store: &'static str,
    /// Whether every request was logged.
    pub request_log: bool,
    /// Clients at the same time.
    pub connections: usize,
    /// Answers counted.
    pub answers: u64,
    /// Seconds they took.
    pub seconds: f64,
    /// Answers a second.
    pub rate: f64,
    /// Median latency; microseconds.
    pub p50: f64,
    /// Latency that one in a hundred exceeded; microseconds.
    pub p99: f64,
    /// Mean size of the body; bytes.
    pub body: usize,
    /// The rate it is compared with: ceiling or bare signing.
    pub yardstick: f64,
    /// The share of the yardstick to reach; `None` where there is no goal (one connection shows latency).
    pub goal: Option<f64>,
}

/// Reads and writes over a given number of stored tokens.
#[derive(Debug, Clone, Serialize)]
pub struct GrowthRow {
    /// `SQLite` or `PostgreSQL`.
    pub store: &'static str,
    /// Tokens stored before measuring.
    pub tokens: u64,
    /// Median latency of introspection; microseconds.
    pub introspection: f64,
    /// Median latency of client_credentials; microseconds.
    pub client_credentials: f64,
}

/// Start-up on an existing database.
#[derive(Debug, Clone, Serialize)]
pub struct StartRow {
    /// `SQLite` or `PostgreSQL`.
    pub store: &'static str,
    /// Median of ten starts, from spawn to the first 200 of `/health/alive`; milliseconds.
    pub millis: f64,
    /// Resident memory when ready and idle; bytes.
    pub resident: u64,
}

/// A p50 may grow by so much over the fewest rows.
const GROWTH_GOAL: f64 = 1.2;
/// A start may take so long; milliseconds.
const START_GOAL: f64 = 50.0;
/// An idle server may hold so much; MB.
const RESIDENT_GOAL: f64 = 40.0;
/// With the request log on, at least this part of the goal is to be reached.
pub const LOGGED_SHARE: f64 = 0.75;

const BEGIN: &str = "<!-- measured: begin (written by `cargo bench -- --markdown FILE`) -->";
const END: &str = "<!-- measured: end -->";

impl Row {
    /// The part of the yardstick that was reached.
    pub fn share(&self) -> f64 {
        self.rate / self.yardstick.max(1e-9)
    }
}

impl Report {
    /// The whole report as Markdown, which also reads well in a terminal.
    pub fn markdown(&self) -> String {
        let mut parts = vec![format!("### Goals\n\n{}", goals())];
        if !(self.ceilings.is_empty() && self.starts.is_empty()) {
            parts.insert(0, self.machine_table());
        }
        if !self.ceilings.is_empty() {
            parts.push(format!("### Ceiling\n\n{}", self.ceiling_table()));
        }
        if !self.signing.is_empty() {
            parts.push(format!("### Bare RS256 signing, all cores\n\n{}", self.signing_table()));
        }
        for store in ["SQLite", "PostgreSQL"] {
            for logged in [false, true] {
                let rows: Vec<&Row> =
                    self.operations.iter().filter(|row| row.store == store && row.request_log == logged).collect();
                if !rows.is_empty() {
                    let log = if logged { "on" } else { "off" };
                    parts.push(format!("### {store}, request log {log}\n\n{}", operations_table(&rows)));
                }
            }
        }
        if !self.growth.is_empty() {
            parts.push(format!("### Growth, p50 at 16 connections\n\n{}", self.growth_table()));
        }
        if !self.starts.is_empty() {
            parts.push(format!("### Start on an existing database, and idle memory\n\n{}", self.start_table()));
        }
        if self.operations.is_empty() {
            parts.push("The operations have not been measured yet.".to_owned());
        }
        parts.extend(self.failures.iter().map(|failure| format!("**Not measured:** {}", failure.trim_end())));
        parts.join("\n\n") + "\n"
    }

    /// Writes the report between the marks of `file`, or makes the file; the words around the marks stay.
    ///
    /// # Errors
    /// What the file system said, or that the file has no marks.
    pub fn write_markdown(&self, file: &Path) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("{}: {error}", file.display());
        let known = if file.exists() { fs::read_to_string(file).map_err(failed)? } else { page() };
        let before = known.find(BEGIN).map(|at| &known[..at + BEGIN.len()]);
        let after = known.find(END).map(|at| &known[at..]);
        let (Some(before), Some(after)) = (before, after) else {
            return Err(format!("{} has no line \"{BEGIN}\" followed by \"{END}\"", file.display()));
        };
        fs::write(file, format!("{before}\n\n{}\n{after}", self.markdown())).map_err(failed)
    }

    fn machine_table(&self) -> String {
        let machine = &self.machine;
        let gib = machine.memory as f64 / f64::from(1 << 30);
        let mut rows = vec![
            vec!["processor".to_owned(), format!("{}, {} cores", machine.processor, machine.cores)],
            vec!["memory".to_owned(), format!("{gib:.1} GiB")],
            vec!["kernel".to_owned(), machine.kernel.clone()],
            vec!["append and fdatasync, median".to_owned(), format!("{:.0} µs", machine.sync_micros)],
            vec!["window".to_owned(), format!("{} s", self.seconds)],
            vec!["measured".to_owned(), self.at.clone()],
        ];
        if !machine.postgres.is_empty() {
            rows.insert(4, vec!["PostgreSQL".to_owned(), machine.postgres.clone()]);
        }
        table(&["machine", ""], rows)
    }

    /// One row for each size and number of connections; how far lowest and highest are apart is the noise.
    fn ceiling_table(&self) -> String {
        let mut groups: BTreeMap<(usize, usize), Vec<&CeilingRow>> = BTreeMap::new();
        for row in &self.ceilings {
            groups.entry((row.size, row.connections)).or_default().push(row);
        }
        let cells = |((size, connections), mut rows): ((usize, usize), Vec<&CeilingRow>)| {
            rows.sort_by(|a, b| a.rate.total_cmp(&b.rate));
            let middle = rows[rows.len() / 2];
            let ends = [rows[0], rows[rows.len() - 1]].map(|row| whole(row.rate));
            let range = if rows.len() == 1 { "–".to_owned() } else { ends.join(" to ") };
            let (rate, p50, p99) = (whole(middle.rate), whole(middle.p50), whole(middle.p99));
            vec![size.to_string(), connections.to_string(), rate, p50, p99, rows.len().to_string(), range]
        };
        let head = ["body, bytes", "connections", "answers/s", "p50 µs", "p99 µs", "times measured", "range"];
        table(&head, groups.into_iter().map(cells).collect())
    }

    fn signing_table(&self) -> String {
        let cells = |row: &SigningRow| vec![row.bits.to_string(), whole(row.rate)];
        table(&["key, bits", "signatures/s"], self.signing.iter().map(cells).collect())
    }

    fn growth_table(&self) -> String {
        let cells = |row: &GrowthRow| {
            let least = self.growth.iter().find(|first| first.store == row.store).unwrap_or(row);
            let reads = row.introspection / least.introspection.max(1e-9);
            let writes = row.client_credentials / least.client_credentials.max(1e-9);
            vec![
                row.store.to_owned(),
                row.tokens.to_string(),
                whole(row.introspection),
                format!("{reads:.2}"),
                whole(row.client_credentials),
                format!("{writes:.2}"),
                verdict(reads.max(writes) <= GROWTH_GOAL),
            ]
        };
        let head = ["store", "tokens", "introspection µs", "ratio", "client_credentials µs", "ratio", "within 1.2"];
        table(&head, self.growth.iter().map(cells).collect())
    }

    fn start_table(&self) -> String {
        let cells = |row: &StartRow| {
            let megabytes = row.resident as f64 / 1e6;
            vec![
                row.store.to_owned(),
                format!("{:.1}", row.millis),
                verdict(row.millis < START_GOAL),
                format!("{megabytes:.1}"),
                verdict(megabytes < RESIDENT_GOAL),
            ]
        };
        let head = ["store", "first answer, ms", "under 50", "resident, MB", "under 40"];
        table(&head, self.starts.iter().map(cells).collect())
    }
}

fn operations_table(rows: &[&Row]) -> String {
    let cells = |row: &&Row| {
        vec![
            row.operation.clone(),
            row.connections.to_string(),
            whole(row.rate),
            whole(row.p50),
            whole(row.p99),
            format!("{:.3}", row.share()),
            row.goal.map_or_else(|| "–".to_owned(), |goal| format!("{goal:.3}")),
            row.goal.map_or_else(|| "–".to_owned(), |goal| verdict(row.share() >= goal)),
        ]
    };
    let head = ["operation", "connections", "answers/s", "p50 µs", "p99 µs", "share", "goal", "verdict"];
    table(&head, rows.iter().map(cells).collect())
}

fn goals() -> String {
    let cells = |operation: &crate::operations::Operation| {
        let (sqlite, postgres, of) = match operation.goal {
            Goal::Ceiling { sqlite, postgres } => (sqlite, postgres, "ceiling"),
            Goal::Signing(share) => (share, share, "bare RS256 signing"),
        };
        vec![operation.name.to_owned(), format!("{sqlite:.2}"), format!("{postgres:.2}"), of.to_owned()]
    };
    let shares = table(&["operation", "SQLite", "PostgreSQL", "share of"], ALL.iter().map(cells).collect());
    format!(
        "{shares}\n\nA p50 grows by at most {GROWTH_GOAL} from the fewest stored tokens to the most. The first answer on an \
         existing\ndatabase comes within {START_GOAL} ms, and an idle server holds less than {RESIDENT_GOAL} MB."
    )
}

fn verdict(met: bool) -> String {
    if met { "met".to_owned() } else { "missed".to_owned() }
}

fn whole(value: f64) -> String {
    format!("{value:.0}")
}

fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(head.iter().copied()).add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}

fn page() -> String {
    format!(
        "# Performance\n\n\
         `cargo bench` measures this; it needs nothing from outside, and starts PostgreSQL itself from the installed programs.\n\
         `cargo bench -- --help` lists what can be chosen. Everything runs on one machine: the server, the database and\n\
         the load generator share its cores, so absolute numbers are low and shares are what counts.\n\n\
         The *ceiling* is a bare actix-web endpoint answering JSON of the same size, driven by the same generator at the\n\
         same number of connections in the same run. RS256 is compared with the machine's bare signing rate instead.\n\
         A goal holds at 16 and at 64 connections; one connection shows latency. With the request log on, three quarters\n\
         of each goal are to be reached. Any answer but the expected one fails the run.\n\
         Ceilings are renewed every minute of the run; how far their rates are apart is how noisy the machine was.\n\n\
         {BEGIN}\n{END}\n\n\
         ## Goals that are missed, and why\n\n\
         Nothing has been measured yet.\n"
    )
}
