//! Writing what the clock has decided already: that a code ran out, or that a term ended.

use chrono::{DateTime, Utc};

use super::{App, Error, log::CLOCK};
use crate::{
    clock::stamp,
    domain::{
        enrollment::{Enrollment, Status},
        event::EventType,
        offer::Offer,
    },
    storage::{Transaction, claim, enrollment, event},
};

impl App {
    /// Ends an enrollment that is stored as live but is over by the clock, and frees its people.
    /// Gives false, and does nothing, when it is live by the clock too.
    pub(super) async fn settle(
        &self,
        transaction: &Transaction,
        offer: &Offer,
        stored: &Enrollment,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let status = stored.status_on(offer.date_at(now));
        let event_type = match status {
            Status::Lapsed => EventType::EnrollmentLapsed,
            Status::Expired { .. } => EventType::EnrollmentExpired,
            Status::Pending
            | Status::Active { .. }
            | Status::Rejected
            | Status::Cancelled(_)
            | Status::Revoked { .. } => return Ok(false),
        };
        let now = stamp(now, stored.update_time);
        let ended = Enrollment {
            status,
            revision: stored.revision + 1,
            update_time: now,
            ..stored.clone()
        };
        enrollment::update(transaction, &ended).await?;
        claim::release(transaction, ended.name.enrollment).await?;
        let event = self.event(now, CLOCK, event_type, &ended.name)?;
        event::insert(transaction, &event).await?;
        Ok(true)
    }
}
