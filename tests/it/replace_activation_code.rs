//! `ReplaceActivationCode`: a lost code becomes void for ever, and the person gets another.

use std::sync::Arc;

use enrollment::grpc::proto::v1::enrollment::State;
use tonic::Code;

use crate::support::{
    codes::{replace, shown},
    company::{self, customer, enroll, listed},
    crowd::at_once,
    provider::{activation, by_code, by_name},
    refusal::assert_refused,
    server::TestServer,
};

on_each_database! {
    async fn the_new_code_works_and_the_old_one_never_again(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let enrolled = server.enroll(customer("C-1")).await;

        let replaced = server.codes().replace_activation_code(replace(&enrolled.name)).await;

        let replaced = replaced.unwrap().into_inner();
        assert_eq!((replaced.state(), replaced.activation_code.as_str()), (State::Pending, ""));
        assert_ne!(replaced.etag, enrolled.etag);
        let now = shown(&server, &enrolled.name).await.unwrap();
        assert_ne!(now.activation_code, enrolled.activation_code);
        let mut provider = server.provider();
        let old = provider.record_activation(activation(by_code(&enrolled), "2021-09-01T12:00:01Z")).await;
        assert_refused(old, Code::FailedPrecondition, "CODE_VOID");
        provider.record_activation(activation(by_code(&now), "2021-09-01T12:00:01Z")).await.unwrap();
        assert_eq!(database.events("ACTIVATION_CODE_REPLACED").await, 1);
    }

    async fn a_retry_replaces_once_and_a_retry_of_enroll_shows_the_present_code(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let enroll = enroll(customer("C-1"));
        let enrolled = server.enrollments().enroll(enroll.clone()).await.unwrap().into_inner();
        let request = replace(&enrolled.name);
        let mut codes = server.codes();

        let first = codes.replace_activation_code(request.clone()).await.unwrap();
        let again = codes.replace_activation_code(request).await.unwrap();

        assert_eq!(again.into_inner(), first.into_inner());
        assert_eq!(database.events("ACTIVATION_CODE_REPLACED").await, 1);
        let retried = server.enrollments().enroll(enroll).await.unwrap().into_inner();
        let shown = shown(&server, &enrolled.name).await.unwrap();
        assert_eq!(retried.activation_code, shown.activation_code);
    }

    async fn many_replace_at_once_and_one_code_is_left(database) {
        let server = Arc::new(TestServer::start(&database.settings).await);
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let enrolled = server.enroll(customer("C-1")).await;

        let deeds = (0..16).map(|_| {
            let (mut codes, request) = (server.codes(), replace(&enrolled.name));
            async move { codes.replace_activation_code(request).await }
        });
        for replaced in at_once(deeds).await {
            replaced.unwrap();
        }

        assert_eq!(database.rows("activation_codes").await, 17);
        assert_eq!(database.count("SELECT COUNT(*) FROM activation_codes WHERE void_time IS NULL").await, 1);
        assert_eq!(database.events("ACTIVATION_CODE_REPLACED").await, 16);
        shown(&server, &enrolled.name).await.unwrap();
    }

    async fn a_code_that_was_used_is_not_replaced(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let enrolled = server.enroll(customer("C-1")).await;
        let begun = activation(by_name(&enrolled), "2021-09-01T12:00:00Z");
        server.provider().record_activation(begun).await.unwrap();

        let refused = server.codes().replace_activation_code(replace(&enrolled.name)).await;

        assert_refused(refused, Code::FailedPrecondition, "STATE_FORBIDS");
    }
}
