//! Takes away the index over claims that `m0017` replaces on PostgreSQL, and gives its name to the one that is left:
//! this release and the one before it know a person's second enrollment by it.

use sea_orm_migration::prelude::*;

use super::run_on_postgres;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Nobody can read claims while this waits for whoever does already, as a long look over a list may: it gives up soon,
/// and is to be run again.
const ON_POSTGRES: &str = "\
    SET LOCAL lock_timeout = '2s'; \
    DROP INDEX uq_enrollment_claims_live; \
    ALTER INDEX uq_enrollment_claims_person RENAME TO uq_enrollment_claims_live";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run_on_postgres(manager, ON_POSTGRES).await
    }
}
