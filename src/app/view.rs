//! An enrollment as a reader sees it: by the clock, with contact data masked.

use chrono::NaiveDate;
use uuid::Uuid;

use super::{App, Error};
use crate::{
    domain::{
        code::ActivationCode,
        contact::{Contact, MaskedContact},
        enrollment::{Enrollment, Status},
        name::OfferName,
    },
    storage::{code::KeptCode, enrollment::StoredEnrollment},
};

/// What a reader sees of an enrollment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrollmentView {
    /// The enrollment. For its state see `status`.
    pub enrollment: Enrollment,
    /// Where it stands on the day of reading.
    pub status: Status,
    /// Contact data, masked.
    pub contact: MaskedContact,
    /// The code, for the two deeds that show it.
    pub code: Option<ActivationCode>,
    /// Whether every cohort that made the person eligible has been retracted since.
    pub cohorts_retracted: bool,
}

impl App {
    pub(super) fn view(
        &self,
        stored: StoredEnrollment,
        code: Option<&KeptCode>,
        today: NaiveDate,
    ) -> Result<EnrollmentView, Error> {
        let enrollment = stored.enrollment;
        let sealer = &self.0.keys.sealer;
        let contact = match &stored.contact {
            Some(envelope) => {
                let text = sealer.open(&contact_context(enrollment.name.enrollment), envelope)?;
                let contact: Contact = serde_json::from_slice(&text)
                    .map_err(|_| Error::Fault("sealed contact data cannot be read"))?;
                contact.masked()
            }
            None => MaskedContact::default(),
        };
        let code = match code {
            Some(kept) => {
                let context = if kept.of_pool {
                    pool_code_context(&enrollment.name.parent)
                } else {
                    code_context(enrollment.name.enrollment)
                };
                let text = sealer.open(&context, &kept.sealed)?;
                let text = String::from_utf8(text.to_vec())
                    .map_err(|_| Error::Fault("a sealed code cannot be read"))?;
                Some(ActivationCode::stored(text))
            }
            None => None,
        };
        Ok(EnrollmentView {
            status: enrollment.status_on(today),
            enrollment,
            contact,
            code,
            cohorts_retracted: stored.cohorts_retracted,
        })
    }
}

/// What sealed contact data is bound to: it opens for its own enrollment only.
pub(super) fn contact_context(enrollment: Uuid) -> String {
    format!("contact:{enrollment}")
}

/// What the sealed code of a pool is bound to.
pub(super) fn pool_code_context(offer: &OfferName) -> String {
    format!("pool_code:{offer}")
}

/// What a sealed code is bound to that was minted.
pub(super) fn code_context(enrollment: Uuid) -> String {
    format!("code:{enrollment}")
}
