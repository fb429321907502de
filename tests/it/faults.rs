//! What breaks: callers who go away, a database that does, and keys that are others.

use std::time::Duration;

use enrollment::{
    app::KeyCheckError, crypto::Keys, grpc::proto::v1::eligibility::Verdict, server::ServerError,
};
use tokio::time::timeout;
use tonic::Code;

use crate::support::{
    company::{self, customer, enroll, listed},
    crowd::at_once,
    database::TestDatabase,
    proxy::Proxy,
    refusal::assert_refused,
    server::{Start, TestServer, keys},
};

/// Callers who go away: enough to be caught at every step of an enrollment.
const ABANDONED: u64 = 160;

on_each_database! {
    async fn callers_who_go_away_leave_nothing_half_done(database) {
        let server = TestServer::start(&database.settings).await;
        let ids = (0..ABANDONED).map(|number| format!("C-{number}")).collect::<Vec<_>>();
        let people = ids.iter().map(|id| listed([customer(id)])).collect();
        company::with_people(&server, people).await;
        let requests = ids.iter().map(|id| enroll(customer(id))).collect::<Vec<_>>();

        // Each waits a little longer than the one before: from not at all to long enough.
        let waits = (0..ABANDONED).map(|number| Duration::from_micros(number * 250));
        let calls = requests.iter().cloned().zip(waits).collect::<Vec<_>>();
        for together in calls.chunks(8) {
            let deeds = together.iter().cloned().map(|(request, wait)| {
                let mut app = server.enrollments();
                async move { timeout(wait, app.enroll(request)).await.is_err() }
            });
            at_once(deeds).await;
        }

        // Whoever asks again gets what was begun, or begins it now.
        for request in requests {
            server.enrollments().enroll(request).await.unwrap();
        }
        assert_eq!(database.events("ENROLLED").await, i64::try_from(ids.len()).unwrap());
        assert_every_enrollment_is_whole(&database).await;
        assert_eq!(server.check(customer("C-0")).await.verdict(), Verdict::AlreadyEnrolled);
        if database.is_postgres() {
            // Units of work whose callers are gone may still run; none of them may stay.
            database.wait_until_none_idles_in_transaction().await;
        }
        server.stop().await.unwrap();
    }

    async fn another_digest_key_ends_the_server(database) {
        TestServer::start(&database.settings).await.stop().await.unwrap();

        let other = TestServer::start_unready(&database.settings, Start::default()).await;

        let ended = other.ended().await;
        assert!(
            matches!(ended, Err(ServerError::Keys(KeyCheckError::DigestKey))),
            "{ended:?}"
        );
    }

    async fn a_lost_sealing_key_ends_the_server(database) {
        let first = keys();
        let digester = first.digester.clone();
        let start = Start { keys: first, ..Start::default() };
        TestServer::start_with(&database.settings, start).await.stop().await.unwrap();

        let keys = Keys { digester, sealer: keys().sealer };
        let start = Start { keys, ..Start::default() };
        let other = TestServer::start_unready(&database.settings, start).await;

        let ended = other.ended().await;
        assert!(
            matches!(ended, Err(ServerError::Keys(KeyCheckError::SealingKeys))),
            "{ended:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_database_is_away_at_its_start_serves_once_it_is_there() {
    let Some(database) = TestDatabase::postgres().await else {
        return;
    };
    let proxy = Proxy::before(&database).await;
    proxy.shut();
    let server = TestServer::start_unready(&proxy.settings, Start::default()).await;

    let reply = server
        .enrollments()
        .check_eligibility(company::check(customer("C-1")))
        .await;
    assert_refused(reply, Code::Unavailable, "DATABASE_UNAVAILABLE");
    assert!(!server.is_serving("").await);

    proxy.open();
    server.wait_until_serving().await;
    company::with_people(&server, vec![listed([customer("C-1")])]).await;
    server.enroll(customer("C-1")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_goes_away_and_comes_back_is_served_again() {
    let Some(database) = TestDatabase::postgres().await else {
        return;
    };
    let proxy = Proxy::before(&database).await;
    let server = TestServer::start(&proxy.settings).await;
    company::with_people(&server, vec![listed([customer("C-1")])]).await;

    proxy.shut();
    let request = enroll(customer("C-1"));
    let reply = server.enrollments().enroll(request.clone()).await;
    assert_refused(reply, Code::Unavailable, "DATABASE_UNAVAILABLE");
    server.wait_until_not_serving().await;

    proxy.open();
    server.wait_until_serving().await;
    server.enrollments().enroll(request).await.unwrap();
    assert_every_enrollment_is_whole(&database).await;
}

/// As many claims, codes, requests and events as enrollments, and none without its own.
async fn assert_every_enrollment_is_whole(database: &TestDatabase) {
    let enrollments = database.rows("enrollments").await;
    for (table, of_one) in [
        ("enrollment_claims", "enrollment_id"),
        ("activation_codes", "enrollment_id"),
        ("enrollment_cohorts", "enrollment_id"),
        ("requests", "request_id"),
    ] {
        let sql = format!("SELECT COUNT(DISTINCT {of_one}) FROM {table}");
        assert_eq!(database.count(&sql).await, enrollments, "{table}");
        assert_eq!(database.rows(table).await, enrollments, "{table}");
    }
    assert_eq!(database.events("ENROLLED").await, enrollments);
    let unanswered = "SELECT COUNT(*) FROM requests WHERE result IS NULL";
    assert_eq!(database.count(unanswered).await, 0);
}
