//! What is accepted, and what it comes to.

use std::time::Duration;

use super::*;
use crate::config::keys;

#[test]
fn development_needs_nothing() {
    let settings = load(&Inputs {
        presets: dev_defaults(Path::new("./data"), &Secret::from(SECRET)),
        environment: BTreeMap::from([("SERVE_PUBLIC_PORT".to_owned(), "5000".to_owned())]),
        ..Inputs::default()
    })
    .expect("settings");
    assert!(settings.dev && settings.notices.is_empty());
    assert_eq!(settings.issuer.as_str(), "http://localhost:5000");
}

#[test]
fn every_key_of_the_table_is_read() {
    let gathered = load::gather(&Inputs { dev: true, ..Inputs::default() });
    let mut reader = reader::Reader::new(&gathered);
    check::read(&mut reader);
    let unread: Vec<_> = keys::ALL.iter().map(|key| key.path).filter(|path| !reader.asked.contains(path)).collect();
    assert_eq!(unread, Vec::<&str>::new());
}

#[test]
fn every_default_is_a_value_that_may_be_written() {
    for key in keys::ALL {
        let keys::Fallback::Value(default) = key.fallback else { continue };
        let environment =
            BTreeMap::from([(key.environment(), default.to_owned()), ("DSN".to_owned(), "memory".to_owned())]);
        let found = load(&Inputs { dev: true, environment, ..Inputs::default() });
        assert_eq!(found.err().map(|problems| problems.to_string()), None, "{}", key.path);
    }
}

const YAML: &str = r#"
# A file as another server of this kind would read it.
serve:
  public: {port: 5004, host: 127.0.0.1}
  admin: &admin
    port: 5001
  cookies:
    same_site_mode: None
    domain: example.com
  trusted_proxies: [10.0.0.0/8, 192.0.2.1]
dsn: "postgres://hydra:${PASSWORD}@db:5432/hydra?sslmode=disable&max_conns=20&max_idle_conns=4"
secrets:
  system:
    - first-0123456789
    - second-0123456789
urls:
  self: {issuer: https://id.example.com/}
  login: https://app.example.com/login
  consent: https://app.example.com/consent
  logout: ~
strategies: {access_token: jwt, jwt: {alg: EdDSA}}
ttl: {access_token: 15m, refresh_token: -1, auth_code: 90}
oauth2:
  grant: {refresh_token: {rotation_grace_period: 1h, rotation_grace_reuse_count: 2}}
  allowed_top_level_claims: [role]
hashers: {argon2: {memory: 1MB, iterations: 3}}
log: {level: debug, format: json}
"#;

const JSON: &str = "{\n\t\"serve\": {\n\t\t\"public\": {\"port\": 5004, \"host\": \"127.0.0.1\"},\n\t\t\"admin\": {\"port\": 5001},
\t\t\"cookies\": {\"same_site_mode\": \"None\", \"domain\": \"example.com\"},\n\t\t\"trusted_proxies\": [\"10.0.0.0\\/8\", \"192.0.2.1\"]\n\t},
\t\"dsn\": \"postgres://hydra:${PASSWORD}@db:5432/hydra?sslmode=disable&max_conns=20&max_idle_conns=4\",
\t\"secrets\": {\"system\": [\"first-0123456789\", \"second-0123456789\"]},
\t\"urls\": {\"self\": {\"issuer\": \"https://id.example.com/\"}, \"login\": \"https://app.example.com/login\",
\t\"consent\": \"https://app.example.com/consent\", \"logout\": null},
\t\"strategies\": {\"access_token\": \"jwt\", \"jwt\": {\"alg\": \"EdDSA\"}},
\t\"ttl\": {\"access_token\": \"15m\", \"refresh_token\": -1, \"auth_code\": 90},
\t\"oauth2\": {\"grant\": {\"refresh_token\": {\"rotation_grace_period\": \"1h\", \"rotation_grace_reuse_count\": 2}},
\t\"allowed_top_level_claims\": [\"role\"]},
\t\"hashers\": {\"argon2\": {\"memory\": \"1MB\", \"iterations\": 3}},\n\t\"log\": {\"level\": \"debug\", \"format\": \"json\"}\n}\n";

const TOML: &str = r#"
dsn = "postgres://hydra:${PASSWORD}@db:5432/hydra?sslmode=disable&max_conns=20&max_idle_conns=4"
hashers.argon2 = { memory = "1MB", iterations = 3 }
[serve]
trusted_proxies = ["10.0.0.0/8", "192.0.2.1"]
public = { port = 5_004, host = "127.0.0.1" }
admin.port = 5001
cookies = { same_site_mode = "None", domain = "example.com" }
[secrets]
system = [
  "first-0123456789",
  "second-0123456789",
]
[urls]
self.issuer = "https://id.example.com/"
login = "https://app.example.com/login"
consent = "https://app.example.com/consent"
[strategies]
access_token = "jwt"
jwt.alg = "EdDSA"
[ttl]
access_token = "15m"
refresh_token = -1
auth_code = 90
[oauth2]
allowed_top_level_claims = ["role"]
grant.refresh_token.rotation_grace_period = "1h"
grant.refresh_token.rotation_grace_reuse_count = 2
[log]
level = "debug"
format = "json"
"#;

#[test]
fn the_three_languages_say_the_same() {
    let mut seen = Vec::new();
    for (name, text) in [("a.yml", YAML), ("a.json", JSON), ("a.toml", TOML)] {
        let settings =
            load_files(&[(name, text)], &[("PASSWORD", "pw")]).unwrap_or_else(|report| panic!("{name} {report}"));
        let DatabaseKind::Postgres { url } = &settings.database.kind else { panic!("{name}: not PostgreSQL") };
        assert_eq!(url.expose(), "postgres://hydra:pw@db:5432/hydra?sslmode=disable");
        assert_eq!(settings.secrets.system[1].expose(), "second-0123456789");
        assert_eq!((settings.secrets.cookie.len(), settings.database.max_connections), (2, 20));
        assert_eq!(settings.public.addresses, ["127.0.0.1:5004".parse().expect("an address")]);
        assert_eq!(settings.admin.listener.addresses.len(), 2);
        assert_eq!((settings.cookies.same_site, settings.cookies.secure), (SameSite::None, true));
        assert_eq!(settings.trusted_proxies.len(), 2);
        assert!(matches!(&settings.interaction, Interaction::External { logout: None, .. }));
        let lifetimes = settings.oauth.lifetimes;
        assert_eq!((lifetimes.refresh_token, lifetimes.authorization_code), (None, Duration::from_secs(90)));
        assert_eq!(settings.oauth.access_token_alg, SigningAlg::EdDsa);
        assert_eq!(settings.identity.argon2, Argon2Params { memory_kib: 19_456, iterations: 3, parallelism: 1 });
        assert_eq!(
            settings.notices.iter().map(|n| n.key.as_str()).collect::<Vec<_>>(),
            ["dsn", "hashers.argon2.memory"]
        );
        let everything = Settings { notices: Vec::new(), places: Places::default(), ..settings };
        seen.push(format!("{everything:?}"));
    }
    assert!(seen[0] == seen[1] && seen[1] == seen[2]);
}

#[test]
fn later_sources_win_and_lists_are_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    };
    let first = write(
        "1.yml",
        &good(
            "ttl: {access_token: 1m, id_token: 1m, auth_code: 1m}\nserve: {trusted_proxies: [10.0.0.1], public: {port: 1}}",
        ),
    );
    let second = write("2.toml", "serve.trusted_proxies = ['10.0.0.2']\n[ttl]\nid_token = '2m'\nauth_code = '2m'\n");
    let inputs = Inputs {
        presets: vec![
            Override::new("ttl.login_consent_request", "5m", "test"),
            Override::new("ttl.access_token", "5m", "test"),
        ],
        files: vec![first, second],
        environment: BTreeMap::from([
            ("TTL_AUTH_CODE".to_owned(), "3m".to_owned()),
            ("SERVE_PUBLIC_PORT".to_owned(), "2".to_owned()),
        ]),
        overrides: vec![Override::new("serve.public.port", "3", "flag --port")],
        dev: false,
    };
    let settings = load(&inputs).expect("settings");
    let minutes = |d: Duration| d.as_secs() / 60;
    let ttl = settings.oauth.lifetimes;
    let found = [ttl.access_token, ttl.id_token, ttl.authorization_code, ttl.interaction].map(minutes);
    assert_eq!(found, [1, 2, 3, 5]);
    assert_eq!(format!("{:?}", settings.trusted_proxies), "[10.0.0.2/32]");
    assert_eq!(settings.public.addresses.iter().map(std::net::SocketAddr::port).collect::<Vec<_>>(), [3, 3]);
    let sources: Vec<String> = effective(&inputs)
        .rows
        .iter()
        .filter(|row| row.source != Place::Default)
        .map(|row| {
            format!("{} = {} ({})", row.key, row.value, row.source)
                .replace(&format!("{}/", folder.path().display()), "")
        })
        .collect();
    snapshot("sources", &sources.join("\n"));
    assert_eq!(settings.problem("serve.public.port", "taken").to_string(), "serve.public.port (flag --port): taken");
}

#[test]
fn secrets_come_from_files_and_paths_from_the_folder_of_their_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("system"), "file-one-0123456789\n\nfile-two-0123456789\n").expect("a file");
    std::fs::write(at("dsn"), "sqlite://x/y.db?synchronous=normal&busy_timeout=100ms&_fk=true\n").expect("a file");
    let text = "secrets: {system_file: system, cookie: [cookie-0123456789]}\nurls.self.issuer: https://id.example\n\
                serve: {public: {tls: {cert: {path: c.pem}, key: {path: file://./k.pem}}}, admin: {tls: {enabled: false, cert: {path: c.pem}}}}\n";
    std::fs::write(at("a.yml"), text).expect("a file");
    let environment = BTreeMap::from([
        ("DSN_FILE".to_owned(), at("dsn").display().to_string()),
        ("SECRETS_COOKIE_0".to_owned(), "zero-0123456789ab".to_owned()),
        ("SECRETS_COOKIE_1".to_owned(), "one,-0123456789ab".to_owned()),
        ("URLS_LOGIN".to_owned(), String::new()),
    ]);
    let settings = load(&Inputs { files: vec![at("a.yml")], environment, ..Inputs::default() }).expect("settings");
    let exposed = |list: &[Secret<String>]| list.iter().map(|s| s.expose().clone()).collect::<Vec<_>>();
    assert_eq!(exposed(&settings.secrets.system), ["file-one-0123456789", "file-two-0123456789"]);
    assert_eq!(exposed(&settings.secrets.cookie), ["zero-0123456789ab", "one,-0123456789ab"]);
    let DatabaseKind::Sqlite { path, synchronous, busy_timeout } = &settings.database.kind else {
        panic!("not SQLite")
    };
    assert_eq!((path.as_path(), *synchronous), (Path::new("x/y.db"), Synchronous::Normal));
    assert_eq!(*busy_timeout, Duration::from_millis(100));
    assert_eq!(settings.public.tls, Some(Tls { cert_path: at("c.pem"), key_path: at("./k.pem") }));
    assert_eq!(settings.admin.listener.tls, None);
    assert!(!format!("{settings:?}").contains("0123456789"));
}

#[test]
fn the_admin_listener_is_guarded_or_open_by_word() {
    let admin = |more: &str| {
        let settings = load_files(&[("a.yml", &good(&format!("serve:\n  admin:\n    host: 0.0.0.0\n{more}")))], &[]);
        settings.map(|s| (s.admin.auth, s.notices.iter().any(|n| n.is_warning)))
    };
    assert!(matches!(admin("    auth: {mode: open}\n"), Ok((AdminAuth::Open, true))));
    let keys = admin("    auth: {keys: [key-0123456789-0123456789]}\n");
    assert!(matches!(keys, Ok((AdminAuth::Keys(keys), false)) if keys.len() == 1));
    let certificates = admin("    auth: {mtls: {ca: {path: ca.pem}}}\n    tls: {cert: {path: c}, key: {path: k}}\n");
    assert!(matches!(certificates, Ok((AdminAuth::MutualTls { .. }, false))));
    for refused in
        ["", "    auth: {mode: required}\n", "    auth: {keys: []}\n", "    auth: {mtls: {ca: {path: ca.pem}}}\n"]
    {
        assert!(admin(refused).is_err(), "{refused}");
    }
    let here =
        load_files(&[("a.yml", &good("serve: {admin: {host: '::1', auth: {mode: open}}}"))], &[]).expect("settings");
    assert!(matches!(here.admin.auth, AdminAuth::Loopback) && here.notices.is_empty());
}

#[test]
fn a_database_is_named_by_its_scheme() {
    let database = |dsn: &str| {
        let overrides = vec![Override::new("dsn", dsn, "test")];
        load(&Inputs { dev: true, overrides, ..Inputs::default() })
            .map(|settings| settings.database)
            .map_err(|p| p.to_string())
    };
    assert!(matches!(database("memory").map(|d| d.kind), Ok(DatabaseKind::Memory)));
    let sqlite = database("sqlite:///var/lib/x.db?max_conns=7").expect("a database");
    assert_eq!(sqlite.max_connections, 7);
    assert!(
        matches!(sqlite.kind, DatabaseKind::Sqlite { path, synchronous: Synchronous::Full, .. } if path == Path::new("/var/lib/x.db"))
    );
    let postgres = database("postgresql://a@h/db?max_conn_lifetime=30m&application_name=x").expect("a database");
    assert_eq!(postgres.max_connection_lifetime, Some(Duration::from_secs(1_800)));
    assert!(
        matches!(postgres.kind, DatabaseKind::Postgres { url } if url.expose() == "postgresql://a@h/db?application_name=x")
    );
    for refused in [
        "",
        "sqlite",
        "sqlite://",
        "sqlite://:memory:",
        "sqlite://x?mode=memory",
        "sqlite://x?synchronous=off",
        "sqlite://x?what=1",
        "sqlite://x?max_conns=0",
        "postgres://",
        "postgres:///?x=1",
        "postgres://h/d?max_conns=many",
        "mysql://h",
        "cockroach://h",
        "mssql://h",
        "file:x",
        "memory://",
    ] {
        assert!(database(refused).is_err(), "{refused}");
    }
}

#[test]
fn wildcard_origins_cover_names_below_and_nothing_else() {
    let text = good("serve: {public: {cors: {allowed_origins: ['https://*.Example.com', 'http://localhost:3000']}}}");
    let cors = load_files(&[("a.yml", &text)], &[]).expect("settings").cors;
    assert!(cors.enabled && !cors.allow_credentials);
    let allowed = |origin: &str| {
        let origin = crate::base::Origin::parse(origin).expect("an origin");
        cors.allowed_origins.iter().any(|entry| entry.matches(&origin))
    };
    for good in ["https://a.example.com", "https://a.b.example.com", "http://localhost:3000"] {
        assert!(allowed(good), "{good}");
    }
    for bad in [
        "https://example.com",
        "http://a.example.com",
        "https://aexample.com",
        "https://a.example.com.evil",
        "https://a.example.com:444",
        "http://localhost:3001",
    ] {
        assert!(!allowed(bad), "{bad}");
    }
}
