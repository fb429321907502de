//! `CheckEligibility`: what a person is told before they enroll.

use enrollment::grpc::proto::v1::{self, DataElement, eligibility::Verdict};
use tonic::Code;

use crate::support::{
    company::{self, OFFER, chunk, customer, email, header, identifier, listed, phone, plain_row},
    deeds::{cohort, timestamp},
    refusal::assert_refused,
    server::TestServer,
};

fn notice(code: &str) -> v1::Identifier {
    identifier(v1::identifier::Value::NoticeCode(code.to_owned()))
}

on_each_database! {
    async fn an_eligible_person_is_told_all_that_was_exposed_and_until_when(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1"), phone("+14255550123")])]).await;
        let prepaid = [DataElement::Name, DataElement::PhoneNumber, DataElement::AccountPin];
        company::publish(&server, "prepaid", &prepaid, vec![listed([phone("+14255550123")])]).await;

        let answer = server.check(phone("+14255550123")).await;

        assert_eq!(answer, v1::Eligibility {
            verdict: Verdict::Eligible.into(),
            exposed_data_elements: [
                DataElement::Name,
                DataElement::Ssn,
                DataElement::PhoneNumber,
                DataElement::AccountPin,
            ].map(i32::from).to_vec(),
            enroll_by_date: Some(company::date(2022, 2, 28)),
            term_months: 24,
            covered_through_date: Some(company::date(2023, 8, 31)),
            enrollment: String::new(),
            check_time: Some(timestamp("2021-09-01T12:00:00Z")),
            overlap: v1::offer::Overlap::Allow.into(),
            other_enrollment: String::new(),
            cover_start_date: Some(company::date(2021, 9, 1)),
        });
    }

    async fn a_person_who_is_enrolled_is_told_so_with_the_name(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let enrollment = server.enroll(customer("C-1")).await;

        let answer = server.check(customer("C-1")).await;

        assert_eq!(answer.verdict(), Verdict::AlreadyEnrolled);
        assert_eq!(answer.enrollment, enrollment.name);
        assert_eq!(answer.covered_through_date, None);
    }

    async fn nobody_is_told_no_while_cohorts_are_still_to_come(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        assert_eq!(server.check(customer("C-2")).await.verdict(), Verdict::Undetermined);

        server.complete_cohorts().await;

        let answer = server.check(customer("C-2")).await;
        assert_eq!(answer.verdict(), Verdict::NotListed);
        assert_eq!(answer.exposed_data_elements, [0; 0]);
        assert_eq!(answer.enroll_by_date, None);
    }

    async fn the_window_opens_and_closes_at_midnight_in_the_offers_zone(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        for (time, verdict) in [
            ("2021-08-18T03:59:59Z", Verdict::NotYetOpen),
            ("2021-08-18T04:00:00Z", Verdict::Eligible),
            ("2022-03-01T04:59:59Z", Verdict::Eligible),
            ("2022-03-01T05:00:00Z", Verdict::Closed),
        ] {
            server.clock.set(time);
            assert_eq!(server.check(customer("C-1")).await.verdict(), verdict, "{time}");
        }
    }

    async fn a_listed_person_is_told_that_the_offer_is_a_draft_or_paused_or_closed(database) {
        let server = TestServer::start(&database.settings).await;
        let request = v1::CreateOfferRequest {
            offer_id: "carrier-2021".to_owned(),
            offer: Some(company::offer()),
        };
        server.offers().create_offer(request).await.unwrap();
        company::publish(&server, "list", &[DataElement::Name], vec![listed([customer("C-1")])])
            .await;
        assert_eq!(server.check(customer("C-1")).await.verdict(), Verdict::NotYetOpen);

        let request = v1::OpenOfferRequest { name: OFFER.to_owned(), etag: String::new() };
        server.offers().open_offer(request).await.unwrap();
        server.pause_offer().await;
        assert_eq!(server.check(customer("C-1")).await.verdict(), Verdict::Paused);

        server.close_offer().await;
        assert_eq!(server.check(customer("C-1")).await.verdict(), Verdict::Closed);
    }

    async fn a_cohort_that_is_not_published_does_not_exist(database) {
        let server = TestServer::start(&database.settings).await;
        company::open_offer(&server, company::offer()).await;
        let draft = company::create_cohort(&server, "draft", &[DataElement::Name]).await.name;
        let rows = vec![plain_row(listed([customer("C-1")]))];
        let messages = vec![header(&draft, "list"), chunk(1, rows)];
        company::stream(&server, messages).await.unwrap();
        assert_eq!(server.check(customer("C-1")).await.verdict(), Verdict::Undetermined);

        let messages = vec![header(&draft, "list"), company::end(1)];
        company::stream(&server, messages).await.unwrap();
        assert_eq!(server.check(customer("C-1")).await.verdict(), Verdict::Undetermined);
    }

    async fn a_retracted_cohort_makes_nobody_eligible_but_who_enrolled_is_still_enrolled(database) {
        let server = TestServer::start(&database.settings).await;
        let people = ["C-1", "C-2"].map(|id| listed([customer(id)]));
        company::with_people(&server, people.to_vec()).await;
        let enrollment = server.enroll(customer("C-1")).await;

        server.retract_cohort("postpaid").await;

        let enrolled = server.check(customer("C-1")).await;
        assert_eq!(enrolled.verdict(), Verdict::AlreadyEnrolled);
        assert_eq!(enrolled.enrollment, enrollment.name);
        assert_eq!(server.check(customer("C-2")).await.verdict(), Verdict::Undetermined);
        assert!(server.enrollment(&enrollment.name).await.cohorts_retracted);
    }

    async fn identifiers_that_are_written_differently_meet(database) {
        let server = TestServer::start(&database.settings).await;
        let written = [phone("+1 (425) 555-0123"), email(" Jo@Example.COM "), notice("abcd-o1i2")];
        company::with_people(&server, vec![listed(written)]).await;
        for other in [
            phone("+14255550123"),
            phone("+1-425-555.0123"),
            email("jo@example.com"),
            notice("ABCD 0112"),
            notice("abcdO1I2"),
        ] {
            let answer = server.check(other.clone()).await;
            assert_eq!(answer.verdict(), Verdict::Eligible, "{other:?}");
        }
    }

    async fn identifiers_of_different_kinds_never_meet(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("123456789")])]).await;

        let tax_id = identifier(v1::identifier::Value::TaxId("123456789".to_owned()));

        assert_eq!(server.check(tax_id).await.verdict(), Verdict::Undetermined);
        assert_eq!(server.check(notice("123456789")).await.verdict(), Verdict::Undetermined);
    }

    async fn a_batch_is_answered_in_its_order(database) {
        let server = TestServer::start(&database.settings).await;
        let people = ["C-1", "C-2"].map(|id| listed([customer(id)]));
        company::with_people(&server, people.to_vec()).await;
        server.enroll(customer("C-2")).await;

        let asked = ["C-2", "C-3", "C-1", "C-2"];
        let request = v1::BatchCheckEligibilityRequest {
            parent: OFFER.to_owned(),
            people: asked.iter().filter_map(|id| company::person([customer(id)])).collect(),
        };
        let reply = server.enrollments().batch_check_eligibility(request).await.unwrap();

        let verdicts = reply.into_inner().eligibilities;
        let verdicts = verdicts.iter().map(v1::Eligibility::verdict).collect::<Vec<_>>();
        assert_eq!(verdicts, [
            Verdict::AlreadyEnrolled,
            Verdict::Undetermined,
            Verdict::Eligible,
            Verdict::AlreadyEnrolled,
        ]);
    }

    async fn an_offer_that_does_not_exist_is_not_found(database) {
        let server = TestServer::start(&database.settings).await;

        let reply = server.enrollments().check_eligibility(company::check(customer("C-1"))).await;

        assert_refused(reply, Code::NotFound, "RESOURCE_NOT_FOUND");
    }

    async fn a_retracted_cohort_takes_no_more_members(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        server.retract_cohort("postpaid").await;

        let people = vec![listed([customer("C-2")])];
        let reply = company::load(&server, &cohort("postpaid"), "more", people).await;

        assert_refused(reply, Code::FailedPrecondition, "STATE_FORBIDS");
    }
}
