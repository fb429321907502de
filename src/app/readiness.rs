//! Whether the service can do its work: the database answers, has the tables, keeps what it commits, and fits the
//! keys.

use super::{App, KeyCheckError};
use crate::storage;

/// Why the service cannot do its work yet.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// The database does not answer.
    #[error(transparent)]
    Database(#[from] storage::Error),
    /// `migrate` has not been run.
    #[error("{0} migrations are missing: run migrate")]
    Schema(usize),
    /// The database can lose what was acknowledged.
    #[error("synchronous_commit is off: what PostgreSQL has committed would not survive its crash")]
    Forgetful,
    /// The keys are others than those that the rows were made with.
    #[error(transparent)]
    Keys(#[from] KeyCheckError),
}

impl App {
    /// Whether tables and keys have been found in order. Until then no call may be answered: with
    /// wrong keys the answers would be wrong.
    pub fn is_prepared(&self) -> bool {
        self.0.prepared.get().is_some()
    }

    /// Fails with the first thing that is in the way.
    pub async fn readiness(&self) -> Result<(), NotReady> {
        let store = &self.0.store;
        store.ping().await?;
        if self.is_prepared() {
            return Ok(());
        }
        let missing = store.schema().await?.missing.len();
        if missing > 0 {
            return Err(NotReady::Schema(missing));
        }
        if store.forgets().await? {
            return Err(NotReady::Forgetful);
        }
        self.check_keys().await?;
        // Neither tables nor settings nor keys change under a running process.
        self.0.prepared.get_or_init(|| ());
        Ok(())
    }
}
