//! `ReinstateEnrollment`: a cancelled enrollment is made live again, with the same end and code.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{
    App, Error,
    committer::{Deed, Done, Wants},
    error::{Conflict, Precondition},
    view::EnrollmentView,
    working_set::WorkingSet,
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
    storage::request::Request,
};

const NAME: &str = "ReinstateEnrollment";

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
            fingerprint: self.fingerprint(NAME, &content)?,
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
    fn name(&self) -> &'static str {
        NAME
    }

    fn wants(&self) -> Wants<'_> {
        Wants::Enrollment(self.command.name.enrollment)
    }

    fn act(&self, set: &mut WorkingSet, now: DateTime<Utc>) -> Result<Done, Error> {
        let name = &self.command.name;
        let offer = &set.catalogue().offer.value;
        let stored = set.enrollment_to_change(name, self.command.etag.as_ref())?;
        let today = offer.date_at(now);
        let transition = stored
            .enrollment
            .status_on(today)
            .reinstate(today)
            .map_err(|refusal| cannot(name, refusal))?;
        let Transition::To(status) = transition else {
            return Ok(Done::without_code(stored));
        };
        let reinstated = Enrollment {
            status,
            revision: stored.enrollment.revision + 1,
            update_time: stamp(now, stored.enrollment.update_time),
            ..stored.enrollment.clone()
        };
        if !reinstated.status_on(today).is_live() {
            // Its code or its term ran out while it was cancelled.
            return Err(cannot(name, CannotReinstate::PeriodOver));
        }
        let event = Event {
            request_id: Some(self.command.request_id),
            ..set.event(
                reinstated.update_time,
                &self.actor,
                EventType::EnrollmentReinstated,
                name,
            )?
        };
        make_room(set, offer, name, now)?;
        set.log(event);
        Ok(Done::without_code(set.change(&stored, reinstated)))
    }
}

/// Refuses when one of the enrollment's people has enrolled anew; ends what is over by the clock.
fn make_room(
    set: &mut WorkingSet,
    offer: &Offer,
    name: &EnrollmentName,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let today = offer.date_at(now);
    let mut over = Vec::new();
    for other in set.standings.others(name.enrollment) {
        let other = &other.enrollment;
        if other.status_on(today).is_live() {
            return Err(Error::Exists(Conflict::Enrollment(other.name.clone())));
        }
        over.push(other.name.enrollment);
    }
    over.into_iter()
        .try_for_each(|id| set.settle(id, offer, now))
}

fn cannot(name: &EnrollmentName, refusal: CannotReinstate) -> Error {
    match refusal {
        CannotReinstate::State(forbids) => Error::forbidden(name, forbids),
        CannotReinstate::PeriodOver => {
            Error::Precondition(Precondition::ReinstatementPeriodOver(name.to_string()))
        }
    }
}
