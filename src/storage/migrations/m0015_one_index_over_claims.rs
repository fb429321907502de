//! One index over claims in place of two: it finds all claims on a person, and allows one that is live. Both grew at
//! random places with every enrollment, and each such place is a page that has to be written.
//!
//! Made here, so that what follows (`m0016`) takes no time and can be run again without making it anew.

use sea_orm_migration::prelude::*;

use super::run;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Live claims on a person share a key; each of the others has its own. Enrolling waits while it is made.
const ON_POSTGRES: &str = "\
    SET LOCAL statement_timeout = 0; \
    CREATE UNIQUE INDEX uq_enrollment_claims_person ON enrollment_claims (offer_id, person, \
      (CASE WHEN live THEN '00000000-0000-0000-0000-000000000000' ELSE enrollment_id END))";

/// There is nobody else meanwhile.
const ON_SQLITE: &str = "\
    DROP INDEX uq_enrollment_claims_live; \
    DROP INDEX ix_enrollment_claims_person; \
    CREATE UNIQUE INDEX uq_enrollment_claims_live ON enrollment_claims (offer_id, person, \
      (CASE WHEN live THEN x'00' ELSE enrollment_id END))";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, ON_POSTGRES, ON_SQLITE).await
    }
}
