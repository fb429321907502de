//! The one error above storage: what went wrong, in this service's words. `grpc/status.rs` turns it
//! into the protocol's.

use chrono::NaiveDate;

use crate::{
    clock::NoRandomness,
    crypto::seal::{BrokenSeal, SealError},
    domain::{
        cohort::Comparison,
        list_digest::ListDigest,
        name::{CodePoolName, EnrollmentName, OfferName},
        transition::StateForbids,
        violation::Violation,
    },
    storage,
};

/// A failure of the database.
pub use crate::storage::Error as DatabaseError;

/// Why a command was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The request breaks rules: every one that was found.
    #[error("the request breaks {} rules", .0.len())]
    Invalid(Vec<Violation>),
    /// The caller did not prove who they are.
    #[error("unauthenticated: {0:?}")]
    Unauthenticated(TokenFault),
    /// The caller may not do this. Names the scopes of which one would do.
    #[error("the caller lacks a scope")]
    ScopeMissing(Vec<String>),
    /// There is no such thing.
    #[error("{kind} not found")]
    NotFound {
        /// `Offer`, `Cohort`, `Load`, `CodePool`, `CodeLoad`, `Enrollment`.
        kind: &'static str,
        /// Its name, as the caller gave it; `None` where they gave identifiers of a person.
        name: Option<String>,
    },
    /// It is there already.
    #[error("conflict: {0}")]
    Exists(Conflict),
    /// The resource is not what the caller has seen. Holds its name.
    #[error("etag mismatch: {0}")]
    EtagMismatch(String),
    /// The state of things does not allow it.
    #[error("precondition failed: {0}")]
    Precondition(Precondition),
    /// There is no time or no place left.
    #[error("overloaded: {0:?}")]
    Overloaded(Overload),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// A fault of this service. The text is for the log and holds nothing of a person.
    #[error("fault: {0}")]
    Fault(&'static str),
}

/// What is wrong with a caller's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFault {
    /// There is none.
    Missing,
    /// It is not accepted.
    Invalid,
    /// It has expired.
    Expired,
}

/// What is there already.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// A resource of this name.
    #[error("the name is taken")]
    Resource {
        /// What it is.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// A live enrollment of the person.
    #[error("already enrolled")]
    Enrollment(EnrollmentName),
    /// Another use of the request id.
    #[error("request id reused")]
    RequestId,
}

/// What does not allow a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Precondition {
    /// The person is on no list, and the lists are complete.
    #[error("not listed")]
    NotListed,
    /// The person is on no list, but lists are still to come.
    #[error("undetermined")]
    Undetermined,
    /// Enrolling has not begun.
    #[error("not yet open")]
    NotYetOpen,
    /// Enrolling is over.
    #[error("closed")]
    Closed,
    /// Enrolling is paused.
    #[error("paused")]
    Paused,
    /// Another offer covers the person, and this one does not too. Holds the name of the enrollment there.
    #[error("covered elsewhere")]
    CoveredElsewhere(String),
    /// The person accepted other terms than the offer's.
    #[error("terms version mismatch")]
    TermsVersion {
        /// The offer's.
        current: String,
    },
    /// The state of a resource.
    #[error("state {state} forbids it")]
    State {
        /// The resource's name.
        name: String,
        /// Its state, as the API names it.
        state: &'static str,
    },
    /// It can no longer be reinstated. Holds the enrollment's name.
    #[error("reinstatement period over")]
    ReinstatementPeriodOver(String),
    /// What the provider says cannot be put on record.
    #[error("provider refused")]
    Provider {
        /// The enrollment's name.
        name: String,
        /// Why.
        refusal: ProviderRefusal,
    },
    /// An earlier last day would take the offer away from people.
    #[error("cuts off")]
    CutsOff {
        /// The offer's name.
        name: String,
        /// The present last day.
        enroll_by: NaiveDate,
    },
    /// Its enrollments go on in another offer.
    #[error("offer migrated")]
    OfferMigrated {
        /// The offer's name.
        name: String,
        /// The other's.
        successor: String,
    },
    /// Enrollments cannot go on in an offer. Holds its name and what would fit.
    #[error("successor unfit")]
    SuccessorUnfit {
        /// The offer's name.
        name: String,
        /// What would fit.
        rule: &'static str,
    },
    /// The offer's pool has no code left. Holds the pool's name.
    #[error("code pool empty")]
    CodePoolEmpty(String),
    /// It has no activation codes. Holds the name of the offer or the enrollment.
    #[error("no activation code")]
    NoActivationCode(String),
    /// A person can get less than 24 months, and nobody acknowledged it.
    #[error("short term not acknowledged")]
    ShortTerm,
    /// The cohort has no finished load. Holds its name.
    #[error("cohort empty")]
    CohortEmpty(String),
    /// The cohort has another number of people.
    #[error("cohort count mismatch")]
    CohortCount {
        /// The cohort's name.
        name: String,
        /// How many it has.
        actual: i64,
    },
    /// The cohort's lists have another digest.
    #[error("cohort digest mismatch")]
    CohortDigest {
        /// The cohort's name.
        name: String,
        /// Theirs; `None` when part of them was loaded before there were digests.
        actual: Option<ListDigest>,
    },
    /// More people would be dropped from the cohort than the caller allows.
    #[error("cohort drops people")]
    CohortDropsPeople {
        /// The cohort's name.
        name: String,
        /// How many.
        comparison: Comparison,
    },
    /// A list was hashed with another key. Holds what names the service's.
    #[error("digest key mismatch")]
    DigestKey(String),
    /// A chunk, an end or a header does not fit the load. Holds its name and the rule.
    #[error("load out of step")]
    LoadOutOfStep {
        /// The load's name.
        name: String,
        /// What would fit.
        rule: &'static str,
    },
    /// A load of the cohort is not finished. Holds the load's name.
    #[error("load in progress")]
    LoadInProgress(String),
}

/// Why what a provider says cannot be put on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderRefusal {
    /// Another code has taken the place of the one that it names.
    CodeVoid,
    /// The membership began after this day, the last one on which the code could be activated.
    CodeRanOut(NaiveDate),
    /// Something else is on record: a field and its value.
    Contradiction(String),
}

/// What there is not enough of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overload {
    /// Places for calls.
    Calls,
    /// The place for counting a list.
    Counts,
    /// Time.
    Deadline,
}

impl Error {
    /// That a named resource does not exist.
    pub fn not_found(kind: &'static str, name: &impl ToString) -> Self {
        Self::NotFound {
            kind,
            name: Some(name.to_string()),
        }
    }

    /// That an enrollment, or what its offer gives, has no activation code.
    pub fn no_code(name: &impl ToString) -> Self {
        Self::Precondition(Precondition::NoActivationCode(name.to_string()))
    }

    /// That an offer's enrollments go on in another.
    pub fn migrated(name: &OfferName, successor: &OfferName) -> Self {
        Self::Precondition(Precondition::OfferMigrated {
            name: name.to_string(),
            successor: successor.to_string(),
        })
    }

    /// That enrollments cannot go on in an offer, or could not after a change; and what would fit.
    pub fn unfit(name: &OfferName, rule: &'static str) -> Self {
        Self::Precondition(Precondition::SuccessorUnfit {
            name: name.to_string(),
            rule,
        })
    }

    /// That an offer's pool has no code left.
    pub fn code_pool_empty(offer: &OfferName) -> Self {
        let pool = CodePoolName(offer.clone());
        Self::Precondition(Precondition::CodePoolEmpty(pool.to_string()))
    }

    /// That a resource's state does not allow a command.
    pub fn forbidden(name: &impl ToString, forbids: StateForbids) -> Self {
        Self::Precondition(Precondition::State {
            name: name.to_string(),
            state: forbids.state,
        })
    }
}

impl storage::transaction::Failure for Error {
    fn database(&self) -> Option<&storage::Error> {
        match self {
            Self::Storage(error) => Some(error),
            Self::Invalid(_)
            | Self::Unauthenticated(_)
            | Self::ScopeMissing(_)
            | Self::NotFound { .. }
            | Self::Exists(_)
            | Self::EtagMismatch(_)
            | Self::Precondition(_)
            | Self::Overloaded(_)
            | Self::Fault(_) => None,
        }
    }
}

impl From<NoRandomness> for Error {
    fn from(_: NoRandomness) -> Self {
        Self::Fault("no randomness")
    }
}

impl From<SealError> for Error {
    fn from(_: SealError) -> Self {
        Self::Fault("cannot seal")
    }
}

impl From<BrokenSeal> for Error {
    fn from(_: BrokenSeal) -> Self {
        Self::Fault("a stored seal does not open with the keys that are configured")
    }
}
