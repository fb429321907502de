//! `RecordCancellation`: a person has cancelled at the provider's.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    App, Error,
    change::Change,
    membership::{Found, Membership, cannot_record, refuse_future},
    view::EnrollmentView,
};
use crate::domain::{
    enrollment::{CancelReason, CannotRecord, Enrollment},
    event::EventType,
    name::EnrollmentName,
    offer::Offer,
    request::{Caller, RequestId},
    transition::Transition,
};

/// A provider's word that a person has cancelled there.
#[derive(Debug, Clone)]
pub struct RecordCancellation {
    /// Who.
    pub membership: Membership,
    /// When.
    pub cancel_time: DateTime<Utc>,
    /// Why.
    pub reason: CancelReason,
    /// The caller's id of this word.
    pub request_id: RequestId,
}

impl App {
    /// Cancels an enrollment that is live; leaves one that is cancelled as it is, whoever cancelled it.
    pub async fn record_cancellation(
        &self,
        caller: &Caller,
        command: RecordCancellation,
    ) -> Result<EnrollmentView, Error> {
        let cancelling = Cancelling {
            found: self.enrollment_of(command.membership).await?,
            time: command.cancel_time,
            reason: command.reason,
            request_id: command.request_id,
        };
        self.change(caller, cancelling).await
    }
}

struct Cancelling {
    found: Found,
    time: DateTime<Utc>,
    reason: CancelReason,
    request_id: RequestId,
}

impl Change for Cancelling {
    const NAME: &'static str = "RecordCancellation";
    const EVENT: EventType = EventType::EnrollmentCancelled;

    fn enrollment(&self) -> &EnrollmentName {
        &self.found.name
    }

    fn found_at(&self) -> Option<i64> {
        self.found.revision
    }

    fn request_id(&self) -> RequestId {
        self.request_id
    }

    fn content(&self) -> Value {
        json!([self.time, self.reason])
    }

    fn next(
        &self,
        offer: &Offer,
        before: &Enrollment,
        now: DateTime<Utc>,
    ) -> Result<Transition<Enrollment>, Error> {
        refuse_future("cancel_time", self.time, now)?;
        let today = offer.date_at(now);
        let reinstate_by = offer.details.reinstatement_window.after(today);
        let status = before.status_on(today);
        let status = status
            .cancel(self.time, self.reason, reinstate_by)
            .map_err(|forbids| Error::forbidden(&self.found.name, forbids))?;
        if let Transition::To(_) = status {
            self.refuse_before_it_began(before)?;
        }
        Ok(before.with(status))
    }

    fn reason(&self) -> Option<&'static str> {
        Some(self.reason.name())
    }

    fn details(&self) -> Option<Value> {
        Some(json!({ "cancel_time": self.time }))
    }
}

impl Cancelling {
    fn refuse_before_it_began(&self, before: &Enrollment) -> Result<(), Error> {
        let later = before
            .status
            .activate_time()
            .filter(|time| self.time < *time);
        let refusal = if self.time < before.enroll_time {
            Some(CannotRecord::BeforeEnrollment(before.enroll_time))
        } else {
            later.map(CannotRecord::OtherActivation)
        };
        refusal.map_or(Ok(()), |refusal| {
            Err(cannot_record(&self.found.name, refusal))
        })
    }
}
