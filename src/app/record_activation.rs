//! `RecordActivation`: the provider's membership has begun.

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
        enrollment::Enrollment,
        event::EventType,
        name::EnrollmentName,
        offer::Offer,
        request::{Caller, RequestId},
        term::Term,
        transition::Transition,
    },
    storage::enrollment,
};

/// A provider's word that a membership has begun.
#[derive(Debug, Clone)]
pub struct RecordActivation {
    /// Whose.
    pub membership: Membership,
    /// When it began.
    pub activate_time: DateTime<Utc>,
    /// The caller's id of this word.
    pub request_id: RequestId,
}

impl App {
    /// Begins a membership, and the term where that waits for it. Late word of one that began in time is
    /// taken, unless the person has enrolled anew meanwhile.
    pub async fn record_activation(
        &self,
        caller: &Caller,
        command: RecordActivation,
    ) -> Result<EnrollmentView, Error> {
        let found = self.enrollment_of(command.membership).await?;
        let activating = Activating {
            promised: self.promised(&found.name).await?,
            found,
            time: command.activate_time,
            request_id: command.request_id,
        };
        self.change(caller, activating).await
    }

    /// The terms that the person was promised.
    async fn promised(&self, name: &EnrollmentName) -> Result<Vec<Term>, Error> {
        let db = self.0.store.reader();
        let (_, stored) = find::enrollment(db, name).await?;
        Ok(enrollment::promised_terms(db, &stored.enrollment).await?)
    }
}

struct Activating {
    found: Found,
    promised: Vec<Term>,
    time: DateTime<Utc>,
    request_id: RequestId,
}

impl Change for Activating {
    const NAME: &'static str = "RecordActivation";
    const EVENT: EventType = EventType::EnrollmentActivated;

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
        Some(json!(self.time))
    }

    fn next(
        &self,
        offer: &Offer,
        before: &Enrollment,
        now: DateTime<Utc>,
    ) -> Result<Transition<Enrollment>, Error> {
        refuse_future("activate_time", self.time, now)?;
        self.found.refuse_void(self.time)?;
        let activated = before.activate(offer, &self.promised, self.time);
        activated.map_err(|refusal| cannot_record(&self.found.name, refusal))
    }

    fn details(&self, next: &Enrollment) -> Option<Value> {
        Some(json!({ "activate_time": self.time, "state": next.status.name() }))
    }
}
