//! Many callers at the same moment: whatever races, a person has one enrollment.

use enrollment::{
    crypto::Keys,
    grpc::proto::v1::{self, DataElement, enrollment::State},
};
use sea_orm::{ConnectionTrait, TransactionTrait};
use tonic::{Code, Response, Status};

use crate::support::{
    company::{self, cancel, customer, enroll, listed, person, phone, reinstate},
    crowd::at_once,
    database::TestDatabase,
    refusal::{assert_refused, reason_of, resource_of},
    server::{Start, TestServer, keys},
};

const CALLERS: usize = 32;

type Reply = Result<Response<v1::Enrollment>, Status>;

on_each_database! {
    async fn one_request_id_from_many_callers_enrolls_once(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;

        let request = enroll(customer("C-1"));
        let replies = enroll_at_once(&server, || request.clone()).await;

        let mut replies = replies.into_iter().map(|reply| reply.unwrap().into_inner());
        let first = replies.next().unwrap();
        assert_eq!(first.activation_code.len(), 27);
        assert!(replies.all(|reply| reply == first));
        assert_one_enrollment(&database, 1).await;
        assert_eq!(database.rows("requests").await, 1);
    }

    async fn of_many_request_ids_one_enrolls_and_the_others_are_told_its_name(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;

        let replies = enroll_at_once(&server, || enroll(customer("C-1"))).await;

        assert_one_wins(replies);
        assert_one_enrollment(&database, 1).await;
    }

    async fn who_is_on_two_lists_under_two_names_is_enrolled_once(database) {
        let server = TestServer::start(&database.settings).await;
        on_two_lists(&server).await;

        let replies = enroll_at_once(&server, || v1::EnrollRequest {
            person: person([customer("C-1"), phone("+14255550123")]),
            ..enroll(customer("C-1"))
        }).await;

        assert_one_wins(replies);
        assert_one_enrollment(&database, 2).await;
    }

    async fn who_gives_both_names_and_who_gives_one_enroll_once_together(database) {
        let server = TestServer::start(&database.settings).await;
        on_two_lists(&server).await;
        let both = || v1::EnrollRequest {
            person: person([phone("+14255550123"), customer("C-1")]),
            ..enroll(customer("C-1"))
        };
        // Whoever enrolls under one name alone holds up those who give both, not the other name.
        let deeds = server.apps(CALLERS).await.into_iter().enumerate().map(|(number, mut app)| {
            let request = if number % 2 == 0 { both() } else { enroll(customer("C-1")) };
            async move { app.enroll(request).await }
        });

        assert_one_wins(at_once(deeds).await);

        assert_eq!(database.rows("enrollments").await, 1);
        assert_eq!(database.claims_that_disagree().await, 0);
    }

    async fn many_callers_find_a_lapsed_enrollment_and_one_of_them_enrolls(database) {
        let server = TestServer::start(&database.settings).await;
        with_lapsed_enrollment(&server).await;

        let replies = enroll_at_once(&server, || enroll(customer("C-1"))).await;

        assert_one_wins(replies);
        assert_eq!(database.events("ENROLLMENT_LAPSED").await, 1);
        assert_eq!(database.rows("enrollments").await, 2);
        assert_eq!(database.claims_that_disagree().await, 0);
    }

    async fn cancelling_and_reinstating_race_and_all_that_is_kept_agrees(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let name = server.enroll(customer("C-1")).await.name;

        let deeds = server.apps(CALLERS).await.into_iter().enumerate().map(|(number, mut app)| {
            let name = name.clone();
            async move {
                if number % 2 == 0 {
                    app.cancel_enrollment(cancel(&name)).await
                } else {
                    app.reinstate_enrollment(reinstate(&name)).await
                }
            }
        });
        for reply in at_once(deeds).await {
            reply.unwrap();
        }

        assert_history_agrees(&database, &server.enrollment(&name).await).await;
    }

    async fn of_many_who_saw_the_same_etag_one_changes_the_enrollment(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let seen = server.enroll(customer("C-1")).await;

        let deeds = server.apps(CALLERS).await.into_iter().map(|mut app| {
            let request = v1::CancelEnrollmentRequest {
                etag: seen.etag.clone(),
                ..cancel(&seen.name)
            };
            async move { app.cancel_enrollment(request).await }
        });
        let (done, refused): (Vec<_>, Vec<_>) =
            at_once(deeds).await.into_iter().partition(Result::is_ok);

        assert_eq!(done.len(), 1);
        for reply in refused {
            assert_refused(reply, Code::Aborted, "ETAG_MISMATCH");
        }
        assert_history_agrees(&database, &server.enrollment(&seen.name).await).await;
    }

    async fn reinstating_and_enrolling_anew_race_and_one_enrollment_is_live(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let name = server.enroll(customer("C-1")).await.name;
        server.cancel(&name).await;

        let deeds = server.apps(CALLERS).await.into_iter().enumerate().map(|(number, mut app)| {
            let name = name.clone();
            async move {
                if number % 2 == 0 {
                    app.enroll(enroll(customer("C-1"))).await
                } else {
                    app.reinstate_enrollment(reinstate(&name)).await
                }
            }
        });
        for reply in at_once(deeds).await {
            if let Err(status) = reply {
                assert_eq!(reason_of(&status), "ALREADY_ENROLLED");
            }
        }

        let live = "SELECT COUNT(*) FROM enrollment_claims WHERE live";
        assert_eq!(database.count(live).await, 1);
        assert_eq!(database.claims_that_disagree().await, 0);
    }
}

/// All replicas have found it lapsed before the first of them can write so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_all_found_it_lapsed_tell_of_the_one_that_was_first() {
    let Some(database) = TestDatabase::postgres().await else {
        return;
    };
    let keys = keys();
    let first = TestServer::start_with(&database.settings, with_keys(&keys)).await;
    with_lapsed_enrollment(&first).await;
    let mut replicas = vec![first];
    for _ in 1..4 {
        let replica = TestServer::start_with(&database.settings, with_keys(&keys)).await;
        replica.clock.set(LAPSED);
        replicas.push(replica);
    }
    let held = database.inside.begin().await.unwrap();
    let lock = "SELECT id FROM enrollments FOR UPDATE";
    held.execute_unprepared(lock).await.unwrap();

    let calls = replicas
        .iter()
        .map(|replica| {
            let mut app = replica.enrollments();
            tokio::spawn(async move { app.enroll(enroll(customer("C-1"))).await })
        })
        .collect::<Vec<_>>();
    database.wait_until_blocked(4).await;
    held.rollback().await.unwrap();

    let mut replies = Vec::new();
    for call in calls {
        replies.push(call.await.unwrap());
    }
    assert_one_wins(replies);
    assert_eq!(database.events("ENROLLMENT_LAPSED").await, 1);
    assert_eq!(database.claims_that_disagree().await, 0);
}

fn with_keys(keys: &Keys) -> Start {
    Start {
        keys: keys.clone(),
        ..Start::default()
    }
}

/// When the code of somebody who enrolled with a window of two days has run out.
const LAPSED: &str = "2021-09-10T12:00:00Z";

/// One person, whose code has run out.
async fn with_lapsed_enrollment(server: &TestServer) {
    company::with_people(server, vec![listed([customer("C-1")])]).await;
    let short = v1::Offer {
        activation_window_days: 2,
        ..v1::Offer::default()
    };
    server
        .update_offer(short, &["activation_window_days"])
        .await;
    server.enroll(customer("C-1")).await;
    server.clock.set(LAPSED);
}

/// One person, whom two cohorts know by different identifiers.
async fn on_two_lists(server: &TestServer) {
    company::with_people(server, vec![listed([customer("C-1")])]).await;
    let prepaid = vec![listed([phone("+14255550123")])];
    company::publish(server, "prepaid", &[DataElement::AccountPin], prepaid).await;
}

async fn enroll_at_once(
    server: &TestServer,
    request: impl Fn() -> v1::EnrollRequest,
) -> Vec<Reply> {
    let apps = server.apps(CALLERS).await;
    let deeds = apps.into_iter().map(|mut app| {
        let request = request();
        async move { app.enroll(request).await }
    });
    at_once(deeds).await
}

#[track_caller]
fn assert_one_wins(replies: Vec<Reply>) {
    let (done, refused): (Vec<_>, Vec<_>) = replies.into_iter().partition(Result::is_ok);
    let [Ok(winner)] = done.as_slice() else {
        panic!("{} enrolled: {refused:?}", done.len());
    };
    for reply in refused {
        let refused = assert_refused(reply, Code::AlreadyExists, "ALREADY_ENROLLED");
        assert_eq!(resource_of(&refused), winner.get_ref().name);
    }
}

async fn assert_one_enrollment(database: &TestDatabase, claims: i64) {
    assert_eq!(database.rows("enrollments").await, 1);
    assert_eq!(database.rows("enrollment_claims").await, claims);
    assert_eq!(database.rows("activation_codes").await, 1);
    assert_eq!(database.events("ENROLLED").await, 1);
    assert_eq!(database.claims_that_disagree().await, 0);
}

/// Each revision after the first is one event, and the last of them gave the state.
async fn assert_history_agrees(database: &TestDatabase, enrollment: &v1::Enrollment) {
    let cancelled = database.events("ENROLLMENT_CANCELLED").await;
    let reinstated = database.events("ENROLLMENT_REINSTATED").await;
    let revision = database.count("SELECT revision FROM enrollments").await;
    assert_eq!(revision, 1 + cancelled + reinstated);
    let is_cancelled = enrollment.state() == State::Cancelled;
    assert_eq!(cancelled - reinstated, i64::from(is_cancelled));
    assert_eq!(database.claims_that_disagree().await, 0);
}
