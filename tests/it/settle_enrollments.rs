//! Settling: what the clock has decided is written down, once, whoever does it.

use std::sync::Arc;

use enrollment::grpc::proto::v1::{self, eligibility::Verdict, enrollment::State};
use futures_util::future::join_all;

use crate::support::{
    company::{self, customer, enroll, listed},
    crowd::at_once,
    provider::{activation, by_name},
    server::TestServer,
};

/// After the activation window (a year) and after the term (two) of who enrolled on 2021-09-01.
const LAPSED: &str = "2022-09-02T12:00:00Z";
const EXPIRED: &str = "2023-09-01T12:00:00Z";

async fn activate(server: &TestServer, enrollment: &v1::Enrollment, time: &str) -> v1::Enrollment {
    let request = activation(by_name(enrollment), time);
    let reply = server.provider().record_activation(request).await;
    reply.unwrap().into_inner()
}

on_each_database! {
    async fn what_is_over_is_written_down_with_an_event_and_nobody_reads_anything_else(database) {
        let server = TestServer::start(&database.settings).await;
        let people = ["C-1", "C-2", "C-3"].map(|id| listed([customer(id)]));
        company::with_people(&server, people.into()).await;
        let pending = server.enroll(customer("C-1")).await;
        let active = server.enroll(customer("C-2")).await;
        activate(&server, &active, "2021-09-01T12:00:00Z").await;
        let cancelled = server.enroll(customer("C-3")).await;
        server.cancel(&cancelled.name).await;
        assert_eq!(server.app.settle_enrollments().await.unwrap(), Some(0));

        for (time, name, state, event) in [
            (LAPSED, &pending.name, State::Lapsed, "ENROLLMENT_LAPSED"),
            (EXPIRED, &active.name, State::Expired, "ENROLLMENT_EXPIRED"),
        ] {
            server.clock.set(time);
            let before = server.enrollment(name).await;
            assert_eq!((before.state(), database.events(event).await), (state, 0));

            assert_eq!(server.app.settle_enrollments().await.unwrap(), Some(1));
            assert_eq!(server.app.settle_enrollments().await.unwrap(), Some(0));

            assert_eq!(server.enrollment(name).await.state(), state);
            assert_eq!(database.events(event).await, 1);
            assert_eq!(database.claims_that_disagree().await, 0);
        }
        let live = "SELECT COUNT(*) FROM enrollment_claims WHERE live";
        assert_eq!(database.count(live).await, 0);
        assert_eq!(database.events("ENROLLMENT_CANCELLED").await, 1);
    }

    async fn the_day_is_that_of_the_offers_zone(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        server.enroll(customer("C-1")).await;

        // In New York it is still the last day on which the code can be activated.
        server.clock.set("2022-09-02T03:59:59Z");
        assert_eq!(server.app.settle_enrollments().await.unwrap(), Some(0));
        server.clock.set("2022-09-02T04:00:00Z");
        assert_eq!(server.app.settle_enrollments().await.unwrap(), Some(1));
    }

    async fn many_are_settled_piece_by_piece_and_each_once_whoever_else_is_at_it(database) {
        const PEOPLE: usize = 1_100;
        let server = Arc::new(TestServer::start(&database.settings).await);
        let name = |number: usize| format!("C-{number}");
        let people = (0..PEOPLE).map(|number| listed([customer(&name(number))]));
        company::with_people(&server, people.collect()).await;
        let enrolled = (0..PEOPLE).map(|number| {
            let (mut enrollments, request) = (server.enrollments(), enroll(customer(&name(number))));
            async move { enrollments.enroll(request).await }
        });
        for enrolled in join_all(enrolled).await {
            enrolled.unwrap();
        }
        server.clock.set(LAPSED);

        let settling = (0..4).map(|_| {
            let server = server.clone();
            async move { server.app.settle_enrollments().await }
        });
        let settled = at_once(settling).await.into_iter();
        let settled = settled.map(|settled| settled.unwrap().unwrap_or(0)).sum::<usize>();

        assert_eq!(settled, PEOPLE);
        assert_eq!(database.events("ENROLLMENT_LAPSED").await, 1_100);
        assert_eq!(database.claims_that_disagree().await, 0);
    }

    async fn who_enrolls_anew_while_it_is_settled_is_enrolled_once(database) {
        let server = Arc::new(TestServer::start(&database.settings).await);
        let mut offer = company::offer();
        offer.activation_window_days = 10;
        company::open_offer(&server, offer).await;
        let people = (0..20).map(|number| listed([customer(&format!("C-{number}"))]));
        company::publish(&server, "postpaid", &[v1::DataElement::Name], people.collect()).await;
        for number in 0..20 {
            server.enroll(customer(&format!("C-{number}"))).await;
        }
        server.clock.set("2021-09-20T12:00:00Z");

        let settling = tokio::spawn({
            let server = server.clone();
            async move { server.app.settle_enrollments().await }
        });
        for number in 0..20 {
            server.enroll(customer(&format!("C-{number}"))).await;
        }
        settling.await.unwrap().unwrap();

        assert_eq!(database.events("ENROLLMENT_LAPSED").await, 20);
        let live = "SELECT COUNT(*) FROM enrollment_claims WHERE live";
        assert_eq!(database.count(live).await, 20);
        assert_eq!(server.check(customer("C-7")).await.verdict(), Verdict::AlreadyEnrolled);
    }

    async fn late_word_of_a_membership_brings_back_what_was_settled(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let enrolled = server.enroll(customer("C-1")).await;
        server.clock.set(LAPSED);
        server.app.settle_enrollments().await.unwrap();

        let active = activate(&server, &enrolled, "2022-08-30T12:00:00Z").await;

        assert_eq!(active.state(), State::Active);
        assert_eq!(database.claims_that_disagree().await, 0);
        server.clock.set(EXPIRED);
        assert_eq!(server.app.settle_enrollments().await.unwrap(), Some(1));
    }
}
