//! Enroll: a person accepts an offer, exactly once.

use enrollment::grpc::proto::v1;
use tonic::Code;

use crate::support::{
    company::{self, OFFER, customer, enroll, listed, phone},
    refusal::{assert_refused, resource_of},
    server::TestServer,
};

on_each_database! {
    async fn a_listed_person_is_enrolled_and_gets_a_code(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1"), phone("+14255550123")])]).await;

        let request = v1::EnrollRequest {
            contact: Some(v1::Contact {
                email: "Jo@Example.com".to_owned(),
                phone_number: "+1 425 555 0123".to_owned(),
            }),
            ..enroll(customer("C-1"))
        };
        let enrollment = server.enrollments().enroll(request).await.unwrap().into_inner();

        assert!(enrollment.name.starts_with(&format!("{OFFER}/enrollments/")));
        assert_eq!(enrollment.state(), v1::enrollment::State::Pending);
        assert_eq!(enrollment.term_end_date, Some(company::date(2023, 9, 1)));
        assert_eq!(enrollment.covered_through_date, Some(company::date(2023, 8, 31)));
        assert_eq!(enrollment.activation_code.len(), 27);
        let contact = enrollment.contact.unwrap();
        assert_eq!(contact.email, "j***@example.com");
        assert_eq!(contact.phone_number, "+*********23");
        assert_eq!(enrollment.cohorts, [format!("{OFFER}/cohorts/postpaid")]);
        for (table, rows) in [("enrollments", 1), ("activation_codes", 1), ("requests", 1)] {
            assert_eq!(database.count(&format!("SELECT COUNT(*) FROM {table}")).await, rows);
        }
        let enrolled = "SELECT COUNT(*) FROM events WHERE type = 'ENROLLED'";
        assert_eq!(database.count(enrolled).await, 1);
    }

    async fn a_second_enrollment_is_refused_and_names_the_first(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1"), phone("+14255550123")])]).await;
        let mut enrollments = server.enrollments();
        let first = enrollments.enroll(enroll(customer("C-1"))).await.unwrap().into_inner();

        let second = enrollments.enroll(enroll(phone("+14255550123"))).await;

        let refused = assert_refused(second, Code::AlreadyExists, "ALREADY_ENROLLED");
        assert_eq!(resource_of(&refused), first.name);
    }
}
