//! An enrollment and its life. States follow each other only through the methods here, which take
//! the old state and give the new one, or say why not.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::{
    data_element::DataElements,
    name::{EnrollmentName, ResourceId},
    term::TermDates,
    transition::{StateForbids, Transition},
};

/// A person's acceptance of an offer. Holds nothing that names the person.
///
/// Kept as JSON with each request, to answer its retries: never rename a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrollment {
    /// Its name.
    pub name: EnrollmentName,
    /// Where it stands by what is stored; what a reader sees is [`Self::status_on`] the day of reading.
    pub status: Status,
    /// When the person enrolled.
    pub enroll_time: DateTime<Utc>,
    /// The last day on which the code can be activated.
    pub activate_by: NaiveDate,
    /// The cover; `None` while the term waits for the activation.
    pub term: Option<TermDates>,
    /// The terms that the person accepted.
    pub terms_version: String,
    /// What the person was told was exposed.
    pub exposed: DataElements,
    /// The published cohorts that made the person eligible.
    pub cohorts: Vec<ResourceId>,
    /// Counts its changes, from 1.
    pub revision: i64,
    /// When it last changed.
    pub update_time: DateTime<Utc>,
}

impl Enrollment {
    /// Where it stands on this civil date of the offer's zone.
    pub fn status_on(&self, today: NaiveDate) -> Status {
        let term_over = self.term.is_some_and(|term| today >= term.end);
        match self.status {
            Status::Pending if term_over || today > self.activate_by => Status::Lapsed,
            Status::Active { activate_time } if term_over => Status::Expired { activate_time },
            Status::Pending
            | Status::Active { .. }
            | Status::Expired { .. }
            | Status::Lapsed
            | Status::Rejected
            | Status::Cancelled(_)
            | Status::Revoked { .. } => self.status,
        }
    }
}

/// Where an enrollment stands, with what only that state has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Enrolled; the provider's membership has not begun.
    Pending,
    /// The provider's membership runs.
    Active {
        /// Since when.
        activate_time: DateTime<Utc>,
    },
    /// The term reached its end.
    Expired {
        /// When the membership had begun.
        activate_time: DateTime<Utc>,
    },
    /// The code ran out unused.
    Lapsed,
    /// The provider refused.
    Rejected,
    /// Ended by the person.
    Cancelled(Cancellation),
    /// Ended by the company.
    Revoked {
        /// When the membership had begun, if it had.
        activate_time: Option<DateTime<Utc>>,
    },
}

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

/// Why a person ended an enrollment. A choice, not a text: nobody can write a name into it.
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

/// Why a cancelled enrollment cannot be reinstated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CannotReinstate {
    /// It was not cancelled, and is not live.
    State(StateForbids),
    /// Its period, its activation window or its term is over.
    PeriodOver,
}

impl Status {
    /// Whether the person holds the offer's one place.
    pub fn is_live(self) -> bool {
        match self {
            Self::Pending | Self::Active { .. } => true,
            Self::Expired { .. }
            | Self::Lapsed
            | Self::Rejected
            | Self::Cancelled(_)
            | Self::Revoked { .. } => false,
        }
    }

    /// What is kept of its cancellation, while it is cancelled.
    pub fn cancellation(self) -> Option<Cancellation> {
        match self {
            Self::Cancelled(cancellation) => Some(cancellation),
            Self::Pending
            | Self::Active { .. }
            | Self::Expired { .. }
            | Self::Lapsed
            | Self::Rejected
            | Self::Revoked { .. } => None,
        }
    }

    /// When the provider's membership began, if it ever did.
    pub fn activate_time(self) -> Option<DateTime<Utc>> {
        match self {
            Self::Active { activate_time } | Self::Expired { activate_time } => Some(activate_time),
            Self::Cancelled(Cancellation { activate_time, .. })
            | Self::Revoked { activate_time } => activate_time,
            Self::Pending | Self::Lapsed | Self::Rejected => None,
        }
    }

    /// Ends it because the person asks for it. What is cancelled stays as it was cancelled first.
    pub fn cancel(
        self,
        now: DateTime<Utc>,
        reason: CancelReason,
        reinstate_by: NaiveDate,
    ) -> Result<Transition<Self>, StateForbids> {
        match self {
            Self::Pending | Self::Active { .. } => {
                Ok(Transition::To(Self::Cancelled(Cancellation {
                    cancel_time: now,
                    reason,
                    reinstate_by,
                    activate_time: self.activate_time(),
                })))
            }
            Self::Cancelled(_) => Ok(Transition::Already(self)),
            Self::Expired { .. } | Self::Lapsed | Self::Rejected | Self::Revoked { .. } => {
                Err(self.forbids())
            }
        }
    }

    /// Makes it live again, in the state in which it was cancelled: an enrollment whose membership
    /// never began must not come back as one that runs.
    pub fn reinstate(self, today: NaiveDate) -> Result<Transition<Self>, CannotReinstate> {
        match self {
            Self::Cancelled(cancellation) if today > cancellation.reinstate_by => {
                Err(CannotReinstate::PeriodOver)
            }
            Self::Cancelled(Cancellation { activate_time, .. }) => {
                Ok(Transition::To(match activate_time {
                    Some(activate_time) => Self::Active { activate_time },
                    None => Self::Pending,
                }))
            }
            Self::Pending | Self::Active { .. } => Ok(Transition::Already(self)),
            Self::Expired { .. } | Self::Lapsed | Self::Rejected | Self::Revoked { .. } => {
                Err(CannotReinstate::State(self.forbids()))
            }
        }
    }

    /// The state as the API and the database name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Active { .. } => "ACTIVE",
            Self::Expired { .. } => "EXPIRED",
            Self::Lapsed => "LAPSED",
            Self::Rejected => "REJECTED",
            Self::Cancelled(_) => "CANCELLED",
            Self::Revoked { .. } => "REVOKED",
        }
    }

    /// That this state does not allow a command.
    pub fn forbids(self) -> StateForbids {
        StateForbids { state: self.name() }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::name::OfferName;

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn active() -> Status {
        Status::Active {
            activate_time: time("2021-09-02T00:00:00Z"),
        }
    }

    fn enrollment(status: Status) -> Enrollment {
        Enrollment {
            name: EnrollmentName {
                parent: OfferName::parse("offers/a").unwrap(),
                enrollment: Uuid::from_u128(1),
            },
            status,
            enroll_time: time("2021-09-01T00:00:00Z"),
            activate_by: day("2022-09-01"),
            term: Some(TermDates {
                start: day("2021-09-01"),
                end: day("2023-09-01"),
            }),
            terms_version: "1".into(),
            exposed: DataElements::new(),
            cohorts: vec![],
            revision: 1,
            update_time: time("2021-09-01T00:00:00Z"),
        }
    }

    fn cancelled(status: Status) -> Status {
        let cancelled = status.cancel(
            time("2021-10-01T00:00:00Z"),
            CancelReason::NotWanted,
            day("2021-10-31"),
        );
        match cancelled {
            Ok(Transition::To(status)) => status,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn pending_lapses_by_the_clock_after_its_last_day() {
        let pending = enrollment(Status::Pending);
        assert_eq!(pending.status_on(day("2022-09-01")), Status::Pending);
        assert_eq!(pending.status_on(day("2022-09-02")), Status::Lapsed);
    }

    #[test]
    fn active_expires_by_the_clock_at_its_exclusive_end() {
        let active = enrollment(active());
        assert_eq!(active.status_on(day("2023-08-31")).name(), "ACTIVE");
        assert_eq!(active.status_on(day("2023-09-01")).name(), "EXPIRED");
    }

    #[test]
    fn what_ended_stays_as_it_ended() {
        for status in [Status::Lapsed, Status::Rejected, cancelled(Status::Pending)] {
            assert_eq!(enrollment(status).status_on(day("2030-01-01")), status);
        }
    }

    #[test]
    fn only_the_live_can_be_cancelled_and_only_once() {
        assert!(!cancelled(Status::Pending).is_live());
        let twice = cancelled(active()).cancel(
            time("2021-11-01T00:00:00Z"),
            CancelReason::Other,
            day("2021-12-01"),
        );
        assert_eq!(twice, Ok(Transition::Already(cancelled(active()))));
        for status in [
            Status::Lapsed,
            Status::Rejected,
            Status::Revoked {
                activate_time: None,
            },
        ] {
            let refused = status.cancel(
                time("2021-11-01T00:00:00Z"),
                CancelReason::Other,
                day("2021-12-01"),
            );
            assert_eq!(
                refused,
                Err(StateForbids {
                    state: status.name()
                })
            );
        }
    }

    #[test]
    fn a_cancelled_enrollment_comes_back_in_the_state_it_had() {
        let in_time = day("2021-10-31");
        for status in [Status::Pending, active()] {
            assert_eq!(
                cancelled(status).reinstate(in_time),
                Ok(Transition::To(status))
            );
            assert_eq!(status.reinstate(in_time), Ok(Transition::Already(status)));
        }
        assert_eq!(
            cancelled(active()).reinstate(day("2021-11-01")),
            Err(CannotReinstate::PeriodOver)
        );
        assert_eq!(
            Status::Lapsed.reinstate(in_time),
            Err(CannotReinstate::State(StateForbids { state: "LAPSED" }))
        );
    }
}
