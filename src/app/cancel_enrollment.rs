//! `CancelEnrollment`: a person ends their enrollment.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{App, Error, find, once::Deed, view::EnrollmentView};
use crate::{
    clock::stamp,
    domain::{
        enrollment::{CancelReason, Enrollment},
        event::{Event, EventType},
        name::EnrollmentName,
        offer::Offer,
        request::{Caller, Etag, RequestId},
        transition::Transition,
    },
    storage::{
        Row, Transaction, claim,
        enrollment::{self, StoredEnrollment},
        event,
        request::Request,
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
        let content = json!([
            command.name,
            command.reason,
            command.etag.as_ref().map(Etag::as_str)
        ]);
        let request = Request {
            caller: caller.subject.clone(),
            id: command.request_id,
            fingerprint: self.fingerprint(Cancelling::NAME, &content)?,
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
    const NAME: &'static str = "CancelEnrollment";
    const SHOWS_CODE: bool = false;

    async fn act(
        &self,
        app: &App,
        transaction: &Transaction,
        offer: &Row<Offer>,
        now: DateTime<Utc>,
    ) -> Result<StoredEnrollment, Error> {
        let command = &self.command;
        let (name, etag) = (&command.name, command.etag.as_ref());
        let stored = find::enrollment_to_change(transaction, offer, name, etag).await?;
        let today = offer.value.date_at(now);
        let now = stamp(now, stored.enrollment.update_time);
        let reinstate_by = offer.value.details.reinstatement_window.after(today);
        let transition = stored
            .enrollment
            .status_on(today)
            .cancel(now, command.reason, reinstate_by)
            .map_err(|forbids| Error::forbidden(&command.name, forbids))?;
        let Transition::To(status) = transition else {
            return Ok(stored);
        };
        let enrollment = Enrollment {
            status,
            revision: stored.enrollment.revision + 1,
            update_time: now,
            ..stored.enrollment
        };
        enrollment::update(transaction, &enrollment).await?;
        claim::release(transaction, enrollment.name.enrollment).await?;
        let event = Event {
            reason: Some(command.reason.name().to_owned()),
            request_id: Some(command.request_id),
            ..app.event(
                now,
                &self.actor,
                EventType::EnrollmentCancelled,
                &enrollment.name,
            )?
        };
        event::insert(transaction, &event).await?;
        Ok(StoredEnrollment {
            enrollment,
            ..stored
        })
    }
}
