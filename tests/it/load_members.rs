//! `LoadMembers`: a list comes in chunks, each counted once whatever is sent again.

use enrollment::{
    app::person::{hash_member, list_digest},
    domain::{
        identifier::{Identifier, Kind},
        list_digest::ListDigest,
    },
    grpc::proto::v1::{self, load::State, load_members_request::Part},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use crate::support::{
    company::{answers, chunk, customer, end, header, listed, phone, plain_row, stream},
    crowd::at_once,
    deeds::cohort,
    list::{head, publish, rows, with_empty_cohort, with_empty_cohort_and},
    refusal::{assert_refused, fields_of, resource_of},
    server::{Start, TestServer, keys},
};

on_each_database! {
    async fn the_digest_is_of_the_rows_and_not_of_their_order_or_chunks(database) {
        let keys = keys();
        let people = ["C-1", "C-2", "C-3", "C-3"].map(|id| {
            let identifier = Identifier::parse(Kind::CustomerId, id).unwrap();
            hash_member(&keys.digester, &[identifier], None).unwrap()
        });
        let offline = people.iter().map(|member| list_digest(&keys.digester, member)).sum::<ListDigest>();
        let start = Start { keys, ..Start::default() };
        let server = with_empty_cohort_and(&database.settings, start).await;
        let bad = || plain_row(listed([phone("425")]));
        let mut mixed = rows(&["C-3", "C-1"]);
        mixed.insert(1, bad());

        let loads = [
            ("one", vec![chunk(1, rows(&["C-1", "C-2", "C-3", "C-3"])), end(1)]),
            ("two", vec![chunk(1, mixed), chunk(2, rows(&["C-3", "C-2"])), chunk(2, rows(&["C-3", "C-2"])), end(2)]),
        ];
        for (id, mut messages) in loads {
            messages.insert(0, header(&cohort("list"), id));
            let load = stream(&server, messages).await.unwrap();
            assert_eq!(load.digest, offline.to_string(), "{id}");
            assert!(load.byte_count > 20, "{id}");
        }
    }

    async fn a_digest_that_lacks_a_chunk_is_none(database) {
        let server = with_empty_cohort(&database.settings).await;
        stream(&server, vec![head(), chunk(1, rows(&["C-1"]))]).await.unwrap();
        // As a release leaves it that makes no digests.
        database.execute("UPDATE loads SET digest_chunk = 0").await.unwrap();

        let load = stream(&server, vec![head(), chunk(2, rows(&["C-3"])), end(2)]).await.unwrap();

        assert_eq!((load.row_count, load.digest.as_str()), (2, ""));
    }

    async fn a_chunk_that_is_sent_twice_counts_once(database) {
        let server = with_empty_cohort(&database.settings).await;
        let first = || chunk(1, rows(&["C-1", "C-2"]));
        let messages = vec![head(), first(), first(), chunk(2, rows(&["C-3"])), first(), end(2)];

        let load = stream(&server, messages).await.unwrap();

        assert_eq!(load.state(), State::Finished);
        assert_eq!((load.last_chunk, load.row_count, load.identifier_count), (2, 3, 3));
        assert_eq!(load.duplicate_count, 0);
        assert_eq!(database.rows("listed_members").await, 3);
    }

    async fn a_row_that_is_there_twice_is_counted_as_a_duplicate(database) {
        let server = with_empty_cohort(&database.settings).await;
        let messages = vec![head(), chunk(1, rows(&["C-1", "C-1"])), chunk(2, rows(&["C-1"])), end(2)];

        let load = stream(&server, messages).await.unwrap();

        assert_eq!((load.row_count, load.identifier_count, load.duplicate_count), (3, 1, 2));
    }

    async fn a_load_that_was_cut_goes_on_after_its_last_durable_chunk(database) {
        let server = with_empty_cohort(&database.settings).await;
        let (messages, outgoing) = tokio::sync::mpsc::channel(2);
        for message in [head(), chunk(1, rows(&["C-1"]))] {
            messages.send(message).await.unwrap();
        }
        let reply = server.cohorts().load_members(ReceiverStream::new(outgoing)).await;
        let mut answers = reply.unwrap().into_inner();
        for durable in 0..=1 {
            let load = answers.message().await.unwrap().unwrap().load.unwrap();
            assert_eq!(load.last_chunk, durable);
        }
        drop((messages, answers));

        let again = stream(&server, vec![head()]).await.unwrap();
        assert_eq!((again.last_chunk, again.state()), (1, State::Receiving));
        let rest = vec![head(), chunk(2, rows(&["C-2"])), end(2)];
        assert_eq!(stream(&server, rest).await.unwrap().row_count, 2);
        assert_eq!(publish(&server, "list").await.unwrap().person_count, 2);
    }

    async fn a_finished_load_can_be_sent_again_as_a_whole(database) {
        let server = with_empty_cohort(&database.settings).await;
        let messages = || vec![head(), chunk(1, rows(&["C-1"])), end(1)];
        let first = stream(&server, messages()).await.unwrap();

        let second = stream(&server, messages()).await.unwrap();

        assert_eq!(second, first);
        assert_eq!(database.events("LOAD_FINISHED").await, 1);
    }

    async fn a_gap_is_out_of_step(database) {
        let server = with_empty_cohort(&database.settings).await;

        let reply = stream(&server, vec![head(), chunk(2, rows(&["C-1"]))]).await;

        let refused = assert_refused(reply, Code::FailedPrecondition, "LOAD_OUT_OF_STEP");
        assert!(!refused.message().is_empty());
        assert_eq!(database.rows("staged_chunks").await, 0);
    }

    async fn a_chunk_after_the_end_is_out_of_step(database) {
        let server = with_empty_cohort(&database.settings).await;
        stream(&server, vec![head(), chunk(1, rows(&["C-1"])), end(1)]).await.unwrap();

        let reply = stream(&server, vec![head(), chunk(2, rows(&["C-2"]))]).await;

        assert_refused(reply, Code::FailedPrecondition, "LOAD_OUT_OF_STEP");
        assert_eq!(database.rows("listed_members").await, 1);
    }

    async fn another_source_under_the_same_load_id_is_out_of_step(database) {
        let server = with_empty_cohort(&database.settings).await;
        stream(&server, vec![head()]).await.unwrap();

        let other = v1::LoadHeader {
            cohort: cohort("list"),
            load_id: "load".to_owned(),
            source_name: "list.csv".to_owned(),
            source_sha256: "cd".repeat(32),
            digest_key: String::new(),
        };
        let part = Some(v1::load_members_request::Part::Header(other));
        let reply = stream(&server, vec![v1::LoadMembersRequest { part }]).await;

        assert_refused(reply, Code::FailedPrecondition, "LOAD_OUT_OF_STEP");
    }

    async fn a_bad_row_is_rejected_by_number_and_rule_and_fails_nothing_else(database) {
        let server = with_empty_cohort(&database.settings).await;
        let mut some_bad = rows(&["C-2"]);
        some_bad.push(plain_row(listed([customer("C-3"), phone("425")])));
        some_bad.push(v1::MemberRow { member: None });
        some_bad.extend(rows(&["C-4"]));
        let twice = || chunk(2, some_bad.clone());
        let messages = vec![head(), chunk(1, rows(&["C-1"])), twice(), twice(), end(2)];

        let answers = answers(&server, messages).await;

        let told = answers.iter().map(|answer| answer.rejected_rows.clone()).collect::<Vec<_>>();
        let rejected = vec![
            rejected(3, "plain.identifiers[1].phone_number", "must be a phone number in international form with + and the country code"),
            rejected(4, "", "must be readable, and plain or hashed"),
        ];
        assert_eq!(told, [vec![], vec![], rejected.clone(), rejected.clone(), vec![]]);
        let load = get_load(&server).await;
        assert_eq!(load.rejected_rows, rejected);
        assert_eq!((load.row_count, load.rejected_count, load.identifier_count), (5, 2, 3));
        assert_eq!(publish(&server, "list").await.unwrap().person_count, 3);
    }

    async fn the_first_thousand_rejected_rows_are_kept_and_all_are_counted(database) {
        let server = with_empty_cohort(&database.settings).await;
        let bad = || vec![v1::MemberRow { member: None }; 700];
        let messages = vec![head(), chunk(1, bad()), chunk(2, bad()), chunk(3, rows(&["C-1"])), end(3)];

        let answers = answers(&server, messages).await;

        assert_eq!(answers[2].rejected_rows.len(), 700);
        let load = get_load(&server).await;
        assert_eq!((load.row_count, load.rejected_count), (1_401, 1_400));
        let kept = load.rejected_rows.iter().map(|rejected| rejected.row).collect::<Vec<_>>();
        assert_eq!(kept, (1..=1_000).collect::<Vec<_>>());
    }

    async fn an_end_before_the_last_chunk_is_out_of_step(database) {
        let server = with_empty_cohort(&database.settings).await;

        let reply = stream(&server, vec![head(), chunk(1, rows(&["C-1"])), end(2)]).await;

        assert_refused(reply, Code::FailedPrecondition, "LOAD_OUT_OF_STEP");
        assert_eq!(stream(&server, vec![head()]).await.unwrap().state(), State::Receiving);
    }

    async fn an_end_that_counts_other_rows_is_out_of_step(database) {
        let server = with_empty_cohort(&database.settings).await;
        let end = |row_count| v1::LoadMembersRequest {
            part: Some(Part::End(v1::LoadEnd { chunk_count: 1, row_count })),
        };

        let reply = stream(&server, vec![head(), chunk(1, rows(&["C-1", "C-2"])), end(3)]).await;

        assert_refused(reply, Code::FailedPrecondition, "LOAD_OUT_OF_STEP");
        let load = stream(&server, vec![head(), end(2)]).await.unwrap();
        assert_eq!(load.state(), State::Finished);
    }

    async fn a_load_without_chunks_does_not_end(database) {
        let server = with_empty_cohort(&database.settings).await;

        let reply = stream(&server, vec![head(), end(0)]).await;

        assert_refused(reply, Code::FailedPrecondition, "LOAD_OUT_OF_STEP");
    }

    async fn messages_out_of_order_are_refused(database) {
        let server = with_empty_cohort(&database.settings).await;
        for (messages, field) in [
            (vec![chunk(1, rows(&["C-1"]))], "chunk"),
            (vec![end(1)], "end"),
            (vec![head(), head()], "header"),
            (vec![v1::LoadMembersRequest { part: None }], "part"),
        ] {
            let refused = stream(&server, messages).await;
            let refused = assert_refused(refused, Code::InvalidArgument, "INVALID_FIELD");
            assert_eq!(fields_of(&refused), [field]);
        }
    }

    async fn a_load_into_a_cohort_that_does_not_exist_is_not_found(database) {
        let server = with_empty_cohort(&database.settings).await;

        let reply = stream(&server, vec![header(&cohort("none"), "load")]).await;

        let refused = assert_refused(reply, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert_eq!(resource_of(&refused), cohort("none"));
    }

    async fn many_begin_one_load_at_once_and_it_begins_once(database) {
        let server = with_empty_cohort(&database.settings).await;

        let deeds = (0..16).map(|_| {
            let mut cohorts = server.cohorts();
            let messages = tokio_stream::iter([head()]);
            async move {
                let mut answers = cohorts.load_members(messages).await.unwrap().into_inner();
                answers.message().await.unwrap().unwrap().load.unwrap()
            }
        });
        let mut loads = at_once(deeds).await.into_iter();

        let first = loads.next().unwrap();
        assert!(loads.all(|load| load == first));
        assert_eq!(database.rows("loads").await, 1);
        assert_eq!(database.events("LOAD_STARTED").await, 1);
    }
}

async fn get_load(server: &TestServer) -> v1::Load {
    let name = format!("{}/loads/load", cohort("list"));
    let request = v1::GetLoadRequest { name };
    server
        .cohorts()
        .get_load(request)
        .await
        .unwrap()
        .into_inner()
}

fn rejected(row: i64, field: &str, rule: &str) -> v1::RejectedRow {
    v1::RejectedRow {
        row,
        field: field.to_owned(),
        rule: rule.to_owned(),
    }
}
