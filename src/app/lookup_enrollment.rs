//! `LookupEnrollment`: a person's enrollment, by what names them.

use std::collections::BTreeSet;

use super::{App, Error, find, view::EnrollmentView};
use crate::{
    domain::{enrollment::Enrollment, identifier::Identifier, name::OfferName},
    storage::{claim, enrollment, member},
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
        let people = listings
            .iter()
            .map(|listing| listing.person)
            .collect::<BTreeSet<_>>();
        let claims = claim::of_people(db, &offer, people).await?;
        let ids = claims
            .iter()
            .map(|claim| claim.enrollment)
            .collect::<BTreeSet<_>>();
        let ids = ids.into_iter().collect::<Vec<_>>();
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
        let found = enrollment::find_many(db, &offer, &ids)
            .await?
            .into_iter()
            .max_by_key(rank)
            .ok_or_else(nobody)?;
        let stored = enrollment::find(db, &offer, found.name.enrollment)
            .await?
            .ok_or_else(nobody)?;
        self.view(stored, None, today)
    }
}
