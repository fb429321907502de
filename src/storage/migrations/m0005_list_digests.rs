//! Keeps the digest of each list, and how many bytes it came in.
//!
//! A load that was begun before, and a cohort that was published before, has none, and never will: what
//! of its rows went into a digest cannot be told. Nor can it of a load to which the version before this
//! one, which makes no digests, added a chunk while a deployment went on: so each digest stands beside the
//! number of its last chunk.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in [
            ("loads", number("byte_count")),
            ("loads", digest()),
            ("loads", number("digest_chunk")),
            ("cohorts", digest()),
        ] {
            let add = Table::alter().table(table).add_column(column).take();
            manager.alter_table(add).await?;
        }
        Ok(())
    }
}

fn number(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.big_integer().not_null().default(0).take()
}

fn digest() -> ColumnDef {
    ColumnDef::new("digest").binary().null().take()
}
