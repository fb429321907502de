//! `CheckEligibility` as of a past time: what an operator is told that the answer was.

use enrollment::grpc::proto::v1::{self, DataElement, eligibility::Verdict};
use tonic::Code;

use crate::support::{
    company::{self, customer, listed},
    deeds::timestamp,
    refusal::{assert_refused, fields_of},
    server::TestServer,
};

on_each_database! {
    async fn a_cohort_counts_from_its_publication_on(database) {
        let server = TestServer::start(&database.settings).await;
        company::open_offer(&server, company::offer()).await;
        server.clock.set("2021-09-02T12:00:00Z");
        company::publish(&server, "list", &[DataElement::Name], vec![listed([customer("C-1")])])
            .await;
        // Changes of the same instant are told apart by microseconds.
        server.clock.set("2021-09-02T12:00:01Z");

        let before = server.check_as_of(customer("C-1"), "2021-09-02T11:59:59Z").await;
        let after = server.check_as_of(customer("C-1"), "2021-09-02T12:00:01Z").await;

        assert_eq!(before.verdict(), Verdict::Undetermined);
        assert_eq!(before.check_time, Some(timestamp("2021-09-02T11:59:59Z")));
        assert_eq!(after.verdict(), Verdict::Eligible);
    }

    async fn what_a_cohort_said_before_it_was_amended_is_kept(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        server.clock.set("2021-09-03T12:00:00Z");
        server.amend_cohort("postpaid", &[DataElement::Name, DataElement::Imei]).await;

        let before = server.check_as_of(customer("C-1"), "2021-09-02T12:00:00Z").await;
        let now = server.check(customer("C-1")).await;

        let elements = |list: [DataElement; 2]| list.map(i32::from).to_vec();
        let (old, new) = ([DataElement::Name, DataElement::Ssn], [DataElement::Name, DataElement::Imei]);
        assert_eq!(before.exposed_data_elements, elements(old));
        assert_eq!(now.exposed_data_elements, elements(new));
    }

    async fn a_cohort_counted_until_it_was_retracted(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        server.clock.set("2021-09-03T12:00:00Z");
        server.retract_cohort("postpaid").await;

        let before = server.check_as_of(customer("C-1"), "2021-09-02T12:00:00Z").await;
        let after = server.check_as_of(customer("C-1"), "2021-09-03T12:00:00Z").await;

        assert_eq!(before.verdict(), Verdict::Eligible);
        assert_eq!(after.verdict(), Verdict::Undetermined);
    }

    async fn a_person_was_enrolled_from_enrolling_until_cancelling(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        server.clock.set("2021-09-03T12:00:00Z");
        let enrollment = server.enroll(customer("C-1")).await;
        server.clock.set("2021-09-05T12:00:00Z");
        server.cancel(&enrollment.name).await;
        server.clock.set("2021-09-07T12:00:00Z");
        server.reinstate(&enrollment.name).await;

        for (time, verdict) in [
            ("2021-09-02T12:00:00Z", Verdict::Eligible),
            ("2021-09-04T12:00:00Z", Verdict::AlreadyEnrolled),
            ("2021-09-06T12:00:00Z", Verdict::Eligible),
            ("2021-09-07T12:00:00Z", Verdict::AlreadyEnrolled),
        ] {
            let answer = server.check_as_of(customer("C-1"), time).await;
            assert_eq!(answer.verdict(), verdict, "{time}");
        }
    }

    async fn to_show_a_code_does_not_change_what_was(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let name = server.enroll(customer("C-1")).await.name;
        server.clock.set("2021-09-02T12:00:00Z");
        let request = v1::GetActivationCodeRequest { name };
        server.enrollments().get_activation_code(request).await.unwrap();

        let answer = server.check_as_of(customer("C-1"), "2021-09-02T12:00:00Z").await;

        assert_eq!(answer.verdict(), Verdict::AlreadyEnrolled);
    }

    async fn what_the_offer_said_before_it_was_changed_is_kept(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        server.clock.set("2021-09-02T12:00:00Z");
        let later = v1::Offer {
            enroll_by_date: Some(company::date(2022, 8, 31)),
            ..v1::Offer::default()
        };
        server.update_offer(later, &["enroll_by_date"]).await;
        server.clock.set("2021-09-03T12:00:00Z");
        server.pause_offer().await;

        let first = server.check_as_of(customer("C-1"), "2021-09-01T12:00:01Z").await;
        let second = server.check_as_of(customer("C-1"), "2021-09-02T12:00:00Z").await;
        let third = server.check_as_of(customer("C-1"), "2021-09-03T12:00:00Z").await;

        assert_eq!(first.enroll_by_date, Some(company::date(2022, 2, 28)));
        assert_eq!(second.enroll_by_date, Some(company::date(2022, 8, 31)));
        assert_eq!(second.verdict(), Verdict::Eligible);
        assert_eq!(third.verdict(), Verdict::Paused);
    }

    async fn an_offer_was_not_found_before_it_was_created(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;

        let reply = server
            .enrollments_for_operators()
            .check_eligibility(at("2021-09-01T11:59:59Z"))
            .await;

        assert_refused(reply, Code::NotFound, "RESOURCE_NOT_FOUND");
    }

    async fn the_future_is_not_told(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;

        let reply = server
            .enrollments_for_operators()
            .check_eligibility(at("2021-09-01T12:00:01Z"))
            .await;

        let refused = assert_refused(reply, Code::InvalidArgument, "INVALID_FIELD");
        assert_eq!(fields_of(&refused), ["as_of_time"]);
    }

    async fn a_time_outside_the_calendar_is_refused(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        for (seconds, nanos) in [(-300_000_000_000, 0), (i64::MIN, 0), (0, -1), (0, 1_000_000_000)] {
            let mut request = at("2021-09-01T12:00:00Z");
            request.as_of_time = Some(prost_types::Timestamp { seconds, nanos });

            let reply = server.enrollments_for_operators().check_eligibility(request).await;

            let refused = assert_refused(reply, Code::InvalidArgument, "INVALID_FIELD");
            assert_eq!(fields_of(&refused), ["as_of_time"]);
        }
    }

    async fn only_operators_may_look_into_the_past(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;

        let reply = server.enrollments().check_eligibility(at("2021-09-01T12:00:00Z")).await;

        assert_refused(reply, Code::PermissionDenied, "SCOPE_MISSING");
    }
}

fn at(time: &str) -> v1::CheckEligibilityRequest {
    v1::CheckEligibilityRequest {
        as_of_time: Some(timestamp(time)),
        ..company::check(customer("C-1"))
    }
}
