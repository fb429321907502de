//! Where an enrollment stands. States follow each other only through the methods here, which take the old
//! state and give the new one, or say why not.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::ending::{
    CancelReason, Cancellation, Migration, RejectReason, Rejection, Revocation, RevokeReason,
};
use crate::domain::transition::{StateForbids, Transition};

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
    Rejected(Rejection),
    /// Ended by the person.
    Cancelled(Cancellation),
    /// Ended by the company.
    Revoked(Revocation),
    /// Goes on in another offer.
    Migrated(Migration),
}

/// Why a cancelled enrollment cannot be reinstated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CannotReinstate {
    /// It was not cancelled, and is not live.
    State(StateForbids),
    /// Its period, its activation window or its term is over.
    PeriodOver,
}

/// Why what the provider says cannot be put on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CannotRecord {
    /// The state does not allow it.
    State(StateForbids),
    /// A membership cannot begin or end before the person enrolled.
    BeforeEnrollment(DateTime<Utc>),
    /// The person has come back at this time.
    BeforeReinstatement(DateTime<Utc>),
    /// The membership is on record since this time.
    OtherActivation(DateTime<Utc>),
    /// Another reason is on record.
    OtherReason(RejectReason),
    /// The code ran out after this day.
    CodeRanOut(NaiveDate),
}

impl Status {
    /// Whether the person holds the offer's one place.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Pending | Self::Active { .. })
    }

    /// What is kept of its cancellation, while it is cancelled.
    pub fn cancellation(self) -> Option<Cancellation> {
        if let Self::Cancelled(cancellation) = self {
            Some(cancellation)
        } else {
            None
        }
    }

    /// What is kept of the provider's refusal, if that ended it.
    pub fn rejection(self) -> Option<Rejection> {
        if let Self::Rejected(rejection) = self {
            Some(rejection)
        } else {
            None
        }
    }

    /// What is kept of its revocation, if that ended it.
    pub fn revocation(self) -> Option<Revocation> {
        if let Self::Revoked(revocation) = self {
            Some(revocation)
        } else {
            None
        }
    }

    /// What is kept of its going on in another offer, if it does.
    pub fn migration(self) -> Option<Migration> {
        if let Self::Migrated(migration) = self {
            Some(migration)
        } else {
            None
        }
    }

    /// When the provider's membership began, if it ever did.
    pub fn activate_time(self) -> Option<DateTime<Utc>> {
        match self {
            Self::Active { activate_time } | Self::Expired { activate_time } => Some(activate_time),
            Self::Cancelled(Cancellation { activate_time, .. })
            | Self::Revoked(Revocation { activate_time, .. })
            | Self::Migrated(Migration { activate_time, .. }) => activate_time,
            Self::Pending | Self::Lapsed | Self::Rejected(_) => None,
        }
    }

    /// Begins the provider's membership, as the provider tells, perhaps late: one that began in time has begun,
    /// also when the code has run out since, or the enrollment has been ended since.
    pub fn activate(self, time: DateTime<Utc>) -> Result<Transition<Self>, CannotRecord> {
        if let Some(known) = self.activate_time() {
            return if known == time {
                Ok(Transition::Already(self))
            } else {
                Err(CannotRecord::OtherActivation(known))
            };
        }
        match self {
            Self::Pending | Self::Lapsed => Ok(Transition::To(Self::Active {
                activate_time: time,
            })),
            Self::Cancelled(ended) if time < ended.cancel_time => {
                Ok(Transition::To(Self::Cancelled(Cancellation {
                    activate_time: Some(time),
                    ..ended
                })))
            }
            Self::Revoked(ended) if time < ended.revoke_time => {
                Ok(Transition::To(Self::Revoked(Revocation {
                    activate_time: Some(time),
                    ..ended
                })))
            }
            Self::Migrated(ended) if time < ended.migrate_time => {
                Ok(Transition::To(Self::Migrated(Migration {
                    activate_time: Some(time),
                    ..ended
                })))
            }
            Self::Active { .. }
            | Self::Expired { .. }
            | Self::Rejected(_)
            | Self::Cancelled(_)
            | Self::Revoked(_)
            | Self::Migrated(_) => Err(CannotRecord::State(self.forbids())),
        }
    }

    /// Ends it because the provider refused the person.
    pub fn reject(
        self,
        now: DateTime<Utc>,
        reason: RejectReason,
    ) -> Result<Transition<Self>, CannotRecord> {
        if let Self::Rejected(known) = self {
            return if known.reason == reason {
                Ok(Transition::Already(self))
            } else {
                Err(CannotRecord::OtherReason(known.reason))
            };
        }
        if self != Self::Pending {
            return Err(CannotRecord::State(self.forbids()));
        }
        Ok(Transition::To(Self::Rejected(Rejection {
            reject_time: now,
            reason,
        })))
    }

    /// Ends it because the person asks for it, here or at the provider's. What is cancelled stays as it was
    /// cancelled first.
    pub fn cancel(
        self,
        now: DateTime<Utc>,
        reason: CancelReason,
        reinstate_by: NaiveDate,
    ) -> Result<Transition<Self>, StateForbids> {
        if let Self::Cancelled(_) = self {
            return Ok(Transition::Already(self));
        }
        self.must_be_live()?;
        Ok(Transition::To(Self::Cancelled(Cancellation {
            cancel_time: now,
            reason,
            reinstate_by,
            activate_time: self.activate_time(),
        })))
    }

    /// Ends it because the company does. What is revoked stays as it was revoked first.
    pub fn revoke(
        self,
        now: DateTime<Utc>,
        reason: RevokeReason,
    ) -> Result<Transition<Self>, StateForbids> {
        if let Self::Revoked(_) = self {
            return Ok(Transition::Already(self));
        }
        self.must_be_live()?;
        Ok(Transition::To(Self::Revoked(Revocation {
            revoke_time: now,
            reason,
            activate_time: self.activate_time(),
        })))
    }

    /// Ends it because it goes on in another offer.
    pub fn migrate(self, now: DateTime<Utc>) -> Result<Self, StateForbids> {
        self.must_be_live()?;
        Ok(Self::Migrated(Migration {
            migrate_time: now,
            activate_time: self.activate_time(),
        }))
    }

    fn must_be_live(self) -> Result<(), StateForbids> {
        if self.is_live() {
            Ok(())
        } else {
            Err(self.forbids())
        }
    }

    /// Makes it live again, in the state in which it was cancelled: an enrollment whose membership
    /// never began must not come back as one that runs.
    pub fn reinstate(self, today: NaiveDate) -> Result<Transition<Self>, CannotReinstate> {
        if self.is_live() {
            return Ok(Transition::Already(self));
        }
        let Self::Cancelled(cancellation) = self else {
            return Err(CannotReinstate::State(self.forbids()));
        };
        if today > cancellation.reinstate_by {
            return Err(CannotReinstate::PeriodOver);
        }
        Ok(Transition::To(match cancellation.activate_time {
            Some(activate_time) => Self::Active { activate_time },
            None => Self::Pending,
        }))
    }

    /// The state as the API and the database name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Active { .. } => "ACTIVE",
            Self::Expired { .. } => "EXPIRED",
            Self::Lapsed => "LAPSED",
            Self::Rejected(_) => "REJECTED",
            Self::Cancelled(_) => "CANCELLED",
            Self::Revoked(_) => "REVOKED",
            Self::Migrated(_) => "MIGRATED",
        }
    }

    /// That this state does not allow a command.
    pub fn forbids(self) -> StateForbids {
        StateForbids { state: self.name() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn to(transition: Transition<Status>) -> Status {
        match transition {
            Transition::To(status) => status,
            Transition::Already(status) => panic!("{status:?}"),
        }
    }

    fn cancelled(status: Status) -> Status {
        let cancelled = status.cancel(
            time("2021-10-01T00:00:00Z"),
            CancelReason::NotWanted,
            day("2021-10-31"),
        );
        to(cancelled.unwrap())
    }

    fn revoked(status: Status) -> Status {
        to(status
            .revoke(time("2021-10-01T00:00:00Z"), RevokeReason::Fraud)
            .unwrap())
    }

    fn rejected() -> Status {
        let rejected = Status::Pending.reject(
            time("2021-10-01T00:00:00Z"),
            RejectReason::IdentityNotVerified,
        );
        to(rejected.unwrap())
    }

    #[test]
    fn only_the_live_can_be_cancelled_or_revoked_and_only_once() {
        assert!(!cancelled(Status::Pending).is_live());
        let (later, by) = (time("2021-11-01T00:00:00Z"), day("2021-12-01"));
        let cancel = |status: Status| status.cancel(later, CancelReason::Other, by);
        let revoke = |status: Status| status.revoke(later, RevokeReason::Other);
        assert_eq!(
            cancel(cancelled(active())),
            Ok(Transition::Already(cancelled(active())))
        );
        assert_eq!(
            revoke(revoked(active())),
            Ok(Transition::Already(revoked(active())))
        );
        for status in [Status::Lapsed, rejected()] {
            assert_eq!(cancel(status), Err(status.forbids()));
            assert_eq!(revoke(status), Err(status.forbids()));
        }
        assert!(cancel(revoked(active())).is_err() && revoke(cancelled(active())).is_err());
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

    #[test]
    fn a_membership_begins_once_and_before_its_end_however_late_it_is_told() {
        let began = time("2021-09-02T00:00:00Z");
        for status in [Status::Pending, Status::Lapsed] {
            assert_eq!(status.activate(began), Ok(Transition::To(active())));
        }
        assert_eq!(active().activate(began), Ok(Transition::Already(active())));
        let other = time("2021-09-03T00:00:00Z");
        assert_eq!(
            active().activate(other),
            Err(CannotRecord::OtherActivation(began))
        );
        for (ended, with_membership) in [
            (cancelled(Status::Pending), cancelled(active())),
            (revoked(Status::Pending), revoked(active())),
        ] {
            assert_eq!(ended.activate(began), Ok(Transition::To(with_membership)));
            let too_late = ended.activate(time("2021-10-01T00:00:00Z"));
            assert_eq!(too_late, Err(CannotRecord::State(ended.forbids())));
        }
        assert!(rejected().activate(began).is_err());
    }

    #[test]
    fn only_who_waits_can_be_rejected_and_for_one_reason() {
        let now = time("2021-11-01T00:00:00Z");
        let again = rejected().reject(now, RejectReason::IdentityNotVerified);
        assert_eq!(again, Ok(Transition::Already(rejected())));
        assert_eq!(
            rejected().reject(now, RejectReason::Other),
            Err(CannotRecord::OtherReason(RejectReason::IdentityNotVerified))
        );
        assert!(active().reject(now, RejectReason::Other).is_err());
    }
}
