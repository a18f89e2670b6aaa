//! The commands that administer a running server, and those that get tokens from it, against `sallyport dev`.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::dev::{Dev, free_ports};

/// The command line, pointed at one server.
struct Line {
    public: String,
    admin: String,
}

/// What a command left.
struct Done {
    code: Option<i32>,
    out: String,
    told: String,
}

impl Done {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{}{}", self.out, self.told))
    }
}

impl Line {
    fn run(&self, endpoint: &str, arguments: &[&str], input: &str) -> Done {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sallyport"))
            .args(arguments)
            .args(["--endpoint", endpoint])
            .env_remove("SALLYPORT_ADMIN_KEY")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        // A command that reads nothing may be gone already.
        let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
        let output = child.wait_with_output().expect("ended");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Done { code: output.status.code(), out: text(output.stdout), told: text(output.stderr) }
    }

    fn administer(&self, arguments: &[&str]) -> Done {
        self.run(&self.admin, arguments, "")
    }
}

#[test]
fn clients_people_and_tokens_by_the_command_line() {
    let data = TempDir::new().expect("a folder");
    let ports = free_ports();
    let _dev = Dev::start(data.path(), ports);
    let line =
        Line { public: format!("http://localhost:{}", ports[0]), admin: format!("http://localhost:{}", ports[1]) };

    let arguments = ["clients", "create", "--format", "json", "--id", "robot", "--grant-type", "client_credentials"];
    let made = line.administer(&[&arguments[..], &["--scope", "read,write"]].concat()).json();
    let secret = made["client_secret"].as_str().expect("a secret");
    assert_eq!((&made["client_id"], &made["scope"]), (&"robot".into(), &"read write".into()));
    let again = line.administer(&arguments);
    assert!(again.code == Some(1) && again.told.contains("(409)"), "{}", again.told);
    let listed = line.administer(&["clients", "list", "-q"]);
    assert_eq!(listed.out.lines().collect::<Vec<_>>(), ["demo-api", "demo-machine", "demo-spa", "demo-web", "robot"]);

    let perform = ["perform", "client-credentials", "-q", "--client-id", "robot", "--scope", "read"];
    let token = line.run(&line.public, &[&perform[..], &["--client-secret", secret]].concat(), "").out;
    let token = token.trim();
    let alive = line.run(&line.admin, &["introspect", "-", "--format", "json"], token).json();
    assert_eq!((&alive["active"], &alive["scope"]), (&true.into(), &"read".into()));

    assert_eq!(line.administer(&["clients", "delete", "robot"]).code, Some(0));
    assert_eq!(line.administer(&["introspect", "-q", token]).out, "inactive\n");
    let gone = line.administer(&["clients", "get", "robot"]);
    assert!(gone.code == Some(1) && gone.told.starts_with("error: the server refused (404)"), "{}", gone.told);

    let bob = ["identities", "create", "--format", "json", "--email", "bob@example.com", "--password-stdin"];
    let made = line.run(&line.admin, &bob, "a good long password\n").json();
    assert_eq!((&made["traits"]["email"], &made["state"]), (&"bob@example.com".into(), &"active".into()));
    let twice = line.run(&line.admin, &bob, "a good long password\n");
    assert!(twice.code == Some(1) && twice.told.contains("(409)"), "{}", twice.told);
    assert!(!twice.told.contains("a good long password"), "{}", twice.told);
}

#[test]
fn a_server_that_is_not_there_is_one_sentence() {
    let [port, ..] = free_ports();
    let line = Line { public: String::new(), admin: format!("http://127.0.0.1:{port}") };
    let done = line.administer(&["clients", "list"]);
    assert_eq!((done.code, done.told.lines().count()), (Some(1), 1), "{}", done.told);
    assert!(done.told.contains("is the server running?"), "{}", done.told);
}
