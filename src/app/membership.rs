//! What a provider says of its members: whom it means, and what does not fit what is on record.

use chrono::{DateTime, Utc};

use super::{
    App, Error,
    enroll::code_digest,
    error::{Precondition, ProviderRefusal},
    find,
};
use crate::{
    domain::{
        code::ActivationCode,
        enrollment::{CLOCKS_DIFFER, CannotRecord},
        name::{EnrollmentName, OfferName},
        violation::{Rule, Violation},
    },
    storage::code,
};

/// Whom a provider means.
#[derive(Debug, Clone)]
pub enum Membership {
    /// An enrollment, by its name.
    Enrollment(EnrollmentName),
    /// Whoever was given this code.
    Code(OfferName, ActivationCode),
}

/// The enrollment that a provider means.
pub(super) struct Found {
    pub name: EnrollmentName,
    /// Its revision, where it was found by its code: if it is another one by the time that anything is
    /// recorded, the code may be void.
    pub revision: Option<i64>,
    /// Since when the code is void by which it was found.
    pub void_time: Option<DateTime<Utc>>,
}

impl Found {
    /// Fails when the code by which it was found was void at this time.
    pub fn refuse_void(&self, time: DateTime<Utc>) -> Result<(), Error> {
        match self.void_time {
            Some(void) if time >= void => Err(refused(&self.name, ProviderRefusal::CodeVoid)),
            Some(_) | None => Ok(()),
        }
    }
}

impl App {
    pub(super) async fn enrollment_of(&self, membership: Membership) -> Result<Found, Error> {
        let (offer, code) = match membership {
            Membership::Enrollment(name) => {
                return Ok(Found {
                    name,
                    revision: None,
                    void_time: None,
                });
            }
            Membership::Code(offer, code) => (offer, code),
        };
        let db = self.0.store.reader();
        let row = find::offer(db, &offer).await?;
        let digest = code_digest(&self.0.keys.digester, &code);
        let holder = code::holder(db, &row, digest).await?;
        let holder = holder.ok_or(Error::NotFound {
            kind: "Enrollment",
            name: None,
        })?;
        let name = EnrollmentName {
            parent: offer,
            enrollment: holder.enrollment,
        };
        Ok(Found {
            name,
            revision: Some(holder.revision),
            void_time: holder.void_time,
        })
    }
}

/// Fails for a time that has not come yet.
pub(super) fn refuse_future(
    field: &'static str,
    time: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    if time <= now + CLOCKS_DIFFER {
        return Ok(());
    }
    Err(Error::Invalid(vec![Violation {
        field: field.to_owned(),
        rule: Rule("must not be in the future"),
    }]))
}

/// What the provider is told.
pub(super) fn cannot_record(name: &EnrollmentName, refusal: CannotRecord) -> Error {
    let on_record = match refusal {
        CannotRecord::State(forbids) => return Error::forbidden(name, forbids),
        CannotRecord::CodeRanOut(day) => return refused(name, ProviderRefusal::CodeRanOut(day)),
        CannotRecord::BeforeEnrollment(time) => format!("enroll_time {}", written(time)),
        CannotRecord::BeforeReinstatement(time) => format!("reinstate_time {}", written(time)),
        CannotRecord::OtherActivation(time) => format!("activate_time {}", written(time)),
        CannotRecord::OtherReason(reason) => format!("reason {}", reason.name()),
    };
    refused(name, ProviderRefusal::Contradiction(on_record))
}

fn refused(name: &EnrollmentName, refusal: ProviderRefusal) -> Error {
    Error::Precondition(Precondition::Provider {
        name: name.to_string(),
        refusal,
    })
}

fn written(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}
