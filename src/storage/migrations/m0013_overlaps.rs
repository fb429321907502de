//! For offers that mind whether another one covers a person: how often each person was let in, by which other keys other
//! offers' lists know them, and from when a term counts that waits for the activation and for another offer.
//!
//! The release before this one minds nothing: leave `overlap` alone until it is gone.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, uuid},
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let not_before = ColumnDef::new("term_not_before_date").date().take();
        let add = Table::alter()
            .table("enrollments")
            .add_column(not_before)
            .take();
        manager.alter_table(add).await?;
        let turns = Table::create()
            .table("overlap_turns")
            .col(uuid("person").primary_key().take())
            .col(big_integer("turn"))
            .take();
        manager.create_table(turns).await?;
        let aliases = Table::create()
            .table("overlap_aliases")
            .col(big_integer("offer_id"))
            .col(uuid("person"))
            .col(uuid("alias"))
            .primary_key(
                Index::create()
                    .name("pk_overlap_aliases")
                    .col("offer_id")
                    .col("person")
                    .col("alias"),
            )
            .take();
        manager.create_table(aliases).await?;
        let by_alias = "CREATE INDEX ix_overlap_aliases_alias ON overlap_aliases (alias)";
        let connection = manager.get_connection();
        connection.execute_unprepared(by_alias).await?;
        Ok(())
    }
}
