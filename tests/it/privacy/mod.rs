//! Nothing that names a person, and no secret, gets out: not by the log, not by an error, not by
//! `Debug`, not by the database.

use std::{fs, path::PathBuf};

use enrollment::{config::LogFormat, storage};
use tonic::Status;

use crate::support::{
    capture::Captured,
    database::TestDatabase,
    server::{Start, TestServer},
};

mod canaries;
mod debug;
mod paths;

use canaries::Canaries;

/// What the paths left behind.
struct Traces {
    canaries: Canaries,
    log: String,
    errors: Vec<Status>,
}

/// Walks all paths with everything logged. All of the server runs on this thread, so that what is
/// captured here is all of it, and nothing of other tests.
async fn walk(database: &TestDatabase, format: LogFormat) -> Traces {
    let (captured, guard) = Captured::log(format, "trace");
    let settings = with_password(&database.settings);
    let server = TestServer::start_with(&settings, Start::default()).await;
    let mut canaries = Canaries::new();
    let errors = paths::all(&server, &mut canaries).await;
    server.stop().await.unwrap();
    drop(guard);
    Traces {
        canaries,
        log: captured.text(),
        errors,
    }
}

/// The same database, reached with a password that it does not ask for.
fn with_password(settings: &storage::Database) -> storage::Database {
    match settings {
        storage::Database::Postgres {
            url,
            max_connections,
            ..
        } => storage::Database::Postgres {
            url: url.clone(),
            password: Some(canaries::PASSWORD.to_owned().into()),
            max_connections: *max_connections,
        },
        sqlite @ storage::Database::Sqlite { .. } => sqlite.clone(),
    }
}

impl Traces {
    fn assert_discreet(&self) {
        // What is expected is there, so the rest would be, too.
        for line in [
            "answered",
            "EnrollmentService/Enroll",
            "CohortService/LoadMembers",
            "serving",
        ] {
            assert!(
                self.log.contains(line),
                "the capture does not work: no {line:?} in\n{}",
                self.log
            );
        }
        self.canaries.assert_none_in("the log", &self.log);
        assert!(self.errors.len() >= 10);
        for status in &self.errors {
            let details = String::from_utf8_lossy(status.details()).into_owned();
            let told = format!(
                "{} {details} {status:?} {:?}",
                status.message(),
                status.metadata()
            );
            self.canaries.assert_none_in("an error", &told);
        }
    }
}

#[tokio::test]
async fn nothing_of_a_person_is_in_the_log_for_machines_or_in_any_error() {
    let database = TestDatabase::sqlite().await;
    walk(&database, LogFormat::Json).await.assert_discreet();
}

#[tokio::test]
async fn nothing_of_a_person_is_in_the_log_for_people_or_in_any_error() {
    let database = TestDatabase::sqlite().await;
    walk(&database, LogFormat::Human).await.assert_discreet();
}

#[tokio::test]
async fn nothing_of_a_person_is_in_the_log_with_postgres() {
    if let Some(database) = TestDatabase::postgres().await {
        walk(&database, LogFormat::Json).await.assert_discreet();
    }
}

#[tokio::test]
async fn no_table_of_sqlite_and_no_byte_of_its_files_holds_a_person_in_plain() {
    let database = TestDatabase::sqlite().await;
    let traces = walk(&database, LogFormat::Json).await;
    traces.canaries.assert_none_in_tables(&database).await;
    for file in files(&database) {
        let bytes = fs::read(&file).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let name = file.display().to_string();
        traces.canaries.assert_none_in(&name, &text);
    }
}

#[tokio::test]
async fn no_table_of_postgres_holds_a_person_in_plain() {
    if let Some(database) = TestDatabase::postgres().await {
        let traces = walk(&database, LogFormat::Json).await;
        traces.canaries.assert_none_in_tables(&database).await;
    }
}

#[tokio::test]
async fn the_password_of_a_database_that_is_away_is_in_no_text() {
    let (captured, _guard) = Captured::log(LogFormat::Json, "trace");
    let folder = tempfile::TempDir::new().unwrap();
    let away = storage::Database::Postgres {
        url: format!("postgres:///x?host={}&user=u", folder.path().display()),
        password: Some(canaries::PASSWORD.to_owned().into()),
        max_connections: 1,
    };
    let store = storage::Store::connect(&away, false).await.unwrap();
    let error = store.ping().await.unwrap_err();
    let told = format!("{error} {error:?} {away:?} {store:?} {}", captured.text());
    assert!(!told.contains(canaries::PASSWORD), "{told}");
}

/// The database and what SQLite keeps beside it.
fn files(database: &TestDatabase) -> Vec<PathBuf> {
    let storage::Database::Sqlite { url } = &database.settings else {
        panic!("not SQLite");
    };
    let path = PathBuf::from(url.trim_start_matches("sqlite://"));
    let beside = fs::read_dir(path.parent().unwrap()).unwrap();
    let files = beside
        .map(|entry| entry.unwrap().path())
        .collect::<Vec<_>>();
    assert!(files.contains(&path), "{files:?}");
    files
}
