//! Whether the tables are those that this version knows, and how they come to be.

use sea_orm::{
    ConnectionTrait, EntityTrait, QueryOrder, QuerySelect, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
    sqlx::{self, Connection, PgConnection},
};
use sea_orm_migration::{MigratorTrait, seaql_migrations};

use super::{Database, Error, Store, connect::postgres_options, migrations::Migrator};

/// Holds off a second `migrate`: any number that nothing else on the database takes.
const ADVISORY_LOCK: i64 = 0x1DE7_0C05;

/// How the tables stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// Migrations of this version that were not run yet.
    pub missing: Vec<String>,
    /// Migrations that were run and that this version does not know: a newer version's.
    pub newer: usize,
}

impl Store {
    /// How the tables stand. A newer database is no fault: its migrations only expand.
    pub async fn schema(&self) -> Result<Schema, Error> {
        let known = Migrator::migrations()
            .iter()
            .map(|migration| migration.name().to_owned())
            .collect::<Vec<_>>();
        let run = if self.has_migrations_table().await? {
            seaql_migrations::Entity::find()
                .select_only()
                .column(seaql_migrations::Column::Version)
                .order_by_asc(seaql_migrations::Column::Version)
                .into_tuple::<String>()
                .all(&self.reader)
                .await?
        } else {
            Vec::new()
        };
        Ok(Schema {
            newer: run.iter().filter(|name| !known.contains(name)).count(),
            missing: known
                .into_iter()
                .filter(|name| !run.contains(name))
                .collect(),
        })
    }

    /// Runs the missing migrations, one `migrate` at a time. Gives the names of those that it ran.
    pub async fn migrate(&self, database: &Database) -> Result<Vec<String>, Error> {
        match database {
            Database::Sqlite { .. } => self.migrate_sqlite().await,
            Database::Postgres { url, password, .. } => {
                let lock = advisory_lock(url, password.as_deref().map(String::as_str)).await?;
                let missing = self.schema().await?.missing;
                if !missing.is_empty() {
                    Migrator::up(&self.writer, None).await?;
                }
                // The lock ends with its connection; so it does when a migration fails.
                let _ = lock.close().await;
                Ok(missing)
            }
        }
    }

    /// On SQLite a writing transaction is the lock, and holds the migrations too.
    async fn migrate_sqlite(&self) -> Result<Vec<String>, Error> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = self.writer.begin_with_options(options).await?;
        let missing = self.schema().await?.missing;
        if !missing.is_empty() {
            Migrator::up(&transaction, None).await?;
        }
        transaction.commit().await?;
        Ok(missing)
    }

    async fn has_migrations_table(&self) -> Result<bool, Error> {
        let sql = if self.is_postgres() {
            "SELECT 1 FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = 'seaql_migrations'"
        } else {
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'seaql_migrations'"
        };
        Ok(self
            .reader
            .query_one_raw(statement(&self.reader, sql))
            .await?
            .is_some())
    }
}

fn statement(connection: &impl ConnectionTrait, sql: &'static str) -> sea_orm::Statement {
    sea_orm::Statement::from_string(connection.get_database_backend(), sql)
}

/// An advisory lock on a connection of its own; the migrator takes none by itself.
async fn advisory_lock(url: &str, password: Option<&str>) -> Result<PgConnection, Error> {
    let options = postgres_options(url, password)
        .map_err(|_| Error::Fault("database.url".to_owned()))?
        // Another migration may take its time.
        .options([("statement_timeout", "0")]);
    let mut connection = PgConnection::connect_with(&options)
        .await
        .map_err(|error| Error::from(&error))?;
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(ADVISORY_LOCK)
        .execute(&mut connection)
        .await
        .map_err(|error| Error::from(&error))?;
    Ok(connection)
}
