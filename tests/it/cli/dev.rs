//! `sallyport dev`: the banner's lines work as printed, a second start finds the same secrets, faults are one sentence.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A development server; killed on drop if it still runs.
pub struct Dev {
    child: Child,
    banner: String,
}

impl Dev {
    fn command(data: &Path, ports: [u16; 3]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sallyport"));
        command.arg("dev").arg("--data").arg(data).stdin(Stdio::null()).env_remove("DSN").env_remove("ORY_SDK_URL");
        for (flag, port) in ["--public-port", "--admin-port", "--demo-port"].into_iter().zip(ports) {
            command.args([flag, &port.to_string()]);
        }
        command
    }

    /// Starts it, and reads the banner to its last line.
    pub fn start(data: &Path, ports: [u16; 3]) -> Self {
        let mut child =
            Self::command(data, ports).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("started");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut banner = String::new();
        while !banner.contains("Ctrl-C stops it.") {
            let line = lines.next().expect("the banner goes on").expect("text");
            banner.push_str(&line);
            banner.push('\n');
        }
        Self { child, banner }
    }

    /// The lines to paste, joined: a shell runs them as a person would.
    fn pasted(&self) -> String {
        let lines = self.banner.lines().filter_map(|line| line.strip_prefix("  "));
        lines
            .filter(|line| line.starts_with("TOKEN=") || line.starts_with("curl "))
            .collect::<Vec<_>>()
            .join("; echo\n")
    }

    fn stop(mut self) -> ExitStatus {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("kill");
        assert!(told.success());
        self.child.wait().expect("ended")
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn free_ports() -> [u16; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("its address").port())
}

/// Runs the command and gives its exit code and what it said on standard error.
fn refused(mut command: Command) -> (Option<i32>, String) {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("started");
    let mut said = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
    (child.wait().expect("ended").code(), said)
}

#[test]
fn every_line_of_the_banner_works_as_printed_at_every_start() {
    let data = TempDir::new().expect("a folder");
    let folder = data.path().join("data");
    let mut secrets = Vec::new();
    for ports in [free_ports(), free_ports()] {
        let dev = Dev::start(&folder, ports);
        let pasted = dev.pasted();
        assert_eq!(pasted.lines().count(), 3, "{}", dev.banner);
        let ran = Command::new("sh").args(["-ec", &pasted]).output().expect("a shell");
        let out = String::from_utf8(ran.stdout).expect("text");
        assert!(ran.status.success(), "{out}{}", String::from_utf8_lossy(&ran.stderr));
        let lines: Vec<&str> = out.lines().filter(|line| !line.is_empty()).collect();
        assert!(lines[0].starts_with("sp_at_"), "{out}");
        let introspected: Value = serde_json::from_str(lines[1]).expect("JSON");
        assert_eq!((&introspected["active"], &introspected["sub"]), (&true.into(), &"demo-machine".into()));
        let discovery: Value = serde_json::from_str(lines[2]).expect("JSON");
        assert_eq!(discovery["issuer"], format!("http://localhost:{}", ports[0]));
        let from_table: Vec<String> =
            dev.banner.lines().filter(|line| line.contains("demo-")).take(4).map(str::to_owned).collect();
        secrets.push(from_table);
        assert_eq!(dev.stop().code(), Some(0));
    }
    assert_eq!(secrets[0], secrets[1], "the same folder, the same secrets");
    let mode = std::fs::metadata(folder.join("dev-secrets")).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_taken_port_is_one_sentence() {
    let data = TempDir::new().expect("a folder");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let [public, _, demo] = free_ports();
    let port = taken.local_addr().expect("its address").port();
    let (code, said) = refused(Dev::command(data.path(), [public, port, demo]));
    let sentence = format!(
        "error: the admin listener cannot have 127.0.0.1:{port}: another program listens there; end it, or change serve.admin.port\n"
    );
    assert_eq!((code, said), (Some(1), sentence));
}

#[test]
fn a_folder_that_cannot_be_made_is_one_sentence() {
    let data = TempDir::new().expect("a folder");
    let file = data.path().join("file");
    std::fs::write(&file, "").expect("written");
    let (code, said) = refused(Dev::command(&file.join("data"), free_ports()));
    assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.starts_with("error: cannot make the folder ") && said.contains("--data DIR"), "{said}");
}

#[test]
fn a_database_from_a_newer_version_is_one_sentence() {
    use diesel::Connection;
    use diesel::connection::SimpleConnection;
    let data = TempDir::new().expect("a folder");
    assert_eq!(Dev::start(data.path(), free_ports()).stop().code(), Some(0));
    let file = data.path().join("sallyport.db");
    let mut database = diesel::SqliteConnection::establish(file.to_str().expect("text")).expect("opened");
    database
        .batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000001')")
        .expect("a migration of the future");
    let (code, said) = refused(Dev::command(data.path(), free_ports()));
    assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains("migrated by a newer version"), "{said}");
}
