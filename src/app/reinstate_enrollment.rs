//! `ReinstateEnrollment`: a cancelled enrollment is made live again, with the same end and code.

use chrono::{DateTime, Utc};

use super::{App, Error, change::Change, error::Precondition, view::EnrollmentView};
use crate::domain::{
    enrollment::{CannotReinstate, Enrollment},
    event::EventType,
    name::EnrollmentName,
    offer::Offer,
    request::{Caller, Etag, RequestId},
    transition::Transition,
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
        self.change(caller, command).await
    }
}

impl Change for ReinstateEnrollment {
    const NAME: &'static str = "ReinstateEnrollment";
    const EVENT: EventType = EventType::EnrollmentReinstated;

    fn enrollment(&self) -> &EnrollmentName {
        &self.name
    }

    fn etag(&self) -> Option<&Etag> {
        self.etag.as_ref()
    }

    fn request_id(&self) -> RequestId {
        self.request_id
    }

    fn minds_others(&self) -> bool {
        true
    }

    fn next(
        &self,
        offer: &Offer,
        before: &Enrollment,
        now: DateTime<Utc>,
    ) -> Result<Transition<Enrollment>, Error> {
        let today = offer.date_at(now);
        let status = before.status_on(today).reinstate(today);
        let next = before.with(status.map_err(|refusal| self.cannot(refusal))?);
        match &next {
            // Its code or its term ran out while it was cancelled.
            Transition::To(next) if !next.status_on(today).is_live() => {
                Err(self.cannot(CannotReinstate::PeriodOver))
            }
            Transition::To(_) | Transition::Already(_) => Ok(next),
        }
    }
}

impl ReinstateEnrollment {
    fn cannot(&self, refusal: CannotReinstate) -> Error {
        match refusal {
            CannotReinstate::State(forbids) => Error::forbidden(&self.name, forbids),
            CannotReinstate::PeriodOver => {
                let name = self.name.to_string();
                Error::Precondition(Precondition::ReinstatementPeriodOver(name))
            }
        }
    }
}
