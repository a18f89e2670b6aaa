//! A throw-away PostgreSQL on a free loopback port, with durability as it comes: `fsync` is on.
//!
//! PostgreSQL refuses to run as root, so as root it runs as the user `postgres` or `nobody`.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::child::{Running, pause};
use crate::server::tail;

/// The name of the superuser of the throw-away cluster.
const OWNER: &str = "sallyport";

/// A running cluster; stopped and deleted on drop.
#[derive(Debug)]
pub struct Postgres {
    // Dropped in this order: first the process ends, then its folder goes.
    _process: Running,
    _folder: TempDir,
    programs: PathBuf,
    port: u16,
    /// What `postgres --version` says.
    pub version: String,
}

impl Postgres {
    /// Makes a cluster and starts it. `root` is where its folder goes unless another user must own it.
    ///
    /// # Errors
    /// A sentence that says what is missing and how to get it.
    pub fn start(root: &Path) -> Result<Self, String> {
        let programs = programs()?;
        let user = unprivileged()?;
        // As root, the folder must be reachable for the other user, which a checkout need not be.
        let root = if user.is_some() { Path::new("/var/tmp") } else { root };
        let failed = |error: std::io::Error| format!("cannot prepare a folder for PostgreSQL: {error}");
        let folder = tempfile::Builder::new().prefix("sallyport-bench-").tempdir_in(root).map_err(failed)?;
        if let Some((user, group)) = user {
            chown(folder.path(), Some(user), Some(group)).map_err(failed)?;
        }
        let run = |program: &str| {
            let mut command = Command::new(programs.join(program));
            command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
            if let Some((user, group)) = user {
                command.uid(user).gid(group);
            }
            command
        };
        let data = folder.path().join("data");
        let mut initdb = run("initdb");
        initdb.args(["-U", OWNER, "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync", "-D"]).arg(&data);
        succeed(&mut initdb)?;
        let port = free_port().map_err(failed)?;
        let log = folder.path().join("postgres.log");
        let mut postgres = run("postgres");
        postgres.arg("-D").arg(&data).args(["-p", &port.to_string(), "-h", "127.0.0.1", "-k", ""]);
        for setting in ["fsync=on", "synchronous_commit=on", "shared_buffers=256MB", "max_wal_size=4GB"] {
            postgres.args(["-c", setting]);
        }
        postgres.stderr(fs::File::create(&log).map_err(failed)?);
        let mut process = Running::start(postgres, "INT")?;
        wait(&mut process, &programs, port, &log)?;
        let version = version(&programs).unwrap_or_else(|| "PostgreSQL".to_owned());
        Ok(Self { _process: process, _folder: folder, programs, port, version })
    }

    /// Makes an empty database and says how to reach it.
    ///
    /// # Errors
    /// What `createdb` said.
    pub fn database(&self, name: &str) -> Result<String, String> {
        let mut createdb = Command::new(self.programs.join("createdb"));
        createdb.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", OWNER, name]);
        succeed(&mut createdb)?;
        Ok(format!("postgres://{OWNER}@127.0.0.1:{}/{name}", self.port))
    }
}

/// The folder with `initdb`, `postgres` and `createdb`: from PATH, else the newest that Debian keeps aside.
fn programs() -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).filter_map(|folder| folder.join("initdb").canonicalize().ok());
    let mut kept: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin/initdb")).collect())
        .unwrap_or_default();
    kept.sort_by_key(|program| std::cmp::Reverse(major(program)));
    on_path
        .chain(kept)
        .filter_map(|initdb| initdb.parent().map(Path::to_path_buf))
        .find(|folder| ["initdb", "postgres", "createdb"].iter().all(|program| folder.join(program).is_file()))
        .ok_or_else(|| {
            "PostgreSQL is not installed (no initdb in PATH or /usr/lib/postgresql/*/bin): \
             install the package `postgresql`, or measure SQLite alone with --sqlite"
                .to_owned()
        })
}

fn major(initdb: &Path) -> u32 {
    let folder = initdb.ancestors().nth(2).and_then(Path::file_name).and_then(|name| name.to_str());
    folder.and_then(|name| name.parse().ok()).unwrap_or(0)
}

/// The user and group PostgreSQL must run as; `None` when this process is not root's.
fn unprivileged() -> Result<Option<(u32, u32)>, String> {
    let me = fs::metadata("/proc/self").map_err(|error| format!("cannot read /proc/self: {error}"))?.uid();
    if me != 0 {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").map_err(|error| format!("cannot read /etc/passwd: {error}"))?;
    let find = |name: &str| {
        let mut fields = users.lines().map(|line| line.split(':')).find(|line| line.clone().next() == Some(name))?;
        Some((fields.nth(2)?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    let user = find("postgres").or_else(|| find("nobody"));
    user.map(Some).ok_or_else(|| "PostgreSQL cannot run as root, and there is no user postgres or nobody".to_owned())
}

fn wait(process: &mut Running, programs: &Path, port: u16, log: &Path) -> Result<(), String> {
    let patience = Instant::now() + Duration::from_secs(30);
    loop {
        let mut ready = Command::new(programs.join("psql"));
        ready.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-U", OWNER, "-c", "SELECT 1", "postgres"]);
        if ready.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
            return Ok(());
        }
        if process.ended().is_some() || Instant::now() > patience {
            return Err(format!("PostgreSQL did not start\n{}", tail(log)));
        }
        pause(Duration::from_millis(50));
    }
}

fn version(programs: &Path) -> Option<String> {
    let output = Command::new(programs.join("postgres")).arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().display().to_string();
    let output = command.output().map_err(|error| format!("cannot run {name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{name}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim()))
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
