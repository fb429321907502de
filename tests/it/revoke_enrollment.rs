//! `RevokeEnrollment`: the company ends an enrollment.

use enrollment::grpc::proto::v1::{
    self,
    eligibility::Verdict,
    enrollment::{RevokeReason, State},
};
use tonic::Code;

use crate::support::{
    company::{self, customer, listed, request_id},
    refusal::assert_refused,
    server::TestServer,
};

fn revoke(name: &str, reason: RevokeReason) -> v1::RevokeEnrollmentRequest {
    v1::RevokeEnrollmentRequest {
        name: name.to_owned(),
        reason: reason.into(),
        etag: String::new(),
        request_id: request_id(),
    }
}

on_each_database! {
    async fn a_revoked_enrollment_says_when_and_why_and_frees_the_person(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let enrolled = server.enroll(customer("C-1")).await;

        let revoked = server.admin().revoke_enrollment(revoke(&enrolled.name, RevokeReason::Fraud)).await;

        let revoked = revoked.unwrap().into_inner();
        assert_eq!((revoked.state(), revoked.revoke_reason()), (State::Revoked, RevokeReason::Fraud));
        assert!(revoked.revoke_time.is_some());
        assert_eq!(server.enrollment(&enrolled.name).await, revoked);
        assert_eq!(server.check(customer("C-1")).await.verdict(), Verdict::Eligible);
        assert_eq!(database.claims_that_disagree().await, 0);
    }

    async fn to_revoke_twice_gives_the_same_answer_and_one_event(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let enrolled = server.enroll(customer("C-1")).await;
        let mut admin = server.admin();
        let first = admin.revoke_enrollment(revoke(&enrolled.name, RevokeReason::Duplicate)).await.unwrap();

        let second = admin.revoke_enrollment(revoke(&enrolled.name, RevokeReason::Other)).await.unwrap();

        assert_eq!(second.into_inner(), first.into_inner());
        assert_eq!(database.events("ENROLLMENT_REVOKED").await, 1);
    }

    async fn what_has_ended_is_not_revoked_and_what_is_revoked_does_not_come_back(database) {
        let server = TestServer::start(&database.settings).await;
        let people = ["C-1", "C-2"].map(|id| listed([customer(id)]));
        company::with_people(&server, people.into()).await;
        let cancelled = server.enroll(customer("C-1")).await;
        server.cancel(&cancelled.name).await;
        let revoked = server.enroll(customer("C-2")).await;
        let mut admin = server.admin();
        admin.revoke_enrollment(revoke(&revoked.name, RevokeReason::Error)).await.unwrap();

        let refused = admin.revoke_enrollment(revoke(&cancelled.name, RevokeReason::Error)).await;
        assert_refused(refused, Code::FailedPrecondition, "STATE_FORBIDS");
        let refused = server.enrollments().reinstate_enrollment(company::reinstate(&revoked.name)).await;
        assert_refused(refused, Code::FailedPrecondition, "STATE_FORBIDS");
    }

    async fn another_etag_than_the_present_one_is_refused(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let enrolled = server.enroll(customer("C-1")).await;
        let stale = v1::RevokeEnrollmentRequest {
            etag: "r7".to_owned(),
            ..revoke(&enrolled.name, RevokeReason::Error)
        };

        assert_refused(server.admin().revoke_enrollment(stale).await, Code::Aborted, "ETAG_MISMATCH");
    }
}
