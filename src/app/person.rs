//! From what a person is called to the digests that stand for it.

use super::App;
use crate::domain::{
    identifier::Identifier,
    person::{IdentifierDigest, Member, PersonKey},
};

/// The company's own key of a person goes into its digest under this tag.
const PERSON_ID_TAG: &str = "person_id/1";

impl App {
    /// The digest of an identifier.
    pub(super) fn digest(&self, identifier: &Identifier) -> IdentifierDigest {
        digest(&self.0.keys.digester, identifier)
    }

    pub(super) fn digests(&self, identifiers: &[Identifier]) -> Vec<IdentifierDigest> {
        identifiers
            .iter()
            .map(|identifier| self.digest(identifier))
            .collect()
    }
}

/// A person of a list, as digests: the first identifier stands for the person unless the company
/// gives a key of its own. Needs no database, so that `hash-members` can do it anywhere. `None` for a
/// person without identifiers.
pub fn hash_member(
    digester: &crate::crypto::digest::Digester,
    identifiers: &[Identifier],
    person_id: Option<&str>,
) -> Option<Member> {
    let identifiers = identifiers
        .iter()
        .map(|identifier| digest(digester, identifier))
        .collect::<Vec<_>>();
    let first = identifiers.first()?.0;
    let person = person_id.map_or(first, |id| digester.digest(PERSON_ID_TAG, id.as_bytes()));
    Some(Member {
        person: PersonKey(person),
        identifiers,
    })
}

fn digest(digester: &crate::crypto::digest::Digester, identifier: &Identifier) -> IdentifierDigest {
    IdentifierDigest(digester.digest(identifier.kind().tag(), identifier.canonical().as_bytes()))
}
