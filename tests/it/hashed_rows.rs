//! `LoadMembers` of rows that were hashed offline, one by one or in columns.

use enrollment::{
    app::person::{digest_key, hash_member},
    domain::{
        identifier::{Identifier, Kind},
        person::{IdentifierDigest, Member, PersonKey},
    },
    grpc::proto::v1::{self, DataElement, load_members_request::Part},
};
use tonic::Code;
use tonic_types::StatusExt;

use crate::support::{
    company::{
        self, answers, chunk, chunk_of_columns, customer, end, hashed_header, listed, phone, stream,
    },
    deeds::cohort,
    list::{hashed_row, head, publish, rows, with_empty_cohort, with_empty_cohort_and},
    refusal::{assert_refused, fields_of},
    server::{Start, TestServer, keys},
};

on_each_database! {
    async fn a_plain_row_and_a_hashed_row_meet_in_the_same_person(database) {
        let keys = keys();
        let identifiers = [
            Identifier::parse(Kind::CustomerId, "C-1").unwrap(),
            Identifier::parse(Kind::PhoneNumber, "+14255550123").unwrap(),
        ];
        let hashed = hash_member(&keys.digester, &identifiers, None).unwrap();
        let key = digest_key(&keys.digester);
        let start = Start { keys, ..Start::default() };
        let server = TestServer::start_with(&database.settings, start).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        company::create_cohort(&server, "hashed", &[DataElement::Imei]).await;

        let messages = vec![
            hashed_header(&cohort("hashed"), "list", &key),
            chunk(1, vec![hashed_row(&hashed)]),
            end(1),
        ];
        stream(&server, messages).await.unwrap();
        publish(&server, "hashed").await.unwrap();

        let answer = server.check(phone("+14255550123")).await;
        assert_eq!(answer.exposed_data_elements, [i32::from(DataElement::Imei)]);
        let enrolled = server.enroll(phone("+14255550123")).await;
        assert_eq!(server.check(customer("C-1")).await.enrollment, enrolled.name);
    }

    async fn hashed_rows_in_columns_are_what_they_are_one_by_one(database) {
        let keys = keys();
        let key = digest_key(&keys.digester);
        let start = Start { keys, ..Start::default() };
        let server = with_empty_cohort_and(&database.settings, start).await;
        let [one, two, three] = [1, 2, 3].map(|byte| IdentifierDigest([byte; 16]));
        let people = [
            Member { person: PersonKey(one.0), identifiers: vec![one] },
            Member { person: PersonKey([9; 16]), identifiers: vec![two, three] },
            Member { person: PersonKey([9; 16]), identifiers: vec![one] },
        ];
        let columns = || v1::HashedRows {
            // The second row has no person, the fifth no identifiers.
            people: [one.0, [0; 16], [9; 16], [9; 16], three.0].concat(),
            identifiers: [one.0, two.0, two.0, three.0, one.0].concat(),
            identifier_counts: vec![1, 1, 2, 1, 0],
        };

        let mut told = Vec::new();
        for (id, chunk) in [
            ("columns", chunk_of_columns(1, columns())),
            ("rows", chunk(1, people.iter().map(hashed_row).collect())),
        ] {
            let begin = hashed_header(&cohort("list"), id, &key);
            let [_, added, ended] = answers(&server, vec![begin, chunk, end(1)]).await.try_into().unwrap();
            told.push((ended.load.unwrap(), added.rejected_rows));
        }

        let [(columns, refused), (rows, _)] = told.try_into().unwrap();
        assert_eq!((columns.row_count, columns.rejected_count), (5, 2));
        assert_eq!((columns.identifier_count, columns.duplicate_count), (4, 0));
        assert_eq!((rows.identifier_count, rows.digest), (4, columns.digest));
        assert!(refused.iter().map(|row| row.row).eq([2, 5]));
        assert!(refused.iter().all(|row| row.field == "hashed" && !row.rule.is_empty()));
    }

    async fn columns_that_are_no_rows_are_refused_as_a_whole(database) {
        let keys = keys();
        let own = digest_key(&keys.digester);
        let start = Start { keys, ..Start::default() };
        let server = with_empty_cohort_and(&database.settings, start).await;
        let begin = || hashed_header(&cohort("list"), "load", &own);
        let row = v1::HashedRows {
            people: vec![1; 16],
            identifiers: vec![1; 16],
            ..Default::default()
        };
        let beside = {
            let mut chunk = chunk_of_columns(1, row.clone());
            if let Some(Part::Chunk(chunk)) = &mut chunk.part {
                chunk.rows = rows(&["C-1"]);
            }
            chunk
        };
        let cut = v1::HashedRows { identifiers: vec![1; 15], ..row.clone() };
        let many = v1::HashedRows {
            people: vec![1; 16 * 6_000],
            identifiers: vec![1; 16 * 48_000],
            identifier_counts: vec![8; 6_000],
        };
        for (begin, chunk, field) in [
            (begin(), chunk_of_columns(1, cut), "chunk.hashed_rows"),
            (begin(), chunk_of_columns(1, v1::HashedRows::default()), "chunk.hashed_rows"),
            (begin(), chunk_of_columns(1, many), "chunk"),
            (begin(), beside, "chunk.rows"),
            (head(), chunk_of_columns(1, row), "header.digest_key"),
        ] {
            let refused = stream(&server, vec![begin, chunk]).await;
            let refused = assert_refused(refused, Code::InvalidArgument, "INVALID_FIELD");
            assert_eq!(fields_of(&refused), [field]);
        }
        assert_eq!(database.rows("staged_chunks").await, 0);
    }

    async fn rows_that_another_key_made_are_refused_before_any_of_them_is_read(database) {
        let server = with_empty_cohort(&database.settings).await;
        let begin = |key: &str| hashed_header(&cohort("list"), "load", key);

        let other = stream(&server, vec![begin(&"ab".repeat(16))]).await;
        let status = assert_refused(other, Code::FailedPrecondition, "DIGEST_KEY_MISMATCH");
        let own = status.get_error_details().error_info().unwrap().metadata["digest_key"].clone();
        stream(&server, vec![begin(&own)]).await.unwrap();
    }

    async fn hashed_rows_of_an_unknown_key_are_refused(database) {
        let server = with_empty_cohort(&database.settings).await;
        let member = Member { person: PersonKey([1; 16]), identifiers: vec![IdentifierDigest([1; 16])] };

        let reply = stream(&server, vec![head(), chunk(1, vec![hashed_row(&member)])]).await;

        let status = assert_refused(reply, Code::InvalidArgument, "INVALID_FIELD");
        assert_eq!(fields_of(&status), ["header.digest_key"]);
        assert_eq!(database.rows("staged_chunks").await, 0);
    }
}
