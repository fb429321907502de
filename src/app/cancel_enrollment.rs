//! `CancelEnrollment`: a person ends their enrollment.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{
    App, Error,
    committer::{Deed, Done, Wants},
    view::EnrollmentView,
    working_set::WorkingSet,
};
use crate::{
    clock::stamp,
    domain::{
        enrollment::{CancelReason, Enrollment},
        event::{Event, EventType},
        name::EnrollmentName,
        request::{Caller, Etag, RequestId},
        transition::Transition,
    },
    storage::request::Request,
};

const NAME: &str = "CancelEnrollment";

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
        let content = json!([
            command.name,
            command.reason,
            command.etag.as_ref().map(Etag::as_str)
        ]);
        let request = Request {
            caller: caller.subject.clone(),
            id: command.request_id,
            fingerprint: self.fingerprint(NAME, &content)?,
        };
        let offer = command.name.parent.clone();
        let deed = Cancelling {
            actor: caller.subject.clone(),
            command,
        };
        self.once(offer, request, deed).await
    }
}

struct Cancelling {
    actor: String,
    command: CancelEnrollment,
}

impl Deed for Cancelling {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wants(&self) -> Wants<'_> {
        Wants::Enrollment(self.command.name.enrollment)
    }

    fn act(&self, set: &mut WorkingSet, now: DateTime<Utc>) -> Result<Done, Error> {
        let command = &self.command;
        let name = &command.name;
        let offer = &set.catalogue().offer.value;
        let stored = set.enrollment_to_change(name, command.etag.as_ref())?;
        let today = offer.date_at(now);
        let now = stamp(now, stored.enrollment.update_time);
        let reinstate_by = offer.details.reinstatement_window.after(today);
        let transition = stored
            .enrollment
            .status_on(today)
            .cancel(now, command.reason, reinstate_by)
            .map_err(|forbids| Error::forbidden(name, forbids))?;
        let Transition::To(status) = transition else {
            return Ok(Done::without_code(stored));
        };
        let event = Event {
            reason: Some(command.reason.name().to_owned()),
            request_id: Some(command.request_id),
            ..set.event(now, &self.actor, EventType::EnrollmentCancelled, name)?
        };
        set.log(event);
        let cancelled = Enrollment {
            status,
            revision: stored.enrollment.revision + 1,
            update_time: now,
            ..stored.enrollment.clone()
        };
        Ok(Done::without_code(set.change(&stored, cancelled)))
    }
}
