//! The real `sallyport` binary in a child process, on free loopback ports and a folder of its own.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::child::{Running, pause};
use crate::http::{Reply, Request, call};

/// Index of the public listener in [`Server::addresses`].
pub const PUBLIC: usize = 0;
/// Index of the admin listener in [`Server::addresses`].
pub const ADMIN: usize = 1;

/// A start on a new database may take this long.
const STARTING: Duration = Duration::from_secs(30);

/// How the server is configured for one measurement.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a> {
    /// The database.
    pub dsn: &'a str,
    /// Whether every request is logged.
    pub request_log: bool,
    /// Signs JWT access tokens and ID tokens: `RS256`, `ES256`, `EdDSA`.
    pub algorithm: &'static str,
    /// The folder for the configuration and the log.
    pub folder: &'a Path,
}

/// A running server; stopped on drop.
#[derive(Debug)]
pub struct Server {
    process: Running,
    /// The listeners: [`PUBLIC`], [`ADMIN`].
    pub addresses: [SocketAddr; 2],
    /// From its start to its first 200 at `/health/alive`.
    pub started_in: Duration,
}

impl Server {
    /// Starts the server and waits until it is ready.
    ///
    /// # Errors
    /// A sentence, with the end of the server's log, when it does not come up.
    pub fn start(setup: &Setup<'_>) -> Result<Self, String> {
        let addresses = free_addresses().map_err(|error| format!("no free port: {error}"))?;
        let file = setup.folder.join("sallyport.json");
        let log = setup.folder.join("sallyport.log");
        let failed = |error: std::io::Error| format!("cannot write in {}: {error}", setup.folder.display());
        fs::write(&file, configuration(setup, &addresses).to_string()).map_err(failed)?;
        let output = fs::File::create(&log).map_err(failed)?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_sallyport"));
        command.args(["serve", "all", "--dev", "-c"]).arg(&file).current_dir(setup.folder);
        command.stdin(Stdio::null()).stdout(output.try_clone().map_err(failed)?).stderr(output);
        let begun = Instant::now();
        let process = Running::start(command, "TERM")?;
        let mut server = Self { process, addresses, started_in: Duration::ZERO };
        server.wait_for("/health/alive", begun, &log)?;
        server.started_in = begun.elapsed();
        server.wait_for("/health/ready", begun, &log)?;
        Ok(server)
    }

    /// Resident memory now; bytes.
    pub fn resident(&self) -> Option<u64> {
        self.process.resident()
    }

    /// Calls one listener once and refuses any status but 2xx.
    ///
    /// # Errors
    /// A sentence naming the path and the status.
    pub fn call(&self, listener: usize, request: &Request<'_>) -> Result<Reply, String> {
        let reply = call(self.addresses[listener], request)?;
        if (200..300).contains(&reply.status) {
            return Ok(reply);
        }
        let said = String::from_utf8_lossy(&reply.body).into_owned();
        Err(format!("{} {}: status {}: {said}", request.method, request.target, reply.status))
    }

    fn wait_for(&mut self, path: &str, begun: Instant, log: &Path) -> Result<(), String> {
        let probe = Request { method: "GET", target: path, ..Request::default() };
        loop {
            let reply = call(self.addresses[PUBLIC], &probe);
            if reply.is_ok_and(|reply| reply.status == 200) {
                return Ok(());
            }
            let ended = self.process.ended();
            if ended.is_some() || begun.elapsed() > STARTING {
                let what = ended.map_or_else(|| format!("gave no 200 at {path}"), |status| format!("ended: {status}"));
                return Err(format!("the server {what}\n{}", tail(log)));
            }
            pause(Duration::from_micros(200));
        }
    }
}

fn configuration(setup: &Setup<'_>, addresses: &[SocketAddr; 2]) -> serde_json::Value {
    let issuer = format!("http://localhost:{}", addresses[PUBLIC].port());
    let listener = |address: &SocketAddr| {
        json!({
            "host": address.ip().to_string(),
            "port": address.port(),
            "request_log": { "enabled": setup.request_log },
        })
    };
    json!({
        "dsn": setup.dsn,
        "secrets": { "system": ["only-for-the-bench-0123456789abcdef"] },
        "urls": {
            "self": { "issuer": issuer },
            "login": format!("{issuer}/bench/login"),
            "consent": format!("{issuer}/bench/consent"),
        },
        "serve": {
            "public": listener(&addresses[PUBLIC]),
            "admin": listener(&addresses[ADMIN]),
            "limits": { "interactions_per_minute_per_address": 1_000_000 },
        },
        "strategies": { "jwt": { "alg": setup.algorithm } },
        "oidc": { "id_token": { "alg": setup.algorithm } },
    })
}

fn free_addresses() -> std::io::Result<[SocketAddr; 2]> {
    let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let second = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok([first.local_addr()?, second.local_addr()?])
}

/// The last lines of a log, for a message.
pub fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}
