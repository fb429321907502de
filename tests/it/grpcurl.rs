//! What a person at grpcurl sees.

use crate::support::{
    company::{self, customer, listed},
    database::TestDatabase,
    grpcurl::{Grpcurl, text},
    server::{Start, TestServer, settings},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpcurl_lists_describes_calls_and_shows_reasons() {
    let Some(grpcurl) = Grpcurl::find() else {
        return;
    };
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
    let service = "identityprotection.enrollment.v1.EnrollmentService";
    let run = |arguments: &[&str]| grpcurl.run(&server, "app", arguments);

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
