//! `PublishCohort`: what was loaded begins to count, all at once.

use enrollment::grpc::proto::v1::{self, eligibility::Verdict, load::State};
use sea_orm::{ConnectionTrait, TransactionTrait};
use tonic::Code;
use tonic_types::StatusExt;

use crate::support::{
    company::{chunk, customer, end, header, stream},
    database::TestDatabase,
    deeds::cohort,
    list::{head, publish, rows, with_empty_cohort},
    refusal::{assert_refused, fields_of, resource_of},
    server::TestServer,
};

/// What publishes the cohort.
fn publication() -> v1::PublishCohortRequest {
    v1::PublishCohortRequest {
        name: cohort("list"),
        ..Default::default()
    }
}

/// A finished load of these people.
async fn load(server: &TestServer, id: &str, people: &[&str]) -> v1::Load {
    let messages = vec![header(&cohort("list"), id), chunk(1, rows(people)), end(1)];
    stream(server, messages).await.unwrap()
}

/// Those of these people who are eligible.
async fn listed<'p>(server: &TestServer, people: &[&'p str]) -> Vec<&'p str> {
    let mut listed = Vec::new();
    for id in people {
        if server.check(customer(id)).await.verdict() == Verdict::Eligible {
            listed.push(*id);
        }
    }
    listed
}

on_each_database! {
    async fn a_cohort_is_not_published_while_a_load_is_open(database) {
        let server = with_empty_cohort(&database.settings).await;
        stream(&server, vec![head(), chunk(1, rows(&["C-1"]))]).await.unwrap();

        let reply = publish(&server, "list").await;

        assert_refused(reply, Code::FailedPrecondition, "LOAD_IN_PROGRESS");
        assert_eq!(server.check(customer("C-1")).await.verdict(), Verdict::Undetermined);
    }

    async fn a_cohort_without_members_is_not_published(database) {
        let server = with_empty_cohort(&database.settings).await;

        let reply = publish(&server, "list").await;

        assert_refused(reply, Code::FailedPrecondition, "COHORT_EMPTY");
    }

    async fn a_cohort_of_another_count_is_not_published(database) {
        let server = with_empty_cohort(&database.settings).await;
        stream(&server, vec![head(), chunk(1, rows(&["C-1", "C-2"])), end(1)]).await.unwrap();

        let expecting = |count| v1::PublishCohortRequest {
            name: cohort("list"),
            expected_person_count: count,
            ..Default::default()
        };
        let reply = server.cohorts().publish_cohort(expecting(3)).await;
        assert_refused(reply, Code::FailedPrecondition, "COHORT_COUNT_MISMATCH");
        server.cohorts().publish_cohort(expecting(2)).await.unwrap();
    }

    async fn a_cohort_of_another_digest_is_not_published(database) {
        let server = with_empty_cohort(&database.settings).await;
        let first = stream(&server, vec![head(), chunk(1, rows(&["C-1"])), end(1)]).await.unwrap();
        let expecting = |digest: &str| v1::PublishCohortRequest {
            name: cohort("list"),
            expected_digest: digest.to_owned(),
            ..Default::default()
        };

        let reply = server.cohorts().publish_cohort(expecting(&"00".repeat(32))).await;
        let status = assert_refused(reply, Code::FailedPrecondition, "COHORT_DIGEST_MISMATCH");
        let metadata = status.get_error_details().error_info().unwrap().metadata.clone();
        assert_eq!(metadata["digest"], first.digest);
        let published = server.cohorts().publish_cohort(expecting(&first.digest)).await;
        assert_eq!(published.unwrap().into_inner().digest, first.digest);
    }

    async fn the_digest_of_a_cohort_is_the_sum_of_its_loads(database) {
        let server = with_empty_cohort(&database.settings).await;
        load(&server, "first", &["C-1"]).await;
        load(&server, "second", &["C-2", "C-3"]).await;
        let all = load(&server, "all", &["C-1", "C-2", "C-3"]).await;
        let name = format!("{}/loads/all", cohort("list"));
        server.cohorts().discard_load(v1::DiscardLoadRequest { name }).await.unwrap();

        assert_eq!(publish(&server, "list").await.unwrap().digest, all.digest);
    }

    async fn to_publish_twice_changes_nothing(database) {
        let server = with_empty_cohort(&database.settings).await;
        stream(&server, vec![head(), chunk(1, rows(&["C-1"])), end(1)]).await.unwrap();
        let first = publish(&server, "list").await.unwrap();
        server.clock.set("2021-09-02T12:00:00Z");

        let second = publish(&server, "list").await.unwrap();

        assert_eq!(second, first);
        assert_eq!(database.events("COHORT_PUBLISHED").await, 1);
    }

    async fn a_second_instalment_counts_from_a_second_publication_on(database) {
        let server = with_empty_cohort(&database.settings).await;
        stream(&server, vec![head(), chunk(1, rows(&["C-1"])), end(1)]).await.unwrap();
        publish(&server, "list").await.unwrap();
        let second = vec![header(&cohort("list"), "second"), chunk(1, rows(&["C-1", "C-2"])), end(1)];
        stream(&server, second).await.unwrap();
        assert_eq!(server.check(customer("C-1")).await.verdict(), Verdict::Eligible);
        assert_eq!(server.check(customer("C-2")).await.verdict(), Verdict::Undetermined);

        let published = publish(&server, "list").await.unwrap();

        assert_eq!((published.person_count, published.identifier_count), (2, 2));
        assert_eq!(server.check(customer("C-2")).await.verdict(), Verdict::Eligible);
        let request = v1::GetLoadRequest { name: format!("{}/loads/second", cohort("list")) };
        let load = server.cohorts().get_load(request).await.unwrap().into_inner();
        assert_eq!(load.state(), State::Published);
    }

    async fn nobody_is_dropped_unless_it_is_said(database) {
        let server = with_empty_cohort(&database.settings).await;
        let four = ["C-1", "C-2", "C-3", "C-4"];
        load(&server, "first", &four).await;
        publish(&server, "list").await.unwrap();
        load(&server, "corrected", &["C-1", "C-2", "C-3", "C-5"]).await;
        let corrected = |max_dropped_share| v1::PublishCohortRequest {
            load_ids: vec!["corrected".to_owned()],
            max_dropped_share,
            ..publication()
        };

        for share in [0.0, 0.2] {
            let reply = server.cohorts().publish_cohort(corrected(share)).await;
            let status = assert_refused(reply, Code::FailedPrecondition, "COHORT_DROPS_PEOPLE");
            let metadata = status.get_error_details().error_info().unwrap().metadata.clone();
            assert_eq!((&*metadata["dropped_count"], &*metadata["dropped_share"]), ("1", "0.25"));
            assert_eq!(listed(&server, &four).await, four);
        }
        let published = server.cohorts().publish_cohort(corrected(0.25)).await.unwrap().into_inner();

        assert_eq!((published.version, published.person_count), (2, 4));
        let all = ["C-1", "C-2", "C-3", "C-4", "C-5"];
        assert_eq!(listed(&server, &all).await, ["C-1", "C-2", "C-3", "C-5"]);
    }

    async fn who_is_dropped_keeps_the_enrollment(database) {
        let server = with_empty_cohort(&database.settings).await;
        load(&server, "first", &["C-1", "C-2"]).await;
        publish(&server, "list").await.unwrap();
        let enrolled = server.enroll(customer("C-2")).await;
        load(&server, "corrected", &["C-1"]).await;
        let request = v1::PublishCohortRequest {
            load_ids: vec!["corrected".to_owned()],
            max_dropped_share: 1.0,
            ..publication()
        };
        server.cohorts().publish_cohort(request).await.unwrap();

        assert_eq!(server.check(customer("C-2")).await.enrollment, enrolled.name);
        server.cancel(&enrolled.name).await;
        assert_eq!(server.check(customer("C-2")).await.verdict(), Verdict::Undetermined);
    }

    async fn an_older_version_is_published_again(database) {
        let server = with_empty_cohort(&database.settings).await;
        load(&server, "first", &["C-1"]).await;
        publish(&server, "list").await.unwrap();
        server.clock.set("2021-09-02T12:00:00Z");
        load(&server, "wrong", &["C-2"]).await;
        publish(&server, "list").await.unwrap();
        server.clock.set("2021-09-03T12:00:00Z");
        let first = v1::PublishCohortRequest { version: 1, max_dropped_share: 0.5, ..publication() };

        let published = server.cohorts().publish_cohort(first).await.unwrap().into_inner();

        assert_eq!((published.version, published.person_count), (3, 1));
        assert_eq!(listed(&server, &["C-1", "C-2"]).await, ["C-1"]);
        // What was withdrawn does not come back by itself.
        load(&server, "third", &["C-3"]).await;
        publish(&server, "list").await.unwrap();
        assert_eq!(listed(&server, &["C-1", "C-2", "C-3"]).await, ["C-1", "C-3"]);
        let then = server.check_as_of(customer("C-2"), "2021-09-02T13:00:00Z").await;
        assert_eq!(then.verdict(), Verdict::Eligible);
        let before = server.check_as_of(customer("C-2"), "2021-09-02T11:00:00Z").await;
        assert_eq!(before.verdict(), Verdict::Undetermined);

        let request = v1::ListCohortVersionsRequest { parent: cohort("list"), page_size: 3, ..Default::default() };
        let page = server.cohorts().list_cohort_versions(request.clone()).await.unwrap().into_inner();
        let loads = page.versions.iter().map(|version| version.loads.len()).collect::<Vec<_>>();
        assert_eq!(loads, [1, 2, 1]);
        assert_eq!(page.versions[2].name, format!("{}/versions/3", cohort("list")));
        assert_eq!(page.versions[2].publisher, "test-operator");
        let rest = v1::ListCohortVersionsRequest { page_token: page.next_page_token, ..request };
        let page = server.cohorts().list_cohort_versions(rest).await.unwrap().into_inner();
        assert_eq!((page.versions.len(), page.versions[0].version), (1, 4));
        assert_eq!(page.next_page_token, "");
    }

    async fn what_another_release_published_since_the_newest_version_counted_from_then_on(database) {
        let server = with_empty_cohort(&database.settings).await;
        load(&server, "first", &["C-1"]).await;
        publish(&server, "list").await.unwrap();
        server.clock.set("2021-09-02T12:00:00Z");
        load(&server, "second", &["C-2"]).await;
        publish(&server, "list").await.unwrap();
        // A release that keeps no versions has left none behind.
        for statement in [
            "DELETE FROM cohort_version_loads WHERE number = 2",
            "DELETE FROM cohort_versions WHERE number = 2",
            "UPDATE cohorts SET version = 1",
        ] {
            database.execute(statement).await.unwrap();
        }
        server.clock.set("2021-09-03T12:00:00Z");

        for (time, verdict) in [
            ("2021-09-02T11:00:00Z", Verdict::Undetermined),
            ("2021-09-02T13:00:00Z", Verdict::Eligible),
        ] {
            assert_eq!(server.check_as_of(customer("C-2"), time).await.verdict(), verdict, "{time}");
        }
        // Published again, it is kept.
        assert_eq!(publish(&server, "list").await.unwrap().version, 2);
        assert_eq!(database.rows("cohort_version_loads").await, 3);
    }

    async fn what_cannot_be_published_is_named(database) {
        let server = with_empty_cohort(&database.settings).await;
        load(&server, "first", &["C-1"]).await;

        let missing_load = v1::PublishCohortRequest { load_ids: vec!["second".to_owned()], ..publication() };
        let refused = assert_refused(
            server.cohorts().publish_cohort(missing_load).await, Code::NotFound, "RESOURCE_NOT_FOUND",
        );
        assert_eq!(resource_of(&refused), format!("{}/loads/second", cohort("list")));
        let missing_version = v1::PublishCohortRequest { version: 1, ..publication() };
        let refused = assert_refused(
            server.cohorts().publish_cohort(missing_version).await, Code::NotFound, "RESOURCE_NOT_FOUND",
        );
        assert_eq!(resource_of(&refused), format!("{}/versions/1", cohort("list")));
        let both = v1::PublishCohortRequest {
            version: 1,
            load_ids: vec!["first".to_owned()],
            max_dropped_share: f64::NAN,
            ..publication()
        };
        let refused = assert_refused(
            server.cohorts().publish_cohort(both).await, Code::InvalidArgument, "INVALID_FIELD",
        );
        assert_eq!(fields_of(&refused), ["version", "max_dropped_share"]);
    }
}

/// What was finished when it was counted may be given up before it is published.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_that_is_discarded_meanwhile_is_not_published() {
    let Some(database) = TestDatabase::postgres().await else {
        return;
    };
    let server = with_empty_cohort(&database.settings).await;
    load(&server, "first", &["C-1"]).await;
    let discarding = database.inside.begin().await.unwrap();
    let discard = "UPDATE loads SET state = 'DISCARDED'";
    discarding.execute_unprepared(discard).await.unwrap();
    let mut cohorts = server.cohorts();
    let publishing = tokio::spawn(async move { cohorts.publish_cohort(publication()).await });
    database.wait_until_blocked(1).await;
    discarding.commit().await.unwrap();

    let refused = publishing.await.unwrap();

    assert_refused(refused, Code::FailedPrecondition, "COHORT_EMPTY");
    let published = "SELECT COUNT(*) FROM loads WHERE publish_time IS NOT NULL";
    assert_eq!(database.count(published).await, 0);
}

/// What is published is what was counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_that_is_finished_meanwhile_is_not_published_uncounted() {
    let Some(database) = TestDatabase::postgres().await else {
        return;
    };
    let server = with_empty_cohort(&database.settings).await;
    load(&server, "first", &["C-1"]).await;
    let holding = database.inside.begin().await.unwrap();
    let hold = "SELECT 1 FROM cohorts FOR NO KEY UPDATE";
    holding.execute_unprepared(hold).await.unwrap();
    let mut cohorts = server.cohorts();
    let publishing = tokio::spawn(async move { cohorts.publish_cohort(publication()).await });
    database.wait_until_blocked(1).await;
    load(&server, "second", &["C-2"]).await;
    holding.commit().await.unwrap();

    let refused = publishing.await.unwrap();

    assert_refused(refused, Code::Aborted, "ETAG_MISMATCH");
    let published = publish(&server, "list").await.unwrap();
    assert_eq!((published.version, published.person_count), (1, 2));
}
