//! `PublishCohort`: what was loaded begins to count, all at once.

use enrollment::grpc::proto::v1::{self, eligibility::Verdict, load::State};
use tonic::Code;
use tonic_types::StatusExt;

use crate::support::{
    company::{chunk, customer, end, header, stream},
    deeds::cohort,
    list::{head, publish, rows, with_empty_cohort},
    refusal::assert_refused,
};

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
        let messages = |id, people: &[&str]| {
            vec![header(&cohort("list"), id), chunk(1, rows(people)), end(1)]
        };
        stream(&server, messages("first", &["C-1"])).await.unwrap();
        stream(&server, messages("second", &["C-2", "C-3"])).await.unwrap();
        let all = stream(&server, messages("all", &["C-1", "C-2", "C-3"])).await.unwrap();
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
}
