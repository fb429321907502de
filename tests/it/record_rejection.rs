//! `RecordRejection`: the provider refused a person.

use enrollment::grpc::proto::v1::{
    eligibility::Verdict,
    enrollment::{RejectReason, State},
};
use tonic::Code;

use crate::support::{
    company::{self, customer, listed},
    provider::{activation, by_code, by_name, rejection},
    refusal::{assert_refused, metadata_of},
    server::TestServer,
};

on_each_database! {
    async fn who_was_rejected_can_enroll_again(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let enrolled = server.enroll(customer("C-1")).await;

        let mut provider = server.provider();
        let request = rejection(by_code(&enrolled), RejectReason::IdentityNotVerified);
        let rejected = provider.record_rejection(request).await.unwrap().into_inner();

        assert_eq!(rejected.state(), State::Rejected);
        assert_eq!(rejected.reject_reason(), RejectReason::IdentityNotVerified);
        assert!(rejected.reject_time.is_some());
        assert_eq!(server.check(customer("C-1")).await.verdict(), Verdict::Eligible);
        assert_ne!(server.enroll(customer("C-1")).await.name, enrolled.name);
        assert_eq!(database.events("ENROLLMENT_REJECTED").await, 1);
        assert_eq!(database.claims_that_disagree().await, 0);
    }

    async fn the_same_word_twice_is_one_event_and_another_reason_a_contradiction(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let enrolled = server.enroll(customer("C-1")).await;
        let mut provider = server.provider();
        let word = |reason| rejection(by_name(&enrolled), reason);
        let first = provider.record_rejection(word(RejectReason::NotServed)).await.unwrap();

        let again = provider.record_rejection(word(RejectReason::NotServed)).await.unwrap();
        let other = provider.record_rejection(word(RejectReason::Other)).await;

        assert_eq!(again.into_inner(), first.into_inner());
        let other = assert_refused(other, Code::FailedPrecondition, "PROVIDER_CONTRADICTION");
        assert_eq!(metadata_of(&other, "on_record"), "reason NOT_SERVED");
        assert_eq!(database.events("ENROLLMENT_REJECTED").await, 1);
    }

    async fn a_membership_that_runs_is_not_rejected(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let enrolled = server.enroll(customer("C-1")).await;
        let mut provider = server.provider();
        let begun = activation(by_name(&enrolled), "2021-09-01T12:00:00Z");
        provider.record_activation(begun).await.unwrap();

        let refused = provider.record_rejection(rejection(by_name(&enrolled), RejectReason::Other)).await;

        let refused = assert_refused(refused, Code::FailedPrecondition, "STATE_FORBIDS");
        assert_eq!(metadata_of(&refused, "state"), "ACTIVE");
    }
}
