//! The program itself, as an operator starts it: a process of its own with files, ports and a log.
//!
//! A [`Server`] is killed when dropped. Its [`Home`] (folder and ports) outlives it, so that a test can start another
//! one in the same place. Not here: what is asked of it over HTTP ([`super::api`]).

use std::fs::{self, File};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::api::Api;

/// The binary under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_sallyport");
/// How long a start may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program with `arguments` and nothing but a `PATH` around it, in `folder`.
pub fn sallyport(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).current_dir(folder).env_clear().stdin(Stdio::null());
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command
}

/// A folder, and ports that were free a moment ago.
pub struct Home {
    folder: TempDir,
    pub public: u16,
    pub admin: u16,
    pub demo: u16,
}

impl Home {
    pub fn new() -> Self {
        let folder = TempDir::with_prefix("sallyport-home-").unwrap();
        let [public, admin, demo] = free_ports();
        Self { folder, public, admin, demo }
    }

    /// The folder, empty at first.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where `sallyport dev` keeps everything.
    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// The arguments of `sallyport dev` here. A file `more.yml` in the folder goes on top.
    pub fn dev_arguments(&self) -> Vec<String> {
        let mut arguments = vec!["dev".to_owned(), "--data=data".to_owned()];
        for (name, port) in [("public", self.public), ("admin", self.admin), ("demo", self.demo)] {
            arguments.push(format!("--{name}-port={port}"));
        }
        if self.path().join("more.yml").exists() {
            arguments.push("--config=more.yml".to_owned());
        }
        arguments
    }

    /// Writes the configuration file of [`Server::serve`]: the ports, this system secret and the lines of `more`.
    pub fn configure(&self, secret: &str, more: &str) {
        let Self { public, admin, .. } = self;
        let text = format!(
            "serve:\n  public: {{ host: localhost, port: {public} }}\n  admin: {{ port: {admin} }}\n\
             secrets: {{ system: [{secret}] }}\n{more}\n"
        );
        fs::write(self.path().join("sallyport.yml"), text).unwrap();
    }

    /// Writes the file that goes on top of what `sallyport dev` sets.
    pub fn configure_dev(&self, more: &str) {
        fs::write(self.path().join("more.yml"), more).unwrap();
    }
}

/// Ports that nobody listens on, on either loopback address.
fn free_ports<const N: usize>() -> [u16; N] {
    // All are held until all are found, so that none comes twice.
    let mut held = Vec::new();
    while held.len() < N {
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = first.local_addr().unwrap().port();
        let second = TcpListener::bind((Ipv6Addr::LOCALHOST, port));
        // A machine without IPv6 has nobody there either.
        if second.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse) {
            continue;
        }
        held.push((port, first, second));
    }
    std::array::from_fn(|at| held[at].0)
}

/// A running server.
pub struct Server {
    process: Child,
    pub home: Home,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Server {
    /// `sallyport dev` in a fresh folder.
    pub async fn dev() -> Self {
        Self::dev_in(Home::new(), &[]).await
    }

    /// `sallyport dev` in this place, with these environment variables.
    pub async fn dev_in(home: Home, environment: &[(&str, &str)]) -> Self {
        let mut server = Self::spawn_dev(home, environment);
        server.ready().await;
        server
    }

    /// The same without waiting until it answers.
    pub fn spawn_dev(home: Home, environment: &[(&str, &str)]) -> Self {
        let arguments = home.dev_arguments();
        Self::spawn(home, &arguments.iter().map(String::as_str).collect::<Vec<_>>(), environment)
    }

    /// `sallyport serve --dev` with the file that [`Home::configure`] wrote.
    pub async fn serve(home: Home) -> Self {
        let mut server = Self::spawn_serve(home);
        server.ready().await;
        server
    }

    /// The same without waiting until it answers.
    pub fn spawn_serve(home: Home) -> Self {
        Self::spawn(home, &["serve", "--dev", "--config=sallyport.yml"], &[])
    }

    fn spawn(home: Home, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let [stdout, stderr] = ["stdout", "stderr"].map(|name| home.path().join(name));
        let append = |path: &Path| File::options().create(true).append(true).open(path).unwrap();
        let process = sallyport(home.path(), arguments)
            .envs(environment.iter().copied())
            .stdout(append(&stdout))
            .stderr(append(&stderr))
            .spawn()
            .unwrap();
        Self { process, home, stdout, stderr }
    }

    /// Waits until both listeners answer.
    pub async fn ready(&mut self) {
        let began = Instant::now();
        let http = super::api::http();
        for port in [self.home.public, self.home.admin] {
            let url = format!("http://localhost:{port}/health/ready");
            while !http.get(&url).send().await.is_ok_and(|answer| answer.status() == 200) {
                if let Some(status) = self.process.try_wait().unwrap() {
                    panic!("the server ended with {status}: {}", self.log());
                }
                assert!(began.elapsed() < PATIENCE, "the server does not answer at {url}: {}", self.log());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }

    /// Its number, for signals.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// `http://localhost:PORT`, without a slash.
    pub fn issuer(&self) -> String {
        format!("http://localhost:{}", self.home.public)
    }

    /// Calls to its two listeners.
    pub fn api(&self) -> Api {
        Api::new(&self.issuer(), &format!("http://localhost:{}", self.home.admin))
    }

    /// What it wrote to standard output.
    pub fn output(&self) -> String {
        fs::read_to_string(&self.stdout).unwrap()
    }

    /// What it wrote to standard error.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }

    /// A secret of `data/dev-secrets`.
    pub fn secret(&self, name: &str) -> String {
        let text = fs::read_to_string(self.home.data().join("dev-secrets")).unwrap();
        let mut lines = text.lines().filter_map(|line| line.split_once('='));
        lines.find(|(known, _)| *known == name).unwrap_or_else(|| panic!("no {name}")).1.to_owned()
    }

    /// Ends it as a power cut would (SIGKILL), and gives its place back.
    pub fn kill(mut self) -> Home {
        self.process.kill().unwrap();
        let status = self.process.wait().unwrap();
        assert_eq!(status.signal(), Some(9), "it ended by itself before: {status}; {}", self.log());
        self.into_home()
    }

    /// Asks it to stop (SIGTERM), without waiting.
    pub fn ask_to_stop(&self) {
        let sent = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.pid())]).status().unwrap();
        assert!(sent.success());
    }

    /// Asks it to stop, and gives how it ended and its place.
    pub fn stop(mut self) -> (ExitStatus, Home) {
        self.ask_to_stop();
        let status = self.process.wait().unwrap();
        (status, self.into_home())
    }

    /// How it ended, once it has.
    pub fn wait(&mut self) -> ExitStatus {
        self.process.wait().unwrap()
    }

    fn into_home(mut self) -> Home {
        let Home { public, admin, demo, .. } = self.home;
        let left = TempDir::with_prefix("sallyport-home-").unwrap();
        std::mem::replace(&mut self.home, Home { folder: left, public, admin, demo })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(20)..].join("\n");
            eprintln!("the last lines of the server on port {}:\n{last}", self.home.public);
        }
    }
}

/// Runs the program to its end in `folder`.
pub fn run(folder: &Path, arguments: &[&str]) -> Output {
    sallyport(folder, arguments).output().unwrap()
}

/// Standard output or error as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
