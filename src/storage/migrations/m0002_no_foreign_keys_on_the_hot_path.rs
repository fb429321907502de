//! Takes away the foreign keys of what an enrollment writes, on PostgreSQL. Checking them takes a third
//! of the database's time for it, and every check locks the one row of the offer. What they would
//! guard cannot happen: the rows are written in one statement, with keys that it was given, and no row
//! that they refer to is ever deleted. SQLite checks them for next to nothing, and cannot drop them.

use sea_orm::DbBackend;
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

const FOREIGN_KEYS: [(&str, &str); 5] = [
    ("enrollments", "fk_enrollments_offer"),
    ("enrollment_cohorts", "fk_enrollment_cohorts_enrollment"),
    ("enrollment_cohorts", "fk_enrollment_cohorts_cohort"),
    ("enrollment_claims", "fk_enrollment_claims_enrollment"),
    ("activation_codes", "fk_activation_codes_enrollment"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        for (table, name) in FOREIGN_KEYS {
            let drop = format!("ALTER TABLE {table} DROP CONSTRAINT {name}");
            manager.get_connection().execute_unprepared(&drop).await?;
        }
        Ok(())
    }
}
