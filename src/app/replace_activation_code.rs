//! `ReplaceActivationCode`: a lost code becomes void for ever, and the person gets another.

use chrono::{DateTime, Utc};

use super::{App, Error, change::Change, view::EnrollmentView};
use crate::{
    domain::{
        code::CodeSource,
        enrollment::{Enrollment, Status},
        event::EventType,
        name::EnrollmentName,
        offer::Offer,
        request::{Caller, Etag, RequestId},
        transition::Transition,
    },
    storage::code::SealedCode,
};

/// An operator's wish to replace a code.
#[derive(Debug, Clone)]
pub struct ReplaceActivationCode {
    /// The enrollment.
    pub name: EnrollmentName,
    /// What the caller has seen of it.
    pub etag: Option<Etag>,
    /// The caller's id of this wish.
    pub request_id: RequestId,
}

impl App {
    /// Gives an enrollment whose membership has not begun another code, and does not show it.
    pub async fn replace_activation_code(
        &self,
        caller: &Caller,
        command: ReplaceActivationCode,
    ) -> Result<EnrollmentView, Error> {
        let code = self.mint_code(command.name.enrollment)?;
        self.change(caller, Replacing { command, code }).await
    }
}

struct Replacing {
    command: ReplaceActivationCode,
    code: SealedCode,
}

impl Change for Replacing {
    const NAME: &'static str = "ReplaceActivationCode";
    const EVENT: EventType = EventType::ActivationCodeReplaced;

    fn enrollment(&self) -> &EnrollmentName {
        &self.command.name
    }

    fn etag(&self) -> Option<&Etag> {
        self.command.etag.as_ref()
    }

    fn request_id(&self) -> RequestId {
        self.command.request_id
    }

    fn next(
        &self,
        offer: &Offer,
        before: &Enrollment,
        now: DateTime<Utc>,
    ) -> Result<Transition<Enrollment>, Error> {
        let status = before.status_on(offer.date_at(now));
        if status != Status::Pending {
            return Err(Error::forbidden(&self.command.name, status.forbids()));
        }
        let code_source = offer.details.code_source;
        if code_source == CodeSource::None {
            return Err(Error::no_code(&offer.name));
        }
        Ok(Transition::To(Enrollment {
            code_source,
            ..before.clone()
        }))
    }

    fn replaces_code(&self) -> Option<&SealedCode> {
        Some(&self.code)
    }
}
