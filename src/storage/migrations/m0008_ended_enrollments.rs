//! Keeps when and why a provider rejected an enrollment, or the company revoked it.
//!
//! The release before this one ends no enrollment so, and reads one that was ended: it knows both states.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut time = ColumnDef::new("end_time");
        let time = time.timestamp_with_time_zone().null().take();
        let reason = ColumnDef::new("end_reason").string().null().take();
        for column in [time, reason] {
            let add = Table::alter()
                .table("enrollments")
                .add_column(column)
                .take();
            manager.alter_table(add).await?;
        }
        Ok(())
    }
}
