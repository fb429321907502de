//! Enrollments.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::{
    ActiveModelTrait, ActiveValue::NotSet, ColumnTrait, ConnectionTrait, EntityTrait,
    IntoActiveModel, JoinType, QueryFilter, QueryOrder, QuerySelect, RelationTrait, Statement,
    Value,
};
use uuid::Uuid;

use super::{
    Error, Row,
    entity::{cohort, enrollment, enrollment_cohort, offer as offer_entity},
    offer,
    row::{IN_LIST, at_revision, from_json, from_name, to_json},
};
use crate::domain::{
    cohort::CohortState,
    enrollment::{Cancellation, Enrollment, Migration, Rejection, Revocation, Status},
    name::{EnrollmentName, OfferName, ResourceId},
    offer::Offer,
    term::{Term, TermDates},
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

/// An enrollment alone.
impl From<Enrollment> for StoredEnrollment {
    fn from(enrollment: Enrollment) -> Self {
        Self {
            enrollment,
            contact: None,
            cohorts_retracted: false,
        }
    }
}

/// The cohorts that an enrollment rests on.
#[derive(Debug, Default)]
pub(super) struct Cohorts {
    /// Their ids.
    pub ids: Vec<ResourceId>,
    /// Whose they are; `None` where there are none.
    pub of: Option<OfferName>,
}

/// An enrollment of this offer.
pub async fn find(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    id: Uuid,
) -> Result<Option<StoredEnrollment>, Error> {
    let found = by_id(offer, id).one(db).await?;
    let stored = with_cohorts(db, offer, found.into_iter().collect()).await?;
    Ok(stored.into_iter().next())
}

/// Several enrollments of these offers, without their cohorts.
pub async fn find_many(
    db: &impl ConnectionTrait,
    offers: &BTreeMap<i64, OfferName>,
    ids: &[Uuid],
) -> Result<Vec<Enrollment>, Error> {
    let mut enrollments = Vec::new();
    for ids in ids.chunks(IN_LIST) {
        let rows = enrollment::Entity::find()
            .filter(enrollment::Column::OfferId.is_in(offers.keys().copied()))
            .filter(enrollment::Column::Id.is_in(ids.iter().copied()))
            .all(db)
            .await?;
        for row in rows {
            let Some(offer) = offers.get(&row.offer_id) else {
                continue;
            };
            enrollments.push(to_enrollment(row, offer, Cohorts::default())?);
        }
    }
    Ok(enrollments)
}

/// The terms that a person was promised: by the offer as it was when they enrolled, and by those before it whose
/// enrollments go on in it.
pub async fn promised_terms(
    db: &impl ConnectionTrait,
    enrollment: &Enrollment,
) -> Result<Vec<Term>, Error> {
    let mut terms = Vec::new();
    let mut next = Some(enrollment.clone());
    while let Some(enrollment) = next {
        let offer = &enrollment.name.parent;
        let then = offer::find_as_of(db, offer, enrollment.enroll_time).await?;
        // It began in its offer.
        let then = then.ok_or_else(|| Error::unreadable("enrollments.enroll_time"))?;
        terms.push(then.value.details.term);
        next = match enrollment.migrated_from {
            Some(from) => find_by_name(db, &from).await?,
            None => None,
        };
    }
    Ok(terms)
}

/// The enrollment of this name, without its cohorts.
async fn find_by_name(
    db: &impl ConnectionTrait,
    name: &EnrollmentName,
) -> Result<Option<Enrollment>, Error> {
    let row = enrollment::Entity::find_by_id(name.enrollment)
        .one(db)
        .await?;
    row.map(|row| to_enrollment(row, &name.parent, Cohorts::default()))
        .transpose()
}

/// Which of the offer's enrollments are stored as live, though they are over on this civil date: up to so many
/// whose codes ran out, and up to so many whose terms ended.
pub async fn over(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    today: NaiveDate,
    limit: u64,
) -> Result<Vec<Uuid>, Error> {
    // Written out: the indexes are of these states, which a parameter could not show.
    const OVER: &str = "\
        SELECT id FROM (SELECT id FROM enrollments WHERE offer_id = $1 AND state = 'PENDING' \
            AND activate_by_date < $2 LIMIT $3) AS code_ran_out \
        UNION SELECT id FROM (SELECT id FROM enrollments WHERE offer_id = $1 \
            AND state IN ('PENDING', 'ACTIVE') AND term_end_date <= $2 LIMIT $3) AS term_ended";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    ids(db, OVER, [offer.id.into(), today.into(), limit.into()]).await
}

/// Some of the offer's enrollments that are stored as live: up to so many.
pub async fn live(
    db: &impl ConnectionTrait,
    offer_id: i64,
    limit: u64,
) -> Result<Vec<Uuid>, Error> {
    // Written out: the index is of these states.
    const LIVE: &str = "\
        SELECT id FROM enrollments WHERE offer_id = $1 AND state IN ('PENDING', 'ACTIVE') LIMIT $2";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    ids(db, LIVE, [offer_id.into(), limit.into()]).await
}

/// How many of the offer's enrollments are stored as live.
pub async fn count_live(db: &impl ConnectionTrait, offer: &Row<Offer>) -> Result<i64, Error> {
    const COUNT: &str = "\
        SELECT count(*) FROM enrollments WHERE offer_id = $1 AND state IN ('PENDING', 'ACTIVE')";
    let backend = db.get_database_backend();
    let statement = Statement::from_sql_and_values(backend, COUNT, [offer.id.into()]);
    let row = db.query_one_raw(statement).await?;
    let row = row.ok_or_else(|| Error::affected("count enrollments"))?;
    Ok(row.try_get_by_index(0)?)
}

async fn ids<const N: usize>(
    db: &impl ConnectionTrait,
    sql: &str,
    values: [Value; N],
) -> Result<Vec<Uuid>, Error> {
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    let rows = db.query_all_raw(statement).await?;
    let ids = rows.iter().map(|row| row.try_get_by_index(0));
    Ok(ids.collect::<Result<_, _>>()?)
}

/// Replaces an enrollment by what it has become. Fails with [`Error::Contention`] when it is no
/// longer at the revision that was seen.
pub(super) async fn update(
    db: &impl ConnectionTrait,
    seen: i64,
    row: enrollment::Model,
) -> Result<(), Error> {
    let id = row.id;
    let row = enrollment::ActiveModel {
        // Sealed anew only when it is given anew.
        contact: NotSet,
        ..row.into_active_model().reset_all()
    };
    let updated = enrollment::Entity::update_many()
        .set(row)
        .filter(enrollment::Column::Id.eq(id))
        .filter(enrollment::Column::Revision.eq(seen))
        .exec(db)
        .await?;
    at_revision(updated.rows_affected)
}

/// The row of an enrollment.
pub(super) fn to_model(
    offer_id: i64,
    enrollment: &Enrollment,
    contact: Option<Vec<u8>>,
) -> Result<enrollment::Model, Error> {
    let cancellation = enrollment.status.cancellation();
    let (end_time, end_reason) = end(enrollment.status);
    Ok(enrollment::Model {
        id: enrollment.name.enrollment,
        offer_id,
        state: enrollment.status.name().to_owned(),
        enroll_time: enrollment.enroll_time,
        activate_by_date: enrollment.activate_by,
        activate_time: enrollment.status.activate_time(),
        term_start_date: enrollment.term.map(|term| term.start),
        term_end_date: enrollment.term.map(|term| term.end),
        term_not_before_date: enrollment.term_not_before,
        code_source: enrollment.code_source.name().to_owned(),
        terms_version: enrollment.terms_version.clone(),
        exposed: to_json("enrollments.exposed", &enrollment.exposed)?,
        cancel_time: cancellation.map(|cancellation| cancellation.cancel_time),
        cancel_reason: cancellation.map(|cancellation| cancellation.reason.name().to_owned()),
        reinstate_by_date: cancellation.map(|cancellation| cancellation.reinstate_by),
        end_time,
        end_reason: end_reason.map(str::to_owned),
        migrated_to: enrollment.migrated_to.as_ref().map(ToString::to_string),
        migrated_from: enrollment.migrated_from.as_ref().map(ToString::to_string),
        contact,
        revision: enrollment.revision,
        update_time: enrollment.update_time,
    })
}

/// When the provider or the company ended it, and why, if that is said.
fn end(status: Status) -> (Option<DateTime<Utc>>, Option<&'static str>) {
    match status {
        Status::Rejected(rejection) => (Some(rejection.reject_time), Some(rejection.reason.name())),
        Status::Revoked(revocation) => {
            (Some(revocation.revoke_time), Some(revocation.reason.name()))
        }
        Status::Migrated(migration) => (Some(migration.migrate_time), None),
        Status::Pending
        | Status::Active { .. }
        | Status::Expired { .. }
        | Status::Lapsed
        | Status::Cancelled(_) => (None, None),
    }
}

fn by_id(offer: &Row<Offer>, id: Uuid) -> sea_orm::Select<enrollment::Entity> {
    enrollment::Entity::find_by_id(id).filter(enrollment::Column::OfferId.eq(offer.id))
}

/// Enrollments of an offer with the cohorts that they rest on.
pub(super) async fn with_cohorts(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    rows: Vec<enrollment::Model>,
) -> Result<Vec<StoredEnrollment>, Error> {
    let mut cohorts = HashMap::<Uuid, (Cohorts, bool)>::new();
    let ids = rows.iter().map(|row| row.id).collect::<Vec<_>>();
    for ids in ids.chunks(IN_LIST) {
        let found = enrollment_cohort::Entity::find()
            .select_only()
            .column(enrollment_cohort::Column::EnrollmentId)
            .column(cohort::Column::Slug)
            .column(cohort::Column::State)
            .column(offer_entity::Column::Slug)
            .join(
                JoinType::InnerJoin,
                enrollment_cohort::Relation::Cohort.def(),
            )
            .join(JoinType::InnerJoin, cohort::Relation::Offer.def())
            .filter(enrollment_cohort::Column::EnrollmentId.is_in(ids.iter().copied()))
            .order_by_asc(cohort::Column::Slug)
            .into_tuple::<(Uuid, String, String, String)>()
            .all(db)
            .await?;
        for (id, slug, state, offer) in found {
            let slug = ResourceId::parse(&slug).map_err(|_| Error::unreadable("cohorts.slug"))?;
            let offer = ResourceId::parse(&offer).map_err(|_| Error::unreadable("offers.slug"))?;
            let all = cohorts.entry(id);
            let (rests_on, retracted) = all.or_insert_with(|| (Cohorts::default(), true));
            rests_on.ids.push(slug);
            rests_on.of = Some(OfferName { offer });
            *retracted &= state == CohortState::Retracted.name();
        }
    }
    let stored = rows.into_iter().map(|mut row| {
        let (cohorts, cohorts_retracted) = cohorts.remove(&row.id).unwrap_or_default();
        Ok(StoredEnrollment {
            cohorts_retracted,
            contact: row.contact.take(),
            enrollment: to_enrollment(row, &offer.value.name, cohorts)?,
        })
    });
    stored.collect()
}

/// The enrollment of a row.
pub(super) fn to_enrollment(
    row: enrollment::Model,
    offer: &OfferName,
    cohorts: Cohorts,
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
        term_not_before: row.term_not_before_date,
        code_source: from_name("enrollments.code_source", row.code_source.clone())?,
        terms_version: row.terms_version.clone(),
        exposed: from_json("enrollments.exposed", row.exposed.clone())?,
        cohorts: cohorts.ids,
        cohorts_of: cohorts.of.filter(|of| of != offer),
        migrated_to: name_of("enrollments.migrated_to", row.migrated_to.as_deref())?,
        migrated_from: name_of("enrollments.migrated_from", row.migrated_from.as_deref())?,
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
            activate_time: given("enrollments.activate_time", activate_time)?,
        },
        "EXPIRED" => Status::Expired {
            activate_time: given("enrollments.activate_time", activate_time)?,
        },
        "LAPSED" => Status::Lapsed,
        "REJECTED" => Status::Rejected(Rejection {
            reject_time: given("enrollments.end_time", row.end_time)?,
            reason: from_name("enrollments.end_reason", row.end_reason.unwrap_or_default())?,
        }),
        "REVOKED" => Status::Revoked(Revocation {
            revoke_time: given("enrollments.end_time", row.end_time)?,
            reason: from_name("enrollments.end_reason", row.end_reason.unwrap_or_default())?,
            activate_time,
        }),
        "MIGRATED" => Status::Migrated(Migration {
            migrate_time: given("enrollments.end_time", row.end_time)?,
            activate_time,
        }),
        "CANCELLED" => Status::Cancelled(Cancellation {
            cancel_time: given("enrollments.cancel_time", row.cancel_time)?,
            reason: from_name(
                "enrollments.cancel_reason",
                row.cancel_reason.unwrap_or_default(),
            )?,
            reinstate_by: given("enrollments.reinstate_by_date", row.reinstate_by_date)?,
            activate_time,
        }),
        _ => return Err(Error::unreadable("enrollments.state")),
    })
}

fn name_of(column: &'static str, name: Option<&str>) -> Result<Option<EnrollmentName>, Error> {
    let name = name.map(|name| EnrollmentName::parse(name).map_err(|_| Error::unreadable(column)));
    name.transpose()
}

fn given<T>(column: &'static str, value: Option<T>) -> Result<T, Error> {
    value.ok_or_else(|| Error::unreadable(column))
}
