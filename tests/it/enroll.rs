//! Enroll: a person accepts an offer, exactly once.

use std::collections::BTreeSet;

use enrollment::grpc::proto::v1::{self, enrollment::State, term::Anchor};
use tonic::Code;

use crate::support::{
    company::{self, OFFER, customer, enroll, listed, phone},
    database::TestDatabase,
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

    async fn a_term_can_wait_for_the_activation(database) {
        let server = TestServer::start(&database.settings).await;
        let term = v1::Term { anchor: Anchor::Activation.into(), months: 24, ..v1::Term::default() };
        with_term(&server, term).await;

        let enrollment = server.enroll(customer("C-1")).await;

        assert_eq!(enrollment.term_start_date, None);
        assert_eq!(enrollment.term_end_date, None);
        assert_eq!(enrollment.covered_through_date, None);
        assert_eq!(enrollment.activate_by_date, Some(company::date(2022, 9, 1)));
    }

    async fn a_term_can_end_for_everybody_on_one_day(database) {
        let server = TestServer::start(&database.settings).await;
        let term = v1::Term {
            anchor: Anchor::FixedEnd.into(),
            fixed_end_date: Some(company::date(2024, 3, 1)),
            ..v1::Term::default()
        };
        with_term(&server, term).await;

        let enrollment = server.enroll(customer("C-1")).await;

        assert_eq!(enrollment.term_start_date, Some(company::date(2021, 9, 1)));
        assert_eq!(enrollment.term_end_date, Some(company::date(2024, 3, 1)));
        assert_eq!(enrollment.covered_through_date, Some(company::date(2024, 2, 29)));
    }

    async fn a_term_starts_on_the_civil_date_of_the_offers_zone(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        server.clock.set("2021-09-10T03:59:59Z");

        let enrollment = server.enroll(customer("C-1")).await;

        assert_eq!(enrollment.term_start_date, Some(company::date(2021, 9, 9)));
        assert_eq!(enrollment.term_end_date, Some(company::date(2023, 9, 9)));
    }

    async fn who_is_on_no_complete_list_is_refused(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        server.complete_cohorts().await;
        refused(&database, &server, enroll(customer("C-2")), "NOT_LISTED").await;
    }

    async fn who_may_still_come_on_a_list_is_refused_for_another_reason(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        refused(&database, &server, enroll(customer("C-2")), "ELIGIBILITY_UNDETERMINED").await;
    }

    async fn nobody_enrolls_before_the_window_or_after_it(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        server.clock.set("2021-08-18T03:59:59Z");
        refused(&database, &server, enroll(customer("C-1")), "OFFER_NOT_YET_OPEN").await;
        server.clock.set("2022-03-01T05:00:00Z");
        refused(&database, &server, enroll(customer("C-1")), "OFFER_CLOSED").await;
    }

    async fn nobody_enrolls_in_a_paused_or_closed_offer(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        server.pause_offer().await;
        refused(&database, &server, enroll(customer("C-1")), "OFFER_PAUSED").await;
        server.close_offer().await;
        refused(&database, &server, enroll(customer("C-1")), "OFFER_CLOSED").await;
    }

    async fn other_terms_than_the_present_ones_are_refused(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let request = v1::EnrollRequest {
            terms_version: "2021-07".to_owned(),
            ..enroll(customer("C-1"))
        };
        refused(&database, &server, request, "TERMS_VERSION_MISMATCH").await;
    }

    async fn a_refused_request_can_be_sent_again_once_the_reason_is_gone(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        server.pause_offer().await;
        let request = enroll(customer("C-1"));
        refused(&database, &server, request.clone(), "OFFER_PAUSED").await;

        let open = v1::OpenOfferRequest { name: OFFER.to_owned(), etag: String::new() };
        server.offers().open_offer(open).await.unwrap();

        server.enrollments().enroll(request).await.unwrap();
    }

    async fn a_lapsed_enrollment_frees_the_person(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let ten_days = v1::Offer { activation_window_days: 10, ..v1::Offer::default() };
        server.update_offer(ten_days, &["activation_window_days"]).await;
        let first = server.enroll(customer("C-1")).await;
        assert_eq!(first.activate_by_date, Some(company::date(2021, 9, 11)));
        server.clock.set("2021-09-12T12:00:00Z");

        let second = server.enroll(customer("C-1")).await;

        assert_ne!(second.name, first.name);
        assert_ne!(second.activation_code, first.activation_code);
        assert_eq!(server.enrollment(&first.name).await.state(), State::Lapsed);
        assert_eq!(database.events("ENROLLMENT_LAPSED").await, 1);
        assert_eq!(database.claims_that_disagree().await, 0);
    }

    async fn two_people_never_get_one_code(database) {
        let server = TestServer::start(&database.settings).await;
        let ids = (1..=40).map(|number| format!("C-{number}")).collect::<Vec<_>>();
        let people = ids.iter().map(|id| listed([customer(id)])).collect();
        company::with_people(&server, people).await;

        let mut codes = BTreeSet::new();
        for id in &ids {
            codes.insert(server.enroll(customer(id)).await.activation_code);
        }

        assert_eq!(codes.len(), ids.len());
    }
}

/// An open offer with this term, and one person.
async fn with_term(server: &TestServer, term: v1::Term) {
    let offer = v1::Offer {
        term: Some(term),
        ..company::offer()
    };
    company::open_offer(server, offer).await;
    let people = vec![listed([customer("C-1")])];
    company::publish(server, "list", &[v1::DataElement::Name], people).await;
}

/// Enrolls in vain: the reason is given, and nothing is stored.
async fn refused(
    database: &TestDatabase,
    server: &TestServer,
    request: v1::EnrollRequest,
    reason: &str,
) {
    let before = database.enrolling_rows().await;
    let reply = server.enrollments().enroll(request).await;
    assert_refused(reply, Code::FailedPrecondition, reason);
    assert_eq!(database.enrolling_rows().await, before, "{reason}");
}
