//! `RecordCancellation`: a person has cancelled at the provider's.

use enrollment::grpc::proto::v1::enrollment::{CancelReason, State};
use tonic::Code;

use crate::support::{
    company::{self, customer, listed},
    deeds::timestamp,
    provider::{activation, by_code, by_name, cancellation},
    refusal::{assert_refused, metadata_of},
    server::TestServer,
};

on_each_database! {
    async fn who_cancels_at_the_providers_is_cancelled_here_and_can_come_back(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let enrolled = server.enroll(customer("C-1")).await;
        server.clock.set("2021-09-20T12:00:00Z");

        let mut provider = server.provider();
        let request = cancellation(by_code(&enrolled), "2021-09-15T08:00:00Z");
        let cancelled = provider.record_cancellation(request).await.unwrap().into_inner();

        assert_eq!((cancelled.state(), cancelled.cancel_reason()), (State::Cancelled, CancelReason::NotWanted));
        assert_eq!(cancelled.cancel_time, Some(timestamp("2021-09-15T08:00:00Z")));
        assert_eq!(cancelled.reinstate_by_date, Some(company::date(2021, 10, 20)));
        assert_eq!(database.events("ENROLLMENT_CANCELLED").await, 1);
        assert_eq!(server.reinstate(&enrolled.name).await.state(), State::Pending);
    }

    async fn what_is_cancelled_stays_as_it_was_cancelled_first(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let enrolled = server.enroll(customer("C-1")).await;
        let first = server.cancel(&enrolled.name).await;

        let request = cancellation(by_name(&enrolled), "2021-09-01T12:00:00Z");
        let told = server.provider().record_cancellation(request).await.unwrap().into_inner();

        assert_eq!((told.cancel_time, told.etag), (first.cancel_time, first.etag));
        assert_eq!(database.events("ENROLLMENT_CANCELLED").await, 1);
    }

    async fn nobody_cancels_before_they_began(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let enrolled = server.enroll(customer("C-1")).await;
        server.clock.set("2021-09-20T12:00:00Z");
        let mut provider = server.provider();

        let early = provider.record_cancellation(cancellation(by_name(&enrolled), "2021-08-01T00:00:00Z")).await;
        assert_refused(early, Code::FailedPrecondition, "PROVIDER_CONTRADICTION");
        provider.record_activation(activation(by_name(&enrolled), "2021-09-10T08:00:00Z")).await.unwrap();
        let early = provider.record_cancellation(cancellation(by_name(&enrolled), "2021-09-09T08:00:00Z")).await;

        let early = assert_refused(early, Code::FailedPrecondition, "PROVIDER_CONTRADICTION");
        assert_eq!(metadata_of(&early, "on_record"), "activate_time 2021-09-10T08:00:00Z");
        assert_eq!(server.enrollment(&enrolled.name).await.state(), State::Active);
    }

    async fn old_word_does_not_cancel_who_has_come_back(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let enrolled = server.enroll(customer("C-1")).await;
        server.clock.set("2021-09-10T12:00:00Z");
        server.cancel(&enrolled.name).await;
        server.clock.set("2021-09-20T12:00:00Z");
        server.reinstate(&enrolled.name).await;

        let old = cancellation(by_name(&enrolled), "2021-09-10T12:00:00Z");
        let old = server.provider().record_cancellation(old).await;

        let old = assert_refused(old, Code::FailedPrecondition, "PROVIDER_CONTRADICTION");
        assert_eq!(metadata_of(&old, "on_record"), "reinstate_time 2021-09-20T12:00:00Z");
        let anew = cancellation(by_name(&enrolled), "2021-09-20T12:00:00Z");
        let anew = server.provider().record_cancellation(anew).await.unwrap();
        assert_eq!(anew.into_inner().state(), State::Cancelled);
    }
}
