//! A database of its own for each test.

use enrollment::storage::{self, Store};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, Statement,
    sqlx::{self, Connection, PgConnection},
};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::{postgres, unique};

/// A migrated database that nobody else uses.
pub struct TestDatabase {
    pub settings: storage::Database,
    /// For looking into the tables past the service.
    pub inside: DatabaseConnection,
    _folder: TempDir,
}

impl TestDatabase {
    pub async fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let (settings, url) = sqlite_settings(&folder);
        migrate(&settings).await;
        Self::of(settings, &url, folder).await
    }

    /// `None` where there is no PostgreSQL.
    pub async fn postgres() -> Option<Self> {
        static TEMPLATE: OnceCell<String> = OnceCell::const_new();
        postgres::url("postgres")?;
        let template = TEMPLATE.get_or_init(make_template).await;
        let name = format!("test_{}", unique().simple());
        create(&name, template).await;
        let url = postgres::url(&name)?;
        let settings = postgres_settings(&url);
        Some(Self::of(settings, &url, TempDir::new().unwrap()).await)
    }

    /// Another database of the same kind, in which nothing is: no tables either.
    pub async fn unmigrated(&self) -> Self {
        if !self.is_postgres() {
            let folder = TempDir::new().unwrap();
            let (settings, url) = sqlite_settings(&folder);
            Store::connect(&settings, true).await.unwrap().drain().await;
            return Self::of(settings, &url, folder).await;
        }
        let name = format!("empty_{}", unique().simple());
        create(&name, "template1").await;
        let url = postgres::url(&name).unwrap();
        Self::of(postgres_settings(&url), &url, TempDir::new().unwrap()).await
    }

    pub fn is_postgres(&self) -> bool {
        self.inside.get_database_backend() == DbBackend::Postgres
    }

    /// The number that a statement gives.
    pub async fn count(&self, sql: &str) -> i64 {
        let statement = Statement::from_string(self.inside.get_database_backend(), sql.to_owned());
        let row = self.inside.query_one_raw(statement).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }

    /// Changes how new connections to a PostgreSQL database are set, even when they only read: `name = value`.
    pub async fn set(&self, setting: &str) {
        let sql = format!(
            "SET transaction_read_only = off; DO $$ BEGIN \
             EXECUTE format('ALTER DATABASE %I SET {setting}', current_database()); END $$"
        );
        self.inside.execute_unprepared(&sql).await.unwrap();
    }

    async fn of(settings: storage::Database, url: &str, folder: TempDir) -> Self {
        let inside = sea_orm::Database::connect(url).await.unwrap();
        Self {
            settings,
            inside,
            _folder: folder,
        }
    }
}

/// Settings for a PostgreSQL database without a password.
pub fn postgres_settings(url: &str) -> storage::Database {
    storage::Database::Postgres {
        url: url.to_owned(),
        password: None,
        max_connections: 9,
    }
}

fn sqlite_settings(folder: &TempDir) -> (storage::Database, String) {
    let url = format!("sqlite://{}", folder.path().join("enrollment.db").display());
    (storage::Database::Sqlite { url: url.clone() }, url)
}

/// Runs the missing migrations.
pub async fn migrate(settings: &storage::Database) {
    let store = Store::connect(settings, true).await.unwrap();
    store.migrate(settings).await.unwrap();
    store.drain().await;
}

/// Migrated once; every test's database is a copy.
async fn make_template() -> String {
    let name = format!("template_{}", unique().simple());
    create(&name, "template1").await;
    migrate(&postgres_settings(&postgres::url(&name).unwrap())).await;
    name
}

async fn create(name: &str, template: &str) {
    let mut server = PgConnection::connect(&postgres::url("postgres").unwrap())
        .await
        .unwrap();
    let sql = format!("CREATE DATABASE {name} TEMPLATE {template}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(&mut server)
        .await
        .unwrap();
}
