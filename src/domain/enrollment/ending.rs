//! How an enrollment ended before its time: when, and why. Reasons are choices, not texts: nobody can write a
//! name into them. Their names are what the log and the database keep: never rename one.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

/// What is kept of a cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancellation {
    /// When the person cancelled.
    pub cancel_time: DateTime<Utc>,
    /// Why.
    pub reason: CancelReason,
    /// The last day on which it can be reinstated, as promised at the time.
    pub reinstate_by: NaiveDate,
    /// When the membership had begun, if it had.
    pub activate_time: Option<DateTime<Utc>>,
}

/// What is kept of a refusal by the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// When it was recorded.
    pub reject_time: DateTime<Utc>,
    /// Why.
    pub reason: RejectReason,
}

/// What is kept of a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// When the company ended it.
    pub revoke_time: DateTime<Utc>,
    /// Why.
    pub reason: RevokeReason,
    /// When the membership had begun, if it had.
    pub activate_time: Option<DateTime<Utc>>,
}

/// What is kept of an enrollment's going on in another offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    /// Since when it goes on there.
    pub migrate_time: DateTime<Utc>,
    /// When the membership here had begun, if it had.
    pub activate_time: Option<DateTime<Utc>>,
}

/// Why a person ended an enrollment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CancelReason {
    /// No longer wanted.
    NotWanted,
    /// Covered by somebody else.
    CoveredElsewhere,
    /// The provider's terms are not acceptable.
    ProviderTerms,
    /// Enrolled by mistake.
    Mistake,
    /// Another reason.
    Other,
}

impl CancelReason {
    /// The reason as the log and the database name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotWanted => "NOT_WANTED",
            Self::CoveredElsewhere => "COVERED_ELSEWHERE",
            Self::ProviderTerms => "PROVIDER_TERMS",
            Self::Mistake => "MISTAKE",
            Self::Other => "OTHER",
        }
    }
}

/// Why the provider refused a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RejectReason {
    /// The person could not show who they are.
    IdentityNotVerified,
    /// The person is a member already.
    AlreadyMember,
    /// The provider serves nobody of that age, or where the person lives.
    NotServed,
    /// The code was not accepted.
    CodeNotAccepted,
    /// Another reason.
    Other,
}

impl RejectReason {
    /// The reason as the log and the database name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::IdentityNotVerified => "IDENTITY_NOT_VERIFIED",
            Self::AlreadyMember => "ALREADY_MEMBER",
            Self::NotServed => "NOT_SERVED",
            Self::CodeNotAccepted => "CODE_NOT_ACCEPTED",
            Self::Other => "OTHER",
        }
    }
}

/// Why the company ended an enrollment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RevokeReason {
    /// Somebody else enrolled in the person's name.
    Fraud,
    /// The person is covered twice.
    Duplicate,
    /// The company's error.
    Error,
    /// Another reason.
    Other,
}

impl RevokeReason {
    /// The reason as the log and the database name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fraud => "FRAUD",
            Self::Duplicate => "DUPLICATE",
            Self::Error => "ERROR",
            Self::Other => "OTHER",
        }
    }
}
