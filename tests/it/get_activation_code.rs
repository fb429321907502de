//! `GetActivationCode`: a lost code is shown again, and each showing is written down.

use enrollment::grpc::proto::v1;
use prost::Message;
use sea_orm::{ConnectionTrait, TransactionTrait};
use tonic::Code;

use crate::support::{
    company::{self, customer, listed},
    database::TestDatabase,
    raw::{Call, Wire},
    refusal::assert_refused,
    server::TestServer,
};

on_each_database! {
    async fn each_showing_gives_the_same_code_and_writes_an_event(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let enrolled = server.enroll(customer("C-1")).await;

        for shown in 1..=3 {
            let reply = server.enrollments().get_activation_code(get(&enrolled.name)).await;
            assert_eq!(reply.unwrap().into_inner(), enrolled);
            assert_eq!(database.events("ACTIVATION_CODE_SHOWN").await, shown);
        }
    }

    async fn the_event_names_who_saw_it(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let name = server.enroll(customer("C-1")).await.name;

        server.enrollments_of("call-centre").get_activation_code(get(&name)).await.unwrap();

        let sql = format!(
            "SELECT COUNT(*) FROM events WHERE type = 'ACTIVATION_CODE_SHOWN' \
             AND actor = 'call-centre' AND resource = '{name}'"
        );
        assert_eq!(database.count(&sql).await, 1);
    }

    async fn the_code_of_a_cancelled_enrollment_is_not_shown(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let name = server.enroll(customer("C-1")).await.name;
        server.cancel(&name).await;

        let reply = server.enrollments().get_activation_code(get(&name)).await;

        assert_refused(reply, Code::FailedPrecondition, "STATE_FORBIDS");
        assert_eq!(database.events("ACTIVATION_CODE_SHOWN").await, 0);
    }

    async fn a_code_that_ran_out_is_not_shown(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let name = server.enroll(customer("C-1")).await.name;
        server.clock.set("2022-09-02T12:00:00Z");

        let reply = server.enrollments().get_activation_code(get(&name)).await;

        assert_refused(reply, Code::FailedPrecondition, "STATE_FORBIDS");
        assert_eq!(database.events("ACTIVATION_CODE_SHOWN").await, 0);
    }
}

/// On SQLite, where somebody else can have the one writer's place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_shown_to_who_has_left_before_the_database_is_free() {
    let database = TestDatabase::sqlite().await;
    let server = TestServer::start(&database.settings).await;
    company::with_people(&server, vec![listed([customer("C-1")])]).await;
    let name = server.enroll(customer("C-1")).await.name;
    let held = database.inside.begin().await.unwrap();
    let write = "UPDATE offers SET id = id";
    held.execute_unprepared(write).await.unwrap();

    // The server's own word that it has given up: the call has left by then.
    let path = "/identityprotection.enrollment.v1.EnrollmentService/GetActivationCode";
    let call = Call::to(path).bearer(&server.signer.token("app"));
    let call = call.header("grpc-timeout", "300m");
    let call = call.message(&get(&name).encode_to_vec());
    let reply = Wire::to(server.address).await.call(call).await;
    assert_eq!(reply.status.code(), Code::DeadlineExceeded);
    held.rollback().await.unwrap();

    // There is one writer: the next has its turn when the other has had it.
    let shown = server.enrollments().get_activation_code(get(&name)).await;
    shown.unwrap();
    assert_eq!(database.events("ACTIVATION_CODE_SHOWN").await, 1);
}

fn get(name: &str) -> v1::GetActivationCodeRequest {
    v1::GetActivationCodeRequest {
        name: name.to_owned(),
    }
}
