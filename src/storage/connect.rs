//! Connections to the database, and what each of them is set to.

use std::{fmt, future::Future, io, str::FromStr, sync::Arc, time::Duration};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, SqlxPostgresConnector, SqlxSqliteConnector,
    Statement,
    sqlx::{
        self, ConnectOptions, Connection, PgConnection,
        postgres::{PgConnectOptions, PgPoolOptions, PgSslMode},
        sqlite::{
            SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
            SqliteSynchronous,
        },
    },
};
use tokio_util::task::TaskTracker;
use zeroize::Zeroizing;

use super::Error;

/// How long a call waits for a free connection.
const ACQUIRE: Duration = Duration::from_secs(5);

/// How a lane is set. It waits for nobody's lock longer than this, since all of a turn wait with it; a deadlock is
/// noticed sooner, after a second. Its statements find rows by keys that are given in arrays; but a plan made while a
/// table was empty would read it whole, until somebody analyzes it: so the planner may not.
const LANE: [(&str, &str); 7] = [
    ("lock_timeout", "3s"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("enable_bitmapscan", "off"),
    // To keep what was found of each key: hardly any is asked for twice.
    ("enable_memoize", "off"),
    // To keep a whole table, which was empty when the plan was made.
    ("enable_material", "off"),
];

/// Lanes to write on, on PostgreSQL. Of 1, 2 and 3, three enrolled most in a second (8.1, 8.3 and 9.5
/// thousand with 256 in flight on two cores): while one waits for its commit, others go on.
const POSTGRES_WRITERS: usize = 3;

/// Connections that lanes hold, apart from the pool: those to write on, and four to look on.
pub const LANE_CONNECTIONS: u32 = 7;

/// How long a connection has lain idle before it is asked whether it is still there.
const ASLEEP: Duration = Duration::from_secs(1);

/// Readers of an SQLite database, apart from its one writer.
const SQLITE_READERS: u32 = 4;

/// Where it is kept. `Debug` shows only which kind it is.
#[derive(Clone)]
pub enum Database {
    /// A file.
    Sqlite {
        /// `sqlite://PATH`.
        url: String,
    },
    /// A server.
    Postgres {
        /// `postgres://USER@HOST:PORT/NAME?…`, without a password.
        url: String,
        /// The password.
        password: Option<Zeroizing<String>>,
        /// The most connections at once.
        max_connections: u32,
    },
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite { .. } => "Sqlite",
            Self::Postgres { .. } => "Postgres",
        })
    }
}

/// The database.
#[derive(Debug, Clone)]
pub struct Store {
    /// For transactions. On SQLite a single connection, since there can be only one writer.
    pub(super) writer: DatabaseConnection,
    /// For single statements that read.
    pub(super) reader: DatabaseConnection,
    /// How a lane connects.
    pub(super) lanes: LaneOptions,
    /// Transactions under way, which a drain waits for.
    pub(super) units_of_work: TaskTracker,
}

/// How a connection for calls that share it is made. `Debug` shows only for which kind of database.
#[derive(Clone)]
pub(super) enum LaneOptions {
    /// One of its own.
    Postgres(Arc<PgConnectOptions>),
    /// The one writer, or a reader: they are in this process, and cost nothing to lend.
    Sqlite,
}

impl fmt::Debug for LaneOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "Sqlite",
            Self::Postgres(_) => "Postgres",
        })
    }
}

impl Store {
    /// Connects. Fails with a text for the operator, which holds nothing of the connection string.
    ///
    /// `create` makes an SQLite database that does not exist; without it that is a failure.
    pub async fn connect(database: &Database, create: bool) -> Result<Self, ConnectError> {
        let (writer, reader, lanes) = match database {
            Database::Sqlite { url } => {
                let (writer, reader) = sqlite(url, create).await?;
                (writer, reader, LaneOptions::Sqlite)
            }
            Database::Postgres {
                url,
                password,
                max_connections,
            } => {
                let options = postgres_options(url, password.as_deref().map(String::as_str))?;
                let pool = postgres(options.clone(), *max_connections);
                let lanes = LaneOptions::Postgres(Arc::new(options.options(LANE)));
                (pool.clone(), pool, lanes)
            }
        };
        Ok(Self {
            writer,
            reader,
            lanes,
            units_of_work: TaskTracker::new(),
        })
    }

    /// The connection for single statements that read.
    pub fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), Error> {
        Ok(self.reader.ping().await?)
    }

    /// Whether a crash of the database can lose what it has committed: a role or a database of PostgreSQL can be set
    /// so, and nothing would tell.
    pub async fn forgets(&self) -> Result<bool, Error> {
        if !self.is_postgres() {
            return Ok(false);
        }
        let show = Statement::from_string(DbBackend::Postgres, "SHOW synchronous_commit");
        let row = self.reader.query_one_raw(show).await?;
        let row = row.ok_or_else(|| Error::affected("show"))?;
        Ok(row.try_get_by_index::<String>(0)? == "off")
    }

    /// Waits for the transactions under way, and closes all connections. No transaction can begin
    /// afterwards.
    pub async fn drain(&self) {
        self.units_of_work.close();
        self.units_of_work.wait().await;
        let _ = self.writer.clone().close().await;
        let _ = self.reader.clone().close().await;
    }

    /// How many lanes there are to write on: SQLite has one writer; PostgreSQL writes one batch while
    /// the next is gathered.
    pub fn writing_lanes(&self) -> usize {
        if self.is_postgres() {
            POSTGRES_WRITERS
        } else {
            1
        }
    }

    /// Runs to its end before a drain does.
    pub async fn tracked<F: Future>(&self, work: F) -> F::Output {
        self.units_of_work.track_future(work).await
    }

    pub(super) fn is_postgres(&self) -> bool {
        self.writer.get_database_backend() == DbBackend::Postgres
    }
}

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Its address cannot be read.
    #[error("database.url cannot be read")]
    Url,
    /// It does not open.
    #[error("the database does not open: {0}")]
    Open(#[from] Error),
    /// The SQLite that is built in has a fault that can corrupt databases.
    #[error("SQLite {0} can corrupt a database in WAL mode; 3.51.3 or newer is needed")]
    OldSqlite(String),
}

/// Options for PostgreSQL, also for connections outside the pool.
pub(super) fn postgres_options(
    url: &str,
    password: Option<&str>,
) -> Result<PgConnectOptions, ConnectError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| ConnectError::Url)?
        .application_name("identity-protection-enrollment")
        .options([
            // No statement and no forgotten transaction holds its locks for ever.
            ("statement_timeout", "30s"),
            ("idle_in_transaction_session_timeout", "30s"),
            // It compiles for longer than these statements run.
            ("jit", "off"),
            // It plans for longer, too, and arrays of any length want the same plan.
            ("plan_cache_mode", "force_generic_plan"),
        ])
        .disable_statement_logging();
    Ok(match password {
        Some(password) => options.password(password),
        None => options,
    })
}

/// Whether PostgreSQL is asked for an encrypted connection to a server that proves who it is.
pub fn verifies_server(url: &str) -> bool {
    PgConnectOptions::from_str(url)
        .is_ok_and(|options| matches!(options.get_ssl_mode(), PgSslMode::VerifyFull))
}

fn postgres(options: PgConnectOptions, max_connections: u32) -> DatabaseConnection {
    let pool = PgPoolOptions::new()
        .max_connections(max_connections.saturating_sub(LANE_CONNECTIONS).max(1))
        .acquire_timeout(ACQUIRE)
        // A connection in use needs no asking whether it is there; one that slept may have been cut.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for >= ASLEEP {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .after_connect(|connection, _| Box::pin(refuse_standby(connection)))
        .connect_lazy_with(options);
    SqlxPostgresConnector::from_sqlx_postgres_pool(pool)
}

/// Fails on a server that only reads: a standby, as the address may lead to while another server takes over. It keeps
/// nothing, and what it shows may be old.
pub(super) async fn refuse_standby(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let only_reads = sqlx::query_scalar::<_, String>("SHOW transaction_read_only")
        .fetch_one(connection)
        .await?;
    if only_reads == "on" {
        let standby = io::Error::other("the server only reads");
        return Err(sqlx::Error::Io(standby));
    }
    Ok(())
}

async fn sqlite(
    url: &str,
    create: bool,
) -> Result<(DatabaseConnection, DatabaseConnection), ConnectError> {
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|_| ConnectError::Url)?
        .create_if_missing(create)
        .journal_mode(SqliteJournalMode::Wal)
        // What was acknowledged survives a power cut.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(ACQUIRE)
        .disable_statement_logging();
    // 16 MiB, in KiB: indexes over people, codes and requests grow at random places. Four times as much would find more
    // of them, and cost more than that: a commit that has split a page looks through the whole cache.
    // The log grows to 32 MiB before its pages go into the file: most are written again by then.
    let cached = options
        .clone()
        .pragma("cache_size", "-16384")
        .pragma("wal_autocheckpoint", "8192");
    let writer = sqlite_pool(1, cached).await?;
    refuse_old_sqlite(&writer).await?;
    let reader = sqlite_pool(SQLITE_READERS, options.pragma("query_only", "on")).await?;
    Ok((
        SqlxSqliteConnector::from_sqlx_sqlite_pool(writer),
        SqlxSqliteConnector::from_sqlx_sqlite_pool(reader),
    ))
}

async fn sqlite_pool(
    connections: u32,
    options: SqliteConnectOptions,
) -> Result<SqlitePool, ConnectError> {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE)
        // A file needs no ping. It has had one as it was given back, which also ended what was left open.
        .test_before_acquire(false)
        // When SQLite ends a transaction by itself (a full disk), the driver does not notice: what it
        // takes for the next one would be part of none, and its commit would keep nothing.
        .before_acquire(|connection, _| {
            let is_free = !connection.is_in_transaction();
            Box::pin(async move { Ok(is_free) })
        })
        .connect_with(options)
        .await
        .map_err(|error| ConnectError::Open(Error::from(&error)))
}

async fn refuse_old_sqlite(pool: &SqlitePool) -> Result<(), ConnectError> {
    let version: String = sqlx::query_scalar("SELECT sqlite_version()")
        .fetch_one(pool)
        .await
        .map_err(|error| ConnectError::Open(Error::from(&error)))?;
    let mut parts = version
        .split('.')
        .map(|part| part.parse::<u32>().unwrap_or(0));
    let triple = [(); 3].map(|()| parts.next().unwrap_or(0));
    if triple < [3, 51, 3] {
        return Err(ConnectError::OldSqlite(version));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As it does when the disk is full.
    #[tokio::test]
    async fn a_transaction_that_sqlite_ended_by_itself_spoils_none_after_it() {
        let folder = tempfile::TempDir::new().unwrap();
        let url = format!("sqlite://{}/x.db", folder.path().display());
        let store = Store::connect(&Database::Sqlite { url }, true)
            .await
            .unwrap();
        let create = "CREATE TABLE kept (id INTEGER)";
        store.writer.execute_unprepared(create).await.unwrap();
        let ended = store.begin().await.unwrap();
        ended.execute_unprepared("ROLLBACK").await.unwrap();
        ended.commit().await.unwrap_err();

        // One that is dropped, and one that is kept.
        drop(store.begin().await.unwrap());
        let kept = store.begin().await.unwrap();
        let insert = "INSERT INTO kept VALUES (1)";
        kept.execute_unprepared(insert).await.unwrap();
        kept.commit().await.unwrap();

        let seen = store
            .reader
            .query_all_raw(sea_orm::Statement::from_string(
                DbBackend::Sqlite,
                "SELECT id FROM kept",
            ))
            .await
            .unwrap();
        assert_eq!(seen.len(), 1);
    }
}
