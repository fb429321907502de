//! What may be done: a file per deed or noun, each with the rule of its order: look, decide, write.
//!
//! Owns: transactions, and the one error. Must not know: the protocol, or how a row looks. What is
//! true is asked of `domain`; what is kept, of `storage`; what is secret, of `crypto`.

pub mod cancel_enrollment;
pub mod check_eligibility;
pub mod cohorts;
pub mod enroll;
pub mod error;
pub mod get_activation_code;
pub mod get_enrollment;
pub mod loads;
pub mod lookup_enrollment;
pub mod offers;
pub mod pages;
pub mod publish_cohort;
pub mod readiness;
pub mod reinstate_enrollment;
pub mod view;

mod find;
mod fingerprint;
mod keys;
mod log;
mod once;
pub mod person;
mod settle;
mod standing;

use std::sync::{Arc, OnceLock};

use crate::{
    clock::{Clock, Random},
    crypto::Keys,
    storage::Store,
};

pub use error::Error;
pub use keys::KeyCheckError;

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
    /// Set once tables and keys have been found in order.
    prepared: OnceLock<()>,
}

impl App {
    /// Puts the application together.
    pub fn new(store: Store, keys: Keys, clock: Clock, random: Random) -> Self {
        let prepared = OnceLock::new();
        Self(Arc::new(Parts {
            store,
            keys,
            clock,
            random,
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
