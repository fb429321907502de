//! `CancelEnrollment`: a person ends their enrollment.

use enrollment::grpc::proto::v1::{self, eligibility::Verdict, enrollment::State};
use tonic::Code;

use crate::support::{
    company::{self, OFFER, cancel, customer, listed},
    deeds::timestamp,
    refusal::assert_refused,
    server::TestServer,
};

on_each_database! {
    async fn a_cancelled_enrollment_says_when_and_why_and_until_when_it_can_come_back(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let enrolled = server.enroll(customer("C-1")).await;
        server.clock.set("2021-09-03T12:00:00Z");

        let cancelled = server.cancel(&enrolled.name).await;

        assert_eq!(cancelled.state(), State::Cancelled);
        assert_eq!(cancelled.cancel_time, Some(timestamp("2021-09-03T12:00:00Z")));
        assert_eq!(cancelled.cancel_reason(), v1::enrollment::CancelReason::NotWanted);
        assert_eq!(cancelled.reinstate_by_date, Some(company::date(2021, 10, 3)));
        assert_eq!(cancelled.activation_code, "");
        assert_ne!(cancelled.etag, enrolled.etag);
        assert_eq!(database.claims_that_disagree().await, 0);
    }

    async fn to_cancel_twice_gives_the_same_answer_and_one_event(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let name = server.enroll(customer("C-1")).await.name;
        let first = server.cancel(&name).await;
        server.clock.set("2021-09-03T12:00:00Z");

        let other_reason = v1::CancelEnrollmentRequest {
            reason: v1::enrollment::CancelReason::Mistake.into(),
            ..cancel(&name)
        };
        let second = server.enrollments().cancel_enrollment(other_reason).await.unwrap();

        assert_eq!(second.into_inner(), first);
        assert_eq!(database.events("ENROLLMENT_CANCELLED").await, 1);
    }

    async fn who_cancelled_is_eligible_again(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let first = server.enroll(customer("C-1")).await;
        server.cancel(&first.name).await;
        assert_eq!(server.check(customer("C-1")).await.verdict(), Verdict::Eligible);

        let second = server.enroll(customer("C-1")).await;

        assert_ne!(second.name, first.name);
        assert_ne!(second.activation_code, first.activation_code);
    }

    async fn an_enrollment_that_changed_since_is_not_cancelled(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let seen = server.enroll(customer("C-1")).await;
        server.cancel(&seen.name).await;
        server.reinstate(&seen.name).await;
        let before = database.enrolling_rows().await;

        let request = v1::CancelEnrollmentRequest { etag: seen.etag, ..cancel(&seen.name) };
        let reply = server.enrollments().cancel_enrollment(request).await;

        assert_refused(reply, Code::Aborted, "ETAG_MISMATCH");
        assert_eq!(server.enrollment(&seen.name).await.state(), State::Pending);
        assert_eq!(database.enrolling_rows().await, before);
    }

    async fn the_present_etag_lets_it_be_cancelled(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let seen = server.enroll(customer("C-1")).await;

        let request = v1::CancelEnrollmentRequest { etag: seen.etag, ..cancel(&seen.name) };
        let reply = server.enrollments().cancel_enrollment(request).await.unwrap();

        assert_eq!(reply.into_inner().state(), State::Cancelled);
    }

    async fn what_has_lapsed_cannot_be_cancelled(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let name = server.enroll(customer("C-1")).await.name;
        server.clock.set("2022-09-02T12:00:00Z");

        let reply = server.enrollments().cancel_enrollment(cancel(&name)).await;

        assert_refused(reply, Code::FailedPrecondition, "STATE_FORBIDS");
        assert_eq!(database.events("ENROLLMENT_CANCELLED").await, 0);
    }

    async fn an_enrollment_that_does_not_exist_is_not_found(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;

        let name = format!("{OFFER}/enrollments/{}", company::request_id());
        let reply = server.enrollments().cancel_enrollment(cancel(&name)).await;

        assert_refused(reply, Code::NotFound, "RESOURCE_NOT_FOUND");
    }

    async fn the_event_says_who_why_and_by_which_request(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let name = server.enroll(customer("C-1")).await.name;

        server.cancel(&name).await;

        let sql = format!(
            "SELECT COUNT(*) FROM events WHERE type = 'ENROLLMENT_CANCELLED' AND actor = 'test-app' \
             AND reason = 'NOT_WANTED' AND request_id IS NOT NULL AND resource = '{name}'"
        );
        assert_eq!(database.count(&sql).await, 1);
    }
}
