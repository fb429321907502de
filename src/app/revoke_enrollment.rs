//! `RevokeEnrollment`: the company ends an enrollment.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{App, Error, change::Change, view::EnrollmentView};
use crate::{
    clock::stamp,
    domain::{
        enrollment::{Enrollment, RevokeReason},
        event::EventType,
        name::EnrollmentName,
        offer::Offer,
        request::{Caller, Etag, RequestId},
        transition::Transition,
    },
};

/// An operator's wish to end an enrollment.
#[derive(Debug, Clone)]
pub struct RevokeEnrollment {
    /// The enrollment.
    pub name: EnrollmentName,
    /// Why.
    pub reason: RevokeReason,
    /// What the caller has seen of it.
    pub etag: Option<Etag>,
    /// The caller's id of this wish.
    pub request_id: RequestId,
}

impl App {
    /// Revokes an enrollment that is live; leaves one that is revoked as it is.
    pub async fn revoke_enrollment(
        &self,
        caller: &Caller,
        command: RevokeEnrollment,
    ) -> Result<EnrollmentView, Error> {
        self.change(caller, command).await
    }
}

impl Change for RevokeEnrollment {
    const NAME: &'static str = "RevokeEnrollment";
    const EVENT: EventType = EventType::EnrollmentRevoked;

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
        let status = before.status_on(offer.date_at(now));
        let status = status.revoke(stamp(now, before.update_time), self.reason);
        let status = status.map_err(|forbids| Error::forbidden(&self.name, forbids))?;
        Ok(before.with(status))
    }

    fn reason(&self) -> Option<&'static str> {
        Some(self.reason.name())
    }
}
