//! The tables: how they come to be, and what they themselves refuse.

use enrollment::storage::Store;

use crate::support::{
    company::{self, customer, listed},
    crowd::at_once,
    database::TestDatabase,
    server::TestServer,
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

/// Two people, each enrolled.
async fn two_enrollments(database: &TestDatabase) {
    let server = TestServer::start(&database.settings).await;
    let people = ["C-1", "C-2"].map(|id| listed([customer(id)]));
    company::with_people(&server, people.to_vec()).await;
    server.enroll(customer("C-1")).await;
    server.enroll(customer("C-2")).await;
    server.stop().await.unwrap();
}
