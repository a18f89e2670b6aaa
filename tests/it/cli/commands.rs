//! Commands that talk to a server: clients, people, tokens.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use url::Url;

use crate::support::api::http;
use crate::support::person::Person;
use crate::support::server::{Server, run, sallyport, text};

/// A terminal beside a running server.
struct Terminal {
    server: Server,
    folder: PathBuf,
    admin: String,
}

impl Terminal {
    async fn open() -> Self {
        let server = Server::dev().await;
        let admin = format!("http://localhost:{}", server.home.admin);
        Self { folder: server.home.path().to_owned(), admin, server }
    }

    fn try_admin(&self, words: &[&str]) -> Output {
        run(&self.folder, &[words, &["--endpoint", &self.admin]].concat())
    }

    /// What a command that talks to the admin API prints.
    #[track_caller]
    fn admin(&self, words: &[&str]) -> String {
        printed(&self.try_admin(words), words)
    }

    #[track_caller]
    fn admin_json(&self, words: &[&str]) -> Value {
        let printed = self.admin(&[words, &["--format", "json"]].concat());
        serde_json::from_str(&printed).unwrap_or_else(|_| panic!("{words:?}: no JSON: {printed}"))
    }

    /// The same with a line on standard input.
    fn admin_with_input(&self, words: &[&str], line: &str) -> Output {
        let words = [words, &["--endpoint", &self.admin]].concat();
        let mut command = sallyport(&self.folder, &words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        writeln!(process.stdin.take().unwrap(), "{line}").unwrap();
        process.wait_with_output().unwrap()
    }

    /// The sentence of a command that fails.
    #[track_caller]
    fn refused(&self, words: &[&str], status: i32) -> String {
        sentence(&self.try_admin(words), status)
    }
}

#[track_caller]
fn printed(output: &Output, words: &[&str]) -> String {
    assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// What a command that failed with `status` said: one sentence, and no result.
#[track_caller]
fn sentence(output: &Output, status: i32) -> String {
    let told = text(&output.stderr);
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(status), ""), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    told.trim_end().to_owned()
}

#[actix_web::test]
async fn clients_are_made_shown_listed_and_deleted() {
    let terminal = Terminal::open().await;
    let words = ["clients", "create", "--id", "diary", "--name", "Travel diary"];
    let more = ["--grant-type", "client_credentials", "--scope", "read,write", "--audience", "demo-api"];
    let made = terminal.admin_json(&[&words[..], &more].concat());
    let secret = made["client_secret"].as_str().unwrap();
    assert_eq!((&made["client_id"], &made["scope"]), (&json!("diary"), &json!("read write")));
    assert!(secret.len() >= 20, "the server makes a strong one");

    let shown = terminal.admin(&["clients", "get", "diary"]);
    assert!(shown.contains("Travel diary") && !shown.contains(secret), "a secret is shown once:\n{shown}");
    let yaml = terminal.admin(&["clients", "get", "diary", "--format", "yaml"]);
    let read = sallyport::config::document::parse(&yaml).unwrap();
    assert_eq!((&read["client_id"], &read["audience"]), (&json!("diary"), &json!(["demo-api"])));
    let listed = terminal.admin(&["clients", "list"]);
    for id in ["CLIENT ID", "diary", "demo-spa", "demo-web", "demo-machine", "demo-api"] {
        assert!(listed.contains(id), "{id} is not in\n{listed}");
    }
    let ids = terminal.admin(&["clients", "list", "--quiet"]);
    assert_eq!(ids.lines().collect::<Vec<_>>(), ["demo-api", "demo-machine", "demo-spa", "demo-web", "diary"]);
    assert_eq!(terminal.admin_json(&["clients", "list"]).as_array().unwrap().len(), 5);

    let words = ["clients", "create", "--id", "diary", "--grant-type", "client_credentials"];
    assert!(terminal.refused(&words, 1).starts_with("error: the server refused (409): "));
    assert_eq!(terminal.admin(&["clients", "delete", "diary", "--quiet"]), "diary\n");
    assert_eq!(
        terminal.refused(&["clients", "get", "diary"], 1),
        "error: the server refused (404): Unable to locate the resource"
    );
}

#[actix_web::test]
async fn a_client_comes_from_a_file_and_flags_win_over_it() {
    let terminal = Terminal::open().await;
    let file = "client_id: from-file\nclient_name: A name\ngrant_types: [client_credentials]\nresponse_types: []\n";
    std::fs::write(terminal.folder.join("client.yaml"), file).unwrap();
    let made = terminal.admin_json(&["clients", "create", "-f", "client.yaml", "--name", "Another name"]);
    assert_eq!((&made["client_id"], &made["client_name"]), (&json!("from-file"), &json!("Another name")));
    let told = terminal.refused(&["clients", "create", "-f", "nowhere.yaml"], 2);
    assert!(told.starts_with("error: nowhere.yaml cannot be read: "), "{told}");
}

#[actix_web::test]
async fn a_token_is_got_looked_at_and_dead_after_its_client() {
    let terminal = Terminal::open().await;
    let words = ["clients", "create", "--id", "m", "--grant-type", "client_credentials", "--scope", "read"];
    let made = terminal.admin_json(&words);
    let (issuer, secret) = (terminal.server.issuer(), made["client_secret"].as_str().unwrap());
    let get = ["perform", "client-credentials", "--endpoint", &issuer, "--client-id", "m", "--client-secret"];
    for post in [&[][..], &["--client-secret-post"]] {
        let words = [&get[..], &[secret, "--scope", "read", "--quiet"], post].concat();
        if post.is_empty() {
            let token = printed(&run(&terminal.folder, &words), &words);
            look_at(&terminal, token.trim());
        } else {
            // The client is registered for HTTP Basic.
            assert!(sentence(&run(&terminal.folder, &words), 1).starts_with("error: the token endpoint: "));
        }
    }
    let wrong = [&get[..], &["not the secret"]].concat();
    let told = sentence(&run(&terminal.folder, &wrong), 1);
    assert!(told.contains("invalid_client") && !told.contains("not the secret"), "{told}");
}

/// A live token, by every way to ask; then a dead one.
fn look_at(terminal: &Terminal, token: &str) {
    let answer = terminal.admin_json(&["introspect", token]);
    assert_eq!((&answer["active"], &answer["client_id"]), (&json!(true), &json!("m")));
    let table = terminal.admin(&["introspect", token]);
    assert!(table.contains("active") && table.contains("true") && table.contains("read"), "{table}");
    assert_eq!(terminal.admin(&["introspect", token, "--scope", "write", "--quiet"]), "inactive\n");
    assert_eq!(text(&terminal.admin_with_input(&["introspect", "-", "--quiet"], token).stdout), "active\n");
    terminal.admin(&["clients", "delete", "m"]);
    assert_eq!(terminal.admin(&["introspect", token, "--quiet"]), "inactive\n");
}

#[actix_web::test]
async fn a_person_is_made_and_logs_in_for_the_terminal() {
    let terminal = Terminal::open().await;
    let words = ["identities", "create", "--email", "bob@example.com", "--first-name", "Bob", "--password-stdin"];
    let made = terminal.admin_with_input(&[&words[..], &["--format", "json"]].concat(), "a-password-of-bob-7731");
    let made: Value = serde_json::from_str(&printed(&made, &words)).unwrap();
    assert_eq!(made["traits"]["email"], "bob@example.com");
    let again = terminal.admin_with_input(&words, "a-password-of-bob-7731");
    assert!(sentence(&again, 1).starts_with("error: the server refused (409): "));
    let weak = ["identities", "create", "--email", "carol@example.com", "--password-stdin"];
    let told = sentence(&terminal.admin_with_input(&weak, "abc"), 1);
    assert!(told.starts_with("error: the server refused (400): ") && !told.contains("abc"), "{told}");

    let tokens = log_in_for(&terminal, "bob@example.com", "a-password-of-bob-7731").await;
    let claims = &tokens["id_token_claims"];
    assert_eq!((&claims["sub"], &claims["email"]), (&made["id"], &json!("bob@example.com")));
    assert!(terminal.server.api().is_active(tokens["access_token"].as_str().unwrap()).await);
    assert!(tokens["refresh_token"].is_string());
}

/// `perform authorization-code`: opens the printed address in a browser and brings it back; what the command prints.
async fn log_in_for(terminal: &Terminal, who: &str, password: &str) -> Value {
    let (issuer, secret) = (terminal.server.issuer(), terminal.server.secret("DEMO_WEB_SECRET"));
    let mut command = sallyport(
        &terminal.folder,
        &[
            "perform",
            "authorization-code",
            "--endpoint",
            &issuer,
            "--client-id",
            "demo-web",
            "--port",
            "0",
            "--scope",
            "openid,email,offline_access",
            "--format",
            "json",
            "--wait",
            "60",
        ],
    );
    let mut process = command.env("SALLYPORT_CLIENT_SECRET", secret).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(process.stdout.take().unwrap());
    let mut address = String::new();
    stdout.read_line(&mut address).unwrap();
    let address = Url::parse(address.trim()).unwrap();
    let (_, callback) = address.query_pairs().find(|(name, _)| name == "redirect_uri").unwrap();
    let mut person = Person::new(who, password);
    let back = person.visit(address.clone(), &callback).await;
    assert_eq!(person.asked, ["login", "consent"]);
    let page = http().get(back).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert!(process.wait().unwrap().success(), "{rest}");
    serde_json::from_str(&rest).unwrap()
}

#[test]
fn without_a_server_it_is_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    // Port 1 of this machine: nobody listens there.
    let told = sentence(&run(folder.path(), &["clients", "list", "--endpoint", "http://127.0.0.1:1"]), 1);
    assert!(told.starts_with("error: no answer from the admin API at http://127.0.0.1:1: "), "{told}");
    assert!(told.ends_with("is the server running?"), "{told}");
    let told = sentence(&run(folder.path(), &["introspect", "t", "--endpoint", "localhost:4445"]), 2);
    assert!(told.contains("http or https address"), "{told}");
}
