//! The one place where a transaction is begun and committed: the seam at which calls can come to
//! share one.
//!
//! A unit of work runs in a task of its own, so that it ends in order also when the caller has gone
//! away: a future that is dropped in the middle of BEGIN would give its connection back to the pool
//! with a transaction open in it (sqlx#4393), and a commit must not be cut in two.

use std::future::Future;

use sea_orm::{
    DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions, TransactionTrait, sqlx,
};
use tracing::Instrument;

use super::{Error, Store, error::sqlx_error};

/// A transaction that a unit of work runs in.
pub type Transaction = DatabaseTransaction;

/// Something to be done whole or not at all.
pub trait UnitOfWork: Send + Sync + 'static {
    /// What it gives.
    type Output: Send + 'static;
    /// How it fails.
    type Error: Failure;
    /// The deed's name, as the API has it.
    const NAME: &'static str;
    /// What to do when nobody knows whether it was committed.
    const UNKNOWN_COMMIT: UnknownCommit;

    /// Does it. Talks to nothing but the transaction, since it can be run more than once.
    fn run(
        &self,
        transaction: &Transaction,
    ) -> impl Future<Output = Result<Self::Output, Self::Error>> + Send;
}

/// How often a unit of work is begun at the most before the caller is told to come back.
const ATTEMPTS: u32 = 6;

/// An error of a unit of work, which may have a failure of the database as its cause.
pub trait Failure: From<Error> + Send + 'static {
    /// The failure of the database, if that is what it is.
    fn database(&self) -> Option<&Error>;
}

/// What to do when nobody knows whether a commit took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownCommit {
    /// Run the unit again: it knows by its request id whether it has been done.
    Repeat,
    /// Tell the caller.
    Report,
}

impl Store {
    /// Runs a unit of work in a transaction of its own and commits it, or rolls it back if it fails.
    /// Repeats it, up to a bound, when others got in its way.
    pub async fn transaction<W: UnitOfWork>(&self, work: W) -> Result<W::Output, W::Error> {
        let store = self.clone();
        let unit = async move { store.attempts(&work).await };
        let task = self.units_of_work.spawn(unit.in_current_span());
        task.await
            .unwrap_or_else(|_| Err(Error::Fault(format!("{} panicked", W::NAME)).into()))
    }

    async fn attempts<W: UnitOfWork>(&self, work: &W) -> Result<W::Output, W::Error> {
        let mut commit_unknown = false;
        for _ in 0..ATTEMPTS {
            let failure = match self.attempt(work).await {
                Ok(done) => return Ok(done),
                Err(failure) => failure,
            };
            let repeat = match failure.database() {
                Some(Error::Contention | Error::LiveClaimTaken) => true,
                Some(Error::OutcomeUnknown) if W::UNKNOWN_COMMIT == UnknownCommit::Repeat => {
                    commit_unknown = true;
                    true
                }
                // It cannot be asked whether the first attempt was committed.
                Some(Error::Unavailable) if commit_unknown => {
                    return Err(Error::OutcomeUnknown.into());
                }
                Some(Error::OutcomeUnknown | Error::Unavailable | Error::Fault(_)) | None => false,
            };
            if !repeat {
                return Err(failure);
            }
            metrics::counter!("enrollment_transaction_repeats_total", "unit" => W::NAME)
                .increment(1);
        }
        Err(if commit_unknown {
            Error::OutcomeUnknown.into()
        } else {
            Error::Unavailable.into()
        })
    }

    async fn attempt<W: UnitOfWork>(&self, work: &W) -> Result<W::Output, W::Error> {
        let options = TransactionOptions {
            // A transaction that begins by reading could not become a writing one later.
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = self
            .writer
            .begin_with_options(options)
            .await
            .map_err(Error::from)?;
        match work.run(&transaction).await {
            Ok(done) => {
                transaction.commit().await.map_err(commit_error)?;
                Ok(done)
            }
            Err(failure) => {
                // If the connection is gone, so is the transaction.
                let _ = transaction.rollback().await;
                Err(failure)
            }
        }
    }
}

/// What a failed commit means. If the server itself answered, it refused, and nothing was committed;
/// unless it is shutting down, for then it may have committed before it said so.
fn commit_error(error: DbErr) -> Error {
    let refused = sqlx_error(&error)
        .and_then(sqlx::Error::as_database_error)
        .is_some_and(|answer| !answer.code().is_some_and(|code| code.starts_with("57P")));
    if refused {
        Error::from(error)
    } else {
        Error::OutcomeUnknown
    }
}
