//! `ExtendTerm`: a person's cover gets a later end.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};

use super::{App, Error, change::Change, view::EnrollmentView};
use crate::domain::{
    enrollment::Enrollment,
    event::EventType,
    name::EnrollmentName,
    offer::Offer,
    request::{Caller, Etag, RequestId},
    term::{MAX_MONTHS, TermDates, end_after},
    transition::Transition,
    violation::{Rule, Violation},
};

/// An operator's wish to cover a person for longer.
#[derive(Debug, Clone)]
pub struct ExtendTerm {
    /// The enrollment.
    pub name: EnrollmentName,
    /// The day after the last covered one.
    pub end: NaiveDate,
    /// What the caller has seen of it.
    pub etag: Option<Etag>,
    /// The caller's id of this wish.
    pub request_id: RequestId,
}

impl App {
    /// Moves the end of a term that is known and not over. Nobody's cover ever gets shorter.
    pub async fn extend_term(
        &self,
        caller: &Caller,
        command: ExtendTerm,
    ) -> Result<EnrollmentView, Error> {
        self.change(caller, command).await
    }
}

impl Change for ExtendTerm {
    const NAME: &'static str = "ExtendTerm";
    const EVENT: EventType = EventType::TermExtended;

    fn enrollment(&self) -> &EnrollmentName {
        &self.name
    }

    fn etag(&self) -> Option<&Etag> {
        self.etag.as_ref()
    }

    fn request_id(&self) -> RequestId {
        self.request_id
    }

    fn content(&self) -> Option<Value> {
        Some(json!(self.end))
    }

    fn next(
        &self,
        offer: &Offer,
        before: &Enrollment,
        now: DateTime<Utc>,
    ) -> Result<Transition<Enrollment>, Error> {
        let status = before.status_on(offer.date_at(now));
        let term = before.term.filter(|_| status.is_live());
        let term = term.ok_or_else(|| Error::forbidden(&self.name, status.forbids()))?;
        if self.end == term.end {
            return Ok(Transition::Already(before.clone()));
        }
        let last = end_after(offer.date_at(now), MAX_MONTHS);
        let rule = if self.end < term.end {
            Some(Rule("must not be before the present end"))
        } else if last.is_none_or(|last| self.end > last) {
            // It could not be taken back.
            Some(Rule("must be within 120 months from now"))
        } else {
            None
        };
        if let Some(rule) = rule {
            return Err(Error::Invalid(vec![Violation {
                field: "term_end_date".to_owned(),
                rule,
            }]));
        }
        Ok(Transition::To(Enrollment {
            term: Some(TermDates {
                end: self.end,
                ..term
            }),
            ..before.clone()
        }))
    }

    fn details(&self, _next: &Enrollment) -> Option<Value> {
        Some(json!({ "term_end_date": self.end }))
    }
}
