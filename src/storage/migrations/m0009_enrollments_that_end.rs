//! Finds live enrollments by the day on which their codes run out or their terms end, so that they can be
//! settled without a look at all others. Enrolling waits while they are made.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

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
        if manager.get_database_backend() == DbBackend::Postgres {
            let unbounded = "SET LOCAL statement_timeout = 0";
            manager
                .get_connection()
                .execute_unprepared(unbounded)
                .await?;
        }
        for index in INDEXES {
            manager.get_connection().execute_unprepared(index).await?;
        }
        Ok(())
    }
}
