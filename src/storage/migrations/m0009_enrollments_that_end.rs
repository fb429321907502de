//! Finds live enrollments by the day on which their codes run out or their terms end, so that they can be
//! settled without a look at all others. Enrolling waits while they are made.

use sea_orm_migration::prelude::*;

use super::run_on_postgres;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Both databases take these words.
const INDEXES: [&str; 2] = [
    "CREATE INDEX ix_enrollments_lapse ON enrollments (offer_id, activate_by_date) \
     WHERE state = 'PENDING'",
    "CREATE INDEX ix_enrollments_end ON enrollments (offer_id, term_end_date) \
     WHERE state IN ('PENDING', 'ACTIVE')",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run_on_postgres(manager, "SET LOCAL statement_timeout = 0").await?;
        for index in INDEXES {
            manager.get_connection().execute_unprepared(index).await?;
        }
        Ok(())
    }
}
