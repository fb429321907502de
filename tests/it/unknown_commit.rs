//! The connection breaks while committing: done or not done, nobody knows, until the request id is
//! asked about. On PostgreSQL, since SQLite has no connection that can break.

use enrollment::grpc::proto::v1::{self, enrollment::State};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use crate::support::{
    company::{self, customer, enroll, listed},
    database::TestDatabase,
    deeds::cohort,
    proxy::Proxy,
    refusal::assert_refused,
    server::TestServer,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_enrollment_whose_commit_was_not_answered_is_answered_all_the_same() {
    let Some((database, proxy, server)) = behind_a_proxy().await else {
        return;
    };
    proxy.cut_at_next_commit();

    let enrollment = server.enroll(customer("C-1")).await;

    assert!(proxy.has_cut());
    assert_eq!(enrollment.activation_code.len(), 27);
    assert_enrolled_once(&database).await;
    assert_eq!(
        server.enrollment(&enrollment.name).await.etag,
        enrollment.etag
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancellation_whose_commit_was_not_answered_is_done_once() {
    let Some((database, proxy, server)) = behind_a_proxy().await else {
        return;
    };
    let name = server.enroll(customer("C-1")).await.name;
    proxy.cut_at_next_commit();

    let cancelled = server.cancel(&name).await;

    assert!(proxy.has_cut());
    assert_eq!(cancelled.state(), State::Cancelled);
    assert_eq!(database.events("ENROLLMENT_CANCELLED").await, 1);
    assert_eq!(database.count("SELECT revision FROM enrollments").await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_stays_away_leaves_the_outcome_to_a_retry() {
    let Some((database, proxy, server)) = behind_a_proxy().await else {
        return;
    };
    proxy.cut_at_next_commit_and_shut();
    let request = enroll(customer("C-1"));
    let reply = server.enrollments().enroll(request.clone()).await;
    assert_refused(reply, Code::Unavailable, "OUTCOME_UNKNOWN");
    assert_enrolled_once(&database).await;

    proxy.open();
    let retried = server.enrollments().enroll(request).await.unwrap();

    let retried = retried.into_inner();
    assert_eq!(retried.activation_code.len(), 27);
    assert_eq!(server.check(customer("C-1")).await.enrollment, retried.name);
    assert_enrolled_once(&database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_whose_showing_may_not_be_written_down_is_not_shown() {
    let Some((_database, proxy, server)) = behind_a_proxy().await else {
        return;
    };
    let name = server.enroll(customer("C-1")).await.name;
    proxy.cut_at_next_commit();

    let request = v1::GetActivationCodeRequest { name };
    let reply = server.enrollments().get_activation_code(request).await;

    assert_refused(reply, Code::Unavailable, "OUTCOME_UNKNOWN");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chunk_whose_commit_was_not_answered_counts_once() {
    let Some((database, proxy, server)) = behind_a_proxy().await else {
        return;
    };
    company::create_cohort(&server, "list", &[v1::DataElement::Name]).await;
    let name = cohort("list");
    let (messages, outgoing) = mpsc::channel(2);
    messages.send(company::header(&name, "load")).await.unwrap();
    let reply = server
        .cohorts()
        .load_members(ReceiverStream::new(outgoing))
        .await;
    let mut answers = reply.unwrap().into_inner();
    answers.message().await.unwrap().unwrap();
    proxy.cut_at_next_commit();

    let rows = vec![company::plain_row(listed([customer("C-2")]))];
    messages.send(company::chunk(1, rows)).await.unwrap();
    let load = answers.message().await.unwrap().unwrap().load.unwrap();

    assert!(proxy.has_cut());
    assert_eq!((load.last_chunk, load.row_count), (1, 1));
    assert_eq!((load.identifier_count, load.duplicate_count), (1, 0));
    assert_eq!(database.rows("staged_chunks").await, 1);
}

/// A server with one listed person, and a proxy between it and its database.
async fn behind_a_proxy() -> Option<(TestDatabase, Proxy, TestServer)> {
    let database = TestDatabase::postgres().await?;
    let proxy = Proxy::before(&database).await;
    let server = TestServer::start(&proxy.settings).await;
    company::with_people(&server, vec![listed([customer("C-1")])]).await;
    Some((database, proxy, server))
}

async fn assert_enrolled_once(database: &TestDatabase) {
    for table in [
        "enrollments",
        "enrollment_claims",
        "activation_codes",
        "requests",
    ] {
        assert_eq!(database.rows(table).await, 1, "{table}");
    }
    assert_eq!(database.events("ENROLLED").await, 1);
}
