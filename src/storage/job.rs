//! Jobs: what is to be done with many enrollments, and how far it got. How far is written by a
//! [`lane`](super::lane), with what was done.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, Statement,
};
use uuid::Uuid;

use super::{
    Error, Row, Store,
    entity::{enrollment_cohort, job, offer},
    row::{at_revision, from_json, from_name, to_json},
};
use crate::domain::{
    cohort::Cohort,
    job::{Job, JobProgress, JobState},
    name::{JobName, OfferName, ResourceId},
    offer::Offer,
    request::RequestId,
};

/// A job that is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningJob {
    /// The job.
    pub job: Job,
    /// The last enrollment of its last piece: after it goes on what goes in the order of ids.
    pub last: Uuid,
}

/// A piece of a job that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DonePiece {
    /// Id of the job.
    pub job: Uuid,
    /// The last enrollment before the piece.
    pub seen: Uuid,
    /// The last one of the piece.
    pub last: Uuid,
    /// Where the job stands after it.
    pub state: JobState,
    /// How many enrollments it has looked at.
    pub passed: i64,
    /// How many of those it has changed.
    pub changed: i64,
    /// When.
    pub time: DateTime<Utc>,
}

/// Moves a job on by a piece, unless somebody else has.
pub(super) const ADVANCE: &str = "\
    UPDATE jobs SET last_id = $3, state = $4, passed_count = passed_count + $5, \
      changed_count = changed_count + $6, update_time = $7 \
    WHERE id = $1 AND last_id = $2 AND state = 'RUNNING'";

/// A job of this offer.
pub async fn find(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    id: Uuid,
) -> Result<Option<Job>, Error> {
    let found = job::Entity::find_by_id(id)
        .filter(job::Column::OfferId.eq(offer.id))
        .one(db)
        .await?;
    found
        .map(|row| to_job(row, &offer.value.name).map(|running| running.job))
        .transpose()
}

/// The job that a request of this caller's is, of whatever offer.
pub async fn find_by_request(
    db: &impl ConnectionTrait,
    requester: &str,
    request_id: RequestId,
) -> Result<Option<Job>, Error> {
    let found = job::Entity::find()
        .find_also_related(offer::Entity)
        .filter(job::Column::Requester.eq(requester))
        .filter(job::Column::RequestId.eq(request_id.0))
        .one(db)
        .await?;
    let found = found.map(of_offer).transpose()?;
    Ok(found.map(|running| running.job))
}

/// The job that has waited longest among those that are not done, but for these.
pub async fn oldest_running(
    db: &impl ConnectionTrait,
    except: &[Uuid],
) -> Result<Option<RunningJob>, Error> {
    let found = job::Entity::find()
        .find_also_related(offer::Entity)
        .filter(job::Column::State.eq(JobState::Running.name()))
        .filter(job::Column::Id.is_not_in(except.iter().copied()))
        .order_by_asc(job::Column::CreateTime)
        .limit(1)
        .one(db)
        .await?;
    found.map(of_offer).transpose()
}

/// Adds a job.
pub async fn insert(db: &impl ConnectionTrait, offer: &Row<Offer>, job: &Job) -> Result<(), Error> {
    let row = job::ActiveModel {
        id: Set(job.name.job),
        offer_id: Set(offer.id),
        work: Set(to_json("jobs.work", &job.work)?),
        state: Set(job.state.name().to_owned()),
        requester: Set(job.requester.clone()),
        request_id: Set(job.request_id.0),
        total_count: Set(job.progress.total),
        passed_count: Set(job.progress.passed),
        changed_count: Set(job.progress.changed),
        last_id: Set(Uuid::nil()),
        create_time: Set(job.create_time),
        update_time: Set(job.update_time),
    };
    job::Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// Lets the job go on that has moved an offer's enrollments, if it is done and some are live again; says whether.
pub async fn wake_migration(store: &Store, offer: &OfferName) -> Result<bool, Error> {
    const WAKE: &str = "\
        UPDATE jobs SET state = 'RUNNING', total_count = passed_count + ( \
          SELECT count(*) FROM enrollments e \
          WHERE e.offer_id = jobs.offer_id AND e.state IN ('PENDING', 'ACTIVE')) \
        WHERE state = 'DONE' AND work ->> 'work' = 'migrate_offer' \
          AND offer_id = (SELECT id FROM offers WHERE slug = $1) \
          AND EXISTS (SELECT 1 FROM enrollments e \
            WHERE e.offer_id = jobs.offer_id AND e.state IN ('PENDING', 'ACTIVE'))";
    let backend = store.writer.get_database_backend();
    let values = [offer.offer.as_str().into()];
    let statement = Statement::from_sql_and_values(backend, WAKE, values);
    let woken = store.writer.execute_raw(statement).await?;
    Ok(woken.rows_affected() > 0)
}

/// How many enrollments rest on a cohort.
pub async fn count_resting(db: &impl ConnectionTrait, cohort: &Row<Cohort>) -> Result<i64, Error> {
    let count = enrollment_cohort::Entity::find()
        .filter(enrollment_cohort::Column::CohortId.eq(cohort.id))
        .count(db)
        .await?;
    Ok(i64::try_from(count).unwrap_or(i64::MAX))
}

/// Moves a job on by a piece. Fails with [`Error::Contention`] when somebody else has.
pub(super) async fn advance(db: &impl ConnectionTrait, piece: &DonePiece) -> Result<(), Error> {
    let values = [
        piece.job.into(),
        piece.seen.into(),
        piece.last.into(),
        piece.state.name().into(),
        piece.passed.into(),
        piece.changed.into(),
        piece.time.into(),
    ];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), ADVANCE, values);
    let advanced = db.execute_raw(statement).await?;
    at_revision(advanced.rows_affected())
}

fn of_offer((row, offer): (job::Model, Option<offer::Model>)) -> Result<RunningJob, Error> {
    let slug = offer.map(|offer| offer.slug).unwrap_or_default();
    let offer = ResourceId::parse(&slug).map_err(|_| Error::unreadable("offers.slug"))?;
    to_job(row, &OfferName { offer })
}

fn to_job(row: job::Model, offer: &OfferName) -> Result<RunningJob, Error> {
    Ok(RunningJob {
        last: row.last_id,
        job: Job {
            name: JobName {
                parent: offer.clone(),
                job: row.id,
            },
            work: from_json("jobs.work", row.work)?,
            state: from_name("jobs.state", row.state)?,
            requester: row.requester,
            request_id: RequestId(row.request_id),
            progress: JobProgress {
                total: row.total_count,
                passed: row.passed_count,
                changed: row.changed_count,
            },
            create_time: row.create_time,
            update_time: row.update_time,
        },
    })
}
