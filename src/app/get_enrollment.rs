//! `GetEnrollment`: an enrollment by its name.

use super::{App, Error, find, view::EnrollmentView};
use crate::domain::name::EnrollmentName;

impl App {
    /// The enrollment of this name, by the clock.
    pub async fn get_enrollment(&self, name: &EnrollmentName) -> Result<EnrollmentView, Error> {
        let (offer, stored) = find::enrollment(self.0.store.reader(), name).await?;
        self.view(stored, None, offer.value.date_at(self.now()))
    }
}
