//! The digest of a list: the same for the same entries, in whatever order and in however many parts
//! they come.
//!
//! A sum of keyed digests, one of each entry: an incremental multiset hash ("MSet-Add-Hash" of Clarke,
//! Devadas, van Dijk, Gassend and Suh, Incremental Multiset Hash Functions, ASIACRYPT 2003). Who has
//! not the key cannot make another list with the same digest. An entry that is there twice counts twice.

use std::{fmt, iter::Sum, ops::Add};

use super::violation::Rule;

/// A digest of a list. By default that of the empty list. Shown as 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ListDigest([u128; 2]);

impl ListDigest {
    /// Of a list of one entry, from the keyed digest of the entry. Also gives back what
    /// [`Self::to_bytes`] has made.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        let [mut high, mut low] = [[0; 16]; 2];
        let (from_high, from_low) = bytes.split_at(16);
        high.copy_from_slice(from_high);
        low.copy_from_slice(from_low);
        Self([high, low].map(u128::from_be_bytes))
    }

    /// As it is kept.
    pub fn to_bytes(self) -> Vec<u8> {
        self.0.map(u128::to_be_bytes).concat()
    }

    /// As it is written.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        const RULE: Rule = Rule("must be 64 hexadecimal digits");
        let bytes = hex::decode(text).map_err(|_| RULE)?;
        let bytes = bytes.try_into().map_err(|_| RULE)?;
        Ok(Self::from_bytes(bytes))
    }
}

impl Add for ListDigest {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let ([high, low], [other_high, other_low]) = (self.0, other.0);
        Self([high.wrapping_add(other_high), low.wrapping_add(other_low)])
    }
}

impl Sum for ListDigest {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), Self::add)
    }
}

impl fmt::Display for ListDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [high, low] = self.0;
        write!(f, "{high:032x}{low:032x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_parts_do_not_matter_and_repeats_do() {
        let [a, b, c] = [1, 2, 0xff].map(|byte| ListDigest::from_bytes([byte; 32]));
        let whole = [a, b, c].into_iter().sum::<ListDigest>();
        assert_eq!(whole, [c, a].into_iter().sum::<ListDigest>() + b);
        assert_ne!(whole, whole + c);
        assert_ne!(whole, a + b);
    }

    #[test]
    fn what_is_written_and_what_is_kept_comes_back() {
        let digest =
            ListDigest::from_bytes(std::array::from_fn(|place| u8::try_from(place).unwrap()));
        assert_eq!(ListDigest::parse(&digest.to_string()), Ok(digest));
        assert!(digest.to_string().starts_with("000102030405"));
        assert_eq!(
            ListDigest::from_bytes(digest.to_bytes().try_into().unwrap()),
            digest
        );
        assert!(ListDigest::parse("00").is_err());
        assert!(ListDigest::parse(&"g".repeat(64)).is_err());
    }
}
