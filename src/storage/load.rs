//! Loads: how far each transfer of a list got, and when it began to count.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    TryInsertResult,
};

use super::{
    Error, Row,
    entity::load,
    row::{exactly_one, from_name, to_digest},
};
use crate::domain::{
    cohort::{Cohort, Load, LoadProgress, LoadSource, LoadState},
    list_digest::ListDigest,
    name::{CohortName, LoadName, ResourceId},
};

/// A load of this cohort.
pub async fn find(
    db: &impl ConnectionTrait,
    cohort: &Row<Cohort>,
    id: &ResourceId,
) -> Result<Option<Row<Load>>, Error> {
    let found = by_id(cohort, id).one(db).await?;
    found
        .map(|row| to_load(row, &cohort.value.name))
        .transpose()
}

/// A load of this cohort, which nobody else changes until the transaction ends.
pub async fn find_for_update(
    db: &impl ConnectionTrait,
    cohort: &Row<Cohort>,
    id: &ResourceId,
) -> Result<Option<Row<Load>>, Error> {
    let found = by_id(cohort, id).lock_exclusive().one(db).await?;
    found
        .map(|row| to_load(row, &cohort.value.name))
        .transpose()
}

/// All loads of this cohort, in their order.
pub async fn of_cohort(
    db: &impl ConnectionTrait,
    cohort: &Row<Cohort>,
) -> Result<Vec<Row<Load>>, Error> {
    to_loads(in_cohort(cohort).all(db).await?, cohort)
}

/// All loads of this cohort, in their order, which nobody else changes until the transaction ends.
pub async fn of_cohort_for_update(
    db: &impl ConnectionTrait,
    cohort: &Row<Cohort>,
) -> Result<Vec<Row<Load>>, Error> {
    to_loads(in_cohort(cohort).lock_exclusive().all(db).await?, cohort)
}

/// Adds a load to a cohort, and gives its key; `None` when its name is taken.
pub async fn insert(
    db: &impl ConnectionTrait,
    cohort: &Row<Cohort>,
    load: &Load,
) -> Result<Option<i64>, Error> {
    let row = load::ActiveModel {
        id: NotSet,
        cohort_id: Set(cohort.id),
        slug: Set(load.name.load.to_string()),
        source_name: Set(load.source.name.clone()),
        source_sha256: Set(load.source.sha256.clone()),
        loader: Set(load.loader.clone()),
        publish_time: Set(None),
        create_time: Set(load.create_time),
        ..progress(load)
    };
    let inserted = load::Entity::insert(row)
        .on_conflict_do_nothing_on([load::Column::CohortId, load::Column::Slug])
        .exec(db)
        .await?;
    Ok(match inserted {
        TryInsertResult::Inserted(inserted) => Some(inserted.last_insert_id),
        TryInsertResult::Conflicted | TryInsertResult::Empty => None,
    })
}

/// Writes how far a load got.
pub async fn update(db: &impl ConnectionTrait, id: i64, load: &Load) -> Result<(), Error> {
    let updated = load::Entity::update_many()
        .set(progress(load))
        .filter(load::Column::Id.eq(id))
        .exec(db)
        .await?;
    exactly_one(updated.rows_affected, "update loads")
}

/// Takes a load away of which nothing is left.
pub async fn delete(db: &impl ConnectionTrait, id: i64) -> Result<(), Error> {
    let deleted = load::Entity::delete_by_id(id).exec(db).await?;
    exactly_one(deleted.rows_affected, "delete loads")
}

/// Makes these loads count from a time on. One that has counted before keeps the time when it first did.
pub async fn publish(
    db: &impl ConnectionTrait,
    ids: &[i64],
    time: DateTime<Utc>,
) -> Result<(), Error> {
    let first = load::ActiveModel {
        publish_time: Set(Some(time)),
        ..load::ActiveModel::default()
    };
    load::Entity::update_many()
        .set(first)
        .filter(load::Column::Id.is_in(ids.iter().copied()))
        .filter(load::Column::PublishTime.is_null())
        .exec(db)
        .await?;
    set_state(db, ids, LoadState::Published).await
}

/// Makes these loads count no more.
pub async fn withdraw(db: &impl ConnectionTrait, ids: &[i64]) -> Result<(), Error> {
    set_state(db, ids, LoadState::Withdrawn).await
}

async fn set_state(db: &impl ConnectionTrait, ids: &[i64], state: LoadState) -> Result<(), Error> {
    let row = load::ActiveModel {
        state: Set(state.name().to_owned()),
        ..load::ActiveModel::default()
    };
    let updated = load::Entity::update_many()
        .set(row)
        .filter(load::Column::Id.is_in(ids.iter().copied()))
        .exec(db)
        .await?;
    if usize::try_from(updated.rows_affected) == Ok(ids.len()) {
        Ok(())
    } else {
        Err(Error::affected("update loads"))
    }
}

fn progress(load: &Load) -> load::ActiveModel {
    load::ActiveModel {
        state: Set(load.state.name().to_owned()),
        last_chunk: Set(load.progress.last_chunk),
        row_count: Set(load.progress.rows),
        identifier_count: Set(load.progress.identifiers),
        duplicate_count: Set(load.progress.duplicates),
        rejected_count: Set(load.progress.rejected),
        byte_count: Set(load.progress.bytes),
        person_count: Set(load.progress.people),
        digest: Set(load.progress.digest.map(ListDigest::to_bytes)),
        digest_chunk: Set(load.progress.last_chunk),
        update_time: Set(load.update_time),
        ..load::ActiveModel::default()
    }
}

fn in_cohort(cohort: &Row<Cohort>) -> sea_orm::Select<load::Entity> {
    load::Entity::find()
        .filter(load::Column::CohortId.eq(cohort.id))
        .order_by_asc(load::Column::Id)
}

fn to_loads(rows: Vec<load::Model>, cohort: &Row<Cohort>) -> Result<Vec<Row<Load>>, Error> {
    rows.into_iter()
        .map(|row| to_load(row, &cohort.value.name))
        .collect()
}

fn by_id(cohort: &Row<Cohort>, id: &ResourceId) -> sea_orm::Select<load::Entity> {
    load::Entity::find()
        .filter(load::Column::CohortId.eq(cohort.id))
        .filter(load::Column::Slug.eq(id.as_str()))
}

fn to_load(row: load::Model, cohort: &CohortName) -> Result<Row<Load>, Error> {
    let slug = ResourceId::parse(&row.slug).map_err(|_| Error::unreadable("loads.slug"))?;
    Ok(Row {
        id: row.id,
        value: Load {
            name: LoadName {
                parent: cohort.clone(),
                load: slug,
            },
            state: from_name::<LoadState>("loads.state", row.state)?,
            source: LoadSource {
                name: row.source_name,
                sha256: row.source_sha256,
            },
            loader: row.loader,
            progress: LoadProgress {
                last_chunk: row.last_chunk,
                rows: row.row_count,
                identifiers: row.identifier_count,
                duplicates: row.duplicate_count,
                rejected: row.rejected_count,
                bytes: row.byte_count,
                people: row.person_count,
                packing: row.packed_slots > 0,
                // A chunk that a version without digests has taken is not in it.
                digest: to_digest("loads.digest", row.digest)?
                    .filter(|_| row.digest_chunk == row.last_chunk),
            },
            create_time: row.create_time,
            update_time: row.update_time,
        },
    })
}
