//! `LookupEnrollment`: a person's enrollment, by what names them.

use super::{App, Error, find, standing::Standings, view::EnrollmentView};
use crate::{
    domain::{enrollment::Enrollment, identifier::Identifier, name::OfferName},
    storage::{enrollment, member},
};

impl App {
    /// The enrollment in this offer of the person with these identifiers: the live one, else the
    /// latest.
    pub async fn lookup_enrollment(
        &self,
        name: &OfferName,
        identifiers: &[Identifier],
    ) -> Result<EnrollmentView, Error> {
        let db = self.0.store.reader();
        let offer = find::offer(db, name).await?;
        let listings = member::listings(db, &offer, &self.digests(identifiers)).await?;
        let history = Standings::with_history(db, &offer, listings).await?;
        let today = offer.value.date_at(self.now());
        let rank = |enrollment: &Enrollment| {
            (
                enrollment.status_on(today).is_live(),
                enrollment.enroll_time,
            )
        };
        let nobody = || Error::NotFound {
            kind: "Enrollment",
            name: None,
        };
        let latest = history.enrollments.into_iter().max_by_key(rank);
        let found = latest.ok_or_else(nobody)?;
        let stored = enrollment::find(db, &offer, found.name.enrollment)
            .await?
            .ok_or_else(nobody)?;
        self.view(stored, None, today)
    }
}
