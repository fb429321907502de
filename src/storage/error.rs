//! What can go wrong in the database, told without its words: a database's own text holds values.

use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr, sqlx};

/// A failure of the database. Nothing in it comes from a row or from a connection string.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It cannot be reached, or is too busy. Nothing was done.
    #[error("the database is not available")]
    Unavailable,
    /// The connection broke while committing: done or not done, nobody knows.
    #[error("the connection broke while committing")]
    OutcomeUnknown,
    /// Somebody else has held what it changes for too long. Nothing was done.
    #[error("a lock was not given in time")]
    Locked,
    /// Others got in the way: repeat the whole transaction.
    #[error("the transaction must be repeated")]
    Contention,
    /// A person was claimed in the meantime by somebody else.
    #[error("the person has another live enrollment")]
    LiveClaimTaken,
    /// A fault of this service or of its data.
    #[error("the database refused a statement ({0})")]
    Fault(String),
}

impl Error {
    /// A stored value that this version cannot read.
    pub fn unreadable(column: &'static str) -> Self {
        Self::Fault(format!("unreadable value in {column}"))
    }

    /// A statement that changed another number of rows than it must.
    pub fn affected(statement: &'static str) -> Self {
        Self::Fault(format!("unexpected number of rows: {statement}"))
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        if let DbErr::ConnectionAcquire(
            ConnAcquireErr::Timeout | ConnAcquireErr::ConnectionClosed,
        ) = error
        {
            return Self::Unavailable;
        }
        match sqlx_error(&error) {
            Some(error) => Self::from(error),
            // The library's own text can hold values.
            None => Self::Fault("sea-orm".to_owned()),
        }
    }
}

/// What the driver said, below sea-orm.
pub(super) fn sqlx_error(error: &DbErr) -> Option<&sqlx::Error> {
    if let DbErr::Conn(RuntimeErr::SqlxError(error))
    | DbErr::Exec(RuntimeErr::SqlxError(error))
    | DbErr::Query(RuntimeErr::SqlxError(error)) = error
    {
        Some(error)
    } else {
        None
    }
}

impl From<&sqlx::Error> for Error {
    fn from(error: &sqlx::Error) -> Self {
        if let sqlx::Error::Database(database) = error {
            let code = database.code().unwrap_or_default();
            return from_code(&code, database.constraint(), database.message());
        }
        if is_connection_loss(error) {
            Self::Unavailable
        } else {
            Self::Fault("protocol".to_owned())
        }
    }
}

impl Error {
    /// What it means that a commit failed, or a statement that is a transaction of its own. If the
    /// server itself answered, it refused, and nothing was committed; unless it is shutting down, for
    /// then it may have committed before it said so.
    pub(super) fn of_commit(error: &sqlx::Error) -> Self {
        let answer = error.as_database_error();
        if answer.is_some_and(|answer| !answer.code().is_some_and(|code| code.starts_with("57P"))) {
            Self::from(error)
        } else {
            Self::OutcomeUnknown
        }
    }
}

/// Name of the index that keeps a person's live enrollments to one per succession of offers.
pub(super) const LIVE_CLAIM_INDEX: &str = "uq_enrollment_claims_live";

/// Names of what keeps a request id to one use, among enrollments and among jobs, and a code to one pool.
const SAID_ELSEWHERE: [&str; 3] = ["pk_requests", "uq_jobs_request", "uq_pool_codes_digest"];

/// The words in which SQLite, which names no index over columns alone, tells of the one over request ids.
const REQUEST_COLUMNS: &str = "requests.caller, requests.request_id";

fn from_code(code: &str, constraint: Option<&str>, message: &str) -> Error {
    match code {
        // PostgreSQL (Appendix A of its manual): serialization_failure, deadlock_detected.
        "40001" | "40P01" => Error::Contention,
        // query_canceled (by statement_timeout), too_many_connections, admin_shutdown, crash_shutdown,
        // cannot_connect_now, idle_in_transaction_session_timeout, disk_full, and
        // read_only_sql_transaction: it has become a standby, and another server has its place.
        "57014" | "53300" | "57P01" | "57P02" | "57P03" | "25P03" | "53100" | "25006" => {
            Error::Unavailable
        }
        // lock_not_available.
        "55P03" => Error::Locked,
        "23505" if constraint == Some(LIVE_CLAIM_INDEX) => Error::LiveClaimTaken,
        // Somebody else has said the same just now: whoever looks again finds it.
        "23505" if constraint.is_some_and(|name| SAID_ELSEWHERE.contains(&name)) => {
            Error::Contention
        }
        // SQLite (its list of result codes): SQLITE_CONSTRAINT_UNIQUE, SQLITE_CONSTRAINT_PRIMARYKEY.
        "2067" if message.contains(LIVE_CLAIM_INDEX) => Error::LiveClaimTaken,
        "2067" | "1555" if message.contains(REQUEST_COLUMNS) => Error::Contention,
        // SQLITE_BUSY and its kinds, SQLITE_LOCKED, SQLITE_FULL.
        "5" | "261" | "517" | "773" | "6" | "13" => Error::Unavailable,
        other => Error::Fault(format!("code {other}, constraint {constraint:?}")),
    }
}

fn is_connection_loss(error: &sqlx::Error) -> bool {
    matches!(
        error,
        sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
    )
}
