//! A person as this service knows them: digests, never values.

use serde::{Deserialize, Serialize};

/// Keyed digest of one identifier: 16 bytes of HMAC-SHA-256 over its kind and canonical value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IdentifierDigest(pub [u8; 16]);

/// Who a listed person is: the digest of their first identifier, or of the company's own key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PersonKey(pub [u8; 16]);

impl PersonKey {
    /// No digest comes out so: it was never filled in, or stands for nobody.
    pub const NOBODY: Self = Self([0; 16]);
}

/// A person of a cohort's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who they are.
    pub person: PersonKey,
    /// What names them, 1 to 8.
    pub identifiers: Vec<IdentifierDigest>,
}

/// That an identifier names a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The identifier.
    pub digest: IdentifierDigest,
    /// Whom it names.
    pub person: PersonKey,
}

impl Entry {
    /// Sorts entries by identifiers, and those of one identifier by people. Few share an identifier: nearly all
    /// comparisons are of one number.
    pub fn sort(entries: &mut [Self]) {
        entries.sort_unstable_by_key(|entry| u128::from_be_bytes(entry.digest.0));
        for same in entries.chunk_by_mut(|one, next| one.digest == next.digest) {
            same.sort_unstable_by_key(|entry| entry.person);
        }
    }
}

impl Member {
    /// An entry for each identifier.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        self.identifiers.iter().map(|digest| Entry {
            digest: *digest,
            person: self.person,
        })
    }
}
