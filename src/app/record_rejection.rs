//! `RecordRejection`: the provider refused a person.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    App, Error,
    change::Change,
    membership::{Found, Membership, cannot_record},
    view::EnrollmentView,
};
use crate::{
    clock::stamp,
    domain::{
        enrollment::{Enrollment, RejectReason},
        event::EventType,
        name::EnrollmentName,
        offer::Offer,
        request::{Caller, RequestId},
        transition::Transition,
    },
};

/// A provider's word that it refused a person.
#[derive(Debug, Clone)]
pub struct RecordRejection {
    /// Whom.
    pub membership: Membership,
    /// Why.
    pub reason: RejectReason,
    /// The caller's id of this word.
    pub request_id: RequestId,
}

impl App {
    /// Ends an enrollment whose membership has not begun: the person can enroll again.
    pub async fn record_rejection(
        &self,
        caller: &Caller,
        command: RecordRejection,
    ) -> Result<EnrollmentView, Error> {
        let rejecting = Rejecting {
            found: self.enrollment_of(command.membership).await?,
            reason: command.reason,
            request_id: command.request_id,
        };
        self.change(caller, rejecting).await
    }
}

struct Rejecting {
    found: Found,
    reason: RejectReason,
    request_id: RequestId,
}

impl Change for Rejecting {
    const NAME: &'static str = "RecordRejection";
    const EVENT: EventType = EventType::EnrollmentRejected;

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
        Some(json!(self.reason))
    }

    fn next(
        &self,
        offer: &Offer,
        before: &Enrollment,
        now: DateTime<Utc>,
    ) -> Result<Transition<Enrollment>, Error> {
        self.found.refuse_void(now)?;
        let status = before.status_on(offer.date_at(now));
        let status = status.reject(stamp(now, before.update_time), self.reason);
        let status = status.map_err(|refusal| cannot_record(&self.found.name, refusal))?;
        Ok(before.with(status))
    }

    fn reason(&self) -> Option<&'static str> {
        Some(self.reason.name())
    }
}
