//! `ExtendCohortTerm`: everybody of a cohort who is covered is covered for longer, by a job.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::json;
use uuid::Uuid;

use super::{
    App, Error, find,
    new_job::NewJob,
    pieces::PieceOfJob,
    working_set::{Told, WorkingSet},
};
use crate::{
    domain::{
        enrollment::{Enrollment, filter::Filter},
        event::{Event, EventType},
        job::{Job, JobWork},
        name::CohortName,
        request::{Caller, RequestId},
        term::{MAX_MONTHS, TermDates, end_after},
        violation::{Rule, Violation},
    },
    storage::{
        Transaction,
        catalogue::Catalogue,
        enrollment_list::{Listed, list_ids},
        event, job,
        transaction::{UnitOfWork, UnknownCommit},
    },
};

/// An operator's wish to cover a cohort for longer.
#[derive(Debug, Clone)]
pub struct ExtendCohortTerm {
    /// The cohort.
    pub name: CohortName,
    /// The day after the last covered one.
    pub end: NaiveDate,
    /// The caller's id of this wish.
    pub request_id: RequestId,
}

impl App {
    /// Begins a job that moves the ends of all terms of a cohort that are known, not over, and earlier. Nobody's cover
    /// gets shorter.
    pub async fn extend_cohort_term(
        &self,
        caller: &Caller,
        command: ExtendCohortTerm,
    ) -> Result<Job, Error> {
        let unit = Asking {
            app: self.clone(),
            requester: caller.subject.clone(),
            command,
        };
        let job = self.0.store.transaction(unit).await?;
        self.0.jobs.notify_one();
        Ok(job)
    }
}

struct Asking {
    app: App,
    requester: String,
    command: ExtendCohortTerm,
}

impl UnitOfWork for Asking {
    type Output = Job;
    type Error = Error;
    const NAME: &'static str = "ExtendCohortTerm";
    // It knows by its request id whether it has been done.
    const UNKNOWN_COMMIT: UnknownCommit = UnknownCommit::Repeat;

    async fn run(&self, transaction: &Transaction) -> Result<Job, Error> {
        let ExtendCohortTerm {
            name,
            end,
            request_id,
        } = &self.command;
        let offer = &name.parent;
        // Whoever asks twice at once waits for the first.
        let row = find::offer_to_change(transaction, offer, None).await?;
        let cohort = find::cohort(transaction, name).await?;
        let asked = NewJob {
            requester: &self.requester,
            request_id: *request_id,
            work: JobWork::ExtendTerm {
                cohort: name.cohort.clone(),
                end: *end,
            },
        };
        if let Some(known) = asked.known(transaction, offer).await? {
            return Ok(known);
        }
        let now = self.app.now();
        refuse_unfit(*end, row.value.date_at(now))?;
        let total = job::count_resting(transaction, &cohort).await?;
        let job = asked.begin(&self.app, transaction, &row, total, now);
        let job = job.await?;
        let event_type = EventType::CohortTermExtensionStarted;
        let event = Event {
            request_id: Some(*request_id),
            details: Some(json!({ "job": job.work })),
            ..self
                .app
                .event(now, &self.requester, event_type, &job.name)?
        };
        event::insert(transaction, &event).await?;
        Ok(job)
    }
}

fn refuse_unfit(end: NaiveDate, today: NaiveDate) -> Result<(), Error> {
    let last = end_after(today, MAX_MONTHS);
    if end > today && last.is_some_and(|last| end <= last) {
        return Ok(());
    }
    Err(Error::Invalid(vec![Violation {
        field: "term_end_date".to_owned(),
        // It could not be taken back.
        rule: Rule("must be in the future, and within 120 months from now"),
    }]))
}

/// Enrollments that rest on the cohort, of this offer and of those that succeeded it: up to so many after an id.
pub(super) async fn next(
    app: &App,
    cohort: CohortName,
    catalogue: &Catalogue,
    now: DateTime<Utc>,
    after: Uuid,
    size: u64,
) -> Result<PieceOfJob, Error> {
    let db = app.0.store.reader();
    let offers = catalogue.offer_ids();
    let today = catalogue.offer.value.date_at(now);
    let filter = Filter::Cohort(cohort);
    let listed = list_ids(db, &offers, &filter, today, after, size);
    let Listed { enrollments, next } = listed.await?;
    Ok(PieceOfJob {
        ids: enrollments,
        next,
    })
}

/// Covers one of them until this day at least, if the person is covered at all.
pub(super) fn extend(
    job: &Job,
    set: &mut WorkingSet,
    id: Uuid,
    end: NaiveDate,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let catalogue = set.catalogue();
    let today = catalogue.offer.value.date_at(now);
    let Some(before) = set.standings.enrollment(id).cloned() else {
        return Ok(());
    };
    let live = before.enrollment.status_on(today).is_live();
    let Some(term) = before.enrollment.term.filter(|term| live && term.end < end) else {
        return Ok(());
    };
    let next = Enrollment {
        term: Some(TermDates { end, ..term }),
        ..before.enrollment.clone()
    };
    let told = Told {
        event_type: EventType::TermExtended,
        actor: &job.requester,
        reason: None,
        request_id: Some(job.request_id),
        details: Some(json!({ "term_end_date": end })),
    };
    set.advance(&before, next, now, told)?;
    Ok(())
}
