//! What an offer does with a person whom another offer covers: nothing, refuse them, or begin after the other's end.

use enrollment::grpc::proto::v1::{
    self, eligibility::Verdict, enrollment::State, offer::Overlap, term::Anchor,
};
use sea_orm::{ConnectionTrait, TransactionTrait};
use tonic::{Code, Status};

use crate::support::{
    company::{self, OFFER, customer, date, email, listed, reinstate},
    crowd::at_once,
    database::TestDatabase,
    deeds::timestamp,
    provider::{activation, by_name},
    refusal::{assert_refused, metadata_of},
    server::{Start, TestServer, keys},
};

/// The other offers, which mind.
const SECOND: &str = "offers/second";
const THIRD: &str = "offers/third";

/// The offer of [`OFFER`], which does not mind, and another one that does, each with these people on its list.
async fn with_offers(server: &TestServer, second: v1::Offer, lists: [v1::PlainMember; 2]) {
    let [first_list, second_list] = lists;
    company::with_people(server, vec![first_list]).await;
    add_offer(server, SECOND, second, second_list).await;
}

/// An open offer with a published list.
async fn add_offer(server: &TestServer, name: &str, offer: v1::Offer, list: v1::PlainMember) {
    let id = name.trim_start_matches("offers/");
    company::open_offer_as(server, id, offer).await;
    company::publish_in(
        server,
        name,
        "postpaid",
        &[v1::DataElement::Name],
        vec![list],
    )
    .await;
}

fn minding(overlap: Overlap, anchor: Anchor) -> v1::Offer {
    let mut offer = company::offer();
    offer.term.as_mut().unwrap().anchor = anchor.into();
    v1::Offer {
        overlap: overlap.into(),
        ..offer
    }
}

fn one() -> v1::PlainMember {
    listed([customer("C-1")])
}

fn enroll(offer: &str) -> v1::EnrollRequest {
    v1::EnrollRequest {
        parent: offer.to_owned(),
        ..company::enroll(customer("C-1"))
    }
}

async fn enrolled(server: &TestServer, offer: &str) -> Result<v1::Enrollment, Status> {
    Ok(server
        .enrollments()
        .enroll(enroll(offer))
        .await?
        .into_inner())
}

async fn check(server: &TestServer, offer: &str) -> v1::Eligibility {
    let request = v1::CheckEligibilityRequest {
        parent: offer.to_owned(),
        ..company::check(customer("C-1"))
    };
    let reply = server.enrollments().check_eligibility(request).await;
    reply.unwrap().into_inner()
}

on_each_database! {
    async fn an_offer_that_refuses_says_so_as_long_as_the_other_lasts(database) {
        let server = TestServer::start(&database.settings).await;
        with_offers(&server, minding(Overlap::Refuse, Anchor::Enrollment), [one(), one()]).await;
        let told = check(&server, SECOND).await;
        assert_eq!((told.verdict(), told.overlap()), (Verdict::Eligible, Overlap::Refuse));
        let other = server.enroll(customer("C-1")).await;

        let told = check(&server, SECOND).await;
        assert_eq!((told.verdict(), &told.other_enrollment), (Verdict::CoveredElsewhere, &other.name));
        let refused = enrolled(&server, SECOND).await;
        let refused = assert_refused(refused, Code::FailedPrecondition, "COVERED_ELSEWHERE");
        assert_eq!(metadata_of(&refused, "enrollment"), other.name);
        let batch = v1::BatchCheckEligibilityRequest {
            parent: SECOND.to_owned(),
            people: vec![company::person([customer("C-1")]).unwrap()],
        };
        let answers = server.enrollments().batch_check_eligibility(batch).await.unwrap().into_inner();
        assert_eq!(answers.eligibilities[0].verdict(), Verdict::CoveredElsewhere);

        server.cancel(&other.name).await;
        assert_eq!(check(&server, SECOND).await.verdict(), Verdict::Eligible);
        let second = enrolled(&server, SECOND).await.unwrap();
        // The other does not mind.
        server.reinstate(&other.name).await;
        server.cancel(&second.name).await;
        let refused = server.enrollments().reinstate_enrollment(reinstate(&second.name)).await;
        assert_refused(refused, Code::FailedPrecondition, "COVERED_ELSEWHERE");
        server.cancel(&other.name).await;
        assert_eq!(server.reinstate(&second.name).await.state(), State::Pending);
    }

    async fn an_offer_that_starts_after_the_other_covers_from_its_end_on(database) {
        let server = TestServer::start(&database.settings).await;
        with_offers(&server, minding(Overlap::StartAfter, Anchor::Enrollment), [one(), one()]).await;
        let other = server.enroll(customer("C-1")).await;

        let told = check(&server, SECOND).await;

        assert_eq!((told.verdict(), &told.other_enrollment), (Verdict::Eligible, &other.name));
        assert_eq!(told.cover_start_date, other.term_end_date);
        assert_eq!(told.covered_through_date, Some(date(2025, 8, 31)));
        let second = enrolled(&server, SECOND).await.unwrap();
        assert_eq!((second.term_start_date, second.term_end_date), (other.term_end_date, Some(date(2025, 9, 1))));
        // There is time to activate it when it begins.
        assert_eq!(second.activate_by_date, Some(date(2024, 8, 31)));
        assert_eq!(second.term_not_before_date, None);
    }

    async fn a_term_that_waits_for_the_activation_waits_for_the_other_too(database) {
        let server = TestServer::start(&database.settings).await;
        let lists = || [one(), one()];
        with_offers(&server, minding(Overlap::StartAfter, Anchor::Activation), lists()).await;
        let third = minding(Overlap::StartAfter, Anchor::Activation);
        add_offer(&server, THIRD, third, one()).await;
        let other = server.enroll(customer("C-1")).await;
        let second = enrolled(&server, SECOND).await.unwrap();
        assert_eq!((second.term_end_date, second.term_not_before_date), (None, other.term_end_date));

        let begun = v1::RecordActivationRequest {
            parent: SECOND.to_owned(),
            ..activation(by_name(&second), "2021-09-01T12:00:00Z")
        };
        let active = server.provider().record_activation(begun).await.unwrap().into_inner();
        assert_eq!((active.term_start_date, active.term_end_date), (Some(date(2023, 9, 1)), Some(date(2025, 9, 1))));
        // It is the last of all that counts.
        assert_eq!(check(&server, THIRD).await.cover_start_date, Some(date(2025, 9, 1)));
    }

    async fn nothing_is_left_to_cover_where_a_fixed_end_comes_before_the_others(database) {
        let server = TestServer::start(&database.settings).await;
        let mut offer = minding(Overlap::StartAfter, Anchor::FixedEnd);
        offer.term = Some(v1::Term {
            anchor: Anchor::FixedEnd.into(),
            fixed_end_date: Some(date(2023, 9, 1)),
            short_term_acknowledged: true,
            ..v1::Term::default()
        });
        with_offers(&server, offer, [one(), one()]).await;
        server.enroll(customer("C-1")).await;
        assert_eq!(check(&server, SECOND).await.verdict(), Verdict::CoveredElsewhere);
        let refused = enrolled(&server, SECOND).await;
        assert_refused(refused, Code::FailedPrecondition, "COVERED_ELSEWHERE");
    }

    async fn a_person_whom_lists_name_otherwise_is_found_by_any_identifier(database) {
        let server = TestServer::start(&database.settings).await;
        let lists = [listed([email("jo@example.com")]), listed([customer("C-1"), email("jo@example.com")])];
        with_offers(&server, minding(Overlap::Refuse, Anchor::Enrollment), lists).await;
        server.enroll(email("jo@example.com")).await;
        let by_both = |offer: &str| v1::EnrollRequest {
            person: company::person([customer("C-1"), email("jo@example.com")]),
            ..enroll(offer)
        };
        let refused = server.enrollments().enroll(by_both(SECOND)).await;
        assert_refused(refused, Code::FailedPrecondition, "COVERED_ELSEWHERE");
    }

    async fn whoever_was_let_in_is_known_by_every_key_that_led_to_them(database) {
        let server = TestServer::start(&database.settings).await;
        // The second list's person has another key: that of the address.
        let both = || listed([email("jo@example.com"), customer("C-1")]);
        company::open_offer(&server, minding(Overlap::Refuse, Anchor::Enrollment)).await;
        company::publish(&server, "postpaid", &[v1::DataElement::Name], vec![one()]).await;
        add_offer(&server, SECOND, minding(Overlap::Refuse, Anchor::Enrollment), both()).await;
        let by_email = |offer: &str| v1::EnrollRequest {
            parent: offer.to_owned(),
            ..company::enroll(email("jo@example.com"))
        };
        let first = server.enroll(customer("C-1")).await;

        let refused = server.enrollments().enroll(by_email(SECOND)).await;
        assert_refused(refused, Code::FailedPrecondition, "COVERED_ELSEWHERE");
        server.cancel(&first.name).await;
        let second = server.enrollments().enroll(by_email(SECOND)).await.unwrap().into_inner();
        let refused = server.enrollments().reinstate_enrollment(reinstate(&first.name)).await;
        let refused = assert_refused(refused, Code::FailedPrecondition, "COVERED_ELSEWHERE");
        assert_eq!(metadata_of(&refused, "enrollment"), second.name);
    }

    async fn an_offer_that_minds_lets_a_person_in_again_where_there_is_no_other(database) {
        let server = TestServer::start(&database.settings).await;
        company::open_offer(&server, minding(Overlap::Refuse, Anchor::Enrollment)).await;
        company::publish(&server, "postpaid", &[v1::DataElement::Name], vec![one()]).await;
        let first = server.enroll(customer("C-1")).await;
        server.cancel(&first.name).await;
        server.reinstate(&first.name).await;
        server.cancel(&first.name).await;
        assert_ne!(server.enroll(customer("C-1")).await.name, first.name);
    }

    async fn operators_see_what_would_have_been_answered_before_the_other_began(database) {
        let server = TestServer::start(&database.settings).await;
        with_offers(&server, minding(Overlap::Refuse, Anchor::Enrollment), [one(), one()]).await;
        server.clock.set("2021-09-02T12:00:00Z");
        server.enroll(customer("C-1")).await;
        server.clock.set("2021-09-03T12:00:00Z");
        for (time, verdict) in [
            ("2021-09-01T13:00:00Z", Verdict::Eligible),
            ("2021-09-02T13:00:00Z", Verdict::CoveredElsewhere),
        ] {
            let request = v1::CheckEligibilityRequest {
                parent: SECOND.to_owned(),
                as_of_time: Some(timestamp(time)),
                ..company::check(customer("C-1"))
            };
            let told = server.enrollments_for_operators().check_eligibility(request).await.unwrap();
            assert_eq!(told.into_inner().verdict(), verdict, "{time}");
        }
    }

    async fn of_two_that_refuse_one_lets_a_person_in_however_many_ask_at_once(database) {
        const ROUNDS: usize = 15;
        let keys = keys();
        let start = || Start { keys: keys.clone(), ..Start::default() };
        let server = TestServer::start_with(&database.settings, start()).await;
        let refusing = || minding(Overlap::Refuse, Anchor::Enrollment);
        with_offers(&server, refusing(), [one(), one()]).await;
        add_offer(&server, THIRD, refusing(), one()).await;
        let mut apps = server.apps(4).await;
        let replica = if database.is_postgres() {
            Some(TestServer::start_with(&database.settings, start()).await)
        } else {
            None
        };
        if let Some(replica) = &replica {
            apps.extend(replica.apps(4).await);
        }

        for _ in 0..ROUNDS {
            let asking = apps.iter().enumerate().map(|(number, app)| {
                let (mut app, offer) = (app.clone(), [SECOND, THIRD][number % 2]);
                async move { app.enroll(enroll(offer)).await }
            });
            let replies = at_once(asking).await.into_iter();
            let (ins, outs) = replies.partition::<Vec<_>, _>(Result::is_ok);
            assert_eq!(ins.len(), 1);
            for out in outs {
                let code = out.unwrap_err().code();
                assert!(matches!(code, Code::AlreadyExists | Code::FailedPrecondition), "{code:?}");
            }
            let live = "SELECT COUNT(*) FROM enrollment_claims WHERE live";
            assert_eq!(database.count(live).await, 1);
            for reply in ins {
                server.cancel(&reply.unwrap().into_inner().name).await;
            }
        }
        assert_eq!(check(&server, OFFER).await.verdict(), Verdict::Eligible);
    }
}

/// An alias and the turns that it was kept with come between what another offer reads of them. Two calls meet like that
/// once in many thousands: here the tables are held, and show what would have been seen.
#[tokio::test]
async fn who_was_let_in_by_another_key_meanwhile_is_not_let_in_again_on_postgres() {
    let Some(database) = TestDatabase::postgres().await else {
        return;
    };
    let server = TestServer::start(&database.settings).await;
    let refusing = || minding(Overlap::Refuse, Anchor::Enrollment);
    let by_email = || listed([email("jo@example.com")]);
    with_offers(&server, refusing(), [one(), one()]).await;
    add_offer(&server, THIRD, refusing(), by_email()).await;
    let by_both = v1::EnrollRequest {
        person: company::person([customer("C-1"), email("jo@example.com")]),
        ..enroll(SECOND)
    };
    let first = server.enrollments().enroll(by_both).await.unwrap();
    for sql in [
        "CREATE TABLE kept AS SELECT * FROM overlap_aliases",
        "DELETE FROM overlap_aliases",
    ] {
        assert_eq!(database.execute(sql).await.unwrap().rows_affected(), 1);
    }
    let held = database.inside.begin().await.unwrap();
    let lock = "LOCK TABLE overlap_turns IN ACCESS EXCLUSIVE MODE";
    held.execute_unprepared(lock).await.unwrap();

    let mut app = server.enrollments();
    let again = v1::EnrollRequest {
        parent: THIRD.to_owned(),
        ..company::enroll(email("jo@example.com"))
    };
    let again = tokio::spawn(async move { app.enroll(again).await });
    database.wait_until_blocked(1).await;
    let show = "INSERT INTO overlap_aliases SELECT * FROM kept";
    held.execute_unprepared(show).await.unwrap();
    held.commit().await.unwrap();

    let refused = assert_refused(
        again.await.unwrap(),
        Code::FailedPrecondition,
        "COVERED_ELSEWHERE",
    );
    assert_eq!(metadata_of(&refused, "enrollment"), first.into_inner().name);
}
