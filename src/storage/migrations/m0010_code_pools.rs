//! Pools of activation codes that were loaded, and where each enrollment's code comes from.
//!
//! The release before this one mints codes for every offer: set no offer's `code_source` until it is gone.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_pk_auto, binary, string, timestamp_with_time_zone, uuid},
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [code_pools(), pool_codes(), code_loads()] {
            manager.create_table(table).await?;
        }
        for index in INDEXES {
            manager.get_connection().execute_unprepared(index).await?;
        }
        let source = ColumnDef::new("code_source")
            .string()
            .not_null()
            .default("MINTED")
            .take();
        let of_pool = ColumnDef::new("of_pool")
            .boolean()
            .not_null()
            .default(false)
            .take();
        for (table, column) in [("enrollments", source), ("activation_codes", of_pool)] {
            let add = Table::alter().table(table).add_column(column).take();
            manager.alter_table(add).await?;
        }
        Ok(())
    }
}

/// Both databases take these words.
const INDEXES: [&str; 3] = [
    // A code is in one pool, once.
    "CREATE UNIQUE INDEX uq_pool_codes_digest ON pool_codes (digest)",
    "CREATE UNIQUE INDEX uq_code_loads_slug ON code_loads (offer_id, slug)",
    // To count those that were replaced.
    "CREATE INDEX ix_activation_codes_void ON activation_codes (digest) WHERE void_time IS NOT NULL",
];

/// How far each pool is used up. The row is locked from when codes are taken until those who get them are written:
/// so no code is taken twice, and none is lost.
fn code_pools() -> TableCreateStatement {
    Table::create()
        .table("code_pools")
        .col(big_integer("offer_id").primary_key().take())
        .col(big_integer("loaded"))
        .col(big_integer("assigned"))
        .col(big_integer("low_mark"))
        .check((
            "ck_code_pools_assigned",
            Expr::col("assigned").lte(Expr::col("loaded")),
        ))
        .take()
}

/// The codes, by the ordinals in which they are given out. Rows stay as they came.
fn pool_codes() -> TableCreateStatement {
    Table::create()
        .table("pool_codes")
        .col(big_integer("offer_id"))
        .col(big_integer("ordinal"))
        .col(uuid("digest"))
        .col(binary("sealed"))
        .col(big_integer("code_load_id"))
        .col(big_integer("row"))
        .primary_key(
            Index::create()
                .name("pk_pool_codes")
                .col("offer_id")
                .col("ordinal"),
        )
        .take()
}

fn code_loads() -> TableCreateStatement {
    Table::create()
        .table("code_loads")
        .col(big_pk_auto("id"))
        .col(big_integer("offer_id"))
        .col(string("slug"))
        .col(string("state"))
        .col(string("source_name"))
        .col(string("source_sha256"))
        .col(string("loader"))
        .col(big_integer("row_count"))
        .col(big_integer("rejected_count"))
        .col(timestamp_with_time_zone("create_time"))
        .col(timestamp_with_time_zone("update_time"))
        .foreign_key(
            ForeignKey::create()
                .name("fk_code_loads_offer")
                .from("code_loads", "offer_id")
                .to("offers", "id"),
        )
        .take()
}
