//! Takes away the indexes over claims that `m0015` replaces, and the one over the times of events: no statement looks
//! for them by time alone, and their ids sort by time.
//!
//! On PostgreSQL the new index takes the name of the one that was unique before: the release before this one knows a
//! person's second enrollment by it, too.

use sea_orm_migration::prelude::*;

use super::run;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Nobody can read claims while this waits for whoever does already, as a long look over a list may: it gives up soon,
/// and is to be run again.
const ON_POSTGRES: &str = "\
    SET LOCAL lock_timeout = '2s'; \
    DROP INDEX ix_events_time; \
    DROP INDEX uq_enrollment_claims_live; \
    DROP INDEX ix_enrollment_claims_person; \
    ALTER INDEX uq_enrollment_claims_person RENAME TO uq_enrollment_claims_live";

const ON_SQLITE: &str = "DROP INDEX ix_events_time";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, ON_POSTGRES, ON_SQLITE).await
    }
}
