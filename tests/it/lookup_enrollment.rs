//! `LookupEnrollment`: a person's enrollment, by what names them.

use enrollment::grpc::proto::v1::{self, DataElement};
use tonic::Code;

use crate::support::{
    company::{self, OFFER, customer, email, listed, person, phone},
    refusal::assert_refused,
    server::TestServer,
};

on_each_database! {
    async fn an_identifier_that_was_not_used_at_enrolling_finds_it_too(database) {
        let server = TestServer::start(&database.settings).await;
        let identifiers = [customer("C-1"), phone("+14255550123"), email("jo@example.com")];
        company::with_people(&server, vec![listed(identifiers)]).await;
        let enrolled = server.enroll(customer("C-1")).await;

        let found = server.enrollments().lookup_enrollment(lookup(email("Jo@Example.com"))).await;

        let found = found.unwrap().into_inner();
        assert_eq!(found, v1::Enrollment { activation_code: String::new(), ..enrolled });
    }

    async fn the_live_one_is_found_also_when_a_later_one_was_cancelled(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let live = server.enroll(customer("C-1")).await.name;
        server.cancel(&live).await;
        server.clock.set("2021-09-02T12:00:00Z");
        let later = server.enroll(customer("C-1")).await.name;
        server.cancel(&later).await;
        server.reinstate(&live).await;

        let found = server.enrollments().lookup_enrollment(lookup(customer("C-1"))).await;

        assert_eq!(found.unwrap().into_inner().name, live);
    }

    async fn the_latest_is_found_when_none_is_live(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let first = server.enroll(customer("C-1")).await.name;
        server.cancel(&first).await;
        server.clock.set("2021-09-02T12:00:00Z");
        let latest = server.enroll(customer("C-1")).await.name;
        server.cancel(&latest).await;

        let found = server.enrollments().lookup_enrollment(lookup(customer("C-1"))).await;

        assert_eq!(found.unwrap().into_inner().name, latest);
    }

    async fn who_is_listed_but_not_enrolled_has_none(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;

        let reply = server.enrollments().lookup_enrollment(lookup(customer("C-1"))).await;

        assert_refused(reply, Code::NotFound, "ENROLLMENT_NOT_FOUND");
    }

    async fn who_is_on_no_list_has_none(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;

        let reply = server.enrollments().lookup_enrollment(lookup(customer("C-2"))).await;

        assert_refused(reply, Code::NotFound, "ENROLLMENT_NOT_FOUND");
    }

    async fn a_retracted_cohort_still_finds_its_enrollments(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1"), phone("+14255550123")])]).await;
        let name = server.enroll(customer("C-1")).await.name;
        server.retract_cohort("postpaid").await;

        let found = server.enrollments().lookup_enrollment(lookup(phone("+14255550123"))).await;

        assert_eq!(found.unwrap().into_inner().name, name);
    }

    async fn an_enrollment_through_one_cohort_is_found_through_the_other(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let prepaid = vec![listed([phone("+14255550123")])];
        company::publish(&server, "prepaid", &[DataElement::AccountPin], prepaid).await;
        let request = v1::EnrollRequest {
            person: person([customer("C-1"), phone("+14255550123")]),
            ..company::enroll(customer("C-1"))
        };
        let name = server.enrollments().enroll(request).await.unwrap().into_inner().name;

        for identifier in [customer("C-1"), phone("+14255550123")] {
            let found = server.enrollments().lookup_enrollment(lookup(identifier)).await;
            assert_eq!(found.unwrap().into_inner().name, name);
        }
    }
}

fn lookup(identifier: v1::Identifier) -> v1::LookupEnrollmentRequest {
    v1::LookupEnrollmentRequest {
        parent: OFFER.to_owned(),
        person: person([identifier]),
    }
}
