//! On PostgreSQL, a pack in which everybody is known by the digest itself keeps each digest once: `people` is NULL
//! there. That is so of a list with one identifier of each person and no keys of the company's own, which then takes
//! half the room. The release before this one finds nobody on such a list, or fails.

use sea_orm_migration::prelude::*;

use super::run_on_postgres;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Behind a long look, which goes by the view, this waits for the view first, which no check does. It gives up soon, and
/// is to be run again.
const ON_POSTGRES: &str = "\
    SET LOCAL lock_timeout = '2s'; \
    CREATE OR REPLACE VIEW listed_members AS \
      SELECT load_id, unnest(digests) AS digest, unnest(coalesce(people, digests)) AS person FROM packs; \
    ALTER TABLE packs ALTER people DROP NOT NULL";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run_on_postgres(manager, ON_POSTGRES).await
    }
}
