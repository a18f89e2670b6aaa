//! The ceiling: a bare actix-web endpoint that answers JSON of a given size.
//!
//! It runs in a child process (this binary again, with `--ceiling-of BYTES`), as the real server does,
//! so both share the cores with the load generator in the same way.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};

use actix_web::{App, HttpServer, web};
use serde::Serialize;

use crate::child::Running;
use crate::http::Request;
use crate::traffic::Repeat;

/// Bytes of `{"active":true,"filler":""}`.
const FRAME: usize = 27;

#[derive(Clone, Serialize)]
struct Bare {
    active: bool,
    filler: String,
}

/// A running ceiling server; stopped on drop.
#[derive(Debug)]
pub struct Ceiling {
    _process: Running,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Ceiling {
    /// Starts a child whose answers have `size` bytes of body (27 at least).
    ///
    /// # Errors
    /// A sentence when it does not start.
    pub fn start(size: usize) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("cannot start the ceiling server: {error}");
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command.arg("--ceiling-of").arg(size.to_string()).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = Running::start(command, "TERM")?;
        let mut line = String::new();
        let output = process.take_output().ok_or("the ceiling server has no output")?;
        BufReader::new(output).read_line(&mut line).map_err(failed)?;
        let address = line.trim().parse().map_err(|_| "the ceiling server did not say where it listens".to_owned())?;
        Ok(Self { _process: process, address })
    }
}

/// The request that the ceiling is measured with.
pub fn traffic() -> Repeat {
    Repeat::of(vec![Request { method: "GET", target: "/", ..Request::default() }.bytes()], 0, "\"active\":true")
}

/// The child's work: serves on a free loopback port and prints it.
///
/// # Errors
/// What the listener or the runtime said.
pub fn serve(size: usize) -> std::io::Result<()> {
    let bare = Bare { active: true, filler: "x".repeat(size.saturating_sub(FRAME)) };
    actix_web::rt::System::new().block_on(async move {
        let server = HttpServer::new(move || {
            let bare = bare.clone();
            App::new().route("/", web::get().to(move || std::future::ready(web::Json(bare.clone()))))
        })
        .bind((Ipv4Addr::LOCALHOST, 0))?;
        for address in server.addrs() {
            writeln!(std::io::stdout(), "{address}")?;
        }
        server.run().await
    })
}
