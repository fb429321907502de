//! `load-members` goes on by itself when the service or its database goes away for a while.

use std::{
    fmt::Write,
    fs,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use enrollment::{
    domain::identifier::Kind,
    grpc::load_client::{LoadClient, OutgoingRow, Source, Target, Written},
};
use tempfile::NamedTempFile;

use super::lists::load_command;
use crate::support::{
    database::TestDatabase,
    deeds::cohort,
    installation::{Installation, succeed, text},
    list::{with_empty_cohort, with_empty_cohort_and},
    process::ServiceProcess,
    proxy::Proxy,
    server::Start,
};

/// Rows of a chunk of `load-members`, and chunks of the list.
const CHUNK: i64 = 2_000;
const CHUNKS: i64 = 4;

/// A list of so many people.
fn list() -> NamedTempFile {
    let mut text = "customer_id\n".to_owned();
    for number in 0..CHUNK * CHUNKS {
        writeln!(text, "C-{number}").unwrap();
    }
    file(&text)
}

fn file(text: &str) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    file
}

/// Waits until a load has more durable chunks than so many; gives how many it has.
async fn until_more_than(database: &TestDatabase, chunks: i64) -> i64 {
    loop {
        let durable = database
            .count("SELECT COALESCE(MAX(last_chunk), 0) FROM loads")
            .await;
        if durable > chunks {
            return durable;
        }
    }
}

/// Waits for the command to end.
async fn output(command: Child) -> Output {
    let output = tokio::task::spawn_blocking(|| command.wait_with_output().unwrap());
    output.await.unwrap()
}

fn spawn(mut command: Command) -> Child {
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// How often the service is killed.
const KILLS: usize = 20;

/// Rows of a chunk, so that many are durable in a short time, and chunks of the list.
const SMALL_CHUNK: i64 = 20;
const SMALL_CHUNKS: i64 = 1_000;

fn row(number: i64) -> OutgoingRow {
    OutgoingRow::Plain(Written {
        person_id: None,
        identifiers: vec![(Kind::CustomerId, format!("C-{number}"))],
    })
}

/// A service over this database, with an empty cohort.
async fn serve(installation: &Installation, database: &TestDatabase) -> ServiceProcess {
    let start = Start {
        keys: installation.keys(),
        ..Start::default()
    };
    let here = with_empty_cohort_and(&database.settings, start).await;
    here.stop().await.unwrap();
    ServiceProcess::start(&mut installation.serve(database, "127.0.0.1:0"))
}

on_each_database! {
    async fn a_service_that_is_killed_twenty_times_has_every_row_once(database) {
        let installation = Installation::new();
        let mut service = serve(&installation, &database).await;
        let address = service.address;
        let token = installation.token(&["operator"]);
        let target = Target {
            patience: Duration::from_mins(1),
            ..Target::once(format!("http://{address}"), token)
        };
        let source = Source {
            cohort: cohort("list"),
            load_id: "load".to_owned(),
            name: "list".to_owned(),
            sha256: "ab".repeat(32),
            digest_key: None,
        };
        let loading = tokio::spawn(async move {
            let mut client = LoadClient::begin(target, source).await.unwrap();
            for chunk in 0..SMALL_CHUNKS {
                let numbers = chunk * SMALL_CHUNK..(chunk + 1) * SMALL_CHUNK;
                for number in numbers {
                    client.add(row(number)).await.unwrap();
                }
                client.send().await.unwrap();
            }
            client.finish().await.unwrap();
            client
        });

        let mut durable = 0;
        for _ in 0..KILLS {
            durable = until_more_than(&database, durable).await;
            service.kill();
            service = ServiceProcess::start(&mut installation.serve(&database, &address.to_string()));
        }
        assert!(durable < SMALL_CHUNKS, "the list is too short for so many breaks");
        let client = loading.await.unwrap();

        let people = SMALL_CHUNK * SMALL_CHUNKS;
        let load = client.load();
        assert_eq!((load.last_chunk, load.row_count), (SMALL_CHUNKS, people));
        assert_eq!((load.identifier_count, load.duplicate_count), (people, 0));
        assert_eq!(database.rows("listed_members").await, people);
        assert!(client.breaks() >= 1);
        assert!(client.sent_again() <= client.breaks());
        assert_eq!(service.stop().code(), Some(0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_goes_on_when_its_database_comes_back() {
    let Some(database) = TestDatabase::postgres().await else {
        return;
    };
    let proxy = Proxy::before(&database).await;
    let server = with_empty_cohort(&proxy.settings).await;
    let token = file(&server.signer.token("operator"));
    let list = list();

    let address = server.address.to_string();
    let loading = spawn(load_command(
        &address,
        token.path(),
        &cohort("list"),
        "first",
        list.path(),
    ));
    until_more_than(&database, 0).await;
    proxy.shut();
    server.wait_until_not_serving().await;
    proxy.open();
    let output = output(loading).await;

    let told = succeed(&output);
    let breaks = text(&output.stderr);
    assert!(
        told.contains(&format!("{} people", CHUNK * CHUNKS)),
        "{told}"
    );
    assert!(told.contains("went on by itself after"), "{told}");
    assert!(breaks.contains("DATABASE_UNAVAILABLE"), "{breaks}");
    assert_eq!(database.rows("listed_members").await, CHUNK * CHUNKS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_does_not_come_back_is_not_waited_for_for_ever() {
    let database = TestDatabase::sqlite().await;
    let installation = Installation::new();
    let service = serve(&installation, &database).await;
    let token = file(&installation.token(&["operator"]));
    let list = list();

    let address = service.address.to_string();
    let cohort = cohort("list");
    let mut command = load_command(&address, token.path(), &cohort, "first", list.path());
    command.args(["--patience", "0"]);
    let loading = spawn(command);
    until_more_than(&database, 0).await;
    service.kill();
    let output = output(loading).await;

    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.contains("run it again to go on"), "{told}");
}
