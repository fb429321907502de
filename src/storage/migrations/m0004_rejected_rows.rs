//! Counts the rows of each load that were rejected, and keeps the first of them.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, string},
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let count = ColumnDef::new("rejected_count")
            .big_integer()
            .not_null()
            .default(0)
            .take();
        let add = Table::alter().table("loads").add_column(count).take();
        manager.alter_table(add).await?;
        let rejects = Table::create()
            .table("load_rejects")
            .col(big_integer("load_id"))
            .col(big_integer("row"))
            .col(string("field"))
            .col(string("rule"))
            .primary_key(Index::create().col("load_id").col("row"))
            .foreign_key(
                ForeignKey::create()
                    .name("fk_load_rejects_load")
                    .from("load_rejects", "load_id")
                    .to("loads", "id"),
            )
            .take();
        manager.create_table(rejects).await
    }
}
