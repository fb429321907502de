//! `request_id`: whoever asks again gets the first result, and nothing happens twice.

use enrollment::grpc::proto::v1::{self, enrollment::State};
use tonic::Code;

use crate::support::{
    company::{self, cancel, customer, enroll, listed, phone, reinstate},
    refusal::assert_refused,
    server::TestServer,
};

on_each_database! {
    async fn a_retry_gives_the_first_reply_and_writes_nothing(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let request = with_contact();
        let first = server.enrollments().enroll(request.clone()).await.unwrap().into_inner();
        let before = database.enrolling_rows().await;
        server.clock.set("2021-09-02T12:00:00Z");

        let second = server.enrollments().enroll(request).await.unwrap().into_inner();

        assert_eq!(second, first);
        assert_eq!(database.enrolling_rows().await, before);
        assert_eq!(database.events("ENROLLED").await, 1);
    }

    async fn a_retry_after_the_window_has_closed_is_in_time(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let request = with_contact();
        let first = server.enrollments().enroll(request.clone()).await.unwrap().into_inner();
        server.clock.set("2022-04-01T12:00:00Z");
        server.close_offer().await;

        let second = server.enrollments().enroll(request).await.unwrap().into_inner();

        assert_eq!(second, first);
    }

    async fn a_retry_after_cancelling_gives_the_first_reply_and_changes_nothing(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let request = with_contact();
        let first = server.enrollments().enroll(request.clone()).await.unwrap().into_inner();
        server.cancel(&first.name).await;

        let second = server.enrollments().enroll(request).await.unwrap().into_inner();

        assert_eq!(second, first);
        assert_eq!(server.enrollment(&first.name).await.state(), State::Cancelled);
        assert_eq!(database.events("ENROLLED").await, 1);
    }

    async fn the_same_content_written_in_another_way_is_a_retry(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([phone("+14255550123")])]).await;
        let request = enroll(phone("+14255550123"));
        let first = server.enrollments().enroll(request.clone()).await.unwrap().into_inner();

        let request = v1::EnrollRequest {
            person: company::person([phone("+1 (425) 555-0123")]),
            ..request
        };
        let second = server.enrollments().enroll(request).await.unwrap().into_inner();

        assert_eq!(second, first);
    }

    async fn another_person_contact_or_terms_under_one_request_id_are_refused(database) {
        let server = TestServer::start(&database.settings).await;
        let people = ["C-1", "C-2"].map(|id| listed([customer(id)]));
        company::with_people(&server, people.to_vec()).await;
        let request = with_contact();
        server.enrollments().enroll(request.clone()).await.unwrap();
        let before = database.enrolling_rows().await;

        let others = [
            v1::EnrollRequest { person: company::person([customer("C-2")]), ..request.clone() },
            v1::EnrollRequest { contact: None, ..request.clone() },
            v1::EnrollRequest { terms_version: "2021-09".to_owned(), ..request },
        ];
        for other in others {
            let reply = server.enrollments().enroll(other).await;
            assert_refused(reply, Code::AlreadyExists, "REQUEST_ID_REUSED");
        }
        assert_eq!(database.enrolling_rows().await, before);
    }

    async fn two_callers_may_use_the_same_request_id(database) {
        let server = TestServer::start(&database.settings).await;
        let people = ["C-1", "C-2"].map(|id| listed([customer(id)]));
        company::with_people(&server, people.to_vec()).await;
        let request = enroll(customer("C-1"));
        let first = server.enrollments().enroll(request.clone()).await.unwrap().into_inner();

        let other = v1::EnrollRequest { person: company::person([customer("C-2")]), ..request };
        let second = server.enrollments_of("call-centre").enroll(other).await.unwrap();

        assert_ne!(second.into_inner().name, first.name);
    }

    async fn a_retried_cancellation_gives_the_first_reply_also_once_it_is_reinstated(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let name = server.enroll(customer("C-1")).await.name;
        let request = cancel(&name);
        let mut enrollments = server.enrollments();
        let first = enrollments.cancel_enrollment(request.clone()).await.unwrap().into_inner();
        server.reinstate(&name).await;

        let second = enrollments.cancel_enrollment(request).await.unwrap().into_inner();

        assert_eq!(second, first);
        assert_eq!(server.enrollment(&name).await.state(), State::Pending);
        assert_eq!(database.events("ENROLLMENT_CANCELLED").await, 1);
    }

    async fn a_retried_cancellation_with_an_etag_is_no_mismatch(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let seen = server.enroll(customer("C-1")).await;
        let request = v1::CancelEnrollmentRequest { etag: seen.etag, ..cancel(&seen.name) };
        let mut enrollments = server.enrollments();
        let first = enrollments.cancel_enrollment(request.clone()).await.unwrap().into_inner();

        let second = enrollments.cancel_enrollment(request).await.unwrap().into_inner();

        assert_eq!(second, first);
    }

    async fn a_retried_reinstatement_gives_the_first_reply_also_once_it_is_cancelled(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let name = server.enroll(customer("C-1")).await.name;
        server.cancel(&name).await;
        let request = reinstate(&name);
        let mut enrollments = server.enrollments();
        let first = enrollments.reinstate_enrollment(request.clone()).await.unwrap().into_inner();
        server.cancel(&name).await;

        let second = enrollments.reinstate_enrollment(request).await.unwrap().into_inner();

        assert_eq!(second, first);
        assert_eq!(server.enrollment(&name).await.state(), State::Cancelled);
        assert_eq!(database.events("ENROLLMENT_REINSTATED").await, 1);
    }

    async fn another_reason_of_cancelling_under_one_request_id_is_refused(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let name = server.enroll(customer("C-1")).await.name;
        let request = cancel(&name);
        server.enrollments().cancel_enrollment(request.clone()).await.unwrap();

        let other = v1::CancelEnrollmentRequest {
            reason: v1::enrollment::CancelReason::Mistake.into(),
            ..request
        };
        let reply = server.enrollments().cancel_enrollment(other).await;

        assert_refused(reply, Code::AlreadyExists, "REQUEST_ID_REUSED");
    }

    async fn a_request_id_of_enrolling_is_not_one_of_cancelling_or_reinstating(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let request = enroll(customer("C-1"));
        let request_id = request.request_id.clone();
        let name = server.enrollments().enroll(request).await.unwrap().into_inner().name;

        let other = v1::CancelEnrollmentRequest { request_id: request_id.clone(), ..cancel(&name) };
        let reply = server.enrollments().cancel_enrollment(other).await;
        assert_refused(reply, Code::AlreadyExists, "REQUEST_ID_REUSED");
        let other = v1::ReinstateEnrollmentRequest { request_id, ..reinstate(&name) };
        let reply = server.enrollments().reinstate_enrollment(other).await;
        assert_refused(reply, Code::AlreadyExists, "REQUEST_ID_REUSED");
    }
}

fn with_contact() -> v1::EnrollRequest {
    v1::EnrollRequest {
        contact: Some(v1::Contact {
            email: "jo@example.com".to_owned(),
            phone_number: "+14255550123".to_owned(),
        }),
        ..enroll(customer("C-1"))
    }
}
