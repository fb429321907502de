//! `GetActivationCode`: the code of a live enrollment is shown again, and the showing is written down.

use super::{App, Error, find, view::EnrollmentView};
use crate::{
    domain::{
        code::CodeSource, event::EventType, name::EnrollmentName, offer::Offer, request::Caller,
    },
    storage::{
        Row, Transaction,
        code::{self, KeptCode},
        enrollment::StoredEnrollment,
        event,
        transaction::{UnitOfWork, UnknownCommit},
    },
};

impl App {
    /// The enrollment with its code. Fails when it is not live, or has no code.
    pub async fn get_activation_code(
        &self,
        caller: &Caller,
        name: EnrollmentName,
    ) -> Result<EnrollmentView, Error> {
        let unit = Showing {
            app: self.clone(),
            actor: caller.subject.clone(),
            name,
        };
        let (offer, stored, code) = self.0.store.transaction(unit).await?;
        self.view(stored, Some(&code), offer.value.date_at(self.now()))
    }
}

struct Showing {
    app: App,
    actor: String,
    name: EnrollmentName,
}

impl UnitOfWork for Showing {
    type Output = (Row<Offer>, StoredEnrollment, KeptCode);
    type Error = Error;
    const NAME: &'static str = "GetActivationCode";
    // Whether it was written down is not known, so nothing may be shown.
    const UNKNOWN_COMMIT: UnknownCommit = UnknownCommit::Report;

    async fn run(&self, transaction: &Transaction) -> Result<Self::Output, Error> {
        let now = self.app.now();
        let (offer, stored) = find::enrollment(transaction, &self.name).await?;
        let status = stored.enrollment.status_on(offer.value.date_at(now));
        if !status.is_live() {
            return Err(Error::forbidden(&self.name, status.forbids()));
        }
        if stored.enrollment.code_source == CodeSource::None {
            return Err(Error::no_code(&self.name));
        }
        let code = code::of_enrollment(transaction, self.name.enrollment)
            .await?
            .ok_or(Error::Fault("a live enrollment has no code"))?;
        let event = self
            .app
            .event(now, &self.actor, EventType::ActivationCodeShown, &self.name)?;
        event::insert(transaction, &event).await?;
        Ok((offer, stored, code))
    }
}
