//! Commands that share a commit: each is answered for itself.

use std::{collections::BTreeSet, time::Duration};

use enrollment::{
    config::LogFormat,
    grpc::proto::v1::{self, eligibility::Verdict},
};
use sea_orm::{ConnectionTrait, TransactionTrait};
use tonic::{Code, Request};

use crate::support::{
    capture::Captured,
    company::{self, customer, enroll, listed},
    crowd::at_once,
    database::TestDatabase,
    refusal::assert_refused,
    server::{Start, TestServer, keys},
};

/// Enough to fill more than one turn.
const PEOPLE: usize = 300;

/// The request that the database will have none of.
const POISON: &str = "0bad0bad-0bad-4bad-8bad-0bad0bad0bad";

/// Cuts all other connections to a database.
const CUT: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
    WHERE datname = current_database() AND pid <> pg_backend_pid()";

on_each_database! {
    async fn many_people_enroll_at_once_and_each_has_an_enrollment_and_a_code(database) {
        let server = with_crowd(&database).await;

        let replies = at_once(ids().map(|id| {
            let mut app = server.enrollments();
            async move { app.enroll(enroll(customer(&id))).await.unwrap().into_inner() }
        })).await;

        let names = replies.iter().map(|reply| &reply.name).collect::<BTreeSet<_>>();
        let codes = replies.iter().map(|reply| &reply.activation_code).collect::<BTreeSet<_>>();
        assert_eq!((names.len(), codes.len()), (PEOPLE, PEOPLE));
        for table in ["enrollments", "enrollment_claims", "activation_codes", "requests"] {
            assert_eq!(database.rows(table).await, 300, "{table}");
        }
        assert_eq!(database.events("ENROLLED").await, 300);
    }

    async fn those_who_are_refused_take_nobody_with_them(database) {
        let server = with_crowd(&database).await;
        server.enroll(customer("C-0")).await;

        let replies = at_once(ids().map(|id| {
            let mut app = server.enrollments();
            let known = !id.ends_with('7');
            let id = if known { id } else { format!("{id}-nobody") };
            async move { (known, app.enroll(enroll(customer(&id))).await) }
        })).await;

        for (number, (known, reply)) in replies.into_iter().enumerate() {
            match (number, known) {
                (0, _) => { assert_refused(reply, Code::AlreadyExists, "ALREADY_ENROLLED"); }
                (_, true) => { reply.unwrap(); }
                (_, false) => { assert_refused(reply, Code::FailedPrecondition, "ELIGIBILITY_UNDETERMINED"); }
            }
        }
        assert_eq!(database.rows("enrollments").await, 270);
    }

    async fn one_that_the_database_refuses_fails_alone(database) {
        let server = with_crowd(&database).await;
        refuse_poison(&database).await;

        assert_poison_fails_alone(&server, Code::Internal, "INTERNAL").await;

        for table in ["enrollments", "enrollment_claims", "activation_codes", "requests"] {
            assert_eq!(database.rows(table).await, 39, "{table}");
        }
        assert_eq!(server.check(customer("C-20")).await.verdict(), Verdict::Eligible);
    }

    async fn one_whose_row_cannot_be_read_fails_alone(database) {
        let server = with_crowd(&database).await;
        server.enroll(customer("C-20")).await;
        let spoil = "UPDATE enrollments SET state = 'SPOILED'";
        database.inside.execute_unprepared(spoil).await.unwrap();

        let checks = at_once((0..40).map(|number| {
            let (mut app, person) = (server.enrollments(), customer(&format!("C-{number}")));
            async move { app.check_eligibility(company::check(person)).await }
        })).await;
        let enrollments = at_once((0..40).map(|number| {
            let (mut app, person) = (server.enrollments(), customer(&format!("C-{number}")));
            async move { app.enroll(enroll(person)).await }
        })).await;

        for (number, (check, enrollment)) in checks.into_iter().zip(enrollments).enumerate() {
            if number == 20 {
                assert_refused(check, Code::Internal, "INTERNAL");
                assert_refused(enrollment, Code::Internal, "INTERNAL");
            } else {
                assert_eq!(check.unwrap().into_inner().verdict(), Verdict::Eligible);
                enrollment.unwrap();
            }
        }
        assert_eq!(database.rows("enrollments").await, 40);
    }

    async fn what_another_replica_changes_is_seen_by_the_next_call(database) {
        let keys = keys();
        let server = Start { keys: keys.clone(), ..Start::default() };
        let server = crowd(TestServer::start_with(&database.settings, server).await).await;
        let other = Start { keys: keys.clone(), ..Start::default() };
        let other = TestServer::start_with(&database.settings, other).await;
        assert_eq!(server.check(customer("C-0")).await.verdict(), Verdict::Eligible);
        assert_eq!(other.check(customer("C-0")).await.verdict(), Verdict::Eligible);

        other.pause_offer().await;
        assert_eq!(server.check(customer("C-0")).await.verdict(), Verdict::Paused);
        let reply = server.enrollments().enroll(enroll(customer("C-0"))).await;
        assert_refused(reply, Code::FailedPrecondition, "OFFER_PAUSED");

        other.retract_cohort("postpaid").await;
        assert_eq!(server.check(customer("C-0")).await.verdict(), Verdict::Undetermined);

        company::publish(&other, "more", &[v1::DataElement::Name], vec![listed([customer("C-0")])]).await;
        let check = server.check(customer("C-0")).await;
        assert_eq!(check.verdict(), Verdict::Paused);
        assert_eq!(check.exposed_data_elements, [i32::from(v1::DataElement::Name)]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_gives_up_before_a_lane_is_free_has_done_nothing() {
    let Some(database) = TestDatabase::postgres().await else {
        return;
    };
    let server = with_crowd(&database).await;
    let held = database.inside.begin().await.unwrap();
    let lock = "LOCK TABLE requests IN EXCLUSIVE MODE";
    held.execute_unprepared(lock).await.unwrap();
    let mut busy = Vec::new();
    for lane in 0..3 {
        let mut app = server.enrollments();
        let request = enroll(customer(&format!("C-{lane}")));
        busy.push(tokio::spawn(async move { app.enroll(request).await }));
        database.wait_until_blocked(lane + 1).await;
    }

    let mut late = Request::new(enroll(customer("C-9")));
    late.set_timeout(Duration::from_millis(200));
    let reply = server.enrollments().enroll(late).await.unwrap_err();
    assert!(
        matches!(reply.code(), Code::DeadlineExceeded | Code::Cancelled),
        "{reply:?}"
    );
    held.rollback().await.unwrap();

    for call in busy {
        call.await.unwrap().unwrap();
    }
    server.enroll(customer("C-4")).await;
    assert_eq!(
        server.check(customer("C-9")).await.verdict(),
        Verdict::Eligible
    );
    assert_eq!(database.rows("enrollments").await, 4);
}

/// The connections that lanes hold are cut while nobody uses them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_were_cut_while_idle_cost_no_call() {
    let Some(database) = TestDatabase::postgres().await else {
        return;
    };
    let server = with_crowd(&database).await;
    for id in ["C-0", "C-1", "C-2", "C-3"] {
        server.enroll(customer(id)).await;
    }
    database.inside.execute_unprepared(CUT).await.unwrap();

    for id in ["C-4", "C-5", "C-6", "C-7"] {
        assert_eq!(
            server.check(customer(id)).await.verdict(),
            Verdict::Eligible
        );
        server.enroll(customer(id)).await;
    }
}

/// The address leads to a standby for a while, as it can when another server takes over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_only_reads_is_neither_asked_nor_kept() {
    let Some(database) = TestDatabase::postgres().await else {
        return;
    };
    let server = with_crowd(&database).await;
    server.enroll(customer("C-0")).await;
    database.set("default_transaction_read_only = on").await;
    database.inside.execute_unprepared(CUT).await.unwrap();

    let enrolled = server.enrollments().enroll(enroll(customer("C-1"))).await;
    assert_refused(enrolled, Code::Unavailable, "DATABASE_UNAVAILABLE");
    let check = company::check(customer("C-1"));
    let checked = server.enrollments().check_eligibility(check).await;
    assert_refused(checked, Code::Unavailable, "DATABASE_UNAVAILABLE");

    database.set("default_transaction_read_only = off").await;
    server.enroll(customer("C-1")).await;
    assert_eq!(
        server.check(customer("C-2")).await.verdict(),
        Verdict::Eligible
    );
}

/// Somebody else has used its request id, and does not say what becomes of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_waits_for_a_lock_too_long_fails_alone() {
    let Some(database) = TestDatabase::postgres().await else {
        return;
    };
    let server = with_crowd(&database).await;
    let held = database.inside.begin().await.unwrap();
    let use_it = format!(
        "INSERT INTO requests (caller, request_id, fingerprint, result, create_time) \
         VALUES ('test-app', '{POISON}', '', '{{}}', now())"
    );
    held.execute_unprepared(&use_it).await.unwrap();

    assert_poison_fails_alone(&server, Code::Unavailable, "DATABASE_UNAVAILABLE").await;

    held.rollback().await.unwrap();
    assert_eq!(database.rows("enrollments").await, 39);
    let request = v1::EnrollRequest {
        request_id: POISON.to_owned(),
        ..enroll(customer("C-20"))
    };
    server.enrollments().enroll(request).await.unwrap();
}

/// Turns that fail as a whole are taken apart, which costs nothing but the speed: only the log tells.
async fn assert_none_is_taken_apart(database: &TestDatabase) {
    let (captured, _guard) = Captured::log(LogFormat::Json, "warn");
    let server = with_crowd(database).await;

    let replies = at_once(ids().map(|id| {
        let mut app = server.enrollments();
        async move { app.enroll(enroll(customer(&id))).await }
    }));

    assert!(replies.await.iter().all(Result::is_ok));
    assert!(
        !captured.text().contains("taken apart"),
        "{}",
        captured.text()
    );
}

/// All of the server runs on this thread, so that what it logs is captured here.
#[tokio::test]
async fn no_turn_is_taken_apart_without_need_on_sqlite() {
    assert_none_is_taken_apart(&TestDatabase::sqlite().await).await;
}

#[tokio::test]
async fn no_turn_is_taken_apart_without_need_on_postgres() {
    if let Some(database) = TestDatabase::postgres().await {
        assert_none_is_taken_apart(&database).await;
    }
}

/// Forty people enroll at once, and the request of C-20 is poison: it alone is refused.
async fn assert_poison_fails_alone(server: &TestServer, code: Code, reason: &str) {
    let calls = (0..40).map(|number| {
        let mut app = server.enrollments();
        let mut request = enroll(customer(&format!("C-{number}")));
        if number == 20 {
            POISON.clone_into(&mut request.request_id);
        }
        async move { app.enroll(request).await }
    });
    for (number, reply) in at_once(calls).await.into_iter().enumerate() {
        if number == 20 {
            assert_refused(reply, code, reason);
        } else {
            reply.unwrap();
        }
    }
}

async fn refuse_poison(database: &TestDatabase) {
    let sql = if database.is_postgres() {
        format!("ALTER TABLE requests ADD CHECK (request_id <> '{POISON}')")
    } else {
        let hex = POISON.replace('-', "");
        format!(
            "CREATE TRIGGER poison BEFORE INSERT ON requests WHEN NEW.request_id = x'{hex}' \
             BEGIN SELECT RAISE(ABORT, 'poison'); END"
        )
    };
    database.inside.execute_unprepared(&sql).await.unwrap();
}

async fn with_crowd(database: &TestDatabase) -> TestServer {
    crowd(TestServer::start(&database.settings).await).await
}

async fn crowd(server: TestServer) -> TestServer {
    let people = ids().map(|id| listed([customer(&id)])).collect();
    company::with_people(&server, people).await;
    server
}

fn ids() -> impl Iterator<Item = String> {
    (0..PEOPLE).map(|number| format!("C-{number}"))
}
