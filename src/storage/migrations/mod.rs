//! The tables' history. `migrate` runs what is missing; `serve` only looks.

use sea_orm_migration::{MigrationTrait, MigratorTrait};

mod m0001_first_tables;

/// All migrations, in their order.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m0001_first_tables::Migration)]
    }
}
