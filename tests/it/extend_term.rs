//! `ExtendTerm`: a person's cover gets a later end.

use enrollment::grpc::proto::{
    google::r#type::Date,
    v1::{self, enrollment::State},
};
use tonic::Code;

use crate::support::{
    company::{self, customer, date, listed, request_id},
    provider::{activation, by_name},
    refusal::{assert_refused, fields_of},
    server::TestServer,
};

fn extend(name: &str, end: Date) -> v1::ExtendTermRequest {
    v1::ExtendTermRequest {
        name: name.to_owned(),
        term_end_date: Some(end),
        etag: String::new(),
        request_id: request_id(),
    }
}

on_each_database! {
    async fn who_is_covered_for_longer_expires_later(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let enrolled = server.enroll(customer("C-1")).await;
        let begun = activation(by_name(&enrolled), "2021-09-01T12:00:00Z");
        server.provider().record_activation(begun).await.unwrap();

        let extended = server.admin().extend_term(extend(&enrolled.name, date(2024, 9, 1))).await;

        let extended = extended.unwrap().into_inner();
        assert_eq!(extended.term_end_date, Some(date(2024, 9, 1)));
        assert_eq!(extended.covered_through_date, Some(date(2024, 8, 31)));
        server.clock.set("2024-08-31T12:00:00Z");
        assert_eq!(server.enrollment(&enrolled.name).await.state(), State::Active);
        server.clock.set("2024-09-01T12:00:00Z");
        assert_eq!(server.enrollment(&enrolled.name).await.state(), State::Expired);
        let too_late = server.admin().extend_term(extend(&enrolled.name, date(2025, 9, 1))).await;
        assert_refused(too_late, Code::FailedPrecondition, "STATE_FORBIDS");
    }

    async fn nobody_is_covered_for_less_and_the_same_end_is_no_event(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let enrolled = server.enroll(customer("C-1")).await;
        let mut admin = server.admin();

        let same = admin.extend_term(extend(&enrolled.name, date(2023, 9, 1))).await.unwrap();
        assert_eq!(same.into_inner().etag, enrolled.etag);
        for end in [date(2023, 8, 31), date(2031, 9, 2)] {
            let refused = admin.extend_term(extend(&enrolled.name, end)).await;
            let refused = assert_refused(refused, Code::InvalidArgument, "INVALID_FIELD");
            assert_eq!(fields_of(&refused), ["term_end_date"]);
        }
        assert_eq!(database.events("TERM_EXTENDED").await, 0);
    }
}
