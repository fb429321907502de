//! `hash-members` and `load-members`: a list goes into a running service.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use enrollment::grpc::proto::v1;
use tempfile::TempDir;

use crate::support::{
    company::{self, OFFER, check, customer, phone},
    database::TestDatabase,
    installation::{Installation, enrollment, succeed, text},
    server::{Start, TestServer},
};

const LIST: &str = "customer_id,phone_number\nC-1,+1 425 555 0123\nC-2,\n";

/// `load-members` against a service at this address.
pub fn load_command(
    address: &str,
    token: &Path,
    cohort: &str,
    load_id: &str,
    file: &Path,
) -> Command {
    let mut command = enrollment();
    command
        .args(["load-members", "--cohort", cohort, "--load-id", load_id])
        .args(["--endpoint", &format!("http://{address}")])
        .args(["--token-file".as_ref(), token.as_os_str()])
        .args(["--file".as_ref(), file.as_os_str()]);
    command
}

async fn load_members(server: &TestServer, cohort: &str, load_id: &str, file: &Path) -> Output {
    run_for(server, |address, token| {
        load_command(address, token, cohort, load_id, file)
    })
    .await
}

/// Runs a command for this address with this token file against a server, away from its runtime.
pub async fn run_for(server: &TestServer, command: impl FnOnce(&str, &Path) -> Command) -> Output {
    let token = tempfile::NamedTempFile::new().unwrap();
    fs::write(token.path(), server.signer.token("operator")).unwrap();
    let mut command = command(&server.address.to_string(), token.path());
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

/// A server with a cohort, which has no members; gives its name.
async fn with_cohort(database: &TestDatabase) -> (TestServer, String) {
    let server = TestServer::start(&database.settings).await;
    company::open_offer(&server, company::offer()).await;
    let cohort = company::create_cohort(&server, "late", &[v1::DataElement::Name]).await;
    (server, cohort.name)
}

/// A list, for as long as its folder is there.
pub fn list(text: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("list.csv");
    fs::write(&file, text).unwrap();
    (folder, file)
}

#[test]
fn a_list_of_bad_rows_alone_is_hashed_to_nothing() {
    let installation = Installation::new();
    let (folder, file) = list("email\nsecret\n");
    let output = enrollment()
        .arg("hash-members")
        .args([
            "--digest-key-file".as_ref(),
            installation.path("digest.json").as_os_str(),
        ])
        .args(["--input".as_ref(), file.as_os_str()])
        .args([
            "--output".as_ref(),
            folder.path().join("hashed.csv").as_os_str(),
        ])
        .output()
        .unwrap();

    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(
        told.contains("no row is fit; 1 rows rejected, see "),
        "{told}"
    );
    let left = fs::read_dir(folder.path()).unwrap();
    let mut left = left
        .map(|entry| entry.unwrap().file_name())
        .collect::<Vec<_>>();
    left.sort();
    assert_eq!(left, ["list.csv", "list.csv.rejected.csv"]);
}

on_each_database! {
    async fn a_list_is_loaded_plain_or_hashed_with_the_same_effect(database) {
        let installation = Installation::new();
        let digester = enrollment::config::read_digester(&installation.path("digest.json")).unwrap();
        let mut start = Start::default();
        start.keys.digester = digester;
        let server = TestServer::start_with(&database.settings, start).await;
        company::open_offer(&server, company::offer()).await;
        fs::write(installation.path("list.csv"), LIST).unwrap();
        let hashed = enrollment()
            .arg("hash-members")
            .args(["--digest-key-file".as_ref(), installation.path("digest.json").as_os_str()])
            .args(["--input".as_ref(), installation.path("list.csv").as_os_str()])
            .args(["--output".as_ref(), installation.path("hashed.csv").as_os_str()])
            .output()
            .unwrap();
        let hashed = succeed(&hashed);
        let digest = hashed.strip_prefix("2 people hashed\n").unwrap();

        for (id, file) in [("plain", "list.csv"), ("hashed", "hashed.csv")] {
            let cohort = company::create_cohort(&server, id, &[v1::DataElement::Name]).await;
            for _ in 0..2 {
                // The second run goes on with the first one's load, and finds it finished.
                let output = load_members(&server, &cohort.name, "first", &installation.path(file)).await;
                let told = succeed(&output);
                assert!(told.contains("2 people, 3 identifiers, 0 duplicates"), "{told}");
                assert!(told.ends_with(digest), "{told}");
            }
            let request = v1::PublishCohortRequest { name: cohort.name, ..Default::default() };
            let published = server.cohorts().publish_cohort(request).await.unwrap().into_inner();
            assert_eq!((published.person_count, published.identifier_count), (2, 3));
        }
        for identifier in [customer("C-1"), customer("C-2"), phone("+14255550123")] {
            let answer = server.enrollments().check_eligibility(check(identifier)).await;
            assert_eq!(answer.unwrap().into_inner().verdict(), v1::eligibility::Verdict::Eligible);
        }
    }

    async fn bad_rows_are_written_down_and_the_others_are_loaded(database) {
        let (server, cohort) = with_cohort(&database).await;
        let (folder, file) = list("customer_id,email\nC-1,\nC-2,secret\nC-3\nC-4,jo@example.com\n");

        for _ in 0..2 {
            let output = load_members(&server, &cohort, "first", &file).await;
            let told = succeed(&output);
            assert!(told.contains("2 people, 3 identifiers, 0 duplicates; 2 rows rejected, see "), "{told}");
            assert_eq!(
                fs::read_to_string(folder.path().join("list.csv.rejected.csv")).unwrap(),
                "row,column,rule\n\
                 2,email,must be an e-mail address\n\
                 3,,\"must be CSV in UTF-8, with as many cells as the header\"\n"
            );
        }

        let name = format!("{cohort}/loads/first");
        let load = server.cohorts().get_load(v1::GetLoadRequest { name }).await.unwrap().into_inner();
        let rows = load.rejected_rows.iter().map(|rejected| (rejected.row, rejected.field.as_str()));
        assert_eq!(rows.collect::<Vec<_>>(), [(2, "plain.identifiers[1].email"), (3, "")]);
        assert_eq!((load.row_count, load.rejected_count), (4, 2));
    }

    async fn a_list_of_bad_rows_alone_is_no_load(database) {
        let (server, cohort) = with_cohort(&database).await;
        let (_folder, file) = list("email\nsecret\n");

        let output = load_members(&server, &cohort, "first", &file).await;

        assert_eq!(output.status.code(), Some(1));
        let told = text(&output.stderr);
        assert!(told.contains("no row is fit; 1 rows rejected, see "), "{told}");
        assert_eq!(database.events("LOAD_FINISHED").await, 0);
    }

    async fn a_list_that_is_not_understood_leaves_nothing_behind(database) {
        let (server, cohort) = with_cohort(&database).await;
        let (_folder, file) = list("name,mail\nJo,jo@example.com\n");

        let output = load_members(&server, &cohort, "first", &file).await;

        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("the header is not understood"));
        assert_eq!(database.count("SELECT COUNT(*) FROM loads").await, 0);
    }

    async fn a_cohort_that_does_not_exist_is_said_to(database) {
        let server = TestServer::start(&database.settings).await;
        company::open_offer(&server, company::offer()).await;
        let (_folder, file) = list(LIST);

        let output = load_members(&server, &format!("{OFFER}/cohorts/none"), "first", &file).await;

        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("RESOURCE_NOT_FOUND"), "{}", text(&output.stderr));
    }
}
