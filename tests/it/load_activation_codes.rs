//! `LoadActivationCodes`: a provider's codes come in once, whatever is sent again, and bad rows fail nothing else.

use std::sync::Arc;

use enrollment::grpc::proto::v1::{self, CodeSource, code_load::State};
use tonic::Code;

use crate::support::{
    codes::{
        POOL, chunk, codes, end, header, load_codes, pool, stream, take_codes_from, with_codes_from,
    },
    company::{self, customer, listed},
    crowd::at_once,
    refusal::assert_refused,
    server::TestServer,
};

fn rejected(answer: &v1::LoadActivationCodesResponse) -> Vec<(i64, &str)> {
    let rows = answer.rejected_rows.iter();
    rows.map(|row| (row.row, row.rule.as_str())).collect()
}

fn texts(codes: &[&str]) -> Vec<String> {
    codes.iter().map(|code| (*code).to_owned()).collect()
}

const NOT_NEW: &str = "must not be in a pool already";
const NOT_FIT: &str = "must be 6 to 64 visible ASCII characters without blanks";

on_each_database! {
    async fn each_message_is_answered_with_what_is_durable(database) {
        let server = TestServer::start(&database.settings).await;
        company::open_offer(&server, company::offer()).await;

        let messages = vec![header("first"), chunk(1, codes(0..2)), chunk(3, codes(2..5)), end(5)];
        let answers = stream(&server, messages).await.unwrap();

        let loads = answers.into_iter().map(|answer| answer.load.unwrap()).collect::<Vec<_>>();
        assert_eq!(loads.iter().map(|load| load.row_count).collect::<Vec<_>>(), [0, 2, 5, 5]);
        assert_eq!(loads[2].state(), State::Receiving);
        assert_eq!(loads[3].state(), State::Finished);
        assert_eq!(loads[3].name, format!("{POOL}/loads/first"));
        assert_eq!(pool(&server).await.loaded_count, 5);
        let events = (database.events("CODE_LOAD_STARTED").await, database.events("CODE_LOAD_FINISHED").await);
        assert_eq!(events, (1, 1));
    }

    async fn rows_that_are_not_fit_or_not_new_are_rejected_by_themselves(database) {
        let server = TestServer::start(&database.settings).await;
        company::open_offer(&server, company::offer()).await;
        load_codes(&server, "first", codes(0..1)).await;

        let mixed = texts(&["short", "CODE-000000", " new-one ", "new-two", "new-one", "has blank", ""]);
        let messages = vec![header("second"), chunk(1, mixed), chunk(8, texts(&["new-two", "new-three"])), end(9)];
        let answers = stream(&server, messages).await.unwrap();

        assert_eq!(
            rejected(&answers[1]),
            [(1, NOT_FIT), (2, NOT_NEW), (5, NOT_NEW), (6, NOT_FIT), (7, NOT_FIT)]
        );
        assert_eq!(rejected(&answers[2]), [(8, NOT_NEW)]);
        assert_eq!(answers[3].load.as_ref().unwrap().rejected_count, 6);
        assert_eq!(pool(&server).await.loaded_count, 4);
    }

    async fn a_list_that_brings_nothing_new_fills_no_pool(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        stream(&server, vec![header("bad"), chunk(1, texts(&["bad"])), end(1)]).await.unwrap();
        let name = POOL.to_owned();
        let none = server.codes().get_code_pool(v1::GetCodePoolRequest { name }).await;
        assert_refused(none, Code::NotFound, "RESOURCE_NOT_FOUND");

        take_codes_from(&server, CodeSource::Pool).await;
        load_codes(&server, "first", codes(0..100)).await;
        server.enroll(customer("C-1")).await;
        let before = pool(&server).await;
        stream(&server, vec![header("again"), chunk(1, codes(0..100)), end(100)]).await.unwrap();

        assert_eq!(pool(&server).await, before);
    }

    async fn what_is_sent_again_counts_once_and_is_answered_as_before(database) {
        let server = TestServer::start(&database.settings).await;
        company::open_offer(&server, company::offer()).await;
        let rows = || chunk(1, texts(&["first-code", "bad", "first-code", "second-code"]));
        let first = stream(&server, vec![header("first"), rows()]).await.unwrap();

        // Another chunk begins among what is there.
        let more = chunk(3, texts(&["first-code", "second-code", "third-code"]));
        let again = stream(&server, vec![header("first"), rows(), more.clone(), end(5)]).await.unwrap();
        let finished = stream(&server, vec![header("first"), rows(), more, end(5)]).await.unwrap();

        assert_eq!(again[0].load, first[1].load);
        for answer in [&first[1], &again[1], &finished[1]] {
            assert_eq!(rejected(answer), [(2, NOT_FIT), (3, NOT_NEW)]);
        }
        assert_eq!(rejected(&again[2]), [(3, NOT_NEW)]);
        assert_eq!(finished.last().unwrap().load, again.last().unwrap().load);
        assert_eq!(again.last().unwrap().load.as_ref().unwrap().rejected_count, 2);
        assert_eq!(pool(&server).await.loaded_count, 3);
    }

    async fn what_does_not_fit_the_load_is_refused_and_changes_nothing(database) {
        let server = TestServer::start(&database.settings).await;
        company::open_offer(&server, company::offer()).await;
        stream(&server, vec![header("first"), chunk(1, codes(0..3)), end(3)]).await.unwrap();
        let mut other_source = header("first");
        if let Some(v1::load_activation_codes_request::Part::Header(header)) = &mut other_source.part {
            header.source_sha256 = "cd".repeat(32);
        }

        for messages in [
            vec![other_source],
            vec![header("first"), chunk(5, codes(4..5))],
            vec![header("first"), chunk(4, codes(3..4))],
            vec![header("first"), chunk(1, codes(7..9))],
            vec![header("first"), end(4)],
        ] {
            let refused = stream(&server, messages).await;
            assert_refused(refused, Code::FailedPrecondition, "LOAD_OUT_OF_STEP");
        }
        for (messages, reason) in [
            (vec![chunk(1, codes(0..1))], "INVALID_FIELD"),
            (vec![header("other"), header("other")], "INVALID_FIELD"),
            (vec![header("other"), chunk(0, codes(0..1))], "INVALID_FIELD"),
            (vec![header("other"), chunk(1, codes(0..0))], "INVALID_FIELD"),
            (vec![header("other"), chunk(1, codes(0..5_001))], "INVALID_FIELD"),
        ] {
            let refused = stream(&server, messages).await;
            assert_refused(refused, Code::InvalidArgument, reason);
        }
        assert_eq!(pool(&server).await.loaded_count, 3);
    }

    async fn loads_at_once_leave_no_gap_and_share_no_code(database) {
        let server = Arc::new(TestServer::start(&database.settings).await);
        company::open_offer(&server, company::offer()).await;

        let loading = (0..6).map(|load| {
            let server = server.clone();
            // Each code comes in two of them.
            let first = load / 2 * 300;
            async move {
                let mut messages = vec![header(&format!("load-{load}"))];
                for piece in 0..3 {
                    let begin = first + piece * 100;
                    messages.push(chunk(i64::try_from(piece).unwrap() * 100 + 1, codes(begin..begin + 100)));
                }
                messages.push(end(300));
                stream(&server, messages).await
            }
        });
        let loaded = at_once(loading).await.into_iter();
        let rejected = loaded.map(|answers| answers.unwrap().pop().unwrap().load.unwrap().rejected_count);

        assert_eq!(rejected.sum::<i64>(), 900);
        assert_eq!(pool(&server).await.loaded_count, 900);
        assert_eq!(database.count("SELECT MAX(ordinal) FROM pool_codes").await, 900);
        assert_eq!(database.rows("pool_codes").await, 900);
    }

    async fn codes_stand_in_plain_in_no_table(database) {
        let server = TestServer::start(&database.settings).await;
        with_codes_from(&server, CodeSource::Pool, vec![listed([customer("C-1")])]).await;
        load_codes(&server, "first", texts(&["canary-code-1", "canary-code-2"])).await;

        let enrolled = server.enroll(customer("C-1")).await;

        assert_eq!(enrolled.activation_code, "canary-code-1");
        assert_eq!(database.tables_with("canary").await, [""; 0]);
    }
}
