//! Start and stop: what health says, and that what runs is finished.

use std::time::Duration;

use enrollment::{config, grpc::proto::v1};
use tokio::{net::TcpStream, sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;

use crate::support::{
    company::{self, chunk, customer, end, header, listed, plain_row},
    database::{TestDatabase, migrate},
    deeds::cohort,
    refusal::assert_refused,
    server::{self, Start, TestServer},
};

const SERVICES: [&str; 7] = [
    "",
    "identityprotection.enrollment.v1.EnrollmentService",
    "identityprotection.enrollment.v1.OfferService",
    "identityprotection.enrollment.v1.CohortService",
    "identityprotection.enrollment.v1.ActivationCodeService",
    "identityprotection.enrollment.v1.EnrollmentAdminService",
    "identityprotection.enrollment.v1.ProviderService",
];

on_each_database! {
    async fn a_server_serves_nothing_before_the_database_is_migrated(database) {
        let empty = database.unmigrated().await;
        let server = TestServer::start_unready(&empty.settings, Start::default()).await;
        for service in SERVICES {
            assert!(!server.is_serving(service).await, "{service}");
        }
        assert!(server.is_serving("liveness").await);
        let reply = server.enrollments().check_eligibility(company::check(customer("C-1"))).await;
        assert_refused(reply, Code::Unavailable, "DATABASE_UNAVAILABLE");

        migrate(&empty.settings).await;
        server.wait_until_serving().await;

        for service in SERVICES {
            assert!(server.is_serving(service).await, "{service}");
        }
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        server.enroll(customer("C-1")).await;
    }

    async fn a_server_that_stops_finishes_the_calls_that_run(database) {
        let server = TestServer::start(&database.settings).await;
        company::open_offer(&server, company::offer()).await;
        company::create_cohort(&server, "list", &[v1::DataElement::Name]).await;
        let (messages, outgoing) = mpsc::channel(2);
        messages.send(header(&cohort("list"), "load")).await.unwrap();
        let reply = server.cohorts().load_members(ReceiverStream::new(outgoing)).await;
        let mut answers = reply.unwrap().into_inner();
        answers.message().await.unwrap().unwrap();

        let mut health = server.watch_health().await;
        server.begin_stop();
        while health.message().await.unwrap().unwrap().status() == ServingStatus::Serving {}
        drop(health);
        let rows = vec![plain_row(listed([customer("C-1")]))];
        for message in [chunk(1, rows), end(1)] {
            messages.send(message).await.unwrap();
            answers.message().await.unwrap().unwrap();
        }
        drop((messages, answers));

        server.ended().await.unwrap();
        assert_eq!(database.events("LOAD_FINISHED").await, 1);
        assert_eq!(database.rows("listed_members").await, 1);
    }

    async fn neither_a_watch_nor_an_idle_client_holds_up_the_stop(database) {
        let settings = config::Server { drain: Duration::from_secs(1), ..server::settings() };
        let start = Start { settings, ..Start::default() };
        let server = TestServer::start_with(&database.settings, start).await;
        let (_watch, _idle) = (server.watch_health().await, server.connection().await);
        let address = server.address;

        let stopped = timeout(Duration::from_secs(10), server.stop()).await;

        stopped.expect("the drain has a bound").unwrap();
        let refused = TcpStream::connect(address).await.unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    }

    async fn a_server_goes_on_where_another_stopped(database) {
        let keys = server::keys();
        let again = enrollment::crypto::Keys {
            digester: keys.digester.clone(),
            sealer: keys.sealer.clone(),
        };
        let start = Start { keys, ..Start::default() };
        let first = TestServer::start_with(&database.settings, start).await;
        company::with_people(&first, vec![listed([customer("C-1")])]).await;
        let enrolled = first.enroll(customer("C-1")).await;
        first.stop().await.unwrap();

        let start = Start { keys: again, ..Start::default() };
        let second = TestServer::start_with(&database.settings, start).await;

        let request = v1::GetActivationCodeRequest { name: enrolled.name.clone() };
        let shown = second.enrollments().get_activation_code(request).await.unwrap();
        assert_eq!(shown.into_inner(), enrolled);
    }
}

/// What it acknowledges would not survive a crash of the database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_forgets_is_not_served() {
    let Some(database) = TestDatabase::postgres().await else {
        return;
    };
    database.set("synchronous_commit = off").await;
    let server = TestServer::start_unready(&database.settings, Start::default()).await;
    assert!(!server.is_serving("").await);
    let call = company::check(customer("C-1"));
    let reply = server.enrollments().check_eligibility(call).await;
    assert_refused(reply, Code::Unavailable, "DATABASE_UNAVAILABLE");
}
