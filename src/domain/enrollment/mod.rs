//! An enrollment and its life.

pub mod filter;

mod ending;
mod status;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

pub use self::{
    ending::{
        CancelReason, Cancellation, Migration, RejectReason, Rejection, Revocation, RevokeReason,
    },
    status::{CannotRecord, CannotReinstate, Status},
};
use super::{
    code::CodeSource,
    data_element::DataElements,
    name::{EnrollmentName, OfferName, ResourceId},
    offer::Offer,
    term::{Term, TermDates},
    transition::{StateForbids, Transition},
};

/// How far a provider's clock may be from this service's.
pub const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(5);

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
    /// The day before which a term that waits for the activation does not begin: another offer covers the person
    /// until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term_not_before: Option<NaiveDate>,
    /// Where its present code comes from.
    #[serde(default)]
    pub code_source: CodeSource,
    /// The terms that the person accepted.
    pub terms_version: String,
    /// What the person was told was exposed.
    pub exposed: DataElements,
    /// The published cohorts that made the person eligible.
    pub cohorts: Vec<ResourceId>,
    /// The offer whose cohorts these are; `None` when it is its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cohorts_of: Option<OfferName>,
    /// The enrollment as which it goes on in another offer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrated_to: Option<EnrollmentName>,
    /// The enrollment of another offer as which it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrated_from: Option<EnrollmentName>,
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
            | Status::Rejected(_)
            | Status::Cancelled(_)
            | Status::Revoked(_)
            | Status::Migrated(_) => self.status,
        }
    }

    /// The same with what its status becomes.
    pub fn with(&self, status: Transition<Status>) -> Transition<Self> {
        match status {
            Transition::To(status) => Transition::To(Self {
                status,
                ..self.clone()
            }),
            Transition::Already(_) => Transition::Already(self.clone()),
        }
    }

    /// The cover; where the term waits for the activation, if that were on this day: the longest of those that the
    /// person was promised, and not before another offer's has ended. `None` only beyond the calendar.
    pub fn term_if_activated_on(&self, day: NaiveDate, promised: &[Term]) -> Option<TermDates> {
        let begins_on = self.term_not_before.map_or(day, |first| first.max(day));
        let terms = promised.iter();
        let terms = terms.filter_map(|term| term.if_begun_on(begins_on));
        self.term.or_else(|| terms.max_by_key(|term| term.end))
    }

    /// The offer whose cohorts made the person eligible.
    pub fn offer_of_cohorts(&self) -> &OfferName {
        self.cohorts_of.as_ref().unwrap_or(&self.name.parent)
    }

    /// What it becomes when it goes on under this name in another offer, and what it goes on as there: with what is
    /// left of its term, and time to activate the code of the new provider. That is the successor's activation window,
    /// but never less than the person had, and the whole term where that is known: nobody's cover ends because the
    /// company has changed the provider.
    pub fn migrate(
        &self,
        to: EnrollmentName,
        successor: &Offer,
        time: DateTime<Utc>,
    ) -> Result<(Self, Self), StateForbids> {
        let status = self.status.migrate(time)?;
        let today = successor.date_at(time);
        let window = successor.details.activation_window.after(today);
        let last_covered = self.term.map(TermDates::covered_through);
        let successor = Self {
            status: Status::Pending,
            enroll_time: time,
            activate_by: last_covered
                .into_iter()
                .fold(window.max(self.activate_by), NaiveDate::max),
            term: self.term.map(|term| TermDates {
                start: term.start.max(today),
                end: term.end,
            }),
            code_source: successor.details.code_source,
            cohorts_of: Some(self.offer_of_cohorts().clone()),
            migrated_to: None,
            migrated_from: Some(self.name.clone()),
            revision: 1,
            update_time: time,
            name: to.clone(),
            ..self.clone()
        };
        let migrated = Self {
            status,
            migrated_to: Some(to),
            ..self.clone()
        };
        Ok((migrated, successor))
    }

    /// What it becomes when the provider's membership begins: the term begins then, if it waits for that, and lasts
    /// as long as the longest of those that the person was promised: by the offer, and by those before it whose
    /// enrollments go on in it.
    pub fn activate(
        &self,
        offer: &Offer,
        promised: &[Term],
        time: DateTime<Utc>,
    ) -> Result<Transition<Self>, CannotRecord> {
        let Transition::To(status) = self.status.activate(time)? else {
            return Ok(Transition::Already(self.clone()));
        };
        if time + CLOCKS_DIFFER < self.enroll_time {
            return Err(CannotRecord::BeforeEnrollment(self.enroll_time));
        }
        let day = offer.date_at(time.max(self.enroll_time));
        let last_covered = self.term.map(TermDates::covered_through);
        let last_day = last_covered.map_or(self.activate_by, |last| last.min(self.activate_by));
        if day > last_day {
            return Err(CannotRecord::CodeRanOut(last_day));
        }
        Ok(Transition::To(Self {
            status,
            term: self.term_if_activated_on(day, promised),
            ..self.clone()
        }))
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
            term_not_before: None,
            code_source: CodeSource::Minted,
            terms_version: "1".into(),
            exposed: DataElements::new(),
            cohorts: vec![],
            cohorts_of: None,
            migrated_to: None,
            migrated_from: None,
            revision: 1,
            update_time: time("2021-09-01T00:00:00Z"),
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
        let ended = time("2021-10-01T00:00:00Z");
        let revoked = Status::Revoked(Revocation {
            revoke_time: ended,
            reason: RevokeReason::Error,
            activate_time: None,
        });
        for status in [Status::Lapsed, revoked] {
            assert_eq!(enrollment(status).status_on(day("2030-01-01")), status);
        }
    }
}
