//! What an offer says, and what each published list exposes: what every answer needs, and what
//! changes a few times a day. It is kept between calls; each statement that uses it says whether it
//! is still true.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::{
    Error, Row,
    entity::{cohort, load},
    offer,
    pack::reach::{self, Reach},
    row::from_json,
};
use crate::domain::{
    cohort::{CohortState, LoadState},
    data_element::DataElements,
    enrollment::Enrollment,
    name::{OfferName, ResourceId},
    offer::Offer,
};

/// An offer and its published lists, with what it must know of the other offers of its succession, in which a person
/// has one place: their cohorts, and their lists, which make nobody eligible here.
#[derive(Debug)]
pub struct Catalogue {
    /// The offer.
    pub offer: Row<Offer>,
    /// Grows with every change of what stands here: the database sees to it (`m0003`).
    pub version: i64,
    /// Key of the first offer of the succession, in whose name people's places are taken.
    pub first_offer_id: i64,
    offers: BTreeMap<i64, OfferName>,
    cohorts: HashMap<i64, Arc<ListedCohort>>,
    lists: HashMap<i64, (Arc<ListedCohort>, Reach)>,
}

/// What is told to those on a cohort's lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedCohort {
    /// Key of the cohort.
    pub id: i64,
    /// The offer that it is made.
    pub offer: OfferName,
    /// The cohort.
    pub cohort: ResourceId,
    /// What was exposed of its members.
    pub exposed: DataElements,
    /// Whether the list counts: it is part of what is published of the cohort, which has not been
    /// retracted; and where it was found by a list, that of the offer which is asked.
    pub counts: bool,
}

impl ListedCohort {
    /// What is told to those on a list that is part of it no more, or is another offer's: only where they are
    /// enrolled.
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
        self.lists.get(&load_id).map(|(cohort, _)| cohort)
    }

    /// The loads that were published once, and how far their packs reach.
    pub fn lists(&self) -> impl Iterator<Item = (i64, Reach)> {
        self.lists
            .iter()
            .map(|(load_id, (_, reach))| (*load_id, *reach))
    }

    /// A cohort of the succession.
    pub fn cohort(&self, id: i64) -> Option<&Arc<ListedCohort>> {
        self.cohorts.get(&id)
    }

    /// Keys of the cohorts that an enrollment of the succession rests on.
    pub fn cohort_ids(&self, enrollment: &Enrollment) -> Vec<i64> {
        let cohorts = self.rested_on(enrollment);
        cohorts.map(|listed| listed.id).collect()
    }

    /// The offer of the succession with this key.
    pub fn offer_name(&self, id: i64) -> Option<&OfferName> {
        self.offers.get(&id)
    }

    /// Keys of all offers of the succession.
    pub fn offer_ids(&self) -> Vec<i64> {
        self.offers.keys().copied().collect()
    }

    /// The key of an offer of the succession.
    pub fn offer_id(&self, name: &OfferName) -> Option<i64> {
        let mut offers = self.offers.iter();
        offers.find(|(_, offer)| *offer == name).map(|(id, _)| *id)
    }

    /// Whether none of the cohorts that an enrollment rests on counts.
    pub fn none_counts(&self, enrollment: &Enrollment) -> bool {
        !self.rested_on(enrollment).any(|listed| listed.counts)
    }

    fn rested_on(&self, enrollment: &Enrollment) -> impl Iterator<Item = &Arc<ListedCohort>> {
        let offer = enrollment.offer_of_cohorts();
        self.cohorts.values().filter(move |listed| {
            listed.offer == *offer && enrollment.cohorts.contains(&listed.cohort)
        })
    }
}

/// The catalogue of the offer of this name.
///
/// Read in several statements, the version first: if something changes in between, what was read has a
/// version that no later statement can see.
pub async fn find(db: &impl ConnectionTrait, name: &OfferName) -> Result<Option<Catalogue>, Error> {
    let Some(row) = offer::by_name(name).one(db).await? else {
        return Ok(None);
    };
    let version = row.catalogue_version;
    let first_offer_id = offer::first_of(&row);
    let offer = offer::to_offer(row)?;
    let offers = offer::names_in_succession(db, first_offer_id).await?;
    let rows = cohort::Entity::find()
        .filter(cohort::Column::OfferId.is_in(offers.keys().copied()))
        .all(db)
        .await?;
    let published = load::Entity::find()
        .filter(load::Column::CohortId.is_in(rows.iter().map(|row| row.id)))
        .filter(load::Column::PublishTime.is_not_null())
        .all(db)
        .await?;
    let cohorts = rows
        .into_iter()
        .map(|row| Ok((row.id, Arc::new(to_listed(row, &offers)?))))
        .collect::<Result<HashMap<_, _>, Error>>()?;
    let reaches = reach::of_loads(db, published.iter().map(|load| load.id)).await?;
    let lists = published.into_iter().filter_map(|load| {
        let cohort = cohorts.get(&load.cohort_id)?;
        let is_own = cohort.offer == offer.value.name;
        let listed = if is_own && load.state == LoadState::Published.name() {
            cohort.clone()
        } else {
            Arc::new(cohort.withdrawn())
        };
        let reach = reaches.get(&load.id).copied().unwrap_or_default();
        Some((load.id, (listed, reach)))
    });
    let lists = lists.collect();
    Ok(Some(Catalogue {
        offer,
        version,
        first_offer_id,
        offers,
        cohorts,
        lists,
    }))
}

fn to_listed(row: cohort::Model, offers: &BTreeMap<i64, OfferName>) -> Result<ListedCohort, Error> {
    let offer = offers.get(&row.offer_id).cloned();
    Ok(ListedCohort {
        id: row.id,
        offer: offer.ok_or_else(|| Error::unreadable("cohorts.offer_id"))?,
        cohort: ResourceId::parse(&row.slug).map_err(|_| Error::unreadable("cohorts.slug"))?,
        exposed: from_json("cohorts.data_elements", row.data_elements)?,
        counts: row.state == CohortState::Published.name(),
    })
}
