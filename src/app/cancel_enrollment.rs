//! `CancelEnrollment`: a person ends their enrollment.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{App, Error, change::Change, view::EnrollmentView};
use crate::{
    clock::stamp,
    domain::{
        enrollment::{CancelReason, Enrollment},
        event::EventType,
        name::EnrollmentName,
        offer::Offer,
        request::{Caller, Etag, RequestId},
        transition::Transition,
    },
};

/// A person's wish to cancel.
#[derive(Debug, Clone)]
pub struct CancelEnrollment {
    /// The enrollment.
    pub name: EnrollmentName,
    /// Why.
    pub reason: CancelReason,
    /// What the caller has seen of it.
    pub etag: Option<Etag>,
    /// The caller's id of this wish.
    pub request_id: RequestId,
}

impl App {
    /// Cancels an enrollment that is live; leaves one that is cancelled as it is.
    pub async fn cancel_enrollment(
        &self,
        caller: &Caller,
        command: CancelEnrollment,
    ) -> Result<EnrollmentView, Error> {
        self.change(caller, command).await
    }
}

impl Change for CancelEnrollment {
    const NAME: &'static str = "CancelEnrollment";
    const EVENT: EventType = EventType::EnrollmentCancelled;

    fn enrollment(&self) -> &EnrollmentName {
        &self.name
    }

    fn etag(&self) -> Option<&Etag> {
        self.etag.as_ref()
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
        let today = offer.date_at(now);
        let reinstate_by = offer.details.reinstatement_window.after(today);
        let status = before.status_on(today).cancel(
            stamp(now, before.update_time),
            self.reason,
            reinstate_by,
        );
        let status = status.map_err(|forbids| Error::forbidden(&self.name, forbids))?;
        Ok(before.with(status))
    }

    fn reason(&self) -> Option<&'static str> {
        Some(self.reason.name())
    }
}
