//! Keeps each publication of a cohort: which loads it made count.
//!
//! What was published before has no version. It counted from its loads' own times on, and so it is read
//! where there is no version yet, and of what the version before this one publishes while a deployment
//! goes on.
//!
//! That version knows nothing of loads that are withdrawn: it goes on telling their people that they are
//! eligible. So publish nothing that takes people off a list until it is gone.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, binary_null, string, timestamp_with_time_zone},
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let version = ColumnDef::new("version")
            .big_integer()
            .not_null()
            .default(0)
            .take();
        let add = Table::alter().table("cohorts").add_column(version).take();
        manager.alter_table(add).await?;
        let versions = Table::create()
            .table("cohort_versions")
            .col(big_integer("cohort_id"))
            .col(big_integer("number"))
            .col(big_integer("person_count"))
            .col(big_integer("identifier_count"))
            .col(binary_null("digest"))
            .col(string("publisher"))
            .col(timestamp_with_time_zone("publish_time"))
            .primary_key(
                Index::create()
                    .name("pk_cohort_versions")
                    .col("cohort_id")
                    .col("number"),
            )
            .foreign_key(
                ForeignKey::create()
                    .name("fk_cohort_versions_cohort")
                    .from("cohort_versions", "cohort_id")
                    .to("cohorts", "id"),
            )
            .take();
        manager.create_table(versions).await?;
        let loads = Table::create()
            .table("cohort_version_loads")
            .col(big_integer("cohort_id"))
            .col(big_integer("number"))
            .col(big_integer("load_id"))
            .primary_key(
                Index::create()
                    .name("pk_cohort_version_loads")
                    .col("cohort_id")
                    .col("number")
                    .col("load_id"),
            )
            .foreign_key(
                ForeignKey::create()
                    .name("fk_cohort_version_loads_load")
                    .from("cohort_version_loads", "load_id")
                    .to("loads", "id"),
            )
            .foreign_key(
                ForeignKey::create()
                    .name("fk_cohort_version_loads_version")
                    .from("cohort_version_loads", ("cohort_id", "number"))
                    .to("cohort_versions", ("cohort_id", "number")),
            )
            .take();
        manager.create_table(loads).await
    }
}
