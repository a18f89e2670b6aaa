//! Migrations and opening: the tables are the schema's, a way back exists, and what cannot be used is refused in words.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query, sql_types::Text};
use sallyport::base::{OsRandom, Secret, SystemClock};
use sallyport::config::{Database, DatabaseKind, Synchronous};
use sallyport::model::Tenant;
use sallyport::store::{OpenError, RecordFacts, Store, migrate_up, migration_status};

use crate::support::db::{Engine, TestDatabase, migrated};

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    t: String,
    #[diesel(sql_type = Text)]
    c: String,
}

fn try_open(config: &Database) -> Result<Store, OpenError> {
    let facts = RecordFacts::new(Arc::new(SystemClock), Arc::new(OsRandom));
    Store::open_migrated(config, Tenant::default(), Arc::new(facts))
}

fn run(database: &TestDatabase, sql: &str) {
    match &database.config().kind {
        DatabaseKind::Sqlite { path, .. } => {
            SqliteConnection::establish(path.to_str().unwrap()).unwrap().batch_execute(sql).unwrap();
        }
        _ => PgConnection::establish(database.dsn()).unwrap().batch_execute(sql).unwrap(),
    }
}

/// Tables and their columns in order, as the database has them.
fn columns(database: &TestDatabase) -> BTreeMap<String, Vec<String>> {
    let rows: Vec<Column> = match &database.config().kind {
        DatabaseKind::Sqlite { path, .. } => sql_query(
            "SELECT m.name AS t, p.name AS c FROM sqlite_schema m JOIN pragma_table_info(m.name) p \
             WHERE m.type = 'table' ORDER BY m.name, p.cid",
        )
        .load(&mut SqliteConnection::establish(path.to_str().unwrap()).unwrap())
        .unwrap(),
        _ => sql_query(
            "SELECT table_name::text AS t, column_name::text AS c FROM information_schema.columns \
             WHERE table_schema = 'public' ORDER BY table_name, ordinal_position",
        )
        .load(&mut PgConnection::establish(database.dsn()).unwrap())
        .unwrap(),
    };
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for Column { t, c } in rows.into_iter().filter(|row| !row.t.starts_with("__diesel")) {
        tables.entry(t).or_default().push(c);
    }
    tables
}

/// Tables and their columns as the source names them.
fn named_in_source() -> BTreeMap<String, Vec<String>> {
    let source = include_str!("../../../src/store/schema.rs");
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut table = String::new();
    for line in source.lines().skip_while(|line| !line.starts_with("tables!")).map(str::trim) {
        if let Some((name, _)) = line.split_once(" (") {
            if line.ends_with(") {") {
                table = name.to_owned();
            }
        } else if let Some((column, _)) = line.split_once(" -> ") {
            tables.entry(table.clone()).or_default().push(column.to_owned());
        }
    }
    tables
}

#[test]
fn both_databases_have_the_columns_of_the_schema() {
    let named = named_in_source();
    assert_eq!(named.len(), 17);
    for engine in Engine::ALL {
        assert_eq!(columns(&migrated(engine)), named, "{engine:?}");
    }
}

#[test]
fn both_folders_hold_the_same_migrations_and_each_can_be_undone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let names = |folder: &str| {
        let mut names: Vec<String> = std::fs::read_dir(root.join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names("postgres"), names("sqlite"));
    for (engine, folder) in [(Engine::Postgres, "postgres"), (Engine::Sqlite, "sqlite")] {
        let database = migrated(engine);
        let before = columns(&database);
        for name in names(folder).iter().rev() {
            run(&database, &std::fs::read_to_string(root.join(folder).join(name).join("down.sql")).unwrap());
        }
        assert_eq!(columns(&database), BTreeMap::new());
        run(&database, "DELETE FROM __diesel_schema_migrations");
        assert_eq!(migrate_up(&database.config()).unwrap(), names(folder));
        assert_eq!(columns(&database), before);
        assert_eq!(migrate_up(&database.config()).unwrap(), Vec::<String>::new());
    }
}

#[test]
fn a_database_of_another_version_is_refused_in_words() {
    for engine in Engine::ALL {
        let database = TestDatabase::empty(engine);
        let config = database.config();
        let error = try_open(&config).unwrap_err().to_string();
        assert!(error.contains("lacks migrations") && error.contains("migrate"), "{error}");
        migrate_up(&config).unwrap();
        drop(try_open(&config).unwrap());
        run(&database, "INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000001')");
        assert_eq!(migration_status(&config).unwrap().unknown, ["29991231000001"]);
        for error in [try_open(&config).unwrap_err(), migrate_up(&config).unwrap_err()] {
            assert!(error.to_string().contains("newer version"), "{error}");
        }
    }
}

#[test]
fn servers_that_start_together_migrate_once() {
    for engine in Engine::ALL {
        let database = TestDatabase::empty(engine);
        let config = database.config();
        let ran: Vec<usize> = std::thread::scope(|scope| {
            let servers: Vec<_> = (0..4).map(|_| scope.spawn(|| migrate_up(&config).unwrap().len())).collect();
            servers.into_iter().map(|server| server.join().unwrap()).collect()
        });
        assert!(ran.iter().any(|n| *n > 0), "{ran:?}");
        assert_eq!(migration_status(&config).unwrap().pending, Vec::<String>::new());
    }
}

#[test]
fn what_cannot_be_opened_is_said_in_one_sentence_without_the_password() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = |path: &Path| DatabaseKind::Sqlite {
        path: path.to_owned(),
        synchronous: Synchronous::Full,
        busy_timeout: Duration::from_millis(50),
    };
    std::fs::write(folder.path().join("text"), "this is not a database, and long enough to be told from an empty one")
        .unwrap();
    for (kind, says) in [
        (sqlite(&folder.path().join("absent/x.sqlite")), "its folder must exist and be writable"),
        (sqlite(folder.path()), "cannot open the database file"),
        (sqlite(Path::new("/proc/x.sqlite")), "cannot open the database file"),
        (sqlite(&folder.path().join("text")), "not a database"),
        (
            DatabaseKind::Postgres { url: Secret::new("postgres://u:hunter2@127.0.0.1:1/x".to_owned()) },
            "cannot connect to PostgreSQL",
        ),
    ] {
        let config = Database { kind, max_connections: 1, max_connection_lifetime: None };
        let error = try_open(&config).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}
