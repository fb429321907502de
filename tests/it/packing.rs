//! A list that is finished is packed: each entry once, whoever packs it and however often they begin.

use std::{sync::Arc, time::Duration};

use enrollment::{
    app::person::digest_key,
    domain::person::{IdentifierDigest, Member, PersonKey},
    grpc::{
        load_client::{LoadClient, OutgoingRow, Source, Target},
        proto::v1::{self, eligibility::Verdict, load::State},
    },
};
use tonic::Code;

use crate::support::{
    company::{
        check, chunk, customer, end, hashed_header, header, listed, person, phone, plain_row,
        stream,
    },
    crowd::at_once,
    database::TestDatabase,
    deeds::cohort,
    installation::Installation,
    list::{hashed_row, head, publish, rows, with_empty_cohort, with_empty_cohort_and},
    process::ServiceProcess,
    refusal::assert_refused,
    server::{Start, TestServer, keys},
};

on_each_database! {
    async fn who_ends_a_load_at_once_with_others_is_told_the_same(database) {
        let server = with_empty_cohort(&database.settings).await;
        let people = (0..200).map(|number| format!("C-{number}")).collect::<Vec<_>>();
        let people = people.iter().map(String::as_str).collect::<Vec<_>>();
        stream(&server, vec![head(), chunk(1, rows(&people))]).await.unwrap();

        let server = Arc::new(server);
        let ends = (0..6).map(|_| {
            let server = server.clone();
            async move { stream(&server, vec![head(), end(1)]).await }
        });
        let ended = at_once(ends).await;

        for load in ended {
            let load = load.unwrap();
            assert_eq!(load.state(), State::Finished);
            assert_eq!((load.identifier_count, load.duplicate_count), (200, 0));
        }
        assert_eq!(database.rows("listed_members").await, 200);
        assert_eq!(database.rows("staged_chunks").await, 0);
        assert_eq!(database.events("LOAD_FINISHED").await, 1);
    }

    async fn a_list_that_ends_leaves_what_has_come_of_another(database) {
        let server = with_empty_cohort(&database.settings).await;
        let other = || header(&cohort("list"), "other");
        stream(&server, vec![other(), chunk(1, rows(&["C-8"]))]).await.unwrap();

        stream(&server, vec![head(), chunk(1, rows(&["C-1"])), end(1)]).await.unwrap();
        assert_eq!(database.rows("staged_chunks").await, 1);
        let other = stream(&server, vec![other(), chunk(2, rows(&["C-9"])), end(2)]).await.unwrap();

        assert_eq!((other.row_count, other.identifier_count), (2, 2));
        assert_eq!(database.rows("staged_chunks").await, 0);
        assert_eq!(database.rows("listed_members").await, 3);
    }

    async fn everybody_of_several_packs_is_found_and_nobody_else(database) {
        let server = with_empty_cohort(&database.settings).await;
        let name = |number: i32| format!("C-{number}");
        let people = (0..500).map(|number| plain_row(listed([customer(&name(number))])));
        let people = people.collect::<Vec<_>>();
        let (some, others) = people.split_at(200);
        let chunks = [chunk(1, some.to_vec()), chunk(2, others.to_vec())];
        stream(&server, [vec![head()], chunks.to_vec(), vec![end(2)]].concat()).await.unwrap();
        publish(&server, "list").await.unwrap();

        let request = v1::BatchCheckEligibilityRequest {
            parent: check(customer("C-0")).parent,
            people: (0..1_000).map(|number| person([customer(&name(number))]).unwrap()).collect(),
        };
        let told = server.enrollments().batch_check_eligibility(request).await.unwrap();

        let told = told.into_inner().eligibilities;
        assert_eq!(told.len(), 1_000);
        for (number, told) in told.iter().enumerate() {
            assert_eq!(told.verdict() == Verdict::Eligible, number < 500, "{number}");
        }
        for number in [0, 250, 499] {
            assert_eq!(server.check(customer(&name(number))).await.verdict(), Verdict::Eligible);
        }
    }

    async fn a_pack_keeps_keys_of_people_only_where_one_is_not_the_digest(database) {
        let server = with_empty_cohort(&database.settings).await;
        let people = (0..500).map(|number| format!("C-{number}")).collect::<Vec<_>>();
        let people = people.iter().map(String::as_str).collect::<Vec<_>>();
        let by_key = plain_row(listed([customer("C-500"), phone("+14255550123")]));
        let all = [rows(&people), vec![by_key]].concat();
        stream(&server, vec![head(), chunk(1, all), end(1)]).await.unwrap();
        publish(&server, "list").await.unwrap();

        if database.is_postgres() {
            let with_keys = "SELECT count(*) FROM packs WHERE people IS NOT NULL";
            let without = "SELECT count(*) FROM packs WHERE people IS NULL";
            assert_eq!(database.count(with_keys).await, 1);
            assert!(database.count(without).await > 10);
        }
        let same = "SELECT count(*) FROM listed_members WHERE person = digest";
        assert_eq!((database.count(same).await, database.rows("listed_members").await), (501, 502));
        server.enroll(customer("C-500")).await;
        let told = server.check(phone("+14255550123")).await;
        assert_eq!(told.verdict(), Verdict::AlreadyEnrolled);
        for id in people {
            assert_eq!(server.check(customer(id)).await.verdict(), Verdict::Eligible, "{id}");
        }
    }

    async fn everybody_is_found_also_where_it_is_not_known_how_far_all_packs_reach(database) {
        let installation = Installation::new();
        let start = || Start { keys: installation.keys(), ..Start::default() };
        let server = with_empty_cohort_and(&database.settings, start()).await;
        let people = (0..200).map(|number| format!("C-{number}")).collect::<Vec<_>>();
        let people = people.iter().map(String::as_str).collect::<Vec<_>>();
        stream(&server, vec![head(), chunk(1, rows(&people)), end(1)]).await.unwrap();
        publish(&server, "list").await.unwrap();
        let known = "SELECT count(*) FROM list_filters WHERE pack_reach IS NOT NULL";
        assert_eq!(database.count(known).await > 0, database.is_postgres());
        server.stop().await.unwrap();
        // As when a release before this one has packed a part of it.
        let known_part = "UPDATE list_filters SET end_slot = 512, pack_reach = 0";
        let other_part = "INSERT INTO list_filters (load_id, first_slot, end_slot, filter) \
                          SELECT load_id, 512, 1024, filter FROM list_filters";
        for part in [known_part, other_part] {
            database.execute(part).await.unwrap();
        }

        let server = TestServer::start_with(&database.settings, start()).await;

        for id in people {
            assert_eq!(server.check(customer(id)).await.verdict(), Verdict::Eligible, "{id}");
        }
        assert_eq!(server.check(customer("C-200")).await.verdict(), Verdict::Undetermined);
    }

    async fn what_came_in_two_chunks_is_kept_once(database) {
        let server = with_empty_cohort(&database.settings).await;
        let family = |id| plain_row(listed([customer(id), phone("+14255550123")]));
        let messages = vec![
            head(),
            chunk(1, vec![family("C-1"), family("C-2")]),
            chunk(2, vec![family("C-1")]),
            end(2),
        ];

        let load = stream(&server, messages).await.unwrap();

        assert_eq!((load.identifier_count, load.duplicate_count), (4, 2));
        assert_eq!(database.rows("listed_members").await, 4);
        let published = publish(&server, "list").await.unwrap();
        assert_eq!((published.person_count, published.identifier_count), (2, 4));
    }

    async fn people_with_keys_of_the_company_are_counted_by_those(database) {
        let server = with_empty_cohort(&database.settings).await;
        let keyed = |key: &str, id| v1::PlainMember {
            person_id: key.to_owned(),
            ..listed([customer(id)])
        };
        let people = [("P-1", "C-1"), ("P-1", "C-2"), ("P-2", "C-3")];
        let people = people.map(|(key, id)| plain_row(keyed(key, id)));
        let again = vec![plain_row(keyed("P-2", "C-4")), plain_row(listed([customer("C-5")]))];
        let messages = vec![head(), chunk(1, people.to_vec()), chunk(2, again), end(2)];
        stream(&server, messages).await.unwrap();

        let published = publish(&server, "list").await.unwrap();

        assert_eq!((published.person_count, published.identifier_count), (3, 5));
    }

    async fn an_identifier_of_very_many_people_is_found_with_all_of_them(database) {
        let keys = keys();
        let key = digest_key(&keys.digester);
        let server = with_empty_cohort_and(&database.settings, Start { keys, ..Start::default() }).await;
        let member = |person: u16| Member {
            person: PersonKey([&[7; 14], person.to_be_bytes().as_slice()].concat().try_into().unwrap()),
            identifiers: vec![IdentifierDigest([9; 16])],
        };
        let people = (0..3_000).map(|person| hashed_row(&member(person))).collect();
        let messages = vec![hashed_header(&cohort("list"), "load", &key), chunk(1, people), end(1)];
        stream(&server, messages).await.unwrap();

        assert_eq!(publish(&server, "list").await.unwrap().person_count, 3_000);
        assert_eq!(database.rows("listed_members").await, 3_000);
    }

    async fn a_person_of_zeros_is_a_row_that_was_not_filled_in(database) {
        let keys = keys();
        let key = digest_key(&keys.digester);
        let server = with_empty_cohort_and(&database.settings, Start { keys, ..Start::default() }).await;
        let member = Member {
            person: PersonKey([0; 16]),
            identifiers: vec![IdentifierDigest([9; 16])],
        };

        let messages = vec![hashed_header(&cohort("list"), "load", &key), chunk(1, vec![hashed_row(&member)])];
        let load = stream(&server, messages).await.unwrap();

        assert_eq!((load.row_count, load.rejected_count), (1, 1));
    }

    async fn a_list_whose_rows_were_all_rejected_is_finished_and_empty(database) {
        let server = with_empty_cohort(&database.settings).await;
        let bad = vec![plain_row(listed([phone("425")]))];

        let load = stream(&server, vec![head(), chunk(1, bad), end(1)]).await.unwrap();

        assert_eq!((load.state(), load.identifier_count), (State::Finished, 0));
        assert_eq!(publish(&server, "list").await.unwrap().person_count, 0);
        assert_eq!(server.check(customer("C-1")).await.verdict(), Verdict::Undetermined);
    }

    async fn a_load_that_is_being_packed_takes_no_more(database) {
        let server = with_empty_cohort(&database.settings).await;
        stream(&server, vec![head(), chunk(1, rows(&["C-1"]))]).await.unwrap();
        // As a service leaves it that is killed while it packs.
        database.execute("UPDATE loads SET packed_slots = 1").await.unwrap();

        let more = stream(&server, vec![head(), chunk(2, rows(&["C-2"]))]).await;

        assert_refused(more, Code::FailedPrecondition, "LOAD_OUT_OF_STEP");
    }
}

/// People on a list that SQLite packs in many pieces, and rows of a chunk.
const PEOPLE: u64 = 160_000;
const ROWS: u64 = 5_000;

/// Their digests are spread as a key would spread them.
fn row(number: u64) -> OutgoingRow {
    let digest = u128::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835) | 1;
    OutgoingRow::Hashed(Member {
        person: PersonKey(digest.to_be_bytes()),
        identifiers: vec![IdentifierDigest(digest.to_be_bytes())],
    })
}

/// On PostgreSQL so many are one piece.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_killed_while_it_packs_goes_on_where_it_was() {
    let database = TestDatabase::sqlite().await;
    let installation = Installation::new();
    let key = digest_key(&installation.keys().digester);
    let start = Start {
        keys: installation.keys(),
        ..Start::default()
    };
    let here = with_empty_cohort_and(&database.settings, start).await;
    here.stop().await.unwrap();
    let serve = |listen: &str| ServiceProcess::start(&mut installation.serve(&database, listen));
    let mut service = serve("127.0.0.1:0");
    let address = service.address;
    let target = Target {
        patience: Duration::from_mins(1),
        ..Target::once(
            format!("http://{address}"),
            installation.token(&["operator"]),
        )
    };
    let source = Source {
        cohort: cohort("list"),
        load_id: "load".to_owned(),
        name: "list".to_owned(),
        sha256: "ab".repeat(32),
        digest_key: Some(key),
    };
    let mut client = LoadClient::begin(target, source).await.unwrap();
    for begin in (0..PEOPLE).step_by(usize::try_from(ROWS).unwrap()) {
        for number in begin..begin + ROWS {
            client.add(row(number)).await.unwrap();
        }
        client.send().await.unwrap();
    }
    let finishing = tokio::spawn(async move {
        client.finish().await.unwrap();
        client
    });

    let mut packed = 0;
    for _ in 0..2 {
        packed = until_packed_beyond(&database, packed).await;
        service.kill();
        service = serve(&address.to_string());
    }
    assert!(packed < 1_024, "the list is too short to be killed twice");
    let client = finishing.await.unwrap();

    let people = i64::try_from(PEOPLE).unwrap();
    let load = client.load();
    assert_eq!(load.state(), State::Finished);
    assert_eq!((load.identifier_count, load.duplicate_count), (people, 0));
    assert_eq!(database.rows("listed_members").await, people);
    assert_eq!(
        database.count("SELECT person_count FROM loads").await,
        people
    );
    assert_eq!(database.rows("staged_chunks").await, 0);
    assert_eq!(database.rows("list_filters").await, 1);
    assert_eq!(service.stop().code(), Some(0));
}

/// Waits until the load is packed beyond this slot; gives up to which it is.
async fn until_packed_beyond(database: &TestDatabase, slot: i64) -> i64 {
    loop {
        let packed = database.count("SELECT packed_slots FROM loads").await;
        if packed > slot {
            return packed;
        }
    }
}
