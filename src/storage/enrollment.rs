//! Enrollments.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter,
    QuerySelect, Statement,
};
use uuid::Uuid;

use super::{
    Error, Row,
    entity::{enrollment, enrollment_cohort},
    row::{IN_LIST, at_revision, from_json, from_name, to_json},
};
use crate::domain::{
    enrollment::{Cancellation, Enrollment, Status},
    name::{EnrollmentName, OfferName, ResourceId},
    offer::Offer,
    term::TermDates,
};

/// An enrollment with what is kept beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEnrollment {
    /// The enrollment.
    pub enrollment: Enrollment,
    /// Contact data, sealed.
    pub contact: Option<Vec<u8>>,
    /// Whether every cohort that made the person eligible has been retracted since.
    pub cohorts_retracted: bool,
}

/// An enrollment of this offer.
pub async fn find(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    id: Uuid,
) -> Result<Option<StoredEnrollment>, Error> {
    let found = by_id(offer, id).one(db).await?;
    with_cohorts(db, offer, found).await
}

/// An enrollment of this offer, which nobody else changes until the transaction ends.
pub async fn find_for_update(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    id: Uuid,
) -> Result<Option<StoredEnrollment>, Error> {
    let found = by_id(offer, id).lock_exclusive().one(db).await?;
    with_cohorts(db, offer, found).await
}

/// Several enrollments of this offer, without their cohorts.
pub async fn find_many(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    ids: &[Uuid],
) -> Result<Vec<Enrollment>, Error> {
    let mut enrollments = Vec::new();
    for ids in ids.chunks(IN_LIST) {
        let rows = enrollment::Entity::find()
            .filter(enrollment::Column::OfferId.eq(offer.id))
            .filter(enrollment::Column::Id.is_in(ids.iter().copied()))
            .all(db)
            .await?;
        for row in rows {
            enrollments.push(to_enrollment(row, &offer.value.name, Vec::new())?);
        }
    }
    Ok(enrollments)
}

/// Adds an enrollment, with the keys of the cohorts that it rests on.
pub async fn insert(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    enrollment: &Enrollment,
    contact: Option<Vec<u8>>,
    cohort_ids: impl IntoIterator<Item = i64>,
) -> Result<(), Error> {
    let id = enrollment.name.enrollment;
    let row = enrollment::ActiveModel {
        id: Set(id),
        offer_id: Set(offer.id),
        enroll_time: Set(enrollment.enroll_time),
        terms_version: Set(enrollment.terms_version.clone()),
        exposed: Set(to_json("enrollments.exposed", &enrollment.exposed)?),
        contact: Set(contact),
        ..changeable(enrollment)
    };
    enrollment::Entity::insert(row)
        .exec_without_returning(db)
        .await?;
    let rows = cohort_ids
        .into_iter()
        .map(|cohort_id| enrollment_cohort::ActiveModel {
            enrollment_id: Set(id),
            cohort_id: Set(cohort_id),
        });
    enrollment_cohort::Entity::insert_many(rows)
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Replaces an enrollment by its next revision. Fails with [`Error::Contention`] when somebody else
/// did so since it was read.
pub async fn update(db: &impl ConnectionTrait, enrollment: &Enrollment) -> Result<(), Error> {
    let updated = enrollment::Entity::update_many()
        .set(changeable(enrollment))
        .filter(enrollment::Column::Id.eq(enrollment.name.enrollment))
        .filter(enrollment::Column::Revision.eq(enrollment.revision - 1))
        .exec(db)
        .await?;
    at_revision(updated.rows_affected)
}

fn changeable(enrollment: &Enrollment) -> enrollment::ActiveModel {
    let cancellation = enrollment.status.cancellation();
    enrollment::ActiveModel {
        state: Set(enrollment.status.name().to_owned()),
        activate_by_date: Set(enrollment.activate_by),
        activate_time: Set(enrollment.status.activate_time()),
        term_start_date: Set(enrollment.term.map(|term| term.start)),
        term_end_date: Set(enrollment.term.map(|term| term.end)),
        cancel_time: Set(cancellation.map(|cancellation| cancellation.cancel_time)),
        cancel_reason: Set(cancellation.map(|cancellation| cancellation.reason.name().to_owned())),
        reinstate_by_date: Set(cancellation.map(|cancellation| cancellation.reinstate_by)),
        revision: Set(enrollment.revision),
        update_time: Set(enrollment.update_time),
        ..enrollment::ActiveModel::default()
    }
}

fn by_id(offer: &Row<Offer>, id: Uuid) -> sea_orm::Select<enrollment::Entity> {
    enrollment::Entity::find_by_id(id).filter(enrollment::Column::OfferId.eq(offer.id))
}

async fn with_cohorts(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    found: Option<enrollment::Model>,
) -> Result<Option<StoredEnrollment>, Error> {
    #[derive(FromQueryResult)]
    struct CohortRow {
        slug: String,
        retracted: bool,
    }
    let Some(mut row) = found else {
        return Ok(None);
    };
    let statement = Statement::from_sql_and_values(
        db.get_database_backend(),
        "SELECT c.slug, c.state = 'RETRACTED' AS retracted FROM enrollment_cohorts e \
         JOIN cohorts c ON c.id = e.cohort_id WHERE e.enrollment_id = $1 ORDER BY c.slug",
        [row.id.into()],
    );
    let cohorts = CohortRow::find_by_statement(statement).all(db).await?;
    let cohorts_retracted = cohorts.iter().all(|cohort| cohort.retracted);
    let cohorts = cohorts
        .iter()
        .map(|cohort| ResourceId::parse(&cohort.slug))
        .collect::<Result<_, _>>()
        .map_err(|_| Error::unreadable("cohorts.slug"))?;
    Ok(Some(StoredEnrollment {
        contact: row.contact.take(),
        enrollment: to_enrollment(row, &offer.value.name, cohorts)?,
        cohorts_retracted,
    }))
}

fn to_enrollment(
    row: enrollment::Model,
    offer: &OfferName,
    cohorts: Vec<ResourceId>,
) -> Result<Enrollment, Error> {
    let term = row
        .term_start_date
        .zip(row.term_end_date)
        .map(|(start, end)| TermDates { start, end });
    Ok(Enrollment {
        name: EnrollmentName {
            parent: offer.clone(),
            enrollment: row.id,
        },
        enroll_time: row.enroll_time,
        activate_by: row.activate_by_date,
        term,
        terms_version: row.terms_version.clone(),
        exposed: from_json("enrollments.exposed", row.exposed.clone())?,
        cohorts,
        revision: row.revision,
        update_time: row.update_time,
        status: to_status(row)?,
    })
}

fn to_status(row: enrollment::Model) -> Result<Status, Error> {
    let activate_time = row.activate_time;
    Ok(match row.state.as_str() {
        "PENDING" => Status::Pending,
        "ACTIVE" => Status::Active {
            activate_time: begun(activate_time)?,
        },
        "EXPIRED" => Status::Expired {
            activate_time: begun(activate_time)?,
        },
        "LAPSED" => Status::Lapsed,
        "REJECTED" => Status::Rejected,
        "REVOKED" => Status::Revoked { activate_time },
        "CANCELLED" => Status::Cancelled(Cancellation {
            cancel_time: row
                .cancel_time
                .ok_or_else(|| Error::unreadable("enrollments.cancel_time"))?,
            reason: from_name(
                "enrollments.cancel_reason",
                row.cancel_reason.unwrap_or_default(),
            )?,
            reinstate_by: row
                .reinstate_by_date
                .ok_or_else(|| Error::unreadable("enrollments.reinstate_by_date"))?,
            activate_time,
        }),
        _ => return Err(Error::unreadable("enrollments.state")),
    })
}

fn begun(activate_time: Option<DateTime<Utc>>) -> Result<DateTime<Utc>, Error> {
    activate_time.ok_or_else(|| Error::unreadable("enrollments.activate_time"))
}
