//! A database for each test, on SQLite and on PostgreSQL.
//!
//! A [`Template`] is migrated once in this process; each [`TestDatabase`] is a copy of it, and gone when dropped.
//! PostgreSQL is the one that `scripts/test` starts. Not here: what the tables are, or the application over them.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::{env, fs};

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, SqliteConnection};
use sallyport::base::Secret;
use sallyport::config::{Database, DatabaseKind, Synchronous};
use tempfile::TempDir;
use url::Url;

/// The databases that every storage test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Postgres,
    Sqlite,
}

impl Engine {
    pub const ALL: [Engine; 2] = [Engine::Postgres, Engine::Sqlite];
}

/// A fresh database with the tables of this version.
pub fn migrated(engine: Engine) -> TestDatabase {
    static POSTGRES: Template = Template::new(Engine::Postgres, migrate);
    static SQLITE: Template = Template::new(Engine::Sqlite, migrate);
    fn migrate(database: &TestDatabase) {
        sallyport::store::migrate_up(&database.config()).unwrap();
    }
    match engine {
        Engine::Postgres => POSTGRES.database(),
        Engine::Sqlite => SQLITE.database(),
    }
}

/// A migrated database that tests get copies of. Make it a `static`.
pub struct Template {
    engine: Engine,
    migrate: fn(&TestDatabase),
    made: OnceLock<Made>,
}

enum Made {
    /// The name of a database that nobody can connect to any more. It goes when the test's PostgreSQL goes.
    Postgres(String),
    /// The bytes of the file.
    Sqlite(Vec<u8>),
}

impl Template {
    /// A template that `migrate` fills, given an empty database. It runs at the first [`Self::database`], once, and
    /// must have closed its connections when it returns.
    pub const fn new(engine: Engine, migrate: fn(&TestDatabase)) -> Self {
        Self { engine, migrate, made: OnceLock::new() }
    }

    /// A fresh copy.
    pub fn database(&self) -> TestDatabase {
        match self.made.get_or_init(|| self.make()) {
            Made::Postgres(template) => TestDatabase::create_postgres(template),
            Made::Sqlite(bytes) => TestDatabase::create_sqlite(bytes),
        }
    }

    fn make(&self) -> Made {
        let database = TestDatabase::empty(self.engine);
        (self.migrate)(&database);
        match &database.keeper {
            Keeper::Postgres { name } => {
                // PostgreSQL copies only a database that has no connections.
                execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
                execute(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"));
                let name = name.clone();
                std::mem::forget(database);
                Made::Postgres(name)
            }
            Keeper::Sqlite { file, .. } => {
                // What is still in the write-ahead log is moved into the file.
                let path = file.to_str().unwrap();
                let mut connection = SqliteConnection::establish(path).unwrap();
                connection.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
                drop(connection);
                Made::Sqlite(fs::read(file).unwrap())
            }
        }
    }
}

/// A database of one test's own, removed when dropped.
pub struct TestDatabase {
    dsn: String,
    keeper: Keeper,
}

enum Keeper {
    Postgres { name: String },
    Sqlite { file: PathBuf, _folder: TempDir },
}

impl TestDatabase {
    /// A database without any table.
    pub fn empty(engine: Engine) -> Self {
        match engine {
            Engine::Postgres => Self::create_postgres("template0"),
            Engine::Sqlite => Self::create_sqlite(&[]),
        }
    }

    /// The value of the configuration key `dsn` that leads here.
    pub fn dsn(&self) -> &str {
        &self.dsn
    }

    /// The same as a checked setting, with few connections: many tests run at once.
    pub fn config(&self) -> Database {
        let kind = match &self.keeper {
            Keeper::Postgres { .. } => DatabaseKind::Postgres { url: Secret::new(self.dsn.clone()) },
            Keeper::Sqlite { file, .. } => DatabaseKind::Sqlite {
                path: file.clone(),
                synchronous: Synchronous::Full,
                busy_timeout: Duration::from_secs(5),
            },
        };
        Database { kind, max_connections: 4, max_connection_lifetime: None }
    }

    fn create_postgres(template: &str) -> Self {
        let name = format!("sallyport_{:016x}", rand::random::<u64>());
        execute(&format!("CREATE DATABASE {name} TEMPLATE {template}"));
        let mut dsn = superuser();
        dsn.set_path(&name);
        Self { dsn: dsn.into(), keeper: Keeper::Postgres { name } }
    }

    fn create_sqlite(bytes: &[u8]) -> Self {
        let folder = TempDir::with_prefix("sallyport-").unwrap();
        let file = folder.path().join("test.sqlite");
        fs::write(&file, bytes).unwrap();
        Self { dsn: format!("sqlite://{}", file.display()), keeper: Keeper::Sqlite { file, _folder: folder } }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Keeper::Postgres { name } = &self.keeper {
            // Connections of a server that is still stopping are cut off.
            let dropped = try_execute(&format!("DROP DATABASE {name} WITH (FORCE)"));
            assert!(dropped.is_ok() || std::thread::panicking(), "the test's database stays behind: {dropped:?}");
        }
    }
}

/// Runs statements on a test's database, past the application.
pub fn execute_on(database: &TestDatabase, sql: &str) {
    let dsn = database.dsn();
    let done = match dsn.strip_prefix("sqlite://") {
        Some(path) => {
            let mut connection = SqliteConnection::establish(path).unwrap();
            connection.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
            connection.batch_execute(sql)
        }
        None => PgConnection::establish(dsn).unwrap().batch_execute(sql),
    };
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// The URL of the superuser that `scripts/test` hands over.
#[expect(clippy::disallowed_methods, reason = "the test's PostgreSQL is handed over in the environment")]
fn superuser() -> Url {
    env::var("SALLYPORT_TEST_POSTGRES")
        .expect(
            "SALLYPORT_TEST_POSTGRES is not set: run `scripts/test`, which starts a PostgreSQL for the tests, \
             or set it to the URL of a superuser (postgres://user:password@host:port/postgres)",
        )
        .parse()
        .expect("SALLYPORT_TEST_POSTGRES is a URL: postgres://user:password@host:port/postgres")
}

fn execute(sql: &str) {
    try_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
}

fn try_execute(sql: &str) -> diesel::QueryResult<()> {
    PgConnection::establish(superuser().as_str())
        .expect("the PostgreSQL of SALLYPORT_TEST_POSTGRES answers")
        .batch_execute(sql)
}

mod tests {
    use super::{Engine, Template, TestDatabase, migrated};
    use diesel::connection::SimpleConnection;
    use diesel::{Connection, PgConnection, SqliteConnection};

    fn run(dsn: &str, sql: &str) -> Result<(), String> {
        match dsn.strip_prefix("sqlite://") {
            Some(path) if !std::path::Path::new(path).exists() => Err("no such file".to_owned()),
            Some(path) => SqliteConnection::establish(path)
                .map_err(|e| e.to_string())
                .and_then(|mut c| c.batch_execute(sql).map_err(|e| e.to_string())),
            None => PgConnection::establish(dsn)
                .map_err(|e| e.to_string())
                .and_then(|mut c| c.batch_execute(sql).map_err(|e| e.to_string())),
        }
    }

    fn lay_a_table(database: &TestDatabase) {
        let dsn = database.dsn();
        if dsn.starts_with("sqlite") {
            run(dsn, "PRAGMA journal_mode = WAL").unwrap();
        }
        run(dsn, "CREATE TABLE person (id INTEGER PRIMARY KEY)").unwrap();
    }

    static POSTGRES: Template = Template::new(Engine::Postgres, lay_a_table);
    static SQLITE: Template = Template::new(Engine::Sqlite, lay_a_table);

    fn template(engine: Engine) -> &'static Template {
        match engine {
            Engine::Postgres => &POSTGRES,
            Engine::Sqlite => &SQLITE,
        }
    }

    #[test]
    fn each_test_has_a_migrated_database_of_its_own() {
        for engine in Engine::ALL {
            let (one, other) = (template(engine).database(), template(engine).database());
            for database in [&one, &other] {
                // The same key in both: neither sees the other's row.
                run(database.dsn(), "INSERT INTO person VALUES (1)").unwrap();
            }
        }
    }

    #[test]
    fn many_databases_are_made_at_once() {
        for engine in Engine::ALL {
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| run(template(engine).database().dsn(), "INSERT INTO person VALUES (1)").unwrap());
                }
            });
        }
    }

    #[test]
    fn a_database_is_gone_when_dropped() {
        for engine in Engine::ALL {
            let database = TestDatabase::empty(engine);
            let dsn = database.dsn().to_owned();
            run(&dsn, "CREATE TABLE person (id INTEGER PRIMARY KEY)").unwrap();
            drop(database);
            assert!(run(&dsn, "SELECT 1").is_err(), "{engine:?}");
        }
    }

    #[test]
    fn a_migrated_database_lacks_no_migration() {
        for engine in Engine::ALL {
            let database = migrated(engine);
            let status = sallyport::store::migration_status(&database.config()).unwrap();
            assert!(!status.applied.is_empty() && status.pending.is_empty(), "{engine:?}: {status:?}");
            assert_eq!(sallyport::store::migrate_up(&database.config()).unwrap(), Vec::<String>::new());
        }
    }
}
