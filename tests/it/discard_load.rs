//! `DiscardLoad`: what was never published is taken away, and nothing is left behind.

use enrollment::grpc::proto::v1;
use tonic::{Code, Status};

use crate::support::{
    company::{chunk, customer, end, header, listed, phone, plain_row, stream},
    database::TestDatabase,
    deeds::cohort,
    list::{head, publish, rows, with_empty_cohort},
    proxy::Proxy,
    refusal::assert_refused,
    server::TestServer,
};

async fn discard(server: &TestServer, load_id: &str) -> Result<(), Status> {
    let name = format!("{}/loads/{load_id}", cohort("list"));
    let mut cohorts = server.cohorts();
    let reply = cohorts.discard_load(v1::DiscardLoadRequest { name }).await;
    reply.map(tonic::Response::into_inner)
}

on_each_database! {
    async fn an_abandoned_load_leaves_nothing_behind_but_its_events(database) {
        let server = with_empty_cohort(&database.settings).await;
        let before = database.row_counts().await;
        let mut some = rows(&["C-1", "C-2"]);
        some.push(plain_row(listed([phone("425")])));
        stream(&server, vec![head(), chunk(1, some)]).await.unwrap();

        discard(&server, "load").await.unwrap();

        let mut after = database.row_counts().await;
        assert_eq!(database.events("LOAD_STARTED").await, 1);
        assert_eq!(database.events("LOAD_DISCARDED").await, 1);
        *after.get_mut("events").unwrap() -= 2;
        assert_eq!(after, before);
        let gone = discard(&server, "load").await;
        assert_refused(gone, Code::NotFound, "RESOURCE_NOT_FOUND");
    }

    async fn a_name_is_free_again_and_other_loads_are_untouched(database) {
        let server = with_empty_cohort(&database.settings).await;
        let other = vec![header(&cohort("list"), "other"), chunk(1, rows(&["C-1", "C-3"])), end(1)];
        stream(&server, other).await.unwrap();
        stream(&server, vec![head(), chunk(1, rows(&["C-1", "C-2"])), end(1)]).await.unwrap();

        discard(&server, "load").await.unwrap();
        stream(&server, vec![head(), chunk(1, rows(&["C-4"])), end(1)]).await.unwrap();

        assert_eq!(publish(&server, "list").await.unwrap().person_count, 3);
        for (id, listed) in [("C-1", true), ("C-2", false), ("C-3", true), ("C-4", true)] {
            let verdict = server.check(customer(id)).await.verdict();
            assert_eq!(verdict == v1::eligibility::Verdict::Eligible, listed, "{id}");
        }
    }

    async fn what_counts_is_not_discarded(database) {
        let server = with_empty_cohort(&database.settings).await;
        stream(&server, vec![head(), chunk(1, rows(&["C-1"])), end(1)]).await.unwrap();
        publish(&server, "list").await.unwrap();

        let refused = discard(&server, "load").await;

        assert_refused(refused, Code::FailedPrecondition, "STATE_FORBIDS");
        assert_eq!(database.rows("listed_members").await, 1);
    }

    async fn a_load_that_was_given_up_takes_no_more_and_is_not_published(database) {
        let server = with_empty_cohort(&database.settings).await;
        stream(&server, vec![head(), chunk(1, rows(&["C-1"]))]).await.unwrap();
        database.execute("UPDATE loads SET state = 'DISCARDED'").await.unwrap();

        let more = stream(&server, vec![head(), chunk(2, rows(&["C-2"]))]).await;
        assert_refused(more, Code::FailedPrecondition, "LOAD_OUT_OF_STEP");
        assert_refused(publish(&server, "list").await, Code::FailedPrecondition, "COHORT_EMPTY");
        discard(&server, "load").await.unwrap();
        assert_eq!(database.rows("listed_members").await, 0);
    }
}

/// The last step is repeated, and finds that the load is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_discard_whose_commit_was_not_answered_is_done() {
    let Some(database) = TestDatabase::postgres().await else {
        return;
    };
    let proxy = Proxy::before(&database).await;
    let server = with_empty_cohort(&proxy.settings).await;
    let messages = vec![head(), chunk(1, rows(&["C-1"]))];
    stream(&server, messages).await.unwrap();
    database
        .execute("UPDATE loads SET state = 'DISCARDED'")
        .await
        .unwrap();
    database.execute("DELETE FROM staged_chunks").await.unwrap();

    proxy.cut_at_next_commit();
    discard(&server, "load").await.unwrap();

    assert!(proxy.has_cut());
    assert_eq!(database.rows("loads").await, 0);
}
