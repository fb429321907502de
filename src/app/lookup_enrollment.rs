//! `LookupEnrollment`: a person's enrollment, by what names them.

use super::{App, Error, view::EnrollmentView};
use crate::{
    domain::{identifier::Identifier, name::OfferName},
    storage::enrollment::StoredEnrollment,
};

impl App {
    /// The enrollment in this offer, or one of its succession, of the person with these identifiers: the live one, else the
    /// latest.
    pub async fn lookup_enrollment(
        &self,
        name: &OfferName,
        identifiers: &[Identifier],
    ) -> Result<EnrollmentView, Error> {
        let digests = self.digests(identifiers);
        let sight = self.look(name, digests.clone()).await?;
        let today = sight.offer().date_at(self.now());
        let rank = |stored: &&StoredEnrollment| {
            let enrollment = &stored.enrollment;
            (
                enrollment.status_on(today).is_live(),
                enrollment.enroll_time,
            )
        };
        let enrollments = sight.standings.of(&digests).enrollments;
        let latest = enrollments.into_iter().max_by_key(rank);
        let latest = latest.ok_or(Error::NotFound {
            kind: "Enrollment",
            name: None,
        })?;
        self.view(latest.clone(), None, today)
    }
}
