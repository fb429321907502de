//! A filter over identifiers: whoever it does not know is not among those it was made of, for certain.
//!
//! A binary fuse filter (Graf and Lemire, "Binary Fuse Filters: Fast and Smaller Than Xor Filters", 2022) with
//! eight bits for each identifier: one in 256 of the others is taken for one of them.

use std::fmt;

use xorf::{BinaryFuse8, BinaryFuse8Ref, DmaSerializable, Filter as _, FilterRef};

use super::Error;
use crate::domain::person::{Entry, IdentifierDigest};

/// A filter, as it is kept: what describes it, then the fingerprints; nothing at all for nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Filter(Vec<u8>);

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filter({} bytes)", self.0.len())
    }
}

impl Filter {
    /// Over the identifiers of these entries, which are sorted.
    pub fn over(sorted: &[Entry]) -> Result<Self, Error> {
        let same = sorted.chunk_by(|one, other| one.digest == other.digest);
        let mut keys = same
            .filter_map(|same| same.first())
            .map(|entry| key(entry.digest))
            .collect::<Vec<_>>();
        if keys.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let unfit = || Error::Fault("a filter cannot be made".to_owned());
        let made = BinaryFuse8::try_from(&keys).or_else(|_| {
            // Two digests have one key, which hardly ever happens.
            keys.sort_unstable();
            keys.dedup();
            BinaryFuse8::try_from(&keys).map_err(|_| unfit())
        })?;
        // Whom it does not know is told that they are not listed: nobody's word is taken for it.
        if !keys.iter().all(|key| made.contains(key)) {
            return Err(unfit());
        }
        let mut bytes = vec![0; BinaryFuse8::DESCRIPTOR_LEN];
        made.dma_copy_descriptor_to(&mut bytes);
        bytes.extend_from_slice(made.dma_fingerprints());
        Ok(Self(bytes))
    }

    /// What [`Self::to_bytes`] has given.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Error> {
        if !bytes.is_empty() && bytes.len() <= BinaryFuse8::DESCRIPTOR_LEN {
            return Err(Error::unreadable("list_filters.filter"));
        }
        Ok(Self(bytes))
    }

    /// As it is kept.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.clone()
    }

    /// Whether the identifier may be one of those; false is for certain.
    pub fn may_have(&self, digest: IdentifierDigest) -> bool {
        let parts = self.0.split_at_checked(BinaryFuse8::DESCRIPTOR_LEN);
        parts.is_some_and(|(descriptor, fingerprints)| {
            BinaryFuse8Ref::from_dma(descriptor, fingerprints).contains(&key(digest))
        })
    }
}

/// The second half of a digest: the first bits are much the same in all of one filter.
fn key(digest: IdentifierDigest) -> u64 {
    let (_, half) = digest.0.split_at(8);
    half.try_into().map_or(0, u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::person::PersonKey;

    fn digest(number: u64) -> IdentifierDigest {
        let scattered = u128::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
        IdentifierDigest(scattered.to_be_bytes())
    }

    fn over(numbers: impl Iterator<Item = u64>) -> Filter {
        let entries = numbers.map(|number| Entry {
            digest: digest(number),
            person: PersonKey([1; 16]),
        });
        let mut entries = entries.collect::<Vec<_>>();
        Entry::sort(&mut entries);
        Filter::over(&entries).unwrap()
    }

    #[test]
    fn everybody_is_known_and_few_others_are() {
        let kept = over(0..20_000).to_bytes();
        let filter = Filter::from_bytes(kept).unwrap();
        assert!((0..20_000).all(|number| filter.may_have(digest(number))));
        let others = (20_000..40_000).filter(|number| filter.may_have(digest(*number)));
        assert!(others.count() < 20_000 / 100);
    }

    #[test]
    fn one_or_nobody_can_be_known_too() {
        assert!(over(0..1).may_have(digest(0)));
        assert!(!over(0..0).may_have(digest(0)));
        let twice = over([3, 3].into_iter());
        assert!(twice.may_have(digest(3)));
        assert!(Filter::from_bytes(vec![1]).is_err());
    }
}
