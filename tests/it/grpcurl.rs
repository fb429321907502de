//! What a person at grpcurl sees.

use std::{
    env,
    io::Write,
    path::PathBuf,
    process::{Command, Output},
};

use crate::support::{
    company::{self, customer, listed},
    database::TestDatabase,
    server::{Start, TestServer, settings},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpcurl_lists_describes_calls_and_shows_reasons() {
    let Some(grpcurl) = grpcurl() else { return };
    let database = TestDatabase::sqlite().await;
    let mut settings = settings();
    settings.open_reflection = true;
    let start = Start {
        settings,
        ..Start::default()
    };
    let server = TestServer::start_with(&database.settings, start).await;
    company::with_people(&server, vec![listed([customer("C-1")])]).await;
    let address = server.address.to_string();
    let authorization = format!("authorization: Bearer {}", server.signer.token("app"));
    let service = "identityprotection.enrollment.v1.EnrollmentService";
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&grpcurl);
        command
            .args(["-plaintext", "-H", &authorization])
            .args(arguments);
        command.output().unwrap()
    };

    let listed = run(&[&address, "list"]);
    assert!(text(&listed).contains(service), "{}", text(&listed));

    let described = run(&[&address, "describe", &format!("{service}.Enroll")]);
    let comment = "Enrolls a person: at most one live enrollment per person and offer";
    assert!(text(&described).contains(comment), "{}", text(&described));

    let request =
        r#"{"parent":"offers/carrier-2021","person":{"identifiers":[{"customer_id":"C-1"}]}}"#;
    let method = format!("{service}/CheckEligibility");
    let checked = run(&["-d", request, &address, &method]);
    assert!(
        text(&checked).contains("VERDICT_ELIGIBLE"),
        "{}",
        text(&checked)
    );

    let refused = run(&["-d", "{}", &address, &method]);
    assert!(
        text(&refused).contains("INVALID_FIELD"),
        "{}",
        text(&refused)
    );
}

fn text(output: &Output) -> String {
    let part = String::from_utf8_lossy;
    format!("{}{}", part(&output.stdout), part(&output.stderr))
}

/// Where grpcurl is. Where it is not, says so, straight to standard error, which the test harness does
/// not hold back.
fn grpcurl() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        .map(|folder| folder.join("grpcurl"))
        .find(|file| file.is_file());
    if found.is_none() {
        let message = "NOT RUN with grpcurl: it is not on PATH\n";
        let _ = std::io::stderr().write_all(message.as_bytes());
        assert!(
            env::var_os("ENROLLMENT_TEST_REQUIRE_GRPCURL").is_none(),
            "{message}"
        );
    }
    found
}
