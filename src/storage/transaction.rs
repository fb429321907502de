//! The one place where operators' deeds and single showings are begun and committed. What callers write
//! for people goes through a [`lane`](super::lane), where they share commits; lists are packed by
//! [`pack`](super::pack), in transactions of its own.
//!
//! A unit of work runs in a task of its own, so that it ends in order also when the caller has gone
//! away: a future that is dropped in the middle of BEGIN would give its connection back to the pool
//! with a transaction open in it (sqlx#4393), and a commit must not be cut in two. One whose caller has gone
//! before it has a connection is not begun.

use std::future::Future;

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbErr, QueryResult, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait,
};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
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

/// Lets a statement take as long as a call can, and sort in memory what fits there.
const LONG_LOOK: &str = "SET LOCAL statement_timeout = '10min'; SET LOCAL work_mem = '64MB'";

/// An error of a unit of work, which may have a failure of the database as its cause.
pub trait Failure: From<Error> + Send + 'static {
    /// The failure of the database, if that is what it is.
    fn database(&self) -> Option<&Error>;
}

impl Failure for Error {
    fn database(&self) -> Option<&Error> {
        Some(self)
    }
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
        // The one end goes with this future, when its caller does.
        let (wanted, _waiting) = oneshot::channel();
        let unit = async move { store.attempts(&work, &wanted).await };
        let task = self.units_of_work.spawn(unit.in_current_span());
        task.await
            .unwrap_or_else(|_| Err(Error::Fault(format!("{} panicked", W::NAME)).into()))
    }

    async fn attempts<W: UnitOfWork>(
        &self,
        work: &W,
        wanted: &oneshot::Sender<()>,
    ) -> Result<W::Output, W::Error> {
        let mut attempts = Attempts::new(W::NAME, W::UNKNOWN_COMMIT);
        loop {
            match self.attempt(work, wanted).await {
                Ok(done) => return Ok(done),
                Err(failure) => attempts.again(failure)?,
            }
        }
    }

    pub(super) async fn begin(&self) -> Result<Transaction, Error> {
        let options = TransactionOptions {
            // A transaction that begins by reading could not become a writing one later.
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        Ok(self.writer.begin_with_options(options).await?)
    }

    /// A look over whole lists, which may take longer than any other statement, and goes on when its caller
    /// has gone away: so it keeps its place until its end.
    pub(super) async fn long_look(
        &self,
        statement: Statement,
        place: OwnedSemaphorePermit,
    ) -> Result<Option<QueryResult>, Error> {
        let store = self.clone();
        let look = async move {
            let _place = place;
            let transaction = store.reader.begin().await?;
            if store.is_postgres() {
                transaction.execute_unprepared(LONG_LOOK).await?;
            }
            let row = transaction.query_one_raw(statement).await?;
            transaction.commit().await?;
            Ok(row)
        };
        let task = self.units_of_work.spawn(look.in_current_span());
        task.await
            .unwrap_or_else(|_| Err(Error::Fault("a long look panicked".to_owned())))
    }

    async fn attempt<W: UnitOfWork>(
        &self,
        work: &W,
        wanted: &oneshot::Sender<()>,
    ) -> Result<W::Output, W::Error> {
        let transaction = self.begin().await?;
        if wanted.is_closed() {
            let _ = transaction.rollback().await;
            return Err(Error::Unavailable.into());
        }
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

/// How often something has been tried, and whether it may be tried again.
pub struct Attempts {
    name: &'static str,
    unknown_commit: UnknownCommit,
    made: u32,
    commit_unknown: bool,
}

impl Attempts {
    /// None yet. The name is the deed's, as the API has it.
    pub fn new(name: &'static str, unknown_commit: UnknownCommit) -> Self {
        Self {
            name,
            unknown_commit,
            made: 0,
            commit_unknown: false,
        }
    }

    /// Whether to try again after this failure; else what the caller is to be told.
    pub fn again<E: Failure>(&mut self, failure: E) -> Result<(), E> {
        match failure.database() {
            Some(Error::Contention | Error::LiveClaimTaken) => {}
            Some(Error::OutcomeUnknown) if self.unknown_commit == UnknownCommit::Repeat => {
                self.commit_unknown = true;
            }
            // It cannot be asked whether an earlier attempt was committed.
            Some(Error::Unavailable | Error::Locked | Error::Fault(_)) if self.commit_unknown => {
                return Err(Error::OutcomeUnknown.into());
            }
            Some(Error::OutcomeUnknown | Error::Unavailable | Error::Locked | Error::Fault(_))
            | None => return Err(failure),
        }
        metrics::counter!("enrollment_transaction_repeats_total", "unit" => self.name).increment(1);
        self.made += 1;
        match self.made {
            ..ATTEMPTS => Ok(()),
            _ if self.commit_unknown => Err(Error::OutcomeUnknown.into()),
            _ => Err(failure),
        }
    }

    /// Whether an earlier attempt may have been committed.
    pub fn commit_is_unknown(&self) -> bool {
        self.commit_unknown
    }
}

/// What a failed commit means.
pub(super) fn commit_error(error: DbErr) -> Error {
    sqlx_error(&error).map_or(Error::OutcomeUnknown, Error::of_commit)
}
