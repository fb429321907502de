//! `UpdateOffer`: the last day on which people can enroll moves.

use enrollment::grpc::proto::v1::{self, eligibility::Verdict};
use tonic::Code;

use crate::support::{
    company::{self, customer, date, enroll_by, listed},
    refusal::{assert_refused, metadata_of},
    server::TestServer,
};

// The offer's own last day is 2022-02-28.

on_each_database! {
    async fn who_was_too_late_can_enroll_once_the_last_day_is_a_later_one(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        server.clock.set("2022-03-10T12:00:00Z");
        assert_eq!(server.check(customer("C-1")).await.verdict(), Verdict::Closed);

        server.offers().update_offer(enroll_by(date(2022, 3, 31))).await.unwrap();

        assert_eq!(server.check(customer("C-1")).await.verdict(), Verdict::Eligible);
        server.enroll(customer("C-1")).await;
    }

    async fn an_earlier_last_day_needs_a_word_while_it_takes_the_offer_from_anybody(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let mut offers = server.offers();

        let refused = offers.update_offer(enroll_by(date(2022, 1, 31))).await;
        let refused = assert_refused(refused, Code::FailedPrecondition, "ENROLL_BY_CUTS_OFF");
        assert_eq!(metadata_of(&refused, "enroll_by_date"), "2022-02-28");
        let wanted = v1::UpdateOfferRequest {
            allow_earlier_enroll_by_date: true,
            ..enroll_by(date(2022, 1, 31))
        };
        let updated = offers.update_offer(wanted).await.unwrap().into_inner();

        assert_eq!(updated.enroll_by_date, Some(date(2022, 1, 31)));
    }

    async fn an_earlier_last_day_takes_nothing_from_anybody_when_nobody_is_listed_or_it_has_passed(database) {
        let server = TestServer::start(&database.settings).await;
        company::open_offer(&server, company::offer()).await;
        let mut offers = server.offers();
        offers.update_offer(enroll_by(date(2022, 1, 31))).await.unwrap();

        company::publish(&server, "postpaid", &[v1::DataElement::Name], vec![listed([customer("C-1")])]).await;
        server.clock.set("2022-02-01T12:00:00Z");
        offers.update_offer(enroll_by(date(2022, 1, 30))).await.unwrap();
    }
}
