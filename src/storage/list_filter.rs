//! The filters of packed lists, and which lists there are.

use std::collections::BTreeMap;

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, Statement,
};

use super::{
    Error, Store,
    entity::list_filter,
    filter::Filter,
    staged_chunk::{SLOTS, slot_of},
};
use crate::domain::{
    name::{OfferName, ResourceId},
    person::IdentifierDigest,
};

/// A filter over all identifiers of a list.
#[derive(Debug)]
pub struct ListFilter {
    /// By the slot at which each ends.
    parts: BTreeMap<usize, Filter>,
}

impl ListFilter {
    /// Whether the identifier may stand on the list; false is for certain.
    pub fn may_have(&self, digest: IdentifierDigest) -> bool {
        let part = self.parts.range(slot_of(digest) + 1..).next();
        part.is_none_or(|(_, filter)| filter.may_have(digest))
    }
}

/// The filter of a load that is finished; `None` when an earlier release packed it, which made none.
pub async fn of_load(store: &Store, load_id: i64) -> Result<Option<ListFilter>, Error> {
    let mut parts = BTreeMap::new();
    let mut end = 0;
    // One at a time: each is a megabyte.
    loop {
        let part = list_filter::Entity::find()
            .filter(list_filter::Column::LoadId.eq(load_id))
            .filter(list_filter::Column::FirstSlot.gte(end))
            .order_by_asc(list_filter::Column::FirstSlot)
            .one(store.reader())
            .await?;
        let Some(part) = part.filter(|part| part.first_slot == end) else {
            return Ok(None);
        };
        end = part.end_slot;
        let slot = usize::try_from(end).map_err(|_| Error::unreadable("list_filters.end_slot"))?;
        parts.insert(slot, Filter::from_bytes(part.filter)?);
        if slot >= SLOTS {
            return Ok(Some(ListFilter { parts }));
        }
    }
}

/// An offer and its packed lists, at one moment.
#[derive(Debug)]
pub struct PackedLists {
    /// The offer.
    pub offer: OfferName,
    /// The version of its catalogue.
    pub catalogue_version: i64,
    /// Keys of the loads, of its succession, whether they count, have counted, or never did.
    pub loads: Vec<i64>,
}

const PACKED: &str = "\
    SELECT o.slug, o.catalogue_version, l.id AS load_id FROM offers o \
    LEFT JOIN offers s ON coalesce(s.first_offer_id, s.id) = coalesce(o.first_offer_id, o.id) \
    LEFT JOIN cohorts c ON c.offer_id = s.id \
    LEFT JOIN loads l ON l.cohort_id = c.id AND l.state IN ('FINISHED', 'PUBLISHED', 'WITHDRAWN')";

/// All offers and their packed lists, as one statement sees them.
pub async fn packed(db: &impl ConnectionTrait) -> Result<Vec<PackedLists>, Error> {
    #[derive(FromQueryResult)]
    struct Packed {
        slug: String,
        catalogue_version: i64,
        load_id: Option<i64>,
    }
    let statement = Statement::from_string(db.get_database_backend(), PACKED);
    let mut offers = BTreeMap::<_, PackedLists>::new();
    for row in Packed::find_by_statement(statement).all(db).await? {
        let slug = ResourceId::parse(&row.slug).map_err(|_| Error::unreadable("offers.slug"))?;
        let offer = offers.entry(row.slug).or_insert_with(|| PackedLists {
            offer: OfferName { offer: slug },
            catalogue_version: row.catalogue_version,
            loads: Vec::new(),
        });
        offer.loads.extend(row.load_id);
    }
    Ok(offers.into_values().collect())
}
