//! The tables' history. `migrate` runs what is missing; `serve` only looks.

use sea_orm_migration::{
    MigrationTrait, MigratorTrait, SchemaManager,
    sea_orm::{ConnectionTrait, DbBackend, DbErr},
};

mod m0001_first_tables;
mod m0002_no_foreign_keys_on_the_hot_path;
mod m0003_catalogue_version;
mod m0004_rejected_rows;
mod m0005_list_digests;
mod m0006_cohort_versions;
mod m0007_packed_lists;
mod m0008_ended_enrollments;
mod m0009_enrollments_that_end;
mod m0010_code_pools;
mod m0011_jobs;
mod m0012_successions;
mod m0013_overlaps;
mod m0014_reach_of_packs;
mod m0015_one_index_over_claims;
mod m0016_fewer_indexes;
mod m0017_claims_by_person;
mod m0018_live_claims_alone_are_unique;
mod m0019_people_who_are_their_digests;

/// All migrations, in their order.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_first_tables::Migration),
            Box::new(m0002_no_foreign_keys_on_the_hot_path::Migration),
            Box::new(m0003_catalogue_version::Migration),
            Box::new(m0004_rejected_rows::Migration),
            Box::new(m0005_list_digests::Migration),
            Box::new(m0006_cohort_versions::Migration),
            Box::new(m0007_packed_lists::Migration),
            Box::new(m0008_ended_enrollments::Migration),
            Box::new(m0009_enrollments_that_end::Migration),
            Box::new(m0010_code_pools::Migration),
            Box::new(m0011_jobs::Migration),
            Box::new(m0012_successions::Migration),
            Box::new(m0013_overlaps::Migration),
            Box::new(m0014_reach_of_packs::Migration),
            Box::new(m0015_one_index_over_claims::Migration),
            Box::new(m0016_fewer_indexes::Migration),
            Box::new(m0017_claims_by_person::Migration),
            Box::new(m0018_live_claims_alone_are_unique::Migration),
            Box::new(m0019_people_who_are_their_digests::Migration),
        ]
    }
}

/// Runs what each database has its own words for.
async fn run(manager: &SchemaManager<'_>, on_postgres: &str, on_sqlite: &str) -> Result<(), DbErr> {
    let words = if is_postgres(manager) {
        on_postgres
    } else {
        on_sqlite
    };
    let db = manager.get_connection();
    db.execute_unprepared(words).await.map(|_| ())
}

/// Runs what SQLite has no need of.
async fn run_on_postgres(manager: &SchemaManager<'_>, words: &str) -> Result<(), DbErr> {
    if is_postgres(manager) {
        let db = manager.get_connection();
        db.execute_unprepared(words).await?;
    }
    Ok(())
}

fn is_postgres(manager: &SchemaManager<'_>) -> bool {
    manager.get_database_backend() == DbBackend::Postgres
}
