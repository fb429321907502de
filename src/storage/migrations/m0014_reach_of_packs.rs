//! Keeps, beside each filter, how far the packs under it reach. A look that knows it reads one entry of the index;
//! without it PostgreSQL reads half a page of them, to find the last pack that begins before a digest. Lists that
//! were packed before have none, and are looked through as before.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let reach = ColumnDef::new("pack_reach").big_integer().null().take();
        let add = Table::alter()
            .table("list_filters")
            .add_column(reach)
            .take();
        manager.alter_table(add).await
    }
}
