//! Keeps what a list brought in chunks until it is finished, then packed: a list that is finished never
//! changes, and packed it takes a quarter of the room.
//!
//! What was loaded before is packed here; it has no filter. A load that is still under way begins again:
//! whoever goes on with it is told that no chunk of it is durable, and sends it from the first one.
//!
//! `members` stays for one release: the one before this reads it while a deployment goes on. It takes
//! nothing more, so that no chunk is acknowledged that this release would not find. That release does not
//! see what this one loads: publish nothing new until it is gone.

use sea_orm::DbBackend;
use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, binary},
};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Packing takes as long as it takes. Meanwhile `loads` can be read, and nobody adds to one or finishes it.
const BEFORE_ON_POSTGRES: &str =
    "SET LOCAL statement_timeout = 0; LOCK TABLE loads IN EXCLUSIVE MODE";

/// `digests` and `people` are of one length and in the order of digests; all with one digest are in one
/// row. Not compressed: there is nothing to gain in digests.
const ON_POSTGRES: &str = "\
    CREATE TABLE packs (load_id bigint NOT NULL, first uuid NOT NULL, \
      digests uuid[] NOT NULL, people uuid[] NOT NULL, \
      CONSTRAINT pk_packs PRIMARY KEY (load_id, first)); \
    ALTER TABLE packs ALTER digests SET STORAGE EXTERNAL, ALTER people SET STORAGE EXTERNAL; \
    ALTER TABLE staged_chunks ALTER entries SET STORAGE EXTERNAL, ALTER slots SET STORAGE EXTERNAL; \
    ALTER TABLE list_filters ALTER filter SET STORAGE EXTERNAL; \
    CREATE VIEW listed_members AS \
      SELECT load_id, unnest(digests) AS digest, unnest(people) AS person FROM packs; \
    INSERT INTO packs (load_id, first, digests, people) \
      SELECT load_id, (array_agg(digest ORDER BY digest))[1], \
        array_agg(digest ORDER BY digest, person), array_agg(person ORDER BY digest, person) \
      FROM (SELECT m.*, (rank() OVER (PARTITION BY m.load_id ORDER BY m.digest) - 1) / 33 AS pack \
            FROM members m JOIN loads l ON l.id = m.load_id AND l.state <> 'RECEIVING') AS ranked \
      GROUP BY load_id, pack; \
    CREATE FUNCTION members_are_packed() RETURNS trigger LANGUAGE plpgsql AS $$ \
      BEGIN RAISE EXCEPTION 'a newer release keeps lists elsewhere'; END $$; \
    CREATE TRIGGER members_are_packed BEFORE INSERT ON members \
      FOR EACH STATEMENT EXECUTE FUNCTION members_are_packed()";

/// A table that is its own index, filled in its order, is SQLite's packed list.
const ON_SQLITE: &str = "\
    CREATE TABLE listed_members (load_id INTEGER NOT NULL, digest BLOB NOT NULL, \
      person BLOB NOT NULL, CONSTRAINT pk_listed_members PRIMARY KEY (load_id, digest, person)) \
      WITHOUT ROWID; \
    INSERT INTO listed_members (load_id, digest, person) \
      SELECT m.load_id, m.digest, m.person \
      FROM members m JOIN loads l ON l.id = m.load_id AND l.state <> 'RECEIVING' \
      ORDER BY m.load_id, m.digest, m.person; \
    CREATE TRIGGER members_are_packed BEFORE INSERT ON members BEGIN \
      SELECT RAISE(ABORT, 'a newer release keeps lists elsewhere'); END";

/// The digest is that of nothing.
const BEGIN_AGAIN: [&str; 3] = [
    "DELETE FROM members WHERE load_id IN (SELECT id FROM loads WHERE state = 'RECEIVING')",
    "DELETE FROM load_rejects WHERE load_id IN (SELECT id FROM loads WHERE state = 'RECEIVING')",
    "UPDATE loads SET last_chunk = 0, row_count = 0, identifier_count = 0, duplicate_count = 0, \
     rejected_count = 0, byte_count = 0, digest = {nothing}, digest_chunk = 0 \
     WHERE state = 'RECEIVING'",
];

/// What is finished is packed up to the last slot. The release before this one would finish what it never
/// packed: the table itself refuses that.
const PACKED: &str =
    "UPDATE loads SET packed_slots = 1024 WHERE state NOT IN ('RECEIVING', 'DISCARDED')";

const ONLY_PACKED_ON_POSTGRES: &str = "\
    ALTER TABLE loads ADD CONSTRAINT ck_loads_packed \
    CHECK (state IN ('RECEIVING', 'DISCARDED') OR packed_slots = 1024)";

const ONLY_PACKED_ON_SQLITE: &str = "\
    CREATE TRIGGER ck_loads_packed BEFORE UPDATE ON loads \
    WHEN NEW.state NOT IN ('RECEIVING', 'DISCARDED') AND NEW.packed_slots <> 1024 \
    BEGIN SELECT RAISE(ABORT, 'a load that is not packed is not finished'); END";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        let is_postgres = manager.get_database_backend() == DbBackend::Postgres;
        if is_postgres {
            db.execute_unprepared(BEFORE_ON_POSTGRES).await?;
        }
        let chunks = of_load("staged_chunks", "chunk")
            .col(binary("entries"))
            .col(binary("slots"))
            .take();
        let filters = of_load("list_filters", "first_slot")
            .col(big_integer("end_slot"))
            .col(binary("filter"))
            .take();
        manager.create_table(chunks).await?;
        manager.create_table(filters).await?;
        let (pack, nothing, only_packed) = if is_postgres {
            let nothing = "decode(repeat('00', 32), 'hex')";
            (ON_POSTGRES, nothing, ONLY_PACKED_ON_POSTGRES)
        } else {
            (ON_SQLITE, "zeroblob(32)", ONLY_PACKED_ON_SQLITE)
        };
        db.execute_unprepared(pack).await?;
        for statement in BEGIN_AGAIN {
            let statement = statement.replace("{nothing}", nothing);
            db.execute_unprepared(&statement).await?;
        }
        let mut packed_slots = ColumnDef::new("packed_slots");
        let packed_slots = packed_slots.big_integer().not_null().default(0).take();
        let people = ColumnDef::new("person_count").big_integer().null().take();
        for column in [packed_slots, people] {
            let add = Table::alter().table("loads").add_column(column).take();
            manager.alter_table(add).await?;
        }
        for statement in [PACKED, only_packed] {
            db.execute_unprepared(statement).await?;
        }
        Ok(())
    }
}

/// A table of parts of loads, which are numbered.
fn of_load(name: &'static str, number: &'static str) -> TableCreateStatement {
    let key = format!("pk_{name}");
    Table::create()
        .table(name)
        .col(big_integer("load_id"))
        .col(big_integer(number))
        .primary_key(Index::create().name(key).col("load_id").col(number))
        .take()
}
