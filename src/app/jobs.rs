//! Jobs: work on many enrollments of an offer that goes on by itself, wherever it stopped. How to add one: a variant of
//! [`JobWork`], and what stands here of each: in which offer's turns it is done, which enrollments come next, and what
//! becomes of one.
//!
//! One replica at a time works on jobs. Each piece is written together with how far the job got: whoever is killed
//! has done it whole or not at all, and whoever goes on begins behind it.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::{
    App, Error, extend_cohort_term, migrate_offer,
    pieces::{PieceOfJob, Piecework},
    working_set::WorkingSet,
};
use crate::{
    clock::stamp,
    domain::{
        event::{Event, EventType},
        job::{Job, JobState, JobWork},
        name::{CohortName, JobName, OfferName},
    },
    storage::{
        catalogue::Catalogue,
        job::{self, DonePiece, RunningJob},
        lane::Lane,
        offer,
    },
};

/// Who works on jobs says so under this name.
const LEASE: &str = "jobs";

impl App {
    /// The job of this name.
    pub async fn get_job(&self, name: &JobName) -> Result<Job, Error> {
        let db = self.0.store.reader();
        let missing = || Error::not_found("Job", name);
        let offer = offer::find(db, &name.parent).await?;
        let offer = offer.ok_or_else(missing)?;
        job::find(db, &offer, name.job).await?.ok_or_else(missing)
    }

    /// Waits until this replica is asked for a job.
    pub async fn job_asked_for(&self) {
        self.0.jobs.notified().await;
    }

    /// Works on jobs until none are left; gives how many are done. `None`: another replica is at it. A job that fails
    /// is left as it is, for another time.
    pub async fn carry_on_jobs(&self) -> Result<Option<usize>, Error> {
        let store = &self.0.store;
        if job::oldest_running(store.reader(), &[]).await?.is_none() {
            return Ok(Some(0));
        }
        let Some(_lease) = store.lease(LEASE).await? else {
            return Ok(None);
        };
        let mut lane = store.lane();
        let (mut done, mut failed) = (0, Vec::new());
        while let Some(running) = job::oldest_running(store.reader(), &failed).await? {
            let id = running.job.name.job;
            let name = running.job.name.to_string();
            match self.carry_on(&mut lane, running).await {
                Ok(()) => done += 1,
                Err(error) => {
                    tracing::warn!(%error, job = name, "a job cannot go on");
                    failed.push(id);
                }
            }
        }
        Ok(Some(done))
    }

    async fn carry_on(&self, lane: &mut Lane, running: RunningJob) -> Result<(), Error> {
        let mut work = Working { app: self, running };
        let offer = work.offer_of_turns().clone();
        loop {
            let done = self.do_piece(lane, &offer, &work).await?;
            let (piece, _) = done.ok_or(Error::Fault("a job has no offer"))?;
            match piece.next {
                Some(last) => {
                    work.running.last = last;
                    work.running.job.update_time = self.now();
                }
                None => return Ok(()),
            }
        }
    }
}

/// A job as it goes on.
struct Working<'a> {
    app: &'a App,
    running: RunningJob,
}

impl Working<'_> {
    /// The offer in whose turns it is done.
    fn offer_of_turns(&self) -> &OfferName {
        match &self.running.job.work {
            JobWork::ExtendTerm { .. } => &self.running.job.name.parent,
            JobWork::MigrateOffer { successor } => successor,
        }
    }
}

impl Piecework for Working<'_> {
    type Piece = PieceOfJob;
    const NAME: &'static str = "CarryOnJobs";

    async fn next(
        &self,
        catalogue: &Catalogue,
        now: DateTime<Utc>,
        size: u64,
    ) -> Result<Option<PieceOfJob>, Error> {
        let RunningJob { job, last } = &self.running;
        let piece = match &job.work {
            JobWork::ExtendTerm { cohort, .. } => {
                let cohort = CohortName {
                    parent: job.name.parent.clone(),
                    cohort: cohort.clone(),
                };
                extend_cohort_term::next(self.app, cohort, catalogue, now, *last, size).await
            }
            JobWork::MigrateOffer { .. } => {
                migrate_offer::next(self.app, job, catalogue, size).await
            }
        };
        piece.map(Some)
    }

    fn ids(piece: &PieceOfJob) -> &[Uuid] {
        &piece.ids
    }

    fn act(
        &self,
        set: &mut WorkingSet,
        piece: &PieceOfJob,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let job = &self.running.job;
        let time = stamp(now, job.update_time);
        for id in &piece.ids {
            self.act_on(set, *id, now)?;
        }
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let done = DonePiece {
            job: job.name.job,
            seen: self.running.last,
            last: piece.next.unwrap_or(self.running.last),
            state: piece.next.map_or(JobState::Done, |_| JobState::Running),
            passed: count(piece.ids.len()),
            changed: count(set.changes.changed.len()),
            time,
        };
        if done.state == JobState::Done {
            let event = match &job.work {
                JobWork::ExtendTerm { .. } => {
                    let finished = EventType::CohortTermExtensionFinished;
                    set.event(time, &job.requester, finished, &job.name)?
                }
                JobWork::MigrateOffer { .. } => {
                    let finished = EventType::OfferMigrationFinished;
                    set.event(time, &job.requester, finished, &job.name.parent)?
                }
            };
            set.log(Event {
                request_id: Some(job.request_id),
                details: Some(json!({ "job": job.work })),
                ..event
            });
        }
        set.changes.piece = Some(done);
        Ok(())
    }
}

impl Working<'_> {
    /// What it does with one enrollment.
    fn act_on(&self, set: &mut WorkingSet, id: Uuid, now: DateTime<Utc>) -> Result<(), Error> {
        let job = &self.running.job;
        match &job.work {
            JobWork::ExtendTerm { end, .. } => extend_cohort_term::extend(job, set, id, *end, now),
            JobWork::MigrateOffer { .. } => migrate_offer::migrate(self.app, job, set, id, now),
        }
    }
}
