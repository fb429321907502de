//! From what a person is called to the digests that stand for it.

use super::App;
use crate::{
    crypto::digest::Digester,
    domain::{
        identifier::Identifier,
        list_digest::ListDigest,
        person::{Entry, IdentifierDigest, Member, PersonKey},
    },
};

/// The company's own key of a person goes into its digest under this tag.
const PERSON_ID_TAG: &str = "person_id/1";

/// An entry of a list (an identifier's digest, then the person's) goes into the list's digest under this
/// tag.
const ENTRY_TAG: &str = "list_entry/1";

/// The digest of nothing under this tag names the key.
const KEY_TAG: &str = "digest_key/1";

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
    digester: &Digester,
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

/// What the person adds to the digest of a list.
pub fn list_digest(digester: &Digester, member: &Member) -> ListDigest {
    let entries = member.entries();
    entries.map(|entry| entry_digest(digester, &entry)).sum()
}

/// What an entry adds to the digest of a list.
pub(super) fn entry_digest(digester: &Digester, entry: &Entry) -> ListDigest {
    let mut bytes = [0; 32];
    let (digest, person) = bytes.split_at_mut(16);
    digest.copy_from_slice(&entry.digest.0);
    person.copy_from_slice(&entry.person.0);
    ListDigest::from_bytes(digester.whole(ENTRY_TAG, &bytes))
}

/// Names a digest key, and tells nothing of it: 32 hexadecimal digits.
pub fn digest_key(digester: &Digester) -> String {
    hex::encode(digester.digest(KEY_TAG, b""))
}

fn digest(digester: &Digester, identifier: &Identifier) -> IdentifierDigest {
    IdentifierDigest(digester.digest(identifier.kind().tag(), identifier.canonical().as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::{crypto::keyring::Keyring, domain::identifier::Kind};

    /// The key `00 01 02 … 1f`, as the README has it.
    fn digester() -> Digester {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let key = r#"{"keys":[{"kty":"oct","kid":"k","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}]}"#;
        file.write_all(key.as_bytes()).unwrap();
        Digester::new(Keyring::read(file.path()).unwrap().first())
    }

    #[test]
    fn the_readmes_digests_are_those_that_are_made() {
        for (kind, written, digest) in [
            (
                Kind::CustomerId,
                " C-1001 ",
                "ee1ac8beed08ca7d11b438d0f81567d9",
            ),
            (
                Kind::PhoneNumber,
                "+1 (425) 555-0123",
                "4937cc41dbb66e1d91e3fabeea2c32f1",
            ),
        ] {
            let identifier = Identifier::parse(kind, written).unwrap();
            let member = hash_member(&digester(), &[identifier], None).unwrap();
            assert_eq!(hex::encode(member.identifiers[0].0), digest, "{written}");
            assert_eq!(member.person.0, member.identifiers[0].0);
        }
    }

    #[test]
    fn the_readmes_digest_of_a_list_and_name_of_the_key_are_those_that_are_made() {
        let identifiers = [
            (Kind::CustomerId, "C-1001"),
            (Kind::PhoneNumber, "+14255550123"),
        ];
        let identifiers = identifiers.map(|(kind, text)| Identifier::parse(kind, text).unwrap());
        let member = hash_member(&digester(), &identifiers, None).unwrap();
        assert_eq!(
            list_digest(&digester(), &member).to_string(),
            "0e3ad4c1004f927c2246a7a36fc472df879377040ede22196f81fff71c12798e"
        );
        assert_eq!(digest_key(&digester()), "399ff3400eb5da7c68190f0b337a4da9");
    }

    #[test]
    fn a_companys_own_key_ties_rows_with_other_identifiers_together() {
        let row = |kind, value| {
            let identifier = Identifier::parse(kind, value).unwrap();
            hash_member(&digester(), &[identifier], Some("P-1"))
                .unwrap()
                .person
        };
        assert_eq!(
            row(Kind::CustomerId, "C-1"),
            row(Kind::Email, "jo@example.com")
        );
    }
}
