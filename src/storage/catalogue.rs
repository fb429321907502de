//! What an offer says, and what each published list exposes: what every answer needs, and what
//! changes a few times a day. It is kept between calls; each statement that uses it says whether it
//! is still true.

use std::{collections::HashMap, sync::Arc};

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::{
    Error, Row,
    entity::{cohort, load},
    offer,
    row::from_json,
};
use crate::domain::{
    cohort::{CohortState, LoadState},
    data_element::DataElements,
    name::{OfferName, ResourceId},
    offer::Offer,
};

/// An offer and its published lists.
#[derive(Debug)]
pub struct Catalogue {
    /// The offer.
    pub offer: Row<Offer>,
    /// Grows with every change of what stands here: the database sees to it (`m0003`).
    pub version: i64,
    cohorts: HashMap<i64, Arc<ListedCohort>>,
    lists: HashMap<i64, Arc<ListedCohort>>,
}

/// What is told to those on a cohort's lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedCohort {
    /// Key of the cohort.
    pub id: i64,
    /// The cohort.
    pub cohort: ResourceId,
    /// What was exposed of its members.
    pub exposed: DataElements,
    /// Whether the list counts: it is part of what is published of the cohort, which has not been
    /// retracted.
    pub counts: bool,
}

impl ListedCohort {
    /// What is told to those on a list that is part of it no more: only where they are enrolled.
    fn withdrawn(&self) -> Self {
        Self {
            counts: false,
            ..self.clone()
        }
    }
}

impl Catalogue {
    /// The cohort that a load was published into; `None` for a load that never was published.
    pub fn of_load(&self, load_id: i64) -> Option<&Arc<ListedCohort>> {
        self.lists.get(&load_id)
    }

    /// The loads that were published once.
    pub fn lists(&self) -> impl Iterator<Item = i64> {
        self.lists.keys().copied()
    }

    /// A cohort of the offer.
    pub fn cohort(&self, id: i64) -> Option<&Arc<ListedCohort>> {
        self.cohorts.get(&id)
    }

    /// Whether none of these cohorts counts.
    pub fn none_counts(&self, cohorts: &[ResourceId]) -> bool {
        !self
            .cohorts
            .values()
            .any(|listed| listed.counts && cohorts.contains(&listed.cohort))
    }
}

/// The catalogue of the offer of this name.
///
/// Read in three statements, the version first: if something changes in between, what was read has a
/// version that no later statement can see.
pub async fn find(db: &impl ConnectionTrait, name: &OfferName) -> Result<Option<Catalogue>, Error> {
    let Some(row) = offer::by_name(name).one(db).await? else {
        return Ok(None);
    };
    let version = row.catalogue_version;
    let offer = offer::to_offer(row)?;
    let rows = cohort::Entity::find()
        .filter(cohort::Column::OfferId.eq(offer.id))
        .all(db)
        .await?;
    let published = load::Entity::find()
        .filter(load::Column::CohortId.is_in(rows.iter().map(|row| row.id)))
        .filter(load::Column::PublishTime.is_not_null())
        .all(db)
        .await?;
    let cohorts = rows
        .into_iter()
        .map(|row| Ok((row.id, Arc::new(to_listed(row)?))))
        .collect::<Result<HashMap<_, _>, Error>>()?;
    let lists = published.into_iter().filter_map(|load| {
        let cohort = cohorts.get(&load.cohort_id)?;
        let listed = if load.state == LoadState::Published.name() {
            cohort.clone()
        } else {
            Arc::new(cohort.withdrawn())
        };
        Some((load.id, listed))
    });
    let lists = lists.collect();
    Ok(Some(Catalogue {
        offer,
        version,
        cohorts,
        lists,
    }))
}

fn to_listed(row: cohort::Model) -> Result<ListedCohort, Error> {
    Ok(ListedCohort {
        id: row.id,
        cohort: ResourceId::parse(&row.slug).map_err(|_| Error::unreadable("cohorts.slug"))?,
        exposed: from_json("cohorts.data_elements", row.data_elements)?,
        counts: row.state == CohortState::Published.name(),
    })
}
