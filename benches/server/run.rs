//! The run: which measurement follows which, and what is compared with what.
//!
//! Every operation gets a server and a database of its own, so no measurement pays for another's rows.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sallyport::base::{Clock, SystemClock};
use tempfile::TempDir;

use crate::args::Args;
use crate::ceiling::{self, Ceiling};
use crate::child::pause;
use crate::load::{Measured, Plan, Traffic, Until, drive};
use crate::machine::{Machine, cores};
use crate::operations::{self, Goal, Kind, Operation};
use crate::postgres::Postgres;
use crate::report::{CeilingRow, GrowthRow, LOGGED_SHARE, Report, Row, SigningRow, StartRow};
use crate::server::{Server, Setup};
use crate::signing;

/// Bodies are compared with a ceiling of at most so many bytes more.
const SIZE_STEP: usize = 64;
/// The size of the ceiling that is measured for its own sake; bytes.
const USUAL_SIZE: usize = 256;
/// A ceiling older than this is measured again, so that noise on the machine touches both sides of a share.
const CEILING_AGE: Duration = Duration::from_secs(60);
/// Keys whose bare signing rate is measured with the ceiling; bits.
const USUAL_KEYS: [usize; 2] = [2048, 3072];
/// Starts whose median counts.
const STARTS: usize = 10;

/// A run under way.
#[derive(Debug)]
pub struct Run {
    args: Args,
    root: TempDir,
    postgres: Option<Postgres>,
    databases: u32,
    ceilings: HashMap<(usize, usize), (f64, Instant)>,
    signing: HashMap<usize, f64>,
    report: Report,
}

impl Run {
    /// Prepares folders, and PostgreSQL when it is to be measured.
    ///
    /// # Errors
    /// What is missing, in a sentence.
    pub fn prepare(args: Args) -> Result<Self, String> {
        let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let failed = |error: std::io::Error| format!("{}: {error}", base.display());
        std::fs::create_dir_all(base).map_err(failed)?;
        let root = tempfile::Builder::new().prefix("bench-").tempdir_in(base).map_err(failed)?;
        let mut machine = Machine::describe(root.path());
        let names = operations::ALL.iter().map(|operation| operation.name).chain(["growth", "start"]);
        let stores = !args.dry_run && names.into_iter().any(|name| args.wants(name));
        if !stores && !args.wants("ceiling") {
            return Err("nothing has that in its name; see docs/performance.md for the names".to_owned());
        }
        let postgres =
            if stores && args.stores().contains(&"PostgreSQL") { Some(Postgres::start(root.path())?) } else { None };
        if let Some(postgres) = &postgres {
            machine.postgres.clone_from(&postgres.version);
        }
        let report = Report {
            at: SystemClock.now().rfc3339(),
            seconds: args.window().as_secs_f64(),
            machine,
            ceilings: Vec::new(),
            signing: Vec::new(),
            operations: Vec::new(),
            growth: Vec::new(),
            starts: Vec::new(),
            failures: Vec::new(),
        };
        let (ceilings, signing) = (HashMap::new(), HashMap::new());
        Ok(Self { args, root, postgres, databases: 0, ceilings, signing, report })
    }

    /// Measures all that is wanted. What fails is noted in the report and the rest goes on.
    pub fn measure(mut self) -> Report {
        if self.args.dry_run {
            return self.report;
        }
        if self.args.wants("ceiling") {
            for lanes in self.args.connections().to_vec() {
                let measured = self.ceiling(USUAL_SIZE, lanes);
                self.note("ceiling", measured);
            }
            for bits in USUAL_KEYS {
                let measured = self.bare_signing(bits);
                self.note("bare RS256 signing", measured);
            }
        }
        for store in self.args.stores() {
            for request_log in self.args.request_logs().to_vec() {
                for operation in &operations::ALL {
                    if self.args.wants(operation.name) {
                        let measured = self.operation(operation, store, request_log);
                        self.note(&format!("{} on {store}", operation.name), measured);
                    }
                }
            }
            if self.args.wants("growth") {
                let measured = self.growth(store);
                self.note(&format!("growth on {store}"), measured);
            }
            if self.args.wants("start") {
                let measured = self.start(store);
                self.note(&format!("start on {store}"), measured);
            }
        }
        // Once more at the end: how far the two are apart is how noisy the machine was.
        self.ceilings.clear();
        if let Some(first) = self.report.ceilings.first().cloned() {
            let measured = self.ceiling(first.size, first.connections);
            self.note("ceiling", measured);
        }
        self.report
    }

    fn note<T>(&mut self, what: &str, outcome: Result<T, String>) {
        if let Err(error) = outcome {
            say(&format!("{what}: FAILED: {error}"));
            self.report.failures.push(format!("{what}: {error}"));
        }
    }

    fn window(&self, kind: Kind) -> Until {
        let window = self.args.window();
        // Codes are spent by the warm-up as well, so it is short there.
        let part = if kind == Kind::Redemption { 20 } else { 4 };
        Until::Window { warmup: window / part, window }
    }

    /// The rate of a bare endpoint with answers of about `size` bytes, measured not long ago.
    fn ceiling(&mut self, size: usize, lanes: usize) -> Result<f64, String> {
        let size = size.div_ceil(SIZE_STEP) * SIZE_STEP;
        if let Some((rate, at)) = self.ceilings.get(&(size, lanes))
            && at.elapsed() < CEILING_AGE
        {
            return Ok(*rate);
        }
        let server = Ceiling::start(size)?;
        let plan = Plan { addresses: &[server.address], lanes, until: self.window(Kind::Discovery) };
        let measured = drive(&plan, &mut ceiling::traffic())?;
        let rate = measured.rate();
        let (p50, p99) = (measured.quantile_micros(0.5), measured.quantile_micros(0.99));
        say(&format!("ceiling of {size} bytes, {lanes} connections: {rate:.0}/s, p50 {p50:.0} µs, p99 {p99:.0} µs"));
        self.ceilings.insert((size, lanes), (rate, Instant::now()));
        self.report.ceilings.push(CeilingRow { size, connections: lanes, rate, p50, p99 });
        Ok(rate)
    }

    fn operation(&mut self, operation: &Operation, store: &'static str, request_log: bool) -> Result<(), String> {
        let (dsn, folder) = self.database(store)?;
        let setup = Setup { dsn: &dsn, request_log, algorithm: operation.algorithm, folder: &folder };
        let server = Server::start(&setup)?;
        operations::register(&server)?;
        for lanes in self.args.connections().to_vec() {
            let mut traffic = operations::traffic(operation.kind, &server, lanes, self.args.codes())?;
            let measured = self.drive(operation.kind, &server, lanes, traffic.as_mut())?;
            let yardstick = match operation.goal {
                Goal::Ceiling { .. } => self.ceiling(measured.body_size(), lanes)?,
                Goal::Signing(_) => {
                    self.bare_signing(operations::rsa_bits(&server)?.ok_or("the server publishes no RSA key")?)?
                }
            };
            let row = row(operation, store, request_log, lanes, &measured, yardstick);
            say(&format!(
                "{} on {store}, log {}, {lanes} connections: {:.0}/s, p50 {:.0} µs, p99 {:.0} µs, share {:.3}",
                row.operation,
                if request_log { "on" } else { "off" },
                row.rate,
                row.p50,
                row.p99,
                row.share()
            ));
            self.report.operations.push(row);
        }
        Ok(())
    }

    fn drive(&self, kind: Kind, server: &Server, lanes: usize, traffic: &mut dyn Traffic) -> Result<Measured, String> {
        drive(&Plan { addresses: &server.addresses, lanes, until: self.window(kind) }, traffic)
    }

    fn bare_signing(&mut self, bits: usize) -> Result<f64, String> {
        if let Some(rate) = self.signing.get(&bits) {
            return Ok(*rate);
        }
        let rate = signing::rs256_rate(bits, cores(), self.args.window())?;
        say(&format!("bare RS256 signing, {bits} bits: {rate:.0}/s"));
        self.signing.insert(bits, rate);
        self.report.signing.push(SigningRow { bits, rate });
        Ok(rate)
    }

    fn growth(&mut self, store: &'static str) -> Result<(), String> {
        let (dsn, folder) = self.database(store)?;
        let setup = Setup { dsn: &dsn, request_log: false, algorithm: "EdDSA", folder: &folder };
        let server = Server::start(&setup)?;
        operations::register(&server)?;
        let mut stored = 0;
        let mut tokens = Vec::new();
        for wanted in self.args.growth().to_vec() {
            let missing = wanted.saturating_sub(stored).max(1);
            tokens.extend(operations::store_tokens(&server, missing)?);
            let reads = self.drive(Kind::Introspection, &server, 16, &mut operations::introspect(&tokens))?;
            // Few writes, so that they do not change the size they are measured at.
            let few = wanted.clamp(2_000, 20_000);
            let writes = operations::write_tokens(&server, 16, few)?;
            stored = stored + missing + few;
            let (introspection, client_credentials) = (reads.quantile_micros(0.5), writes.quantile_micros(0.5));
            say(&format!(
                "growth on {store}, {wanted} tokens: introspection p50 {introspection:.0} µs, \
                 client_credentials p50 {client_credentials:.0} µs"
            ));
            self.report.growth.push(GrowthRow { store, tokens: wanted, introspection, client_credentials });
        }
        Ok(())
    }

    fn start(&mut self, store: &'static str) -> Result<(), String> {
        let (dsn, folder) = self.database(store)?;
        let setup = Setup { dsn: &dsn, request_log: true, algorithm: "RS256", folder: &folder };
        drop(Server::start(&setup)?);
        let mut taken = Vec::with_capacity(STARTS);
        let mut resident = 0;
        for _ in 0..STARTS {
            let server = Server::start(&setup)?;
            taken.push(server.started_in);
            pause(Duration::from_millis(100));
            resident = server.resident().ok_or("cannot read the server's memory from /proc")?;
        }
        taken.sort_unstable();
        let millis = taken[STARTS / 2].as_secs_f64() * 1e3;
        say(&format!("start on {store}: {millis:.1} ms, resident {:.1} MB", resident as f64 / 1e6));
        self.report.starts.push(StartRow { store, millis, resident });
        Ok(())
    }

    /// An empty database of its own, and the folder for everything around it.
    fn database(&mut self, store: &str) -> Result<(String, PathBuf), String> {
        self.databases += 1;
        let name = format!("bench_{}", self.databases);
        let folder = self.root.path().join(&name);
        std::fs::create_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let dsn = match &self.postgres {
            Some(postgres) if store == "PostgreSQL" => postgres.database(&name)?,
            _ => format!("sqlite://{}", folder.join("bench.sqlite").display()),
        };
        Ok((dsn, folder))
    }
}

fn row(
    operation: &Operation,
    store: &'static str,
    request_log: bool,
    connections: usize,
    measured: &Measured,
    yardstick: f64,
) -> Row {
    let goal = match operation.goal {
        Goal::Ceiling { sqlite, .. } if store == "SQLite" => sqlite,
        Goal::Ceiling { postgres, .. } => postgres,
        Goal::Signing(share) => share,
    };
    let goal = if request_log { goal * LOGGED_SHARE } else { goal };
    Row {
        operation: operation.name.to_owned(),
        store,
        request_log,
        connections,
        answers: measured.answers,
        seconds: measured.elapsed.as_secs_f64(),
        rate: measured.rate(),
        p50: measured.quantile_micros(0.5),
        p99: measured.quantile_micros(0.99),
        body: measured.body_size(),
        yardstick,
        goal: (connections > 1).then_some(goal),
    }
}

/// Tells how the run goes, on the error stream: the table comes at the end, on the other.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
