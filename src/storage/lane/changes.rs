//! What the commands of one turn change, and the rows that it becomes.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    mem,
};

use chrono::{DateTime, Utc};
use serde_json::{json, value::RawValue};
use uuid::Uuid;

use crate::{
    domain::{
        code_pool::{Alarm, PoolCounts},
        enrollment::Enrollment,
        event::Event,
        person::PersonKey,
    },
    storage::{
        Error,
        catalogue::Catalogue,
        code::{KeptCode, NewCode, SealedCode},
        enrollment::{StoredEnrollment, to_model},
        entity::{
            activation_code, enrollment, enrollment_claim, enrollment_cohort, event, overlap_alias,
        },
        event::to_model as to_event_model,
        job::DonePiece,
        member::uuid_of,
        request::Request,
        row::to_json_text,
    },
};

/// What is to be kept of a turn, whole or not at all.
#[derive(Debug, Default)]
pub struct Changes {
    /// New enrollments.
    pub enrolled: Vec<Enrolled>,
    /// Enrollments that have become others, by their ids.
    pub changed: BTreeMap<Uuid, Changed>,
    /// Codes that take the place of others, which are void from then on. Their enrollments change with them.
    pub replaced: Vec<ReplacedCode>,
    /// The piece of a job that all of this is.
    pub piece: Option<DonePiece>,
    /// Everybody whom this lets in that was looked for in other offers too, and the turn that it is for them.
    pub turns: BTreeMap<PersonKey, i64>,
    /// Pairs of people who are one: by the lists of this offer, and by those of others.
    pub aliases: BTreeSet<(PersonKey, PersonKey)>,
    /// What is to be told if the codes that this turn takes are the last ones. There when it takes any.
    pub alarms: Option<PoolAlarms>,
    /// What happened.
    pub events: Vec<Event>,
    /// What each request was answered.
    pub requests: Vec<Recorded>,
}

/// A new enrollment and what belongs to it.
#[derive(Debug)]
pub struct Enrolled {
    /// The enrollment.
    pub stored: StoredEnrollment,
    /// Keys of the cohorts that it rests on.
    pub cohort_ids: Vec<i64>,
    /// Everybody whom it claims.
    pub people: Vec<PersonKey>,
    /// Its code; `None` when it is to have none.
    pub code: Option<NewCode>,
}

/// A code that takes the place of an enrollment's present one.
#[derive(Debug)]
pub struct ReplacedCode {
    /// Id of the enrollment.
    pub enrollment: Uuid,
    /// The new code.
    pub code: NewCode,
    /// Since when the old one is void.
    pub time: DateTime<Utc>,
}

/// What is told of a pool, but for the counts.
#[derive(Debug)]
pub struct PoolAlarms {
    /// That few codes are left.
    pub low: Event,
    /// That none are left.
    pub empty: Event,
}

/// What a turn took out of the offer's pool.
#[derive(Debug, Default)]
pub struct Given {
    /// The codes, by the enrollments that have them now.
    pub codes: HashMap<Uuid, KeptCode>,
    /// How many are left; `None` when it took none.
    pub left: Option<i64>,
}

/// An enrollment that has become another. Its claims are live when it is.
#[derive(Debug)]
pub struct Changed {
    /// The revision at which it was seen.
    pub seen: i64,
    /// What it has become.
    pub enrollment: Enrollment,
}

/// A request and its first result.
#[derive(Debug)]
pub struct Recorded {
    /// The request.
    pub request: Request,
    /// Its result.
    pub result: Enrollment,
    /// When it was received.
    pub time: DateTime<Utc>,
}

impl Changes {
    /// Whether there is nothing to keep.
    pub fn is_empty(&self) -> bool {
        // All of them by name: what is forgotten here would not be written. Alarms tell of codes that others take.
        let Self {
            enrolled,
            changed,
            replaced,
            piece,
            turns,
            aliases,
            alarms: _,
            events,
            requests,
        } = self;
        enrolled.is_empty()
            && changed.is_empty()
            && replaced.is_empty()
            && piece.is_none()
            && turns.is_empty()
            && aliases.is_empty()
            && events.is_empty()
            && requests.is_empty()
    }
}

/// The rows of a turn, in the order of its commands: what refers to an enrollment stands at its place or
/// behind.
pub(super) struct Rows {
    pub offer_id: i64,
    /// In whose name people are claimed.
    pub first_offer_id: i64,
    pub enrollments: Vec<enrollment::Model>,
    pub cohorts: Vec<enrollment_cohort::Model>,
    pub claims: Vec<enrollment_claim::Model>,
    pub codes: Vec<activation_code::Model>,
    pub events: Vec<event::Model>,
    pub requests: Vec<RequestRow>,
    pub changed: Vec<ChangedRow>,
    /// Enrollments whose codes become void, and when.
    pub void: Vec<(Uuid, DateTime<Utc>)>,
    /// Codes that are to come out of the pool, in their order: what is known of them.
    wanted: Vec<Assignment>,
    alarms: Option<PoolAlarms>,
    /// The piece of a job that all of this is.
    pub piece: Option<DonePiece>,
    /// People and their turns, in the order of people.
    pub turns: Vec<(Uuid, i64)>,
    pub aliases: Vec<overlap_alias::Model>,
}

/// A row of `requests`. Its result is text as soon as it is made: one is written for each command, and a tree of
/// values would only be built to be written out.
pub(super) struct RequestRow {
    pub caller: String,
    pub request_id: Uuid,
    pub fingerprint: Vec<u8>,
    pub result: Box<RawValue>,
    pub create_time: DateTime<Utc>,
}

/// Codes that were taken out of a pool, and how far it is used up by that.
pub(super) struct Taken {
    pub codes: Vec<SealedCode>,
    pub counts: PoolCounts,
}

/// Whose a code is, from when on, and until when.
#[derive(Clone, Copy)]
struct Assignment {
    enrollment_id: Uuid,
    assign_time: DateTime<Utc>,
    void_time: Option<DateTime<Utc>>,
}

pub(super) struct ChangedRow {
    pub seen: i64,
    pub live: bool,
    pub row: enrollment::Model,
}

impl Rows {
    pub fn of(catalogue: &Catalogue, changes: Changes) -> Result<Self, Error> {
        let offer_id = catalogue.offer.id;
        let mut rows = Self {
            offer_id,
            first_offer_id: catalogue.first_offer_id,
            enrollments: Vec::with_capacity(changes.enrolled.len()),
            cohorts: Vec::with_capacity(changes.enrolled.len()),
            claims: Vec::with_capacity(changes.enrolled.len()),
            codes: Vec::with_capacity(changes.enrolled.len()),
            events: changes.events.iter().map(to_event_model).collect(),
            requests: Vec::with_capacity(changes.requests.len()),
            changed: Vec::with_capacity(changes.changed.len()),
            void: Vec::new(),
            wanted: Vec::new(),
            alarms: changes.alarms,
            piece: changes.piece,
            turns: Vec::with_capacity(changes.turns.len()),
            aliases: Vec::with_capacity(changes.aliases.len()),
        };
        for (person, alias) in changes.aliases {
            rows.aliases.push(overlap_alias::Model {
                offer_id: catalogue.first_offer_id,
                person: uuid_of(person.0),
                alias: uuid_of(alias.0),
            });
        }
        for (person, turn) in changes.turns {
            rows.turns.push((uuid_of(person.0), turn));
        }
        for enrolled in &changes.enrolled {
            rows.add(enrolled)?;
        }
        // The last one first: the others of an enrollment are void as they come in.
        let mut next = HashMap::new();
        for ReplacedCode {
            enrollment,
            code,
            time,
        } in changes.replaced.iter().rev()
        {
            let void_time = next.insert(*enrollment, *time);
            let assignment = Assignment {
                enrollment_id: *enrollment,
                assign_time: *time,
                void_time,
            };
            rows.assign(code, assignment);
        }
        rows.void = next.into_iter().collect();
        for recorded in &changes.requests {
            rows.requests.push(recorded.to_row()?);
        }
        for changed in changes.changed.values() {
            let of = catalogue.offer_id(&changed.enrollment.name.parent);
            let of = of.ok_or_else(|| Error::unreadable("enrollments.offer_id"))?;
            rows.changed.push(ChangedRow {
                seen: changed.seen,
                live: changed.enrollment.status.is_live(),
                row: to_model(of, &changed.enrollment, None)?,
            });
        }
        Ok(rows)
    }

    /// Brings claims and request ids into an order that all turns share, so that two turns that want the
    /// same ones at the same time do not wait for each other.
    pub fn sort(&mut self) {
        self.claims.sort_unstable_by_key(|claim| claim.person);
        self.requests
            .sort_unstable_by_key(|request| request.request_id);
    }

    /// Whether it adds rows and does nothing else.
    pub fn add_only(&self) -> bool {
        self.changed.is_empty()
            && self.wanted.is_empty()
            && self.piece.is_none()
            && self.turns.is_empty()
            && self.aliases.is_empty()
    }

    /// Whether each table gets one row.
    pub fn are_of_one(&self) -> bool {
        [
            self.enrollments.len(),
            self.cohorts.len(),
            self.claims.len(),
            self.codes.len(),
            self.events.len(),
            self.requests.len(),
        ] == [1; 6]
    }

    fn add(&mut self, enrolled: &Enrolled) -> Result<(), Error> {
        let stored = &enrolled.stored;
        let enrollment_id = stored.enrollment.name.enrollment;
        let row = to_model(self.offer_id, &stored.enrollment, stored.contact.clone())?;
        self.enrollments.push(row);
        let cohorts = enrolled.cohort_ids.iter();
        self.cohorts
            .extend(cohorts.map(|cohort_id| enrollment_cohort::Model {
                enrollment_id,
                cohort_id: *cohort_id,
            }));
        let people = enrolled.people.iter();
        self.claims
            .extend(people.map(|person| enrollment_claim::Model {
                enrollment_id,
                person: uuid_of(person.0),
                offer_id: self.first_offer_id,
                live: true,
            }));
        if let Some(code) = &enrolled.code {
            let assignment = Assignment {
                enrollment_id,
                assign_time: stored.enrollment.enroll_time,
                void_time: None,
            };
            self.assign(code, assignment);
        }
        Ok(())
    }

    fn assign(&mut self, code: &NewCode, assignment: Assignment) {
        match code {
            NewCode::Minted(code) => self.add_code(code.clone(), assignment, false),
            NewCode::FromPool => self.wanted.push(assignment),
        }
    }

    fn add_code(&mut self, code: SealedCode, assignment: Assignment, of_pool: bool) {
        self.codes.push(activation_code::Model {
            digest: uuid_of(code.digest),
            enrollment_id: assignment.enrollment_id,
            sealed: code.sealed,
            assign_time: assignment.assign_time,
            void_time: assignment.void_time,
            of_pool,
        });
    }

    /// How many codes are to be taken out of the pool.
    pub fn wanted(&self) -> i64 {
        i64::try_from(self.wanted.len()).unwrap_or(i64::MAX)
    }

    /// Gives each enrollment its code. Fails with [`Error::Contention`] when there are not enough: then somebody
    /// else has filled the pool, or emptied it.
    pub fn give(&mut self, taken: Taken) -> Result<Given, Error> {
        if taken.codes.len() != self.wanted.len() {
            return Err(Error::Contention);
        }
        let alarm = taken.counts.alarm_after(self.wanted());
        let mut codes = HashMap::with_capacity(taken.codes.len());
        for (assignment, code) in mem::take(&mut self.wanted).into_iter().zip(taken.codes) {
            if assignment.void_time.is_none() {
                let sealed = code.sealed.clone();
                let kept = KeptCode {
                    sealed,
                    of_pool: true,
                };
                codes.insert(assignment.enrollment_id, kept);
            }
            self.add_code(code, assignment, true);
        }
        let alarms = self.alarms.take();
        let event = alarm.zip(alarms).map(|(alarm, alarms)| match alarm {
            Alarm::Low => alarms.low,
            Alarm::Empty => alarms.empty,
        });
        if let Some(event) = event {
            let counts = taken.counts;
            let details = json!({ "loaded": counts.loaded, "left": counts.left() });
            self.events.push(to_event_model(&Event {
                details: Some(details),
                ..event
            }));
        }
        Ok(Given {
            codes,
            left: Some(taken.counts.left()),
        })
    }
}

impl Recorded {
    fn to_row(&self) -> Result<RequestRow, Error> {
        Ok(RequestRow {
            caller: self.request.caller.clone(),
            request_id: self.request.id.0,
            fingerprint: self.request.fingerprint.to_vec(),
            result: to_json_text("requests.result", &self.result)?,
            create_time: self.time,
        })
    }
}
