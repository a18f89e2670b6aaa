//! Starts and stops: what a newcomer sees, and one sentence for everything that keeps the server from starting.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use serde_json::Value;

use crate::support::server::{Home, PROGRAM, Server, sallyport, text};

/// The lines of the banner that can be pasted into a shell, in order.
fn lines_to_paste(banner: &str) -> Vec<String> {
    banner.lines().map(str::trim).filter(|line| line.contains("curl ")).map(str::to_owned).collect()
}

/// Runs the lines in one shell, as printed; what each of them wrote.
fn paste(lines: &[String]) -> Vec<String> {
    const MARK: &str = "-- next --";
    let script = lines.join(&format!("\necho; echo '{MARK}'\n"));
    let output = Command::new("sh").args(["-e", "-c", &script]).output().unwrap();
    assert!(output.status.success(), "{}\n{}", script, text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    text(&output.stdout).split(MARK).map(|part| part.trim().to_owned()).collect()
}

/// Every line of the banner works as it is printed.
async fn the_banner_works(server: &Server) {
    let banner = server.output();
    let lines = lines_to_paste(&banner);
    let [token, introspection, discovery] = paste(&lines).try_into().unwrap_or_else(|_| panic!("{banner}"));
    assert!(server.api().is_active(&token).await, "{token}");
    let introspection: Value = serde_json::from_str(&introspection).unwrap();
    assert_eq!(introspection["active"], true);
    assert_eq!(introspection["client_id"], "demo-machine");
    let discovery: Value = serde_json::from_str(&discovery).unwrap();
    assert_eq!(discovery["issuer"], server.issuer());
    for shown in [
        server.issuer(),
        format!("http://localhost:{}/", server.home.demo),
        format!("http://localhost:{}/admin/clients", server.home.admin),
        "alice@example.com".to_owned(),
        server.secret("DEMO_PASSWORD"),
        server.secret("DEMO_WEB_SECRET"),
    ] {
        assert!(banner.contains(&shown), "the banner does not say {shown}:\n{banner}");
    }
}

#[actix_web::test]
async fn a_newcomer_pastes_every_line_of_the_banner_at_every_start() {
    let server = Server::dev().await;
    the_banner_works(&server).await;
    let before = (server.secret("SECRETS_SYSTEM"), lines_to_paste(&server.output()));
    let token = server.api().own_token(&machine(&server)).await;
    let (status, home) = server.stop();
    assert!(status.success(), "SIGTERM ends it well: {status}");
    fs::remove_file(home.path().join("stdout")).unwrap();

    let server = Server::dev_in(home, &[]).await;
    the_banner_works(&server).await;
    assert_eq!((server.secret("SECRETS_SYSTEM"), lines_to_paste(&server.output())), before);
    assert!(server.api().is_active(&token).await, "tokens of the last run are alive");
}

fn machine(server: &Server) -> crate::support::api::Credentials {
    crate::support::api::Credentials::new("demo-machine", &server.secret("DEMO_MACHINE_SECRET"))
}

#[actix_web::test]
async fn nobody_else_reads_what_it_keeps() {
    let server = Server::dev().await;
    server.api().own_token(&machine(&server)).await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&server.home.data()), 0o700);
    let mut names = Vec::new();
    for entry in fs::read_dir(server.home.data()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        names.push(path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    assert!(
        names.iter().any(|name| name == "dev-secrets") && names.iter().any(|name| name.ends_with("-wal")),
        "{names:?}"
    );
}

/// Runs the program, which must not start; its one sentence.
#[track_caller]
fn refused(mut command: Command, status: i32) -> String {
    let output = command.output().unwrap();
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{told}");
    assert_eq!(text(&output.stdout), "", "nothing is ready, so there is no banner");
    let sentence = told.trim_end();
    assert!(!sentence.is_empty() && !sentence.contains('\n'), "not one sentence:\n{told}");
    assert!(!sentence.contains("panicked") && !sentence.contains("Error {"), "{sentence}");
    sentence.to_owned()
}

fn dev(home: &Home) -> Command {
    let arguments = home.dev_arguments();
    sallyport(home.path(), &arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn a_taken_port_is_one_sentence() {
    for (which, name, key) in
        [(0, "public", "serve.public.port"), (1, "admin", "serve.admin.port"), (2, "demo", "--demo-port")]
    {
        let home = Home::new();
        let port = [home.public, home.admin, home.demo][which];
        let _holder = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let told = refused(dev(&home), 1);
        assert_eq!(
            told,
            format!(
                "error: the {name} listener cannot have 127.0.0.1:{port}: another program listens there; \
                 end it, or change {key}"
            )
        );
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_one_sentence() {
    let home = Home::new();
    let data = home.data();
    fs::create_dir(&data).unwrap();
    let as_owner = fs::metadata(&data).unwrap().uid() != 0;
    let mut command = dev(&home);
    if !as_owner {
        // Root may write everywhere, so root becomes somebody who may not.
        command = as_nobody(&home);
    }
    fs::set_permissions(&data, fs::Permissions::from_mode(0o555)).unwrap();
    let told = refused(command, 1);
    assert!(told.contains(data.to_str().unwrap()) && told.contains("--data DIR"), "{told}");
}

#[test]
fn a_folder_that_cannot_be_made_is_one_sentence() {
    let home = Home::new();
    fs::write(home.data(), "a file").unwrap();
    let told = refused(dev(&home), 1);
    assert!(told.starts_with("error: cannot make the folder ") && told.contains("--data DIR"), "{told}");
}

/// `sallyport dev` by a user who owns nothing here.
fn as_nobody(home: &Home) -> Command {
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // The build's own folder may be closed to others.
    let program = home.path().join("sallyport");
    fs::copy(PROGRAM, &program).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program).args(home.dev_arguments());
    command.current_dir(home.path()).env_clear().env("PATH", "/usr/bin:/bin");
    command
}

#[actix_web::test]
async fn a_database_of_a_newer_version_is_one_sentence() {
    let server = Server::dev().await;
    let (_, home) = server.stop();
    let file = fs::read_dir(home.data()).unwrap().map(|entry| entry.unwrap().path());
    let file = file.into_iter().find(|path| path.extension().is_some_and(|end| end != "new")).unwrap();
    let mut connection = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    connection.batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('99991231000000')").unwrap();
    drop(connection);
    let told = refused(dev(&home), 1);
    assert!(told.contains("newer"), "{told}");
}

#[test]
fn a_broken_configuration_tells_everything_at_once() {
    let home = Home::new();
    home.configure("short", "dsn: mysql://localhost/x\nttl: { acess_token: 1h }");
    let output = sallyport(home.path(), &["serve", "-c", "sallyport.yml"]).output().unwrap();
    let told = text(&output.stderr);
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(2), ""), "{told}");
    let first = told.lines().next().unwrap();
    assert_eq!(first, format!("config: {} problems", told.lines().count() - 1), "{told}");
    for key in ["dsn", "secrets.system", "urls.self.issuer", "ttl.acess_token"] {
        assert!(told.lines().any(|line| line.trim_start().starts_with(key)), "{key} is not named:\n{told}");
    }
    assert!(told.contains("did you mean access_token?"), "{told}");
}

#[test]
fn a_broken_file_on_top_of_dev_is_one_problem() {
    let home = Home::new();
    home.configure_dev("log: { level: loud }");
    let output = dev(&home).output().unwrap();
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.starts_with("config: 1 problem\n") && told.contains("more.yml:1"), "{told}");
}

#[actix_web::test]
async fn sigterm_lets_requests_in_flight_finish() {
    let mut server = Server::dev().await;
    let port = server.home.public;
    let body = "grant_type=client_credentials";
    let basic = reqwest_basic(&machine(&server));
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let (begun, rest) = body.split_at(10);
    write!(
        stream,
        "POST /oauth2/token HTTP/1.1\r\nHost: localhost:{port}\r\nAuthorization: Basic {basic}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{begun}",
        body.len()
    )
    .unwrap();
    // Until the head has been read, the request is not in flight.
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.ask_to_stop();
    while !server.log().contains("stopping") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Long enough for a server that does not wait to have ended.
    tokio::time::sleep(Duration::from_millis(300)).await;
    stream.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("access_token"), "{answer}");
    let status = server.wait();
    assert!(status.success(), "{status}: {}", server.log());
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "nobody listens any more");
}

fn reqwest_basic(client: &crate::support::api::Credentials) -> String {
    use base64::Engine as _;
    let pair = format!("{}:{}", client.id, client.secret.as_ref().unwrap());
    base64::engine::general_purpose::STANDARD.encode(pair)
}
