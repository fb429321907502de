//! Who gets which code where they come from a pool: each goes to one, in the order in which they came, and none is
//! lost.

use std::collections::BTreeSet;

use enrollment::grpc::proto::v1::{self, CodeSource, enrollment::State};
use tonic::Code;

use crate::support::{
    codes::{codes, load_codes, pool, replace, shown, take_codes_from, with_codes_from},
    company::{customer, enroll, listed},
    crowd::at_once,
    provider::{activation, by_code, by_name},
    refusal::assert_refused,
    server::{Start, TestServer, keys},
};

fn people(count: usize) -> Vec<v1::PlainMember> {
    (0..count).map(|number| listed([person(number)])).collect()
}

fn person(number: usize) -> v1::Identifier {
    customer(&format!("C-{number}"))
}

on_each_database! {
    async fn who_enrolls_gets_the_next_code_sees_it_again_and_is_activated_by_it(database) {
        let server = TestServer::start(&database.settings).await;
        with_codes_from(&server, CodeSource::Pool, people(2)).await;
        load_codes(&server, "first", codes(0..3)).await;

        let first = server.enroll(person(0)).await;
        let second = server.enroll(person(1)).await;

        assert_eq!(first.code_source(), CodeSource::Pool);
        assert_eq!((&*first.activation_code, &*second.activation_code), ("CODE-000000", "CODE-000001"));
        assert_eq!(shown(&server, &first.name).await.unwrap().activation_code, first.activation_code);
        let begun = activation(by_code(&first), "2021-09-01T12:00:00Z");
        let active = server.provider().record_activation(begun).await.unwrap().into_inner();
        assert_eq!((active.name, active.state), (first.name, State::Active.into()));
    }

    async fn an_empty_pool_refuses_leaves_nothing_half_done_and_goes_on_once_it_is_filled(database) {
        let server = TestServer::start(&database.settings).await;
        with_codes_from(&server, CodeSource::Pool, people(2)).await;
        let request = enroll(person(0));
        let mut app = server.enrollments();

        for _ in 0..2 {
            let refused = app.enroll(request.clone()).await;
            assert_refused(refused, Code::FailedPrecondition, "CODE_POOL_EMPTY");
        }

        for table in ["enrollments", "enrollment_claims", "activation_codes", "requests"] {
            assert_eq!(database.rows(table).await, 0, "{table}");
        }
        load_codes(&server, "first", codes(0..1)).await;
        let enrolled = app.enroll(request.clone()).await.unwrap().into_inner();
        assert_eq!(enrolled.activation_code, "CODE-000000");
        assert_eq!(app.enroll(request).await.unwrap().into_inner(), enrolled);
        let refused = app.enroll(enroll(person(1))).await;
        assert_refused(refused, Code::FailedPrecondition, "CODE_POOL_EMPTY");
    }

    async fn of_many_at_once_as_many_are_enrolled_as_there_are_codes_each_with_its_own(database) {
        const PEOPLE: usize = 120;
        const CODES: usize = 90;
        let keys = keys();
        let start = || Start { keys: keys.clone(), ..Start::default() };
        let server = TestServer::start_with(&database.settings, start()).await;
        with_codes_from(&server, CodeSource::Pool, people(PEOPLE)).await;
        load_codes(&server, "first", codes(0..CODES)).await;
        let mut apps = server.apps(8).await;
        let replica = if database.is_postgres() {
            Some(TestServer::start_with(&database.settings, start()).await)
        } else {
            None
        };
        if let Some(replica) = &replica {
            apps.extend(replica.apps(8).await);
        }

        let enrolling = (0..PEOPLE).map(|number| {
            let (mut app, request) = (apps[number % apps.len()].clone(), enroll(person(number)));
            async move { app.enroll(request).await }
        });
        let (enrolled, refused) = at_once(enrolling).await.into_iter().partition::<Vec<_>, _>(Result::is_ok);

        let given = enrolled.into_iter().map(|reply| reply.unwrap().into_inner().activation_code);
        assert_eq!(given.collect::<BTreeSet<_>>(), codes(0..CODES).into_iter().collect());
        assert_eq!(refused.len(), PEOPLE - CODES);
        for refused in refused {
            assert_refused(refused, Code::FailedPrecondition, "CODE_POOL_EMPTY");
        }
        assert_eq!((pool(&server).await.assigned_count, pool(&server).await.left_count), (90, 0));
        assert_eq!(database.rows("activation_codes").await, 90);
        assert_eq!(database.events("CODE_POOL_EMPTY").await, 1);
    }

    async fn who_is_refused_for_another_reason_takes_no_code(database) {
        let server = TestServer::start(&database.settings).await;
        with_codes_from(&server, CodeSource::Pool, people(1)).await;
        load_codes(&server, "first", codes(0..2)).await;
        server.enroll(person(0)).await;

        let mut app = server.enrollments();
        let twice = app.enroll(enroll(person(0))).await;
        let unknown = app.enroll(enroll(customer("X"))).await;

        assert_refused(twice, Code::AlreadyExists, "ALREADY_ENROLLED");
        assert_refused(unknown, Code::FailedPrecondition, "ELIGIBILITY_UNDETERMINED");
        assert_eq!(pool(&server).await.left_count, 1);
    }

    async fn it_is_told_once_that_few_codes_are_left_and_once_that_none_are_until_more_come(database) {
        let server = TestServer::start(&database.settings).await;
        with_codes_from(&server, CodeSource::Pool, people(40)).await;
        load_codes(&server, "first", codes(0..20)).await;
        let alarms = async || (database.events("CODE_POOL_LOW").await, database.events("CODE_POOL_EMPTY").await);

        for number in 0..17 {
            server.enroll(person(number)).await;
        }
        assert_eq!(alarms().await, (0, 0));
        server.enroll(person(17)).await;
        assert_eq!(alarms().await, (1, 0));
        server.enroll(person(18)).await;
        assert_eq!(alarms().await, (1, 0));
        server.enroll(person(19)).await;
        assert_eq!(alarms().await, (1, 1));
        load_codes(&server, "second", codes(20..30)).await;
        for number in 20..30 {
            server.enroll(person(number)).await;
        }
        // A tenth of ten is the last one.
        assert_eq!(alarms().await, (2, 2));
    }

    async fn a_code_is_replaced_by_the_next_one_and_is_void_for_ever(database) {
        let server = TestServer::start(&database.settings).await;
        with_codes_from(&server, CodeSource::Pool, people(2)).await;
        load_codes(&server, "first", codes(0..2)).await;
        let enrolled = server.enroll(person(0)).await;

        server.codes().replace_activation_code(replace(&enrolled.name)).await.unwrap();

        assert_eq!(shown(&server, &enrolled.name).await.unwrap().activation_code, "CODE-000001");
        let old = activation(by_code(&enrolled), "2021-09-01T12:00:01Z");
        let refused = server.provider().record_activation(old).await;
        assert_refused(refused, Code::FailedPrecondition, "CODE_VOID");
        let pool = pool(&server).await;
        assert_eq!((pool.assigned_count, pool.void_count, pool.left_count), (2, 1, 0));
        let request = replace(&enrolled.name);
        let refused = server.codes().replace_activation_code(request.clone()).await;
        assert_refused(refused, Code::FailedPrecondition, "CODE_POOL_EMPTY");
        assert_eq!(shown(&server, &enrolled.name).await.unwrap().activation_code, "CODE-000001");
        load_codes(&server, "second", codes(2..3)).await;
        server.codes().replace_activation_code(request).await.unwrap();
        assert_eq!(shown(&server, &enrolled.name).await.unwrap().activation_code, "CODE-000002");
    }

    async fn an_offer_without_codes_enrolls_without_one_and_says_so(database) {
        let server = TestServer::start(&database.settings).await;
        with_codes_from(&server, CodeSource::None, people(1)).await;

        let enrolled = server.enroll(person(0)).await;

        assert_eq!((enrolled.code_source(), &*enrolled.activation_code), (CodeSource::None, ""));
        let refused = shown(&server, &enrolled.name).await;
        assert_refused(refused, Code::FailedPrecondition, "NO_ACTIVATION_CODE");
        let refused = server.codes().replace_activation_code(replace(&enrolled.name)).await;
        assert_refused(refused, Code::FailedPrecondition, "NO_ACTIVATION_CODE");
        let begun = activation(by_name(&enrolled), "2021-09-01T12:00:00Z");
        let active = server.provider().record_activation(begun).await.unwrap().into_inner();
        assert_eq!(active.state(), State::Active);
        assert_eq!(database.events("ACTIVATION_CODE_SHOWN").await, 0);
    }

    async fn whose_code_comes_from_elsewhere_keeps_it_when_the_offer_changes(database) {
        let server = TestServer::start(&database.settings).await;
        with_codes_from(&server, CodeSource::Minted, people(3)).await;
        let minted = server.enroll(person(0)).await;
        take_codes_from(&server, CodeSource::Pool).await;
        load_codes(&server, "first", codes(0..2)).await;
        let pooled = server.enroll(person(1)).await;
        take_codes_from(&server, CodeSource::None).await;
        server.enroll(person(2)).await;

        for enrolled in [&minted, &pooled] {
            let code = shown(&server, &enrolled.name).await.unwrap().activation_code;
            assert_eq!(code, enrolled.activation_code);
        }
        take_codes_from(&server, CodeSource::Pool).await;
        server.codes().replace_activation_code(replace(&minted.name)).await.unwrap();
        let replaced = shown(&server, &minted.name).await.unwrap();
        assert_eq!((replaced.code_source(), &*replaced.activation_code), (CodeSource::Pool, "CODE-000001"));
    }
}
