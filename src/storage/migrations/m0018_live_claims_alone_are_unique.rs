//! Takes away the index over claims that `m0017` replaces on PostgreSQL, and gives its name to the one that is left:
//! this release and the one before it know a person's second enrollment by it.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

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
        if manager.get_database_backend() == DbBackend::Postgres {
            let db = manager.get_connection();
            db.execute_unprepared(ON_POSTGRES).await?;
        }
        Ok(())
    }
}
