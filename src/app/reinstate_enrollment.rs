//! `ReinstateEnrollment`: a cancelled enrollment is made live again, with the same end and code.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{
    App, Error,
    error::{Conflict, Precondition},
    find,
    once::Deed,
    view::EnrollmentView,
};
use crate::{
    clock::stamp,
    domain::{
        enrollment::{CannotReinstate, Enrollment},
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

/// A person's wish to have their enrollment back.
#[derive(Debug, Clone)]
pub struct ReinstateEnrollment {
    /// The enrollment.
    pub name: EnrollmentName,
    /// What the caller has seen of it.
    pub etag: Option<Etag>,
    /// The caller's id of this wish.
    pub request_id: RequestId,
}

impl App {
    /// Makes a cancelled enrollment live again, inside its period and unless the person has enrolled
    /// anew; leaves one that is live as it is.
    pub async fn reinstate_enrollment(
        &self,
        caller: &Caller,
        command: ReinstateEnrollment,
    ) -> Result<EnrollmentView, Error> {
        let content = json!([command.name, command.etag.as_ref().map(Etag::as_str)]);
        let request = Request {
            caller: caller.subject.clone(),
            id: command.request_id,
            fingerprint: self.fingerprint(Reinstating::NAME, &content)?,
        };
        let offer = command.name.parent.clone();
        let deed = Reinstating {
            actor: caller.subject.clone(),
            command,
        };
        self.once(offer, request, deed).await
    }
}

struct Reinstating {
    actor: String,
    command: ReinstateEnrollment,
}

impl Deed for Reinstating {
    const NAME: &'static str = "ReinstateEnrollment";
    const SHOWS_CODE: bool = false;

    async fn act(
        &self,
        app: &App,
        transaction: &Transaction,
        offer: &Row<Offer>,
        now: DateTime<Utc>,
    ) -> Result<StoredEnrollment, Error> {
        let (name, etag) = (&self.command.name, self.command.etag.as_ref());
        let stored = find::enrollment_to_change(transaction, offer, name, etag).await?;
        let today = offer.value.date_at(now);
        let transition = stored
            .enrollment
            .status_on(today)
            .reinstate(today)
            .map_err(|refusal| cannot(name, refusal))?;
        let Transition::To(status) = transition else {
            return Ok(stored);
        };
        let enrollment = Enrollment {
            status,
            revision: stored.enrollment.revision + 1,
            update_time: stamp(now, stored.enrollment.update_time),
            ..stored.enrollment
        };
        if !enrollment.status_on(today).is_live() {
            // Its code or its term ran out while it was cancelled.
            return Err(cannot(name, CannotReinstate::PeriodOver));
        }
        make_room(app, transaction, offer, name, now).await?;
        let now = enrollment.update_time;
        enrollment::update(transaction, &enrollment).await?;
        claim::retake(transaction, name.enrollment).await?;
        let event = Event {
            request_id: Some(self.command.request_id),
            ..app.event(now, &self.actor, EventType::EnrollmentReinstated, name)?
        };
        event::insert(transaction, &event).await?;
        Ok(StoredEnrollment {
            enrollment,
            ..stored
        })
    }
}

/// Refuses when one of the enrollment's people has enrolled anew; ends what is over by the clock.
async fn make_room(
    app: &App,
    transaction: &Transaction,
    offer: &Row<Offer>,
    name: &EnrollmentName,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let own = claim::of_enrollment(transaction, name.enrollment).await?;
    let people = own.iter().map(|claim| claim.person);
    let others = claim::of_people(transaction, offer, people).await?;
    let ids = others
        .iter()
        .filter(|claim| claim.live && claim.enrollment != name.enrollment)
        .map(|claim| claim.enrollment)
        .collect::<Vec<_>>();
    for other in enrollment::find_many(transaction, offer, &ids).await? {
        if !app.settle(transaction, &offer.value, &other, now).await? {
            return Err(Error::Exists(Conflict::Enrollment(other.name)));
        }
    }
    Ok(())
}

fn cannot(name: &EnrollmentName, refusal: CannotReinstate) -> Error {
    match refusal {
        CannotReinstate::State(forbids) => Error::forbidden(name, forbids),
        CannotReinstate::PeriodOver => {
            Error::Precondition(Precondition::ReinstatementPeriodOver(name.to_string()))
        }
    }
}
