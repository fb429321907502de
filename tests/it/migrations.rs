//! The tables: how they come to be, and what they themselves refuse.

use enrollment::{grpc::proto::v1::eligibility::Verdict, storage::Store};
use sea_orm::{ConnectionTrait, TransactionTrait};

use crate::support::{
    company::{self, chunk, customer, end, header, listed, stream},
    crowd::at_once,
    database::TestDatabase,
    deeds::cohort,
    installation::Installation,
    list::{head, publish, rows, with_empty_cohort_and},
    server::{Start, TestServer},
};

const CLAIM_ANOTHERS_PERSON: &str = "INSERT INTO enrollment_claims (enrollment_id, person, offer_id, live) \
     SELECT e.id, c.person, c.offer_id, $live FROM enrollments e \
     JOIN enrollment_claims c ON c.enrollment_id <> e.id";

on_each_database! {
    async fn to_migrate_twice_is_harmless(database) {
        let empty = database.unmigrated().await;
        let store = Store::connect(&empty.settings, false).await.unwrap();
        assert!(!store.schema().await.unwrap().missing.is_empty());

        assert!(!store.migrate(&empty.settings).await.unwrap().is_empty());
        assert_eq!(store.migrate(&empty.settings).await.unwrap(), [""; 0]);

        let schema = store.schema().await.unwrap();
        assert!(schema.missing.is_empty());
        assert_eq!(schema.newer, 0);
    }

    async fn of_many_that_migrate_at_once_one_does_it(database) {
        let empty = database.unmigrated().await;
        let deeds = (0..4).map(|_| {
            let settings = empty.settings.clone();
            async move {
                let store = Store::connect(&settings, false).await.unwrap();
                store.migrate(&settings).await.unwrap()
            }
        });

        let ran = at_once(deeds).await;

        let did_it = ran.iter().filter(|migrations| !migrations.is_empty());
        assert_eq!(did_it.count(), 1);
    }

    async fn a_migration_that_broke_off_leaves_nothing_and_can_be_run_again(database) {
        let empty = database.unmigrated().await;
        let store = Store::connect(&empty.settings, false).await.unwrap();
        empty.execute("CREATE TABLE key_checks (in_the_way INTEGER)").await.unwrap();
        store.migrate(&empty.settings).await.unwrap_err();

        empty.execute("DROP TABLE key_checks").await.unwrap();
        store.migrate(&empty.settings).await.unwrap();

        assert!(store.schema().await.unwrap().missing.is_empty());
    }

    async fn lists_of_before_they_were_packed_are_packed(database) {
        let installation = Installation::new();
        let start = || Start { keys: installation.keys(), ..Start::default() };
        let server = with_empty_cohort_and(&database.settings, start()).await;
        let old = vec![head(), chunk(1, rows(&["C-1", "C-2"])), end(1)];
        stream(&server, old).await.unwrap();
        publish(&server, "list").await.unwrap();
        let under_way = || header(&cohort("list"), "under-way");
        stream(&server, vec![under_way(), chunk(1, rows(&["C-3"]))]).await.unwrap();
        server.stop().await.unwrap();
        unpack(&database).await;

        let store = Store::connect(&database.settings, false).await.unwrap();
        let missing = [
            "m0007_packed_lists",
            "m0014_reach_of_packs",
            "m0019_people_who_are_their_digests",
        ];
        assert_eq!(store.migrate(&database.settings).await.unwrap(), missing);
        let server = TestServer::start_with(&database.settings, start()).await;

        for (id, verdict) in [("C-1", Verdict::Eligible), ("C-9", Verdict::Undetermined)] {
            assert_eq!(server.check(customer(id)).await.verdict(), verdict, "{id}");
        }
        let load = stream(&server, vec![under_way()]).await.unwrap();
        assert_eq!((load.last_chunk, load.row_count), (0, 0));
        let again = vec![under_way(), chunk(1, rows(&["C-2", "C-3"])), end(1)];
        stream(&server, again).await.unwrap();
        let published = publish(&server, "list").await.unwrap();
        assert_eq!((published.person_count, published.identifier_count), (3, 3));
        // The release before this one can add nothing that would not be found.
        let add = "INSERT INTO members SELECT * FROM members LIMIT 1";
        database.execute(add).await.unwrap_err();
        let unpacked = header(&cohort("list"), "unpacked");
        stream(&server, vec![unpacked, chunk(1, rows(&["C-4"]))]).await.unwrap();
        let finish = "UPDATE loads SET state = 'FINISHED' WHERE state = 'RECEIVING'";
        database.execute(finish).await.unwrap_err();
    }

    async fn a_database_of_a_newer_version_is_served(database) {
        let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_newer', 0)";
        database.execute(newer).await.unwrap();
        let store = Store::connect(&database.settings, false).await.unwrap();

        let schema = store.schema().await.unwrap();
        assert!(schema.missing.is_empty());
        assert_eq!(schema.newer, 1);
        assert_eq!(store.migrate(&database.settings).await.unwrap(), [""; 0]);
        TestServer::start(&database.settings).await.stop().await.unwrap();
    }

    async fn the_tables_themselves_refuse_a_second_live_claim_on_a_person(database) {
        two_enrollments(&database).await;

        let refused = database.execute(&CLAIM_ANOTHERS_PERSON.replace("$live", "TRUE")).await;

        let error = refused.expect_err("a second live claim").sql_err();
        assert!(matches!(error, Some(sea_orm::SqlErr::UniqueConstraintViolation(_))), "{error:?}");
        assert_eq!(database.rows("enrollment_claims").await, 2);
    }

    async fn the_tables_take_claims_that_are_not_live(database) {
        two_enrollments(&database).await;

        database.execute(&CLAIM_ANOTHERS_PERSON.replace("$live", "FALSE")).await.unwrap();

        assert_eq!(database.rows("enrollment_claims").await, 4);
    }

    async fn the_tables_themselves_refuse_to_give_a_code_twice(database) {
        two_enrollments(&database).await;

        let one_code = "UPDATE activation_codes SET digest = \
                        (SELECT digest FROM activation_codes LIMIT 1)";
        let refused = database.execute(one_code).await;

        let error = refused.expect_err("one code for two").sql_err();
        assert!(matches!(error, Some(sea_orm::SqlErr::UniqueConstraintViolation(_))), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_claims_alone_are_unique_unless_a_long_look_stands_in_the_way() {
    let before = [
        "ALTER INDEX uq_enrollment_claims_live RENAME TO uq_enrollment_claims_person",
        "CREATE UNIQUE INDEX uq_enrollment_claims_live ON enrollment_claims (offer_id, person, \
           (CASE WHEN live THEN '00000000-0000-0000-0000-000000000000' ELSE enrollment_id END))",
    ];
    let look = "SELECT count(*) FROM enrollment_claims";
    let migration = "m0018_live_claims_alone_are_unique";
    let is_done = "SELECT count(*) FROM pg_indexes WHERE indexname = 'uq_enrollment_claims_live' \
                   AND indexdef LIKE 'CREATE UNIQUE INDEX % (offer_id, person) WHERE live'";
    gives_up_behind_a_long_look(&before, look, migration, is_done).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packs_keep_digests_once_unless_a_long_look_stands_in_the_way() {
    let before = [
        "CREATE OR REPLACE VIEW listed_members AS \
           SELECT load_id, unnest(digests) AS digest, unnest(people) AS person FROM packs",
        "ALTER TABLE packs ALTER people SET NOT NULL",
    ];
    let look = "SELECT count(*) FROM listed_members";
    let migration = "m0019_people_who_are_their_digests";
    let is_done = "SELECT count(*) FROM information_schema.columns \
                   WHERE table_name = 'packs' AND column_name = 'people' AND is_nullable = 'YES'";
    gives_up_behind_a_long_look(&before, look, migration, is_done).await;
}

/// A migration that would hold up checks while it waits for a look gives up instead, leaves nothing, and can be run
/// again. On PostgreSQL: SQLite has nobody else meanwhile. `before` takes back what it did; `is_done` counts that.
async fn gives_up_behind_a_long_look(before: &[&str], look: &str, migration: &str, is_done: &str) {
    let Some(database) = TestDatabase::postgres().await else {
        return;
    };
    let unrecord = format!("DELETE FROM seaql_migrations WHERE version = '{migration}'");
    for sql in before.iter().copied().chain([unrecord.as_str()]) {
        database.execute(sql).await.unwrap();
    }
    let store = Store::connect(&database.settings, false).await.unwrap();
    let long_look = database.inside.begin().await.unwrap();
    long_look.execute_unprepared(look).await.unwrap();

    store.migrate(&database.settings).await.unwrap_err();
    assert_eq!(database.count(is_done).await, 0);

    long_look.rollback().await.unwrap();
    let migrated = store.migrate(&database.settings).await.unwrap();
    assert_eq!(migrated, [migration]);
    assert_eq!(database.count(is_done).await, 1);
}

/// Leaves the tables as they were before lists were packed.
async fn unpack(database: &TestDatabase) {
    let trigger = if database.is_postgres() {
        "DROP FUNCTION members_are_packed CASCADE"
    } else {
        "DROP TRIGGER members_are_packed"
    };
    let lists = if database.is_postgres() {
        ["DROP VIEW listed_members", "DROP TABLE packs"].as_slice()
    } else {
        ["DROP TABLE listed_members"].as_slice()
    };
    let only_packed = if database.is_postgres() {
        "ALTER TABLE loads DROP CONSTRAINT ck_loads_packed"
    } else {
        "DROP TRIGGER ck_loads_packed"
    };
    let members = "INSERT INTO members (digest, load_id, person) \
                   SELECT digest, load_id, person FROM listed_members";
    let rest = [
        "DROP TABLE staged_chunks",
        "DROP TABLE list_filters",
        "ALTER TABLE loads DROP COLUMN packed_slots",
        "ALTER TABLE loads DROP COLUMN person_count",
        "DELETE FROM seaql_migrations WHERE version IN \
           ('m0007_packed_lists', 'm0014_reach_of_packs', 'm0019_people_who_are_their_digests')",
    ];
    for sql in [trigger, only_packed, members]
        .iter()
        .chain(lists)
        .chain(&rest)
    {
        database.execute(sql).await.unwrap();
    }
}

/// Two people, each enrolled.
async fn two_enrollments(database: &TestDatabase) {
    let server = TestServer::start(&database.settings).await;
    let people = ["C-1", "C-2"].map(|id| listed([customer(id)]));
    company::with_people(&server, people.to_vec()).await;
    server.enroll(customer("C-1")).await;
    server.enroll(customer("C-2")).await;
    server.stop().await.unwrap();
}
