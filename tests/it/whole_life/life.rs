//! One enrollment as it was last read, and what can be asked of it.

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Utc};
use enrollment::grpc::proto::{
    google::r#type::Date,
    v1::{
        self,
        enrollment::{RejectReason, RevokeReason},
    },
};

use super::{request::AnyRequest, steps::Deed};
use crate::support::{
    company::{self, request_id},
    provider::{activation, by_code, by_name, cancellation, rejection},
};

pub struct Life {
    pub person: usize,
    /// The provider told of it after its code had run out: that is so, whatever else the person has by then.
    pub woken: bool,
    pub read: v1::Enrollment,
    /// The code that was shown last.
    pub shown: v1::Enrollment,
}

impl Life {
    pub fn of(person: usize, read: &v1::Enrollment) -> Self {
        Self {
            person,
            woken: false,
            read: read.clone(),
            shown: read.clone(),
        }
    }

    /// What asks for this, now.
    pub fn request(&self, deed: Deed, now: DateTime<Utc>) -> AnyRequest {
        let name = self.read.name.clone();
        let parent = name.split("/enrollments/").next().unwrap().to_owned();
        let ago = |days| (now - TimeDelta::days(days)).to_rfc3339();
        match deed {
            Deed::Enroll { .. } | Deed::ShowCode => {
                AnyRequest::ShowCode(v1::GetActivationCodeRequest { name })
            }
            Deed::Cancel => AnyRequest::Cancel(company::cancel(&name)),
            Deed::Reinstate => AnyRequest::Reinstate(company::reinstate(&name)),
            Deed::Activate {
                days_ago,
                by_code: true,
            } if !self.shown.activation_code.is_empty() => {
                let request = activation(by_code(&self.shown), &ago(days_ago));
                AnyRequest::Activate(v1::RecordActivationRequest { parent, ..request })
            }
            Deed::Activate { days_ago, .. } => {
                let request = activation(by_name(&self.read), &ago(days_ago));
                AnyRequest::Activate(v1::RecordActivationRequest { parent, ..request })
            }
            Deed::Reject => {
                let request = rejection(by_name(&self.read), RejectReason::NotServed);
                AnyRequest::Reject(v1::RecordRejectionRequest { parent, ..request })
            }
            Deed::CancelThere { days_ago } => {
                let request = cancellation(by_name(&self.read), &ago(days_ago));
                AnyRequest::CancelThere(v1::RecordCancellationRequest { parent, ..request })
            }
            Deed::Revoke => AnyRequest::Revoke(v1::RevokeEnrollmentRequest {
                name,
                reason: RevokeReason::Duplicate.into(),
                etag: String::new(),
                request_id: request_id(),
            }),
            Deed::Extend(days) => AnyRequest::Extend(v1::ExtendTermRequest {
                name,
                term_end_date: self.read.term_end_date.as_ref().map(|end| later(end, days)),
                etag: String::new(),
                request_id: request_id(),
            }),
            Deed::ReplaceCode => AnyRequest::ReplaceCode(v1::ReplaceActivationCodeRequest {
                name,
                etag: String::new(),
                request_id: request_id(),
            }),
        }
    }
}

/// When its cover ends, to be compared.
pub fn end(read: &v1::Enrollment) -> Option<(i32, i32, i32)> {
    read.term_end_date.map(|end| (end.year, end.month, end.day))
}

fn later(end: &Date, days: u64) -> Date {
    let month = u32::try_from(end.month).unwrap();
    let day = u32::try_from(end.day).unwrap();
    let end = NaiveDate::from_ymd_opt(end.year, month, day).unwrap();
    date_of(end + Days::new(days))
}

pub fn date_of(day: NaiveDate) -> Date {
    Date {
        year: day.year(),
        month: i32::try_from(day.month()).unwrap(),
        day: i32::try_from(day.day()).unwrap(),
    }
}
