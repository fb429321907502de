//! Work on many enrollments of an offer, done piece by piece, so that it can stop and go on anywhere.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::{
    name::{JobName, OfferName, ResourceId},
    request::RequestId,
};

/// Work on many enrollments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its name.
    pub name: JobName,
    /// What is to be done.
    pub work: JobWork,
    /// Whether it is done.
    pub state: JobState,
    /// Who asked for it.
    pub requester: String,
    /// Their id of it.
    pub request_id: RequestId,
    /// How far it got.
    pub progress: JobProgress,
    /// When it was asked for.
    pub create_time: DateTime<Utc>,
    /// When its last piece was done.
    pub update_time: DateTime<Utc>,
}

/// What is to be done. Kept as JSON: never rename anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "work")]
pub enum JobWork {
    /// Everybody who rests on this cohort and is covered is covered until this day at least.
    ExtendTerm {
        /// The cohort.
        cohort: ResourceId,
        /// The day after the last covered one.
        end: NaiveDate,
    },
    /// Every live enrollment goes on in this offer.
    MigrateOffer {
        /// The offer.
        successor: OfferName,
    },
}

/// How far a job got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JobProgress {
    /// Enrollments that it was to look at when it began.
    pub total: i64,
    /// Enrollments that it has looked at.
    pub passed: i64,
    /// How many of those it has changed.
    pub changed: i64,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobState {
    /// It goes on by itself.
    Running,
    /// Nothing is left to do.
    Done,
}

impl JobState {
    /// The state as the API and the database name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Done => "DONE",
        }
    }
}
