//! What may be done: a file per deed or noun, each with the rule of its order: look, decide, write.
//! Looks at people share statements (`looks.rs`), what is written for people shares commits
//! (`committer.rs`), both by way of `lanes.rs`. What concerns many enrollments goes piece by piece
//! (`pieces.rs`): what the clock has decided, and jobs.
//!
//! Owns: transactions, and the one error. Must not know: the protocol, or how a row looks. What is
//! true is asked of `domain`; what is kept, of `storage`; what is secret, of `crypto`.

pub mod cancel_enrollment;
pub mod check_eligibility;
pub mod cohorts;
pub mod discard_load;
pub mod enroll;
pub mod error;
pub mod extend_cohort_term;
pub mod extend_term;
pub mod get_activation_code;
pub mod get_code_pool;
pub mod get_enrollment;
pub mod jobs;
pub mod list_enrollments;
pub mod load_activation_codes;
pub mod loads;
pub mod lookup_enrollment;
pub mod membership;
pub mod migrate_offer;
pub mod offers;
pub mod pages;
pub mod publication;
pub mod publish_cohort;
pub mod readiness;
pub mod reconcile_members;
pub mod record_activation;
pub mod record_cancellation;
pub mod record_rejection;
pub mod reinstate_enrollment;
pub mod replace_activation_code;
pub mod revoke_enrollment;
pub mod settle_enrollments;
pub mod view;

mod catalogues;
mod change;
mod codes_left;
mod committer;
mod deed;
mod find;
mod fingerprint;
mod keys;
mod lanes;
mod log;
mod looks;
mod new_job;
mod others;
pub mod person;
mod pieces;
mod standing;
mod unlisted;
mod working_set;

use std::{
    iter,
    sync::{Arc, OnceLock},
};

use tokio::sync::{Notify, Semaphore};

use self::{
    catalogues::Catalogues,
    committer::{Committing, Order, Outcome},
    lanes::Lanes,
    looks::{Look, Looked, Looking},
    unlisted::Unlisted,
};
use crate::{
    clock::{Clock, Random},
    crypto::Keys,
    storage::Store,
};

pub use error::Error;
pub use keys::KeyCheckError;
pub use unlisted::Freshness;

/// The application: the database, the keys, the time and the randomness that every deed needs.
/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct App(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    store: Store,
    keys: Keys,
    clock: Clock,
    random: Random,
    catalogues: Arc<Catalogues>,
    /// Where checks and look-ups share statements.
    looks: Lanes<Look, Looked>,
    /// The same for batches.
    large_looks: Lanes<Look, Looked>,
    /// Where commands for people share commits.
    commits: Lanes<Order, Outcome>,
    /// Who is on no list.
    unlisted: Arc<Unlisted>,
    /// The place for counting a list.
    counts: Arc<Semaphore>,
    /// The place for packing one.
    packing: Semaphore,
    /// That a job was asked for here.
    jobs: Notify,
    /// Set once tables and keys have been found in order.
    prepared: OnceLock<()>,
}

impl App {
    /// Puts the application together, and opens its lanes, which are tasks of the runtime that it is
    /// called in. They end with it.
    pub fn new(
        store: Store,
        keys: Keys,
        clock: Clock,
        random: Random,
        freshness: Freshness,
    ) -> Self {
        let prepared = OnceLock::new();
        let catalogues = Arc::new(Catalogues::new(store.clone()));
        let looking = || Looking {
            lane: store.lane(),
            store: store.clone(),
            catalogues: catalogues.clone(),
        };
        let looks = Lanes::open(iter::once(looking()));
        let large_looks = Lanes::open([looking(), looking(), looking()].into_iter());
        let commits = Lanes::open((0..store.writing_lanes()).map(|_| Committing {
            lane: store.lane(),
            store: store.clone(),
            catalogues: catalogues.clone(),
            random,
        }));
        let unlisted = Unlisted::follow(store.clone(), catalogues.clone(), freshness);
        Self(Arc::new(Parts {
            store,
            keys,
            clock,
            random,
            catalogues,
            looks,
            large_looks,
            commits,
            unlisted,
            counts: Arc::new(Semaphore::new(1)),
            packing: Semaphore::new(1),
            jobs: Notify::new(),
            prepared,
        }))
    }

    /// The database, for health and for the drain.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.0.clock.now()
    }
}
