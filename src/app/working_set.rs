//! What the commands of one turn see, and what they leave behind: each sees what those before it have
//! changed, though nothing is written before all have decided.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    Error,
    find::refuse_other_revision,
    log::{self, CLOCK},
    standing::Standings,
};
use crate::{
    clock::{NoRandomness, Random, stamp},
    domain::{
        enrollment::{Enrollment, Status},
        event::{Event, EventType},
        name::EnrollmentName,
        offer::Offer,
        request::Etag,
    },
    storage::{
        catalogue::Catalogue,
        enrollment::StoredEnrollment,
        lane::{Changed, Changes, Enrolled},
    },
};

/// People, enrollments and changes of one turn, all of one offer.
pub(super) struct WorkingSet {
    catalogue: Arc<Catalogue>,
    /// Where people stand, with what this turn has changed.
    pub standings: Standings,
    /// What this turn changes.
    pub changes: Changes,
    random: Random,
}

impl WorkingSet {
    /// What was seen, before anything is changed.
    pub fn new(catalogue: Arc<Catalogue>, standings: Standings, random: Random) -> Self {
        Self {
            catalogue,
            standings,
            changes: Changes::default(),
            random,
        }
    }

    /// What the offer says. Shared, so that it can be read while the set is changed.
    pub fn catalogue(&self) -> Arc<Catalogue> {
        self.catalogue.clone()
    }

    /// The enrollment of this name as the caller has seen it.
    pub fn enrollment_to_change(
        &self,
        name: &EnrollmentName,
        etag: Option<&Etag>,
    ) -> Result<StoredEnrollment, Error> {
        let stored = self
            .standings
            .enrollment(name.enrollment)
            .ok_or_else(|| Error::not_found("Enrollment", name))?;
        refuse_other_revision(etag, stored.enrollment.revision, name)?;
        Ok(stored.clone())
    }

    /// Adds an enrollment.
    pub fn enroll(&mut self, enrolled: Enrolled) {
        let people = enrolled.people.iter().copied();
        self.standings.put(enrolled.stored.clone(), people);
        self.changes.enrolled.push(enrolled);
    }

    /// Replaces an enrollment by what it has become.
    pub fn change(
        &mut self,
        before: &StoredEnrollment,
        enrollment: Enrollment,
    ) -> StoredEnrollment {
        let id = enrollment.name.enrollment;
        let changed = self.changes.changed.entry(id);
        changed
            .and_modify(|changed| changed.enrollment = enrollment.clone())
            .or_insert_with(|| Changed {
                seen: before.enrollment.revision,
                enrollment: enrollment.clone(),
            });
        let stored = StoredEnrollment {
            enrollment,
            ..before.clone()
        };
        self.standings.put(stored.clone(), []);
        stored
    }

    /// Writes down what happened.
    pub fn log(&mut self, event: Event) {
        self.changes.events.push(event);
    }

    /// An event, to be completed and logged.
    pub fn event(
        &self,
        now: DateTime<Utc>,
        actor: &str,
        event_type: EventType,
        resource: &impl ToString,
    ) -> Result<Event, NoRandomness> {
        log::event(self.random, now, actor, event_type, resource)
    }

    /// Writes what the clock has decided already: ends an enrollment that is stored as live but whose
    /// code ran out, or whose term ended. Does nothing to another.
    pub fn settle(&mut self, id: Uuid, offer: &Offer, now: DateTime<Utc>) -> Result<(), Error> {
        let Some(stored) = self.standings.enrollment(id).cloned() else {
            return Ok(());
        };
        let status = stored.enrollment.status_on(offer.date_at(now));
        let event_type = match status {
            Status::Lapsed => EventType::EnrollmentLapsed,
            Status::Expired { .. } => EventType::EnrollmentExpired,
            Status::Pending
            | Status::Active { .. }
            | Status::Rejected
            | Status::Cancelled(_)
            | Status::Revoked { .. } => return Ok(()),
        };
        if status == stored.enrollment.status {
            // It has been written before.
            return Ok(());
        }
        let now = stamp(now, stored.enrollment.update_time);
        let ended = Enrollment {
            status,
            revision: stored.enrollment.revision + 1,
            update_time: now,
            ..stored.enrollment.clone()
        };
        let event = self.event(now, CLOCK, event_type, &ended.name)?;
        self.change(&stored, ended);
        self.log(event);
        Ok(())
    }
}
