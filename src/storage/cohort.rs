//! Cohorts, and what they said at any time.

use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    TryInsertResult,
};

use super::{
    Error, Row,
    entity::{cohort, cohort_revision},
    row::{at_revision, from_json, from_name, to_digest, to_json},
};
use crate::domain::{
    cohort::{Cohort, CohortState, MemberCounts},
    list_digest::ListDigest,
    name::{CohortName, OfferName, ResourceId},
    offer::Offer,
    page::{Page, PageOf},
};

/// A cohort of this offer.
pub async fn find(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    id: &ResourceId,
) -> Result<Option<Row<Cohort>>, Error> {
    let found = by_id(offer, id).one(db).await?;
    found
        .map(|row| to_cohort(row, &offer.value.name))
        .transpose()
}

/// A cohort of this offer, which nobody else changes until the transaction ends.
pub async fn find_for_update(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    id: &ResourceId,
) -> Result<Option<Row<Cohort>>, Error> {
    let found = by_id(offer, id).lock_exclusive().one(db).await?;
    found
        .map(|row| to_cohort(row, &offer.value.name))
        .transpose()
}

/// A page of the cohorts of this offer.
pub async fn list(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    page: &PageOf,
) -> Result<Page<Cohort>, Error> {
    let mut query = cohort::Entity::find()
        .filter(cohort::Column::OfferId.eq(offer.id))
        .order_by_asc(cohort::Column::Slug)
        .limit(page.size.saturating_add(1));
    if let Some(after) = &page.after {
        query = query.filter(cohort::Column::Slug.gt(after));
    }
    let rows = query.all(db).await?;
    let cohorts = rows
        .into_iter()
        .map(|row| to_cohort(row, &offer.value.name).map(|row| row.value))
        .collect::<Result<_, _>>()?;
    Ok(Page::cut(cohorts, page.size))
}

/// Whether anybody is on a published list of this offer.
pub async fn lists_anybody(db: &impl ConnectionTrait, offer: &Row<Offer>) -> Result<bool, Error> {
    let published = cohort::Entity::find()
        .filter(cohort::Column::OfferId.eq(offer.id))
        .filter(cohort::Column::State.eq(CohortState::Published.name()))
        .filter(cohort::Column::PersonCount.gt(0))
        .one(db)
        .await?;
    Ok(published.is_some())
}

/// Adds a cohort to an offer; gives false when its name is taken.
pub async fn insert(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    cohort: &Cohort,
) -> Result<bool, Error> {
    let row = cohort::ActiveModel {
        id: NotSet,
        offer_id: Set(offer.id),
        slug: Set(cohort.name.cohort.to_string()),
        create_time: Set(cohort.create_time),
        ..changeable(cohort)?
    };
    let inserted = cohort::Entity::insert(row)
        .on_conflict_do_nothing_on([cohort::Column::OfferId, cohort::Column::Slug])
        .exec(db)
        .await?;
    match inserted {
        TryInsertResult::Inserted(inserted) => {
            insert_revision(db, inserted.last_insert_id, cohort).await?;
            Ok(true)
        }
        TryInsertResult::Conflicted | TryInsertResult::Empty => Ok(false),
    }
}

/// Replaces a cohort by its next revision.
pub async fn update(db: &impl ConnectionTrait, id: i64, cohort: &Cohort) -> Result<(), Error> {
    let updated = cohort::Entity::update_many()
        .set(changeable(cohort)?)
        .filter(cohort::Column::Id.eq(id))
        .filter(cohort::Column::Revision.eq(cohort.revision - 1))
        .exec(db)
        .await?;
    at_revision(updated.rows_affected)?;
    insert_revision(db, id, cohort).await
}

fn changeable(cohort: &Cohort) -> Result<cohort::ActiveModel, Error> {
    Ok(cohort::ActiveModel {
        display_name: Set(cohort.display_name.clone()),
        state: Set(cohort.state.name().to_owned()),
        data_elements: Set(to_json("cohorts.data_elements", &cohort.data_elements)?),
        person_count: Set(cohort.published.people),
        identifier_count: Set(cohort.published.identifiers),
        digest: Set(cohort.digest.map(ListDigest::to_bytes)),
        publish_time: Set(cohort.publish_time),
        retract_time: Set(cohort.retract_time),
        revision: Set(cohort.revision),
        version: Set(cohort.version),
        update_time: Set(cohort.update_time),
        ..cohort::ActiveModel::default()
    })
}

async fn insert_revision(db: &impl ConnectionTrait, id: i64, cohort: &Cohort) -> Result<(), Error> {
    let row = cohort_revision::ActiveModel {
        cohort_id: Set(id),
        revision: Set(cohort.revision),
        state: Set(cohort.state.name().to_owned()),
        data_elements: Set(to_json(
            "cohort_revisions.data_elements",
            &cohort.data_elements,
        )?),
        valid_from: Set(cohort.update_time),
    };
    cohort_revision::Entity::insert(row)
        .exec_without_returning(db)
        .await?;
    Ok(())
}

fn by_id(offer: &Row<Offer>, id: &ResourceId) -> sea_orm::Select<cohort::Entity> {
    cohort::Entity::find()
        .filter(cohort::Column::OfferId.eq(offer.id))
        .filter(cohort::Column::Slug.eq(id.as_str()))
}

fn to_cohort(row: cohort::Model, offer: &OfferName) -> Result<Row<Cohort>, Error> {
    let slug = ResourceId::parse(&row.slug).map_err(|_| Error::unreadable("cohorts.slug"))?;
    Ok(Row {
        id: row.id,
        value: Cohort {
            name: CohortName {
                parent: offer.clone(),
                cohort: slug,
            },
            display_name: row.display_name,
            state: from_name::<CohortState>("cohorts.state", row.state)?,
            data_elements: from_json("cohorts.data_elements", row.data_elements)?,
            published: MemberCounts {
                people: row.person_count,
                identifiers: row.identifier_count,
            },
            digest: to_digest("cohorts.digest", row.digest)?,
            publish_time: row.publish_time,
            retract_time: row.retract_time,
            revision: row.revision,
            version: row.version,
            create_time: row.create_time,
            update_time: row.update_time,
        },
    })
}
