//! How far packs reach: from the first digest of a pack to its last one. PostgreSQL finds the pack that may have a
//! digest by where packs begin; told how far back that can be, it reads one entry of the index and not half a page.
//!
//! Owns: the bound, and what is kept of it. It is kept by each unit of packing beside the filter, in the same
//! transaction as the packs; a list has one when all of its units have.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::{
    domain::person::{Entry, IdentifierDigest},
    storage::{Error, entity::list_filter, row::IN_LIST, staged_chunk::SLOTS},
};

/// The most by which a digest lies behind the first one of its pack, in steps of 2^64, rounded down. Unknown by
/// default: then any pack of the list may have any digest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reach(Option<u64>);

impl Reach {
    /// The lowest digest that a pack which has this one may begin with.
    pub fn lowest(self, digest: IdentifierDigest) -> IdentifierDigest {
        let step = |reach| (u128::from(reach) + 1) << 64;
        let back = self.0.map_or(u128::MAX, step);
        let lowest = u128::from_be_bytes(digest.0).saturating_sub(back);
        IdentifierDigest(lowest.to_be_bytes())
    }
}

/// The reach of packs whose entries are sorted, as it is kept; `None` when it is too far to be worth it.
pub(super) fn reach_of<'e>(packs: impl Iterator<Item = &'e [Entry]>) -> Option<i64> {
    let number = |entry: &Entry| u128::from_be_bytes(entry.digest.0);
    let reaches = packs.filter_map(|pack| Some(number(pack.last()?) - number(pack.first()?)));
    i64::try_from(reaches.max().unwrap_or_default() >> 64).ok()
}

/// The reaches of packed loads, of those that have one.
pub async fn of_loads(
    db: &impl ConnectionTrait,
    load_ids: impl Iterator<Item = i64>,
) -> Result<HashMap<i64, Reach>, Error> {
    let load_ids = load_ids.collect::<Vec<_>>();
    // Slots that have a reach, and the farthest.
    let mut known = HashMap::<i64, (i64, i64)>::new();
    for load_ids in load_ids.chunks(IN_LIST) {
        let parts = list_filter::Entity::find()
            .select_only()
            .column(list_filter::Column::LoadId)
            .column(list_filter::Column::FirstSlot)
            .column(list_filter::Column::EndSlot)
            .column(list_filter::Column::PackReach)
            .filter(list_filter::Column::LoadId.is_in(load_ids.iter().copied()))
            .filter(list_filter::Column::PackReach.is_not_null())
            .into_tuple::<(i64, i64, i64, i64)>()
            .all(db)
            .await?;
        for (load_id, first, end, reach) in parts {
            let (slots, farthest) = known.entry(load_id).or_default();
            *slots += end - first;
            *farthest = reach.max(*farthest);
        }
    }
    let whole = known
        .into_iter()
        .filter(|(_, (slots, _))| usize::try_from(*slots) == Ok(SLOTS));
    Ok(whole
        .map(|(load_id, (_, reach))| (load_id, Reach(u64::try_from(reach).ok())))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::person::PersonKey;

    fn entry(digest: u128) -> Entry {
        Entry {
            digest: IdentifierDigest(digest.to_be_bytes()),
            person: PersonKey([1; 16]),
        }
    }

    #[test]
    fn every_entry_lies_within_the_reach_of_its_pack() {
        let scattered =
            |number: u128| number.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
        let mut entries = (1..=500).map(scattered).map(entry).collect::<Vec<_>>();
        Entry::sort(&mut entries);
        let packs = || entries.chunks(33);

        let reach = reach_of(packs()).unwrap();

        let reach = Reach(u64::try_from(reach).ok());
        for pack in packs() {
            for entry in pack {
                assert!(reach.lowest(entry.digest) <= pack[0].digest);
            }
        }
        let behind = |number: u128| u128::from_be_bytes(reach.lowest(entry(number).digest).0);
        assert!(behind(u128::MAX) > 0, "it is a bound");
        assert_eq!(behind(1), 0);
    }

    #[test]
    fn what_reaches_too_far_or_is_unknown_bounds_nothing() {
        let far = [entry(0), entry(u128::MAX)];
        assert_eq!(reach_of([far.as_slice()].into_iter()), None);
        assert_eq!(reach_of(std::iter::empty()), Some(0));
        let lowest = Reach::default().lowest(IdentifierDigest([0xff; 16]));
        assert_eq!(lowest, IdentifierDigest([0; 16]));
    }
}
