//! `MigrateOffer`: the live enrollments of an offer go on in another. Nobody is enrolled twice, nobody is lost, and
//! whoever asks either offer gets one answer. `ENROLLMENT_JOB_SIZE` says how many there are when the service is killed
//! meanwhile.

use enrollment::grpc::proto::v1::{
    self, CodeSource, eligibility::Verdict, enrollment::State, job,
    offer_service_client::OfferServiceClient, term::Anchor,
};
use tonic::{Code, Status};

use crate::support::{
    codes::{codes, load_codes_into, shown},
    company::{self, OFFER, customer, date, email, listed, person, reinstate, request_id},
    crowd::at_once,
    database::TestDatabase,
    deeds::{cohort, timestamp},
    installation::Installation,
    jobs::{as_operator, job_size, kill_until_done},
    process::ServiceProcess,
    provider::{activation, by_name},
    refusal::{assert_refused, metadata_of},
    server::{Start, TestServer},
};

const SUCCESSOR: &str = "offers/carrier-2022";

/// Creates the other provider's offer, as a draft.
async fn draft(server: &TestServer, offer: v1::Offer) {
    company::draft_offer(server, "carrier-2022", offer).await;
}

fn wish() -> v1::MigrateOfferRequest {
    v1::MigrateOfferRequest {
        name: OFFER.to_owned(),
        successor: SUCCESSOR.to_owned(),
        etag: String::new(),
        request_id: request_id(),
    }
}

async fn migrate(server: &TestServer) -> v1::Job {
    let asked = server.offers().migrate_offer(wish()).await.unwrap();
    server.job_done(&asked.into_inner().name).await
}

async fn check(server: &TestServer, offer: &str, id: &str) -> v1::Eligibility {
    let request = v1::CheckEligibilityRequest {
        parent: offer.to_owned(),
        ..company::check(customer(id))
    };
    let reply = server.enrollments().check_eligibility(request).await;
    reply.unwrap().into_inner()
}

async fn look_up(server: &TestServer, offer: &str, id: &str) -> v1::Enrollment {
    let request = v1::LookupEnrollmentRequest {
        parent: offer.to_owned(),
        person: person([customer(id)]),
    };
    let reply = server.enrollments().lookup_enrollment(request).await;
    reply.unwrap().into_inner()
}

/// Both offers tell of the same live enrollment.
async fn assert_enrolled(server: &TestServer, id: &str, name: &str) {
    for offer in [OFFER, SUCCESSOR] {
        let told = check(server, offer, id).await;
        assert_eq!(
            (told.verdict(), &*told.enrollment),
            (Verdict::AlreadyEnrolled, name)
        );
        assert_eq!(look_up(server, offer, id).await.name, name);
    }
}

async fn open(server: &TestServer, offer: &str) -> Result<v1::Offer, Status> {
    let request = v1::OpenOfferRequest {
        name: offer.to_owned(),
        etag: String::new(),
    };
    Ok(server.offers().open_offer(request).await?.into_inner())
}

/// People with more than one live enrollment, in whatever offer.
async fn twice(database: &TestDatabase) -> i64 {
    let twice = "SELECT COUNT(*) FROM (SELECT person FROM enrollment_claims WHERE live \
                 GROUP BY person HAVING COUNT(*) > 1) AS twice";
    database.count(twice).await
}

on_each_database! {
    async fn who_is_live_goes_on_with_the_term_that_is_left_and_a_new_code(database) {
        let server = TestServer::start(&database.settings).await;
        let ids = ["C-1", "C-2", "C-3"];
        company::with_people(&server, ids.map(|id| listed([customer(id)])).into()).await;
        draft(&server, company::offer()).await;
        let wish_with_contact = v1::EnrollRequest {
            contact: Some(v1::Contact { email: "jo@example.com".to_owned(), ..v1::Contact::default() }),
            ..company::enroll(customer("C-1"))
        };
        let pending = server.enrollments().enroll(wish_with_contact).await.unwrap().into_inner();
        let active = server.enroll(customer("C-2")).await;
        let begun = activation(by_name(&active), "2021-09-01T12:00:00Z");
        server.provider().record_activation(begun).await.unwrap();
        let cancelled = server.enroll(customer("C-3")).await;
        server.cancel(&cancelled.name).await;
        server.clock.set("2022-01-01T12:00:00Z");

        let done = migrate(&server).await;

        assert_eq!((done.total_count, done.passed_count, done.changed_count), (2, 2, 2));
        let old = server.enrollment(&pending.name).await;
        assert_eq!((old.state(), old.term_end_date), (State::Migrated, pending.term_end_date));
        let new = server.enrollment(&old.migrated_to).await;
        assert_eq!((new.state(), &new.migrated_from), (State::Pending, &pending.name));
        assert_eq!((new.term_start_date, new.term_end_date), (Some(date(2022, 1, 1)), Some(date(2023, 9, 1))));
        // Nobody's cover ends because the provider has changed.
        assert_eq!(new.activate_by_date, Some(date(2023, 8, 31)));
        assert_eq!((&new.cohorts, new.cohorts_retracted), (&vec![cohort("postpaid")], false));
        assert_eq!((&new.contact, &new.exposed_data_elements), (&old.contact, &old.exposed_data_elements));
        assert_eq!(new.contact.as_ref().unwrap().email, "j***@example.com");
        let code = shown(&server, &new.name).await.unwrap().activation_code;
        assert!(!code.is_empty() && code != pending.activation_code);
        assert_enrolled(&server, "C-1", &new.name).await;
        let was_active = server.enrollment(&active.name).await;
        assert_eq!((was_active.state(), was_active.activate_time.is_some()), (State::Migrated, true));
        let goes_on = server.enrollment(&was_active.migrated_to).await;
        assert_eq!((goes_on.state(), goes_on.activate_time), (State::Pending, None));
        let cancelled = server.enrollment(&cancelled.name).await;
        assert_eq!((cancelled.state(), &*cancelled.migrated_to), (State::Cancelled, ""));
        let events = database.events_of(&pending.name).await;
        assert_eq!(events, ["ENROLLED", "ENROLLMENT_MIGRATED"]);
        let begun = database.events_of(&new.name).await;
        assert!(begun.contains(&"ENROLLMENT_TAKEN_OVER".to_owned()), "{begun:?}");
        for event in ["OFFER_MIGRATION_STARTED", "OFFER_MIGRATION_FINISHED"] {
            assert!(database.events_of(OFFER).await.contains(&event.to_owned()), "{event}");
        }
        assert_eq!((twice(&database).await, database.claims_that_disagree().await), (0, 0));
    }

    async fn the_new_provider_activates_it_and_the_old_one_can_end_nothing(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        draft(&server, company::offer()).await;
        let old = server.enroll(customer("C-1")).await;
        migrate(&server).await;
        let new = look_up(&server, OFFER, "C-1").await;

        server.clock.set("2021-10-01T12:00:00Z");
        let begun = v1::RecordActivationRequest {
            parent: SUCCESSOR.to_owned(),
            ..activation(by_name(&new), "2021-10-01T00:00:00Z")
        };
        let active = server.provider().record_activation(begun).await.unwrap().into_inner();

        assert_eq!((active.state(), &*active.migrated_from), (State::Active, ""));
        let refused = server.enrollments().cancel_enrollment(company::cancel(&old.name)).await;
        let refused = assert_refused(refused, Code::FailedPrecondition, "STATE_FORBIDS");
        assert_eq!(metadata_of(&refused, "state"), "MIGRATED");
        // By its name it is one of the old offer, and not of the new.
        let elsewhere = old.name.replace(OFFER, SUCCESSOR);
        let refused = server.enrollments().cancel_enrollment(company::cancel(&elsewhere)).await;
        assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert_eq!(server.cancel(&new.name).await.state(), State::Cancelled);
    }

    async fn from_the_beginning_a_person_has_one_place_in_both_offers(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, ["C-1", "C-2"].map(|id| listed([customer(id)])).into()).await;
        let pool = v1::Offer { code_source: CodeSource::Pool.into(), ..company::offer() };
        draft(&server, pool).await;
        load_codes_into(&server, SUCCESSOR, "first", codes(0..1)).await;
        let first = server.enroll(customer("C-1")).await;
        migrate(&server).await;
        open(&server, SUCCESSOR).await.unwrap();

        let second = v1::EnrollRequest { parent: SUCCESSOR.to_owned(), ..company::enroll(customer("C-2")) };
        assert_refused(server.enrollments().enroll(second).await, Code::FailedPrecondition, "ELIGIBILITY_UNDETERMINED");
        assert_eq!(check(&server, OFFER, "C-2").await.verdict(), Verdict::Closed);
        let new = look_up(&server, SUCCESSOR, "C-1").await;
        server.cancel(&new.name).await;
        assert_eq!(look_up(&server, OFFER, "C-1").await.state(), State::Cancelled);
        let refused = server.enrollments().reinstate_enrollment(reinstate(&first.name)).await;
        assert_refused(refused, Code::FailedPrecondition, "STATE_FORBIDS");
        assert_eq!(server.reinstate(&new.name).await.state(), State::Pending);
        assert_enrolled(&server, "C-1", &new.name).await;
        assert_eq!(shown(&server, &new.name).await.unwrap().activation_code, codes(0..1)[0]);
        let refused = open(&server, OFFER).await;
        let refused = assert_refused(refused, Code::FailedPrecondition, "OFFER_MIGRATED");
        assert_eq!(metadata_of(&refused, "successor"), SUCCESSOR);
    }

    async fn who_comes_back_after_the_migration_is_moved_too(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, ["C-1", "C-2"].map(|id| listed([customer(id)])).into()).await;
        draft(&server, company::offer()).await;
        let first = server.enroll(customer("C-1")).await;
        server.cancel(&first.name).await;
        let job = migrate(&server).await;
        assert_eq!((job.total_count, job.changed_count), (0, 0));

        server.reinstate(&first.name).await;
        assert_enrolled(&server, "C-1", &first.name).await;
        server.app.settle_enrollments().await.unwrap();
        server.app.carry_on_jobs().await.unwrap();

        let job = server.job_done(&job.name).await;
        assert_eq!((job.total_count, job.passed_count, job.changed_count), (1, 1, 1));
        let moved = server.enrollment(&first.name).await;
        assert_eq!(moved.state(), State::Migrated);
        assert_enrolled(&server, "C-1", &moved.migrated_to).await;
    }

    async fn lists_retractions_extensions_and_the_past_follow_who_has_moved(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        draft(&server, company::offer()).await;
        let old = server.enroll(customer("C-1")).await;
        server.clock.set("2021-10-01T12:00:00Z");
        migrate(&server).await;
        let new = look_up(&server, SUCCESSOR, "C-1").await;

        let rests_on = |parent: &str, filter: &str| v1::ListEnrollmentsRequest {
            parent: parent.to_owned(),
            filter: filter.to_owned(),
            ..v1::ListEnrollmentsRequest::default()
        };
        let filter = format!("cohorts:\"{}\"", cohort("postpaid"));
        for (parent, filter, name) in [(SUCCESSOR, &*filter, &new.name), (OFFER, "state = MIGRATED", &old.name)] {
            let listed = server.admin().list_enrollments(rests_on(parent, filter)).await.unwrap();
            let names = listed.into_inner().enrollments.into_iter().map(|one| one.name);
            assert_eq!(names.collect::<Vec<_>>(), std::slice::from_ref(name));
        }
        let longer = v1::ExtendCohortTermRequest {
            name: cohort("postpaid"),
            term_end_date: Some(date(2025, 1, 1)),
            request_id: request_id(),
        };
        let job = server.admin().extend_cohort_term(longer).await.unwrap().into_inner();
        let job = server.job_done(&job.name).await;
        assert_eq!((job.total_count, job.passed_count, job.changed_count), (2, 2, 1));
        assert_eq!(server.enrollment(&new.name).await.term_end_date, Some(date(2025, 1, 1)));
        server.retract_cohort("postpaid").await;
        assert!(server.enrollment(&new.name).await.cohorts_retracted);
        assert_enrolled(&server, "C-1", &new.name).await;
        for (time, name) in [("2021-09-15T12:00:00Z", &old.name), ("2021-10-01T12:00:00Z", &new.name)] {
            let told = server.check_as_of(customer("C-1"), time).await;
            assert_eq!((told.verdict(), &told.enrollment), (Verdict::AlreadyEnrolled, name), "{time}");
        }
    }

    async fn a_person_who_lists_name_otherwise_in_the_new_offer_is_found_by_the_old_ones(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1"), email("jo@example.com")])]).await;
        draft(&server, company::offer()).await;
        server.enroll(customer("C-1")).await;
        migrate(&server).await;
        open(&server, SUCCESSOR).await.unwrap();

        let by_email = v1::EnrollRequest {
            parent: SUCCESSOR.to_owned(),
            ..company::enroll(email("jo@example.com"))
        };
        let refused = server.enrollments().enroll(by_email).await;
        assert_refused(refused, Code::AlreadyExists, "ALREADY_ENROLLED");
        assert_eq!(twice(&database).await, 0);
    }

    async fn a_retry_gives_the_same_job_and_what_cannot_be_is_refused(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let mut offers = server.offers();
        let refused = offers.migrate_offer(wish()).await;
        assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
        let itself = v1::MigrateOfferRequest { successor: OFFER.to_owned(), ..wish() };
        assert_refused(offers.migrate_offer(itself).await, Code::InvalidArgument, "INVALID_FIELD");
        draft(&server, company::offer()).await;
        server.enroll(customer("C-1")).await;
        let other_way_round = v1::MigrateOfferRequest {
            name: SUCCESSOR.to_owned(),
            successor: OFFER.to_owned(),
            ..wish()
        };
        let refused = offers.migrate_offer(other_way_round).await;
        assert_refused(refused, Code::FailedPrecondition, "STATE_FORBIDS");
        let seen_otherwise = v1::MigrateOfferRequest { etag: "\"1\"".to_owned(), ..wish() };
        assert_refused(offers.migrate_offer(seen_otherwise).await, Code::Aborted, "ETAG_MISMATCH");
        let elsewhere = v1::Offer { time_zone: "America/Chicago".to_owned(), ..company::offer() };
        let from_a_pool = v1::Offer { code_source: CodeSource::Pool.into(), ..company::offer() };
        for (unfit, field) in [(elsewhere, "time_zone"), (from_a_pool, "code_source")] {
            server.update_offer_of(SUCCESSOR, unfit, &[field]).await;
            let refused = offers.migrate_offer(wish()).await;
            assert_refused(refused, Code::FailedPrecondition, "SUCCESSOR_UNFIT");
            server.update_offer_of(SUCCESSOR, company::offer(), &[field]).await;
        }
        assert_eq!(database.rows("jobs").await, 0);

        let request = wish();
        let first = offers.migrate_offer(request.clone()).await.unwrap().into_inner();
        server.job_done(&first.name).await;
        let again = offers.migrate_offer(request).await.unwrap().into_inner();

        assert_eq!((again.name, again.state, database.rows("jobs").await), (first.name, job::State::Done.into(), 1));
        let refused = offers.migrate_offer(wish()).await;
        assert_refused(refused, Code::FailedPrecondition, "OFFER_MIGRATED");
        assert_eq!(database.events("OFFER_MIGRATION_STARTED").await, 1);
    }

    async fn a_term_that_waits_for_the_activation_lasts_as_long_as_any_of_the_offers_promised(database) {
        let server = TestServer::start(&database.settings).await;
        let waiting = |anchor: Anchor, months| v1::Offer {
            term: Some(v1::Term { anchor: anchor.into(), months, ..v1::Term::default() }),
            ..company::offer()
        };
        company::open_offer(&server, waiting(Anchor::Activation, 36)).await;
        let exposed = [v1::DataElement::Name];
        company::publish(&server, "postpaid", &exposed, vec![listed([customer("C-1")])]).await;
        draft(&server, waiting(Anchor::Enrollment, 24)).await;
        server.enroll(customer("C-1")).await;
        migrate(&server).await;
        // It goes on once more, before the second provider was ever open.
        company::draft_offer(&server, "third", waiting(Anchor::Activation, 24)).await;
        let on = v1::MigrateOfferRequest {
            name: SUCCESSOR.to_owned(),
            successor: "offers/third".to_owned(),
            ..wish()
        };
        let job = server.offers().migrate_offer(on).await.unwrap().into_inner();
        assert_eq!(server.job_done(&job.name).await.changed_count, 1);

        let new = look_up(&server, OFFER, "C-1").await;
        let begun = v1::RecordActivationRequest {
            parent: "offers/third".to_owned(),
            ..activation(by_name(&new), "2021-09-01T12:00:00Z")
        };
        let active = server.provider().record_activation(begun).await.unwrap().into_inner();

        assert_eq!(active.term_end_date, Some(date(2024, 9, 1)));
        assert_eq!(check(&server, SUCCESSOR, "C-1").await.enrollment, active.name);
    }

    async fn days_stay_the_same_and_the_past_what_it_was(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        draft(&server, company::offer()).await;
        server.enroll(customer("C-1")).await;
        server.clock.set("2021-10-01T12:00:00Z");
        migrate(&server).await;

        for name in [OFFER, SUCCESSOR] {
            let elsewhere = v1::UpdateOfferRequest {
                offer: Some(v1::Offer {
                    name: name.to_owned(),
                    time_zone: "America/Chicago".to_owned(),
                    ..v1::Offer::default()
                }),
                update_mask: Some(prost_types::FieldMask { paths: vec!["time_zone".to_owned()] }),
                ..v1::UpdateOfferRequest::default()
            };
            let refused = server.offers().update_offer(elsewhere).await;
            assert_refused(refused, Code::FailedPrecondition, "SUCCESSOR_UNFIT");
        }
        let before = v1::CheckEligibilityRequest {
            parent: SUCCESSOR.to_owned(),
            as_of_time: Some(timestamp("2021-09-15T12:00:00Z")),
            ..company::check(customer("C-1"))
        };
        let told = server.enrollments_for_operators().check_eligibility(before).await.unwrap();
        assert_eq!(told.into_inner().verdict(), Verdict::Undetermined);
    }

    async fn contact_data_that_cannot_be_read_is_left_behind_and_holds_up_nobody(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, ["C-1", "C-2"].map(|id| listed([customer(id)])).into()).await;
        draft(&server, company::offer()).await;
        for id in ["C-1", "C-2"] {
            let contact = v1::Contact { email: "jo@example.com".to_owned(), ..v1::Contact::default() };
            let request = v1::EnrollRequest { contact: Some(contact), ..company::enroll(customer(id)) };
            server.enrollments().enroll(request).await.unwrap();
        }
        let first = look_up(&server, OFFER, "C-1").await;
        let id = first.name.split('/').next_back().unwrap().replace('-', "");
        let (broken, is_first) = if database.is_postgres() {
            ("'\\x00'", format!("replace(id::text, '-', '') = '{id}'"))
        } else {
            ("x'00'", format!("lower(hex(id)) = '{id}'"))
        };
        let sql = format!("UPDATE enrollments SET contact = {broken} WHERE {is_first}");
        assert_eq!(database.execute(&sql).await.unwrap().rows_affected(), 1);

        assert_eq!(migrate(&server).await.changed_count, 2);

        assert_eq!(look_up(&server, SUCCESSOR, "C-1").await.contact, None);
        assert!(look_up(&server, SUCCESSOR, "C-2").await.contact.is_some());
        let kept = "SELECT COUNT(*) FROM enrollments WHERE contact IS NOT NULL AND state = 'MIGRATED'";
        assert_eq!(database.count(kept).await, 2);
    }

    async fn whoever_enrolls_meanwhile_is_moved_or_refused_and_nobody_is_twice(database) {
        const PEOPLE: usize = 60;
        let server = TestServer::start(&database.settings).await;
        let id = |number: usize| customer(&format!("C-{number}"));
        let people = (0..PEOPLE).map(|number| listed([id(number)]));
        company::with_people(&server, people.collect()).await;
        draft(&server, company::offer()).await;
        let mut apps = server.apps(8).await;

        let enrolling = (0..PEOPLE).map(|number| {
            let (mut app, mut offers) = (apps[number % 8].clone(), server.offers());
            async move {
                if number == PEOPLE / 2 {
                    offers.migrate_offer(wish()).await.unwrap();
                }
                app.enroll(company::enroll(id(number))).await
            }
        });
        let enrolled = at_once(enrolling).await.into_iter().flatten().count();
        // Whoever was on the way when it was closed is found by the next look.
        server.app.settle_enrollments().await.unwrap();
        while database.count("SELECT COUNT(*) FROM jobs WHERE state = 'RUNNING'").await > 0 {
            server.app.carry_on_jobs().await.unwrap();
        }

        let moved = database.count("SELECT COUNT(*) FROM enrollments WHERE state = 'MIGRATED'").await;
        let live = database.count("SELECT COUNT(*) FROM enrollments WHERE state = 'PENDING'").await;
        assert_eq!((moved, live), (i64::try_from(enrolled).unwrap(), moved));
        assert_eq!(twice(&database).await, 0);
        apps.clear();
    }

    async fn a_service_that_is_killed_meanwhile_moves_everybody_once(database) {
        let more = job_size(4_000);
        let installation = Installation::new();
        let start = Start { keys: installation.keys(), ..Start::default() };
        let server = TestServer::start_with(&database.settings, start).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        draft(&server, company::offer()).await;
        server.enroll(customer("C-1")).await;
        server.stop().await.unwrap();
        // The service has the clock of this machine.
        let later = "UPDATE enrollments SET activate_by_date = '2040-01-01', term_end_date = '2041-01-01'";
        database.execute(later).await.unwrap();
        database.multiply_enrollments(more).await;
        let service = ServiceProcess::start(&mut installation.serve(&database, "127.0.0.1:0"));
        let mut offers = OfferServiceClient::new(as_operator(&installation, &service));
        // It is answered later than the job begins.
        tokio::spawn(async move { offers.migrate_offer(wish()).await });

        let live = "SELECT COUNT(*) FROM enrollment_claims WHERE live";
        let all = i64::from(more) + 1;
        let service = kill_until_done(&installation, &database, service, async || {
            assert_eq!((database.count(live).await, twice(&database).await), (all, 0));
        })
        .await;

        for (counted, sql) in [
            ("old", "SELECT COUNT(*) FROM enrollments WHERE state = 'MIGRATED' AND revision = 2"),
            ("new", "SELECT COUNT(*) FROM enrollments WHERE state = 'PENDING' AND revision = 1"),
            ("ends", "SELECT COUNT(*) FROM enrollments WHERE state = 'PENDING' AND term_end_date = '2041-01-01'"),
            ("predecessors", "SELECT COUNT(DISTINCT migrated_from) FROM enrollments"),
            ("claims", live),
            ("passed", "SELECT passed_count FROM jobs"),
            ("changed", "SELECT changed_count FROM jobs"),
        ] {
            assert_eq!(database.count(sql).await, all, "{counted}");
        }
        // The first had a code of its own before; each has a new one.
        assert_eq!(database.rows("activation_codes").await, all + 1);
        for event in ["ENROLLMENT_MIGRATED", "ENROLLMENT_TAKEN_OVER"] {
            assert_eq!(database.events(event).await, all, "{event}");
        }
        assert_eq!((twice(&database).await, database.claims_that_disagree().await), (0, 0));
        assert_eq!(service.stop().code(), Some(0));
    }
}
