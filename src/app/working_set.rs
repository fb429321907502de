//! What the commands of one turn see, and what they leave behind: each sees what those before it have
//! changed, though nothing is written before all have decided.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    Error,
    error::{Conflict, Precondition},
    find::refuse_other_revision,
    log::{self, CLOCK},
    others::LettingIn,
    standing::Standings,
};
use crate::{
    clock::{NoRandomness, Random, stamp},
    domain::{
        code::CodeSource,
        enrollment::{Enrollment, Status},
        event::{Event, EventType},
        name::{CodePoolName, EnrollmentName},
        offer::{Offer, Overlap},
        request::{Etag, RequestId},
    },
    storage::{
        catalogue::Catalogue,
        code::{NewCode, SealedCode},
        enrollment::StoredEnrollment,
        lane::{Changed, Changes, Enrolled, PoolAlarms},
    },
};

/// What is written down of a change.
pub(super) struct Told<'a> {
    /// What happened.
    pub event_type: EventType,
    /// By whom.
    pub actor: &'a str,
    /// Why, if anybody said so.
    pub reason: Option<&'static str>,
    /// The caller's id of the change.
    pub request_id: Option<RequestId>,
    /// What else is to be known of it.
    pub details: Option<serde_json::Value>,
}

impl Told<'static> {
    /// What follows from the clock alone.
    pub fn by_clock(event_type: EventType) -> Self {
        Self {
            event_type,
            actor: CLOCK,
            reason: None,
            request_id: None,
            details: None,
        }
    }
}

/// People, enrollments and changes of one turn, all of one offer and its succession.
pub(super) struct WorkingSet {
    catalogue: Arc<Catalogue>,
    /// Where people stand, with what this turn has changed.
    pub standings: Standings,
    /// What this turn changes.
    pub changes: Changes,
    /// How many codes the offer's pool has left for this turn; `None` until it is asked, which it is when it had
    /// not enough.
    pub codes_left: Option<i64>,
    random: Random,
}

impl WorkingSet {
    /// What was seen, before anything is changed.
    pub fn new(catalogue: Arc<Catalogue>, standings: Standings, random: Random) -> Self {
        Self {
            catalogue,
            standings,
            changes: Changes::default(),
            codes_left: None,
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
            // Those of other offers in the succession are seen too.
            .filter(|stored| stored.enrollment.name == *name)
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

    /// Makes of an enrollment what it has become, as its next revision, and writes down why.
    pub fn advance(
        &mut self,
        before: &StoredEnrollment,
        next: Enrollment,
        now: DateTime<Utc>,
        told: Told<'_>,
    ) -> Result<StoredEnrollment, Error> {
        let time = stamp(now, before.enrollment.update_time);
        let event = Event {
            reason: told.reason.map(str::to_owned),
            request_id: told.request_id,
            details: told.details,
            ..self.event(time, told.actor, told.event_type, &next.name)?
        };
        self.log(event);
        let next = Enrollment {
            revision: before.enrollment.revision + 1,
            update_time: time,
            ..next
        };
        Ok(self.change(before, next))
    }

    /// Sees to it that nobody of an enrollment's people has another that is live: refuses when they have
    /// enrolled anew, and ends what is over by the clock.
    pub fn make_room(
        &mut self,
        offer: &Offer,
        name: &EnrollmentName,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let today = offer.date_at(now);
        let mut over = Vec::new();
        for other in self.standings.others(name.enrollment) {
            let other = &other.enrollment;
            if other.status_on(today).is_live() {
                return Err(Error::Exists(Conflict::Enrollment(other.name.clone())));
            }
            over.push(other.name.enrollment);
        }
        over.into_iter()
            .try_for_each(|id| self.settle(id, offer, now))
    }

    /// What is to be kept of an enrollment's people when they are let in again. Fails where the offer does not cover
    /// those whom another one covers.
    pub fn letting_in_again(
        &self,
        offer: &Offer,
        name: &EnrollmentName,
        now: DateTime<Utc>,
    ) -> Result<LettingIn, Error> {
        let people = self.standings.people_of(name.enrollment);
        let others = &self.standings.others;
        let refuses = offer.details.overlap == Overlap::Refuse;
        let covers = others.covers(&people, &[], now);
        if let Some(other) = covers.first().filter(|_| refuses) {
            let other = other.enrollment.to_string();
            return Err(Error::Precondition(Precondition::CoveredElsewhere(other)));
        }
        Ok(others.letting_in(&people, &[]))
    }

    /// Keeps it.
    pub fn let_in(&mut self, letting_in: LettingIn) {
        self.changes.turns.extend(letting_in.turns);
        self.changes.aliases.extend(letting_in.aliases);
    }

    /// The code for an enrollment, from where the offer's codes come from now: `None` if from nowhere. Fails when
    /// its pool has none left for this turn. Whoever has asked must write it, or fail.
    pub fn new_code(
        &mut self,
        minted: &SealedCode,
        now: DateTime<Utc>,
    ) -> Result<Option<NewCode>, Error> {
        let offer = &self.catalogue().offer.value;
        match offer.details.code_source {
            CodeSource::None => Ok(None),
            CodeSource::Minted => Ok(Some(NewCode::Minted(minted.clone()))),
            CodeSource::Pool => {
                let pool = CodePoolName(offer.name.clone());
                let left = self.codes_left.map(|left| left - 1);
                if left.is_some_and(|left| left < 0) {
                    return Err(Error::code_pool_empty(&offer.name));
                }
                if self.changes.alarms.is_none() {
                    self.changes.alarms = Some(PoolAlarms {
                        low: self.event(now, CLOCK, EventType::CodePoolLow, &pool)?,
                        empty: self.event(now, CLOCK, EventType::CodePoolEmpty, &pool)?,
                    });
                }
                self.codes_left = left;
                Ok(Some(NewCode::FromPool))
            }
        }
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
            | Status::Rejected(_)
            | Status::Cancelled(_)
            | Status::Revoked(_)
            | Status::Migrated(_) => return Ok(()),
        };
        if status == stored.enrollment.status {
            // It has been written before.
            return Ok(());
        }
        let ended = Enrollment {
            status,
            ..stored.enrollment.clone()
        };
        self.advance(&stored, ended, now, Told::by_clock(event_type))?;
        Ok(())
    }
}
