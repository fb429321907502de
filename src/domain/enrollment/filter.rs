//! Which enrollments somebody wants to see.

use chrono::{DateTime, Utc};

use crate::domain::{code::CodeSource, name::CohortName};

/// Some of an offer's enrollments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// Those of all of these; everybody's when there are none.
    All(Vec<Filter>),
    /// Those of any of these.
    Any(Vec<Filter>),
    /// Those that are not of this.
    Not(Box<Filter>),
    /// Those that stand so on the day of reading.
    State(State),
    /// Those whose present code comes from there.
    CodeSource(CodeSource),
    /// Those that rest on this cohort, among others.
    Cohort(CohortName),
    /// Those with a time that compares so.
    Time(TimeField, Comparison, DateTime<Utc>),
    /// Those with a time at all.
    Has(TimeField),
}

impl Filter {
    /// The cohorts that it names.
    pub fn cohorts(&self) -> Vec<&CohortName> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::cohorts).collect(),
            Self::Not(part) => part.cohorts(),
            Self::Cohort(name) => vec![name],
            Self::State(_) | Self::CodeSource(_) | Self::Time(..) | Self::Has(_) => Vec::new(),
        }
    }
}

/// Where an enrollment stands, and nothing else of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The membership has not begun.
    Pending,
    /// The membership runs.
    Active,
    /// The term reached its end.
    Expired,
    /// The code ran out unused.
    Lapsed,
    /// The provider refused the person.
    Rejected,
    /// The person ended it.
    Cancelled,
    /// The company ended it.
    Revoked,
    /// It goes on in another offer.
    Migrated,
}

/// A time of an enrollment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeField {
    /// When the person enrolled.
    Enroll,
    /// When the membership began.
    Activate,
}

/// How two times compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// The same.
    Equal,
    /// Earlier.
    Before,
    /// Earlier or the same.
    NotAfter,
    /// Later.
    After,
    /// Later or the same.
    NotBefore,
}
