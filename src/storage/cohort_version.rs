//! The versions of a cohort: what was published, when, by whom, and of which loads.

use std::collections::HashMap;

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::{
    Error, Row,
    entity::{cohort_version, cohort_version_load},
    load,
    row::to_digest,
};
use crate::domain::{
    cohort::{Cohort, CohortVersion, Load, MemberCounts},
    list_digest::ListDigest,
    page::{Page, PageOf},
};

/// Keeps a version of a cohort, made of these loads.
pub async fn insert(
    db: &impl ConnectionTrait,
    cohort_id: i64,
    version: &CohortVersion,
    load_ids: &[i64],
) -> Result<(), Error> {
    let row = cohort_version::ActiveModel {
        cohort_id: Set(cohort_id),
        number: Set(version.number),
        person_count: Set(version.counts.people),
        identifier_count: Set(version.counts.identifiers),
        digest: Set(version.digest.map(ListDigest::to_bytes)),
        publisher: Set(version.publisher.clone()),
        publish_time: Set(version.publish_time),
    };
    cohort_version::Entity::insert(row)
        .exec_without_returning(db)
        .await?;
    let loads = load_ids
        .iter()
        .map(|load_id| cohort_version_load::ActiveModel {
            cohort_id: Set(cohort_id),
            number: Set(version.number),
            load_id: Set(*load_id),
        });
    cohort_version_load::Entity::insert_many(loads)
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// The keys of the loads that a version was made of; none when there is no such version.
pub async fn load_ids(
    db: &impl ConnectionTrait,
    cohort_id: i64,
    number: i64,
) -> Result<Vec<i64>, Error> {
    let rows = cohort_version_load::Entity::find()
        .filter(cohort_version_load::Column::CohortId.eq(cohort_id))
        .filter(cohort_version_load::Column::Number.eq(number))
        .order_by_asc(cohort_version_load::Column::LoadId)
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| row.load_id).collect())
}

/// A page of the versions of this cohort.
pub async fn list(
    db: &impl ConnectionTrait,
    cohort: &Row<Cohort>,
    page: &PageOf,
) -> Result<Page<CohortVersion>, Error> {
    let after = page.after.as_deref().unwrap_or("0");
    let after = after.parse::<i64>();
    let after = after.map_err(|_| Error::unreadable("a page's token"))?;
    let rows = cohort_version::Entity::find()
        .filter(cohort_version::Column::CohortId.eq(cohort.id))
        .filter(cohort_version::Column::Number.gt(after))
        .order_by_asc(cohort_version::Column::Number)
        .limit(page.size.saturating_add(1))
        .all(db)
        .await?;
    let page = Page::cut(rows, page.size);
    let made_of = cohort_version_load::Entity::find()
        .filter(cohort_version_load::Column::CohortId.eq(cohort.id))
        .filter(cohort_version_load::Column::Number.is_in(page.items.iter().map(|row| row.number)))
        .order_by_asc(cohort_version_load::Column::LoadId)
        .all(db)
        .await?;
    let loads = load::of_cohort(db, cohort).await?;
    let loads = loads.into_iter().map(|load| (load.id, load.value));
    let loads = loads.collect::<HashMap<_, _>>();
    let items = page.items.into_iter().map(|row| {
        let number = row.number;
        let own = made_of.iter().filter(|part| part.number == number);
        let own = own.filter_map(|part| loads.get(&part.load_id));
        to_version(row, own, cohort)
    });
    Ok(Page {
        items: items.collect::<Result<_, _>>()?,
        more: page.more,
    })
}

fn to_version<'l>(
    row: cohort_version::Model,
    loads: impl Iterator<Item = &'l Load>,
    cohort: &Row<Cohort>,
) -> Result<CohortVersion, Error> {
    Ok(CohortVersion {
        cohort: cohort.value.name.clone(),
        number: row.number,
        loads: loads.map(|load| load.name.clone()).collect(),
        counts: MemberCounts {
            people: row.person_count,
            identifiers: row.identifier_count,
        },
        digest: to_digest("cohort_versions.digest", row.digest)?,
        publisher: row.publisher,
        publish_time: row.publish_time,
    })
}
