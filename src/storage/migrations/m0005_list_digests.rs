//! Keeps the digest of each list, and how many bytes it came in.
//!
//! A load that was begun before, and a cohort that was published before, has none, and never will: what
//! of its rows went into a digest cannot be told.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let bytes = ColumnDef::new("byte_count")
            .big_integer()
            .not_null()
            .default(0)
            .take();
        for (table, column) in [("loads", bytes), ("loads", digest()), ("cohorts", digest())] {
            let add = Table::alter().table(table).add_column(column).take();
            manager.alter_table(add).await?;
        }
        Ok(())
    }
}

fn digest() -> ColumnDef {
    ColumnDef::new("digest").binary().null().take()
}
