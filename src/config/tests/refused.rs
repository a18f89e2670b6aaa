//! What stops the start, and how it is told.

use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};

use super::*;

/// The name of a snapshot, the files and the environment.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [(&'a str, &'a str)]);

/// Checks each report against `snapshots/<name>.snap`.
fn reports(cases: &[Case<'_>]) {
    for (name, files, environment) in cases {
        snapshot(name, &report(files, environment));
    }
}

#[test]
fn broken_files_are_reported_in_full() {
    reports(&[
        ("nothing_at_all", &[], &[]),
        (
            "unknown_keys",
            &[(
                "a.yml",
                &good(
                    "serve: {public: {prot: 1}}\nttl:\n  acess_token: 1h\nissuer: https://id.example\nwhat: 1\nlog: {colour: red}\n",
                ),
            )],
            &[],
        ),
        (
            "wrong_types",
            &[(
                "a.yml",
                &good(
                    "serve:\n  public: 4444\n  admin: {port: [1]}\noauth2:\n  pkce: {enforced: maybe}\n  allowed_top_level_claims: a\nlog: {level: {a: b}}\n",
                ),
            )],
            &[],
        ),
        (
            "bad_values",
            &[(
                "a.yml",
                &good(
                    "ttl:\n  access_token: 1 day\n  id_token: 0s\n  refresh_token: -2\n  auth_code: 5h\nserve:\n  public: {port: 70000, host: id.example}\n  trusted_proxies: [10.0.0.0/33]\n  limits: {body: 1TB}\nstrategies: {access_token: paseto}\nlog: {level: loud}\n",
                ),
            )],
            &[],
        ),
    ]);
}

#[test]
fn what_is_unsafe_or_unsupported_is_refused() {
    reports(&[
        (
            "http_issuer",
            &[(
                "sallyport.yml",
                &format!(
                    "dsn: memory\nurls:\n  self:\n    issuer: http://id.example.com\nsecrets: {{system: [{SECRET}]}}\n"
                ),
            )],
            &[("DEV", "true")],
        ),
        ("mysql", &[("hydra.yml", &good("").replace("memory", "mysql://root:geheim@tcp(db:3306)/hydra"))], &[]),
        ("cockroach", &[("hydra.yml", &good("").replace("memory", "cockroach://root:geheim@db/hydra"))], &[]),
        (
            "short_secrets",
            &[(
                "a.yml",
                "dsn: memory\nsecrets:\n  system:\n    - geheim\n    - geheimgeheimgeheim\n  cookie: geheimgeheimgeheim\n",
            )],
            &[("SERVE_ADMIN_AUTH_KEYS_0", "geheim")],
        ),
    ]);
}

#[test]
fn syntax_is_reported_with_line_and_column() {
    reports(&[
        (
            "duplicate_keys",
            &[("a.yml", &good("log: {level: info}\nlog: {level: debug}\nttl:\n  id_token: 1h\n  id_token: 2h\n"))],
            &[],
        ),
        ("yaml_syntax", &[("a.yml", "dsn: memory\nserve:\n  public:\n    port: 1\n   host: x\n")], &[]),
        ("json_syntax", &[("a.json", "{\n\t\"dsn\": \"memory\",\n\t\"log\": {\"level\": \"info\"\n}\n")], &[]),
        ("toml_syntax", &[("a.toml", "dsn = \"memory\"\n[log]\nlevel = info\n")], &[]),
        ("toml_duplicates", &[("a.toml", "dsn = \"memory\"\n[log]\nlevel = \"info\"\nlevel = \"info\"\n")], &[]),
        (
            "toml_values",
            &[(
                "a.toml",
                &format!(
                    "dsn = \"memory\"\n\n[secrets]\nsystem = [\"{SECRET}\", \"geheim\"]\n\n[urls.self]\nissuer = \"https://id.example?x\"\n[serve.public]\nport = 1.5\ntls.cert.path = \"x.pem\"\n[[ttl]]\na = 1\n"
                ),
            )],
            &[],
        ),
    ]);
}

#[test]
fn rules_between_keys_are_reported() {
    reports(&[
        (
            "admin_open",
            &[("hydra.yml", &good("serve:\n  public: {host: 0.0.0.0}\n  admin:\n    host: 0.0.0.0\n"))],
            &[],
        ),
        (
            "login_without_consent",
            &[("a.yml", &good("").replace("urls: {", "urls: {login: https://a.example/login, "))],
            &[],
        ),
        ("consent_by_environment", &[("a.yml", &good(""))], &[("URLS_CONSENT", "https://a.example/consent")]),
        (
            "missing_variable",
            &[("a.yml", &good("log: {level: \"${LEVEL}\"}\nserve: {public: {port: \"${PORT\"}}\n"))],
            &[("PORT", "1")],
        ),
    ]);
}

#[test]
fn foreign_keys_are_named() {
    reports(&[
        (
            "not_supported_yet",
            &[(
                "hydra.yml",
                &good(
                    "hsm: {enabled: true, library: x}\noauth2:\n  token_hook: https://a.example\n  expose_internal_errors: true\nserve:\n  tls: {cert: {path: x}}\n  public: {socket: {mode: 1}}\nselfservice:\n  methods: {password: {enabled: true}}\n  flows: {registration: {lifespan: 1h}, login: {lifspan: 1h}}\nidentity: {schemas: []}\n",
                ),
            )],
            &[],
        ),
        (
            "environment",
            &[("a.yml", &good(""))],
            &[
                ("SECRETS_SYSTM", "geheimgeheimgeheim"),
                ("SERVE_PUBLIC_PORT", "no"),
                ("OAUTH2_TOKEN_HOOK_URL", "https://a.example"),
                ("SERVE_TRUSTED_PROXIES", "[1"),
                ("DSN_FILE", "/nowhere/dsn"),
                ("OAUTH2_PORT_4444_TCP", "tcp://10.0.0.1:4444"),
                ("OAUTH2_SERVICE_HOST", "10.0.0.1"),
            ],
        ),
    ]);
    let settings = load_files(
        &[(
            "hydra.yml",
            &good(
                "sqa: {opt_out: true}\nversion: v2.2.0\nhsm: {enabled: false}\nlog: {leak_sensitive_values: false}\n",
            ),
        )],
        &[("OIDC_SOMETHING_OF_ANOTHER_PROGRAM", "1")],
    )
    .expect("settings");
    let notices: Vec<String> = settings.notices.iter().map(|n| format!("{} {}", n.key, n.message)).collect();
    snapshot("notices", &notices.join("\n"));
}

#[test]
fn rules_within_sections_are_reported() {
    let tls = "serve:\n  public: {port: 4445, host: 0.0.0.0, tls: {cert: {path: c}}, cors: {allow_credentials: true, allowed_origins: ['*', 'https://*.', 'https://*.com', 'https://*.a.b/x', 'https://x.*.a.b', 'a b'], allowed_methods: ['GET POST']}}\n  admin: {tls: {enabled: true}, host: 127.0.0.1, auth: {mode: open, keys: [key-0123456789-0123456789], mtls: {ca: {path: x}}}}\n  cookies: {domain: example.org, names: {session: 'a b'}}\n";
    let more = "session: {cookie: {name: __Host-x}}\noauth2: {grant: {refresh_token: {rotation_grace_period: 6m}}}\n";
    let ui = "selfservice: {flows: {login: {ui_url: https://a.example}}}\n";
    let external = good("").replace(
        "urls: {",
        "urls: {login: https://u:geheim@a.example, consent: https://a.example/c, logout: 'ftp://a', ",
    );
    reports(&[
        ("sections", &[("a.yml", &good(&format!("{tls}{more}")))], &[]),
        ("grace_count", &[("a.yml", &good(""))], &[("OAUTH2_GRANT_REFRESH_TOKEN_ROTATION_GRACE_REUSE_COUNT", "1")]),
        ("passwords_in_addresses", &[("a.yml", &external)], &[]),
        (
            "two_login_pages",
            &[("a.yml", &format!("{}{ui}", external.replace("u:geheim@", "").replace("ftp", "https")))],
            &[],
        ),
        ("logout_alone", &[("a.yml", &good(""))], &[("URLS_LOGOUT", "https://a.example")]),
        (
            "byte_order_mark",
            &[("a.yml", "\u{feff}dsn: memory\nsecrets: {system: [geheimgeheimgeheim], system_file: x}\n")],
            &[],
        ),
    ]);
}

#[test]
fn files_that_cannot_be_read_are_named_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("latin1.yml"), b"dsn: \xe4").expect("a file");
    std::fs::write(at("huge.yml"), vec![b'#'; (1 << 20) + 1]).expect("a file");
    let inputs = Inputs { files: vec![at("absent.yml"), at("latin1.yml"), at("huge.yml")], ..Inputs::default() };
    let problems = load(&inputs).expect_err("three problems");
    snapshot("unreadable", &problems_without(&problems, &format!("{}/", folder.path().display())));
}

#[test]
fn weakenings_are_warned_of() {
    let text = good("serve: {cookies: {secure: false}}\noauth2: {pkce: {enforced_for_public_clients: false}}\n")
        .replace("urls: {", "urls: {login: http://a.example, consent: http://localhost:3000, ");
    let settings = load_files(&[("a.yml", &text)], &[]).expect("settings");
    let warned: Vec<_> = settings.notices.iter().filter(|n| n.is_warning).map(|n| n.key.as_str()).collect();
    assert_eq!(warned, ["serve.cookies.secure", "urls.login", "oauth2.pkce.enforced_for_public_clients"]);
    assert!(settings.cookies.secure);
    let dev = load(&Inputs { dev: true, overrides: vec![Override::new("dsn", "memory", "test")], ..Inputs::default() })
        .expect("settings");
    assert_eq!(dev.notices.iter().map(|n| n.key.as_str()).collect::<Vec<_>>(), ["secrets.system"]);
    let public = Override::new("urls.self.issuer", "https://id.example", "test");
    assert!(load(&Inputs { dev: true, overrides: vec![public], ..Inputs::default() }).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    /// Whatever a file holds, the answer is settings or a report that has a line for each problem.
    #[test]
    fn no_file_makes_the_reader_fall_over(pieces in proptest::collection::vec(0usize..PIECES.len(), 0..24), junk in "\\PC{0,8}", toml in proptest::bool::ANY) {
        let text: String = pieces.into_iter().map(|piece| PIECES[piece]).collect::<String>() + &junk;
        let name = if toml { "a.toml" } else { "a.yml" };
        if let Err(report) = load_files(&[(name, &text)], &[]) {
            let problems = report.lines().next().and_then(|line| line.split(' ').nth(1)).and_then(|n| n.parse::<usize>().ok());
            prop_assert_eq!(problems, Some(report.lines().count() - 1), "{}", report);
        }
    }
}

/// Pieces of files, right and wrong.
const PIECES: &[&str] = &[
    "dsn",
    "serve",
    "public",
    "system",
    ": ",
    ":",
    "\n",
    "\n  ",
    "\n- ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "\"",
    "'",
    "&a ",
    "*a",
    "<<: ",
    "${",
    "}",
    " = ",
    "[serve]\n",
    "[[serve]]\n",
    "# ",
    "|\n",
    "!!str ",
    "--- ",
    "\t",
    "1",
    "-1",
    "null",
    "\u{85}",
    "\\u0000",
    "ä",
    "? ",
];
