//! Offers whose enrollments go on in other offers. All that follow each other so are a succession, in which a person
//! has one place: claims are made in the name of its first offer, and a change of one's cohorts is one of all.
//!
//! The release before this one knows nothing of it: migrate no offer until it is gone.

use sea_orm_migration::prelude::*;

use super::run;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Its own offer is named by itself: one that is just put behind another would not be met by what stands beside it.
const ON_POSTGRES: &str = "\
    CREATE OR REPLACE FUNCTION cohort_changed() RETURNS trigger LANGUAGE plpgsql AS $$ \
      BEGIN UPDATE offers SET id = id WHERE id = NEW.offer_id OR coalesce(first_offer_id, id) = \
        (SELECT coalesce(first_offer_id, id) FROM offers WHERE id = NEW.offer_id); \
      RETURN NULL; END $$";

const ON_SQLITE: &str = "\
    DROP TRIGGER cohort_added; \
    DROP TRIGGER cohort_changed; \
    CREATE TRIGGER cohort_added AFTER INSERT ON cohorts BEGIN \
      UPDATE offers SET catalogue_version = catalogue_version + 1 WHERE coalesce(first_offer_id, id) = \
        (SELECT coalesce(first_offer_id, id) FROM offers WHERE id = NEW.offer_id); END; \
    CREATE TRIGGER cohort_changed AFTER UPDATE ON cohorts BEGIN \
      UPDATE offers SET catalogue_version = catalogue_version + 1 WHERE coalesce(first_offer_id, id) = \
        (SELECT coalesce(first_offer_id, id) FROM offers WHERE id = NEW.offer_id); END";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            // The first offer of its succession; none when it is the first, or the only one.
            (
                "offers",
                ColumnDef::new("first_offer_id").big_integer().take(),
            ),
            // Since when it belongs to it.
            (
                "offers",
                ColumnDef::new("succeed_time")
                    .timestamp_with_time_zone()
                    .take(),
            ),
            // Names of resources.
            ("offers", ColumnDef::new("successor").string().take()),
            ("enrollments", ColumnDef::new("migrated_to").string().take()),
            (
                "enrollments",
                ColumnDef::new("migrated_from").string().take(),
            ),
        ];
        for (table, mut column) in columns {
            let add = Table::alter().table(table).add_column(&mut column).take();
            manager.alter_table(add).await?;
        }
        run(manager, ON_POSTGRES, ON_SQLITE).await
    }
}
