//! `RecordActivation`: the provider's membership has begun.

use enrollment::grpc::proto::v1::{
    self, Enrollment, eligibility::Verdict, enrollment::State, membership::Member,
};
use tonic::{Code, Status};

use crate::support::{
    company::{self, customer, date, listed},
    deeds::timestamp,
    provider::{activation, by_code, by_name},
    refusal::{assert_refused, fields_of, metadata_of},
    server::TestServer,
};

const BEGAN: &str = "2021-09-10T08:00:00Z";

/// A person who has enrolled on 2021-09-01, and a clock that shows 2021-09-20.
async fn enrolled(server: &TestServer, offer: v1::Offer) -> Enrollment {
    company::open_offer(server, offer).await;
    company::publish(
        server,
        "postpaid",
        &[v1::DataElement::Ssn],
        vec![listed([customer("C-1")])],
    )
    .await;
    let enrolled = server.enroll(customer("C-1")).await;
    server.clock.set("2021-09-20T12:00:00Z");
    enrolled
}

async fn activate(server: &TestServer, whom: Member, time: &str) -> Result<Enrollment, Status> {
    let reply = server
        .provider()
        .record_activation(activation(whom, time))
        .await;
    Ok(reply?.into_inner())
}

on_each_database! {
    async fn a_membership_begins_by_code_or_by_name_and_is_one_event(database) {
        let server = TestServer::start(&database.settings).await;
        let enrolled = enrolled(&server, company::offer()).await;

        let active = activate(&server, by_code(&enrolled), BEGAN).await.unwrap();
        let again = activate(&server, by_name(&enrolled), BEGAN).await.unwrap();

        assert_eq!(active.state(), State::Active);
        assert_eq!(active.activate_time, Some(timestamp(BEGAN)));
        assert_eq!(active.term_end_date, enrolled.term_end_date);
        assert_eq!(again, active);
        assert_eq!(database.events("ENROLLMENT_ACTIVATED").await, 1);
        assert_eq!(server.enrollment(&enrolled.name).await.state(), State::Active);
        assert_eq!(database.claims_that_disagree().await, 0);
    }

    async fn a_provider_is_told_nothing_of_the_person(database) {
        let server = TestServer::start(&database.settings).await;
        let enrolled = enrolled(&server, company::offer()).await;
        let seen_by_the_app = server.enrollment(&enrolled.name).await;
        assert!(!seen_by_the_app.exposed_data_elements.is_empty());

        let told = activate(&server, by_name(&enrolled), BEGAN).await.unwrap();

        assert!(told.exposed_data_elements.is_empty() && told.cohorts.is_empty());
        assert_eq!((told.contact, told.activation_code), (None, String::new()));
    }

    async fn a_term_that_waits_for_the_activation_begins_with_it(database) {
        let server = TestServer::start(&database.settings).await;
        let mut offer = company::offer();
        offer.term.as_mut().unwrap().anchor = v1::term::Anchor::Activation.into();
        let enrolled = enrolled(&server, offer).await;
        assert_eq!(enrolled.term_start_date, None);

        // In New York it is still the day before.
        let active = activate(&server, by_name(&enrolled), "2021-09-10T03:00:00Z").await.unwrap();

        assert_eq!(active.term_start_date, Some(date(2021, 9, 9)));
        assert_eq!(active.term_end_date, Some(date(2023, 9, 9)));
    }

    async fn another_time_than_the_one_on_record_is_a_contradiction(database) {
        let server = TestServer::start(&database.settings).await;
        let enrolled = enrolled(&server, company::offer()).await;
        activate(&server, by_name(&enrolled), BEGAN).await.unwrap();

        let other = activate(&server, by_name(&enrolled), "2021-09-11T08:00:00Z").await;
        let other = assert_refused(other, Code::FailedPrecondition, "PROVIDER_CONTRADICTION");
        assert_eq!(metadata_of(&other, "on_record"), format!("activate_time {BEGAN}"));
    }

    async fn what_cannot_have_been_is_refused(database) {
        let server = TestServer::start(&database.settings).await;
        let enrolled = enrolled(&server, company::offer()).await;

        let early = activate(&server, by_name(&enrolled), "2021-08-31T00:00:00Z").await;
        let early = assert_refused(early, Code::FailedPrecondition, "PROVIDER_CONTRADICTION");
        assert!(metadata_of(&early, "on_record").starts_with("enroll_time 2021-09-01"));
        let future = activate(&server, by_name(&enrolled), "2021-09-20T12:06:00Z").await;
        let future = assert_refused(future, Code::InvalidArgument, "INVALID_FIELD");
        assert_eq!(fields_of(&future), ["activate_time"]);
        let unknown = Member::ActivationCode("NO-SUCH-CODE".to_owned());
        let unknown = activate(&server, unknown, BEGAN).await;
        assert_refused(unknown, Code::NotFound, "ENROLLMENT_NOT_FOUND");
        assert_eq!(server.enrollment(&enrolled.name).await, Enrollment {
            activation_code: String::new(),
            ..enrolled
        });
    }

    async fn late_word_of_one_that_began_in_time_counts(database) {
        let server = TestServer::start(&database.settings).await;
        let enrolled = enrolled(&server, company::offer()).await;
        server.clock.set("2022-09-05T12:00:00Z");
        assert_eq!(server.enrollment(&enrolled.name).await.state(), State::Lapsed);

        let late = activate(&server, by_name(&enrolled), "2022-09-03T08:00:00Z").await;
        let late = assert_refused(late, Code::FailedPrecondition, "ACTIVATION_WINDOW_OVER");
        assert_eq!(metadata_of(&late, "activate_by_date"), "2022-09-01");
        let in_time = activate(&server, by_name(&enrolled), "2022-09-01T08:00:00Z").await.unwrap();

        assert_eq!(in_time.state(), State::Active);
        assert_eq!(database.claims_that_disagree().await, 0);
    }

    async fn a_term_is_the_one_that_was_promised_when_the_person_enrolled(database) {
        let server = TestServer::start(&database.settings).await;
        let mut offer = company::offer();
        offer.term.as_mut().unwrap().anchor = v1::term::Anchor::Activation.into();
        let enrolled = enrolled(&server, offer.clone()).await;
        let term = offer.term.as_mut().unwrap();
        (term.months, term.short_term_acknowledged) = (12, true);
        server.update_offer(offer, &["term"]).await;

        let active = activate(&server, by_name(&enrolled), BEGAN).await.unwrap();

        assert_eq!(active.term_end_date, Some(date(2023, 9, 10)));
    }

    async fn a_code_counts_for_what_was_before_it_became_void(database) {
        let server = TestServer::start(&database.settings).await;
        let enrolled = enrolled(&server, company::offer()).await;
        let replace = v1::ReplaceActivationCodeRequest {
            name: enrolled.name.clone(),
            etag: String::new(),
            request_id: company::request_id(),
        };
        server.codes().replace_activation_code(replace).await.unwrap();

        let after = activate(&server, by_code(&enrolled), "2021-09-20T12:00:01Z").await;
        assert_refused(after, Code::FailedPrecondition, "CODE_VOID");
        let before = activate(&server, by_code(&enrolled), BEGAN).await.unwrap();

        assert_eq!(before.state(), State::Active);
    }

    async fn a_clock_that_is_a_little_behind_contradicts_nothing(database) {
        let server = TestServer::start(&database.settings).await;
        let enrolled = enrolled(&server, company::offer()).await;

        // Enrolled at 12:00.
        let active = activate(&server, by_name(&enrolled), "2021-09-01T11:55:00Z").await.unwrap();

        assert_eq!(active.state(), State::Active);
    }

    async fn late_word_does_not_cover_twice_who_has_enrolled_anew(database) {
        let server = TestServer::start(&database.settings).await;
        let mut offer = company::offer();
        offer.activation_window_days = 10;
        let first = enrolled(&server, offer).await;
        assert_eq!(server.enrollment(&first.name).await.state(), State::Lapsed);
        server.enroll(customer("C-1")).await;

        let late = activate(&server, by_name(&first), BEGAN).await;

        assert_refused(late, Code::AlreadyExists, "ALREADY_ENROLLED");
        assert_eq!(database.claims_that_disagree().await, 0);
    }

    async fn a_cancelled_enrollment_keeps_that_its_membership_had_begun(database) {
        let server = TestServer::start(&database.settings).await;
        let enrolled = enrolled(&server, company::offer()).await;
        server.cancel(&enrolled.name).await;

        let after = activate(&server, by_name(&enrolled), "2021-09-20T12:00:01Z").await;
        assert_refused(after, Code::FailedPrecondition, "STATE_FORBIDS");
        let before = activate(&server, by_name(&enrolled), BEGAN).await.unwrap();

        assert_eq!((before.state(), before.activate_time), (State::Cancelled, Some(timestamp(BEGAN))));
        assert_eq!(server.reinstate(&enrolled.name).await.state(), State::Active);
        assert_eq!(server.check(customer("C-1")).await.verdict(), Verdict::AlreadyEnrolled);
    }
}
