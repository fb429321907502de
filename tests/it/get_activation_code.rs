//! `GetActivationCode`: a lost code is shown again, and each showing is written down.

use enrollment::grpc::proto::v1;
use tonic::Code;

use crate::support::{
    company::{self, customer, listed},
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

fn get(name: &str) -> v1::GetActivationCodeRequest {
    v1::GetActivationCodeRequest {
        name: name.to_owned(),
    }
}
