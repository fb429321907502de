//! `RecordCancellation`: a person has cancelled at the provider's.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    App, Error,
    change::Change,
    find,
    membership::{Found, Membership, cannot_record, refuse_future},
    view::EnrollmentView,
};
use crate::{
    domain::{
        enrollment::{CLOCKS_DIFFER, CancelReason, CannotRecord, Enrollment},
        event::EventType,
        name::EnrollmentName,
        offer::Offer,
        request::{Caller, RequestId},
        transition::Transition,
    },
    storage::event,
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
        let mut found = self.enrollment_of(command.membership).await?;
        let db = self.0.store.reader();
        let (_, stored) = find::enrollment(db, &found.name).await?;
        // From here on nobody may reinstate it unseen.
        found.revision.get_or_insert(stored.enrollment.revision);
        let reinstated = EventType::EnrollmentReinstated;
        let cancelling = Cancelling {
            reinstate_time: event::last_time(db, &found.name.to_string(), reinstated).await?,
            found,
            time: command.cancel_time,
            reason: command.reason,
            request_id: command.request_id,
        };
        self.change(caller, cancelling).await
    }
}

struct Cancelling {
    found: Found,
    /// When the person last came back.
    reinstate_time: Option<DateTime<Utc>>,
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

    fn content(&self) -> Option<Value> {
        Some(json!([self.time, self.reason]))
    }

    fn next(
        &self,
        offer: &Offer,
        before: &Enrollment,
        now: DateTime<Utc>,
    ) -> Result<Transition<Enrollment>, Error> {
        refuse_future("cancel_time", self.time, now)?;
        self.found.refuse_void(self.time)?;
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

    fn details(&self, _next: &Enrollment) -> Option<Value> {
        Some(json!({ "cancel_time": self.time }))
    }
}

impl Cancelling {
    fn refuse_before_it_began(&self, before: &Enrollment) -> Result<(), Error> {
        let is_later = |time: &DateTime<Utc>| self.time + CLOCKS_DIFFER < *time;
        let enrolled = Some(before.enroll_time).filter(is_later);
        let activated = before.status.activate_time().filter(is_later);
        let reinstated = self.reinstate_time.filter(is_later);
        let refusal = (enrolled.map(CannotRecord::BeforeEnrollment))
            .or(activated.map(CannotRecord::OtherActivation))
            .or(reinstated.map(CannotRecord::BeforeReinstatement));
        refusal.map_or(Ok(()), |refusal| {
            Err(cannot_record(&self.found.name, refusal))
        })
    }
}
