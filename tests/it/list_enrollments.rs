//! `ListEnrollments`: an offer's enrollments, page by page, those that a filter lets through.

use std::collections::BTreeSet;

use enrollment::grpc::proto::v1::{self, CodeSource, enrollment::State};
use tonic::Code;

use crate::support::{
    codes::{codes, load_codes, take_codes_from},
    company::{self, OFFER, customer, enroll, listed},
    provider::{activation, by_name},
    refusal::{assert_refused, fields_of},
    server::TestServer,
};

fn list(filter: &str) -> v1::ListEnrollmentsRequest {
    v1::ListEnrollmentsRequest {
        parent: OFFER.to_owned(),
        filter: filter.to_owned(),
        ..v1::ListEnrollmentsRequest::default()
    }
}

async fn page(
    server: &TestServer,
    request: v1::ListEnrollmentsRequest,
) -> v1::ListEnrollmentsResponse {
    let reply = server.admin().list_enrollments(request).await;
    reply.unwrap().into_inner()
}

async fn names(server: &TestServer, filter: &str) -> Vec<String> {
    let page = page(server, list(filter)).await;
    assert_eq!(page.next_page_token, "");
    page.enrollments.into_iter().map(|one| one.name).collect()
}

/// Enrolls these people a day apart, from the first day of September on.
async fn enroll_daily(server: &TestServer, ids: &[&str]) -> Vec<String> {
    let mut names = Vec::new();
    for (day, id) in (1..).zip(ids) {
        server.clock.set(&format!("2021-09-{day:02}T12:00:00Z"));
        names.push(server.enroll(customer(id)).await.name);
    }
    names
}

on_each_database! {
    async fn all_come_in_the_order_in_which_they_began_a_page_after_the_other(database) {
        let server = TestServer::start(&database.settings).await;
        let ids = ["C-1", "C-2", "C-3", "C-4", "C-5"];
        company::with_people(&server, ids.map(|id| listed([customer(id)])).into()).await;
        let enrolled = enroll_daily(&server, &ids).await;

        let mut seen = Vec::new();
        let mut request = v1::ListEnrollmentsRequest { page_size: 2, ..list("") };
        loop {
            let page = page(&server, request.clone()).await;
            assert!(page.enrollments.len() <= 2);
            seen.extend(page.enrollments.into_iter().map(|one| one.name));
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
            // What was seen changes, and what is to be seen: neither comes twice, or is left out.
            for name in [&enrolled[0], &enrolled[4]] {
                let state = server.enrollment(name).await.state();
                if state == State::Pending {
                    server.cancel(name).await;
                } else {
                    server.reinstate(name).await;
                }
            }
        }

        assert_eq!(seen, enrolled);
    }

    async fn tens_of_thousands_come_once_each_and_a_few_among_them_are_found(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let name = server.enroll(customer("C-1")).await.name;
        database.multiply_enrollments(22_000).await;
        server.cancel(&name).await;

        let mut seen = Vec::new();
        let mut request = v1::ListEnrollmentsRequest { page_size: 1_000, ..list("state = PENDING") };
        loop {
            let page = page(&server, request.clone()).await;
            seen.extend(page.enrollments.into_iter().map(|one| one.name));
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }

        let mut expected = database.enrollment_names(OFFER).await;
        expected.retain(|other| *other != name);
        assert!(seen == expected, "{} of {}", seen.len(), expected.len());
        assert_eq!(names(&server, "state = CANCELLED").await, [name]);
    }

    async fn a_listed_enrollment_is_the_one_that_is_read_without_contact_and_code(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let contact = Some(v1::Contact {
            email: "jo@example.com".to_owned(),
            phone_number: String::new(),
        });
        let request = v1::EnrollRequest { contact, ..enroll(customer("C-1")) };
        let name = server.enrollments().enroll(request).await.unwrap().into_inner().name;

        let listed = page(&server, list("")).await.enrollments;

        let read = v1::Enrollment { contact: None, ..server.enrollment(&name).await };
        assert_eq!(listed, [read]);
    }

    async fn states_are_those_of_the_clock_before_and_after_they_are_written_down(database) {
        let server = TestServer::start(&database.settings).await;
        let ids = ["C-1", "C-2", "C-3", "C-4", "C-5"];
        company::with_people(&server, ids.map(|id| listed([customer(id)])).into()).await;
        let mut enrolled = Vec::new();
        for id in ids {
            enrolled.push(server.enroll(customer(id)).await);
        }
        server.cancel(&enrolled[1].name).await;
        for active in &enrolled[2..4] {
            let begun = activation(by_name(active), "2021-09-01T12:00:00Z");
            server.provider().record_activation(begun).await.unwrap();
        }
        server.cancel(&enrolled[3].name).await;

        for time in ["2021-09-01T13:00:00Z", "2022-09-02T12:00:00Z", "2023-09-01T12:00:00Z"] {
            server.clock.set(time);
            for settled in [false, true] {
                if settled {
                    server.app.settle_enrollments().await.unwrap();
                }
                let mut found = Vec::new();
                for state in ["PENDING", "ACTIVE", "EXPIRED", "LAPSED", "REJECTED", "CANCELLED", "REVOKED"] {
                    for name in names(&server, &format!("state = STATE_{state}")).await {
                        let read = server.enrollment(&name).await.state();
                        assert_eq!(read.as_str_name(), format!("STATE_{state}"));
                        found.push(name.clone());
                        let others = names(&server, &format!("state != {state}")).await;
                        assert!(!others.contains(&name));
                    }
                }
                let found = found.into_iter().collect::<BTreeSet<_>>();
                assert_eq!(found.len(), enrolled.len());
            }
        }
    }

    async fn filters_let_through_what_they_say(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, ["C-1", "C-2"].map(|id| listed([customer(id)])).into()).await;
        let exposed = [v1::DataElement::Name];
        company::publish(&server, "late", &exposed, ["C-2", "C-3"].map(|id| listed([customer(id)])).into()).await;
        take_codes_from(&server, CodeSource::Pool).await;
        load_codes(&server, "first", codes(0..2)).await;
        let mut enrolled = enroll_daily(&server, &["C-1", "C-2"]).await;
        take_codes_from(&server, CodeSource::None).await;
        server.clock.set("2021-09-03T12:00:00Z");
        enrolled.push(server.enroll(customer("C-3")).await.name);
        let second = server.enrollment(&enrolled[1]).await;
        let begun = activation(by_name(&second), "2021-09-02T18:00:00Z");
        server.provider().record_activation(begun).await.unwrap();
        let [first, second, third] = &enrolled[..] else { unreachable!() };

        for (filter, expected) in [
            (r#"cohorts:"offers/carrier-2021/cohorts/late""#, vec![second, third]),
            (r#"NOT cohorts:"offers/carrier-2021/cohorts/late""#, vec![first]),
            (r#"cohorts:"offers/carrier-2021/cohorts/none""#, vec![]),
            ("code_source = CODE_SOURCE_POOL", vec![first, second]),
            ("code_source != POOL", vec![third]),
            (r#"enroll_time > "2021-09-01T12:00:00Z""#, vec![second, third]),
            (r#"enroll_time >= "2021-09-01T08:00:00-04:00" AND enroll_time < "2021-09-03T12:00:00Z""#, vec![first, second]),
            ("activate_time:*", vec![second]),
            (r#"activate_time <= "2021-09-02T18:00:00Z""#, vec![second]),
            (r#"NOT activate_time = "2021-09-02T18:00:00Z""#, vec![first, third]),
            (r#"activate_time != "2021-09-02T18:00:00Z""#, vec![first, third]),
            ("state = PENDING code_source = POOL OR code_source = NONE", vec![first, third]),
            ("state = ACTIVE OR (state = PENDING AND code_source = NONE)", vec![second, third]),
        ] {
            let expected = expected.into_iter().cloned().collect::<Vec<_>>();
            assert_eq!(names(&server, filter).await, expected, "{filter}");
        }
    }

    async fn a_token_goes_on_with_its_own_offer_and_filter_only(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, ["C-1", "C-2"].map(|id| listed([customer(id)])).into()).await;
        enroll_daily(&server, &["C-1", "C-2"]).await;
        let first = v1::ListEnrollmentsRequest { page_size: 1, ..list("state = PENDING") };
        let token = page(&server, first.clone()).await.next_page_token;
        assert_ne!(token, "");

        for (filter, page_token) in [
            ("state = ACTIVE", token.clone()),
            ("", token.clone()),
            ("state = PENDING", token[1..].to_owned()),
        ] {
            let other = v1::ListEnrollmentsRequest { page_token, ..list(filter) };
            let refused = server.admin().list_enrollments(other).await;
            let refused = assert_refused(refused, Code::InvalidArgument, "INVALID_FIELD");
            assert_eq!(fields_of(&refused), ["page_token"]);
        }
        let next = v1::ListEnrollmentsRequest { page_token: token, ..first };
        assert_eq!(page(&server, next).await.enrollments.len(), 1);
    }

    async fn a_filter_that_cannot_be_read_is_refused_and_not_told_again(database) {
        let server = TestServer::start(&database.settings).await;
        company::open_offer(&server, company::offer()).await;

        for filter in ["contact = canary", "state = canary", "canary", "(state = PENDING"] {
            let refused = server.admin().list_enrollments(list(filter)).await;
            let refused = assert_refused(refused, Code::InvalidArgument, "INVALID_FIELD");
            assert_eq!(fields_of(&refused), ["filter"]);
            assert!(!format!("{refused:?}").contains("canary"), "{refused:?}");
        }
    }

    async fn offers_do_not_see_each_others_enrollments(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        server.enroll(customer("C-1")).await;
        let create = v1::CreateOfferRequest {
            offer_id: "other".to_owned(),
            offer: Some(company::offer()),
        };
        server.offers().create_offer(create).await.unwrap();

        let other = v1::ListEnrollmentsRequest { parent: "offers/other".to_owned(), ..list("") };

        assert_eq!(page(&server, other).await.enrollments, []);
        let none = v1::ListEnrollmentsRequest { parent: "offers/none".to_owned(), ..list("") };
        let refused = server.admin().list_enrollments(none).await;
        assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
    }
}
