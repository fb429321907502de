//! Hashed rows in columns, written by those who send a list and read by those who receive it: nothing is
//! allocated for a row.

use super::proto::v1;
use crate::{
    app::loads::{ListedRows, MAX_ROWS},
    domain::{
        identifier::MAX_PER_PERSON,
        person::{Entry, IdentifierDigest, Member, PersonKey},
        violation::{Rule, Violation},
    },
};

/// Bytes of a digest.
const DIGEST: usize = 16;

/// What a row breaks that has no person.
pub(super) const NO_PERSON: Rule = Rule("must have a person that is not all zeros");

impl v1::HashedRows {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.people.len() / DIGEST
    }

    /// Adds a row; one without identifiers in the place of a row that could not be read.
    pub(super) fn push(&mut self, member: Option<&Member>) {
        let before = self.count();
        let identifiers = member.map_or(&[][..], |member| &member.identifiers);
        if identifiers.len() != 1 || !self.identifier_counts.is_empty() {
            self.identifier_counts.resize(before, 1);
            // More than fit are as wrong as 255.
            let count = u8::try_from(identifiers.len()).unwrap_or(u8::MAX);
            self.identifier_counts.push(count);
        }
        let person = member.map_or(PersonKey::NOBODY, |member| member.person);
        self.people.extend(person.0);
        for digest in identifiers {
            self.identifiers.extend(digest.0);
        }
    }

    /// Reads them, each fit or not, or says why they are no rows at all.
    pub(super) fn parse(&self) -> Result<ListedRows, Rule> {
        const COLUMNS: Rule = Rule(
            "must have 16 bytes for each person and each identifier, and no counts or one for each person",
        );
        if !(1..=MAX_ROWS).contains(&self.count()) {
            return Err(Rule("must have 1 to 20000 entries"));
        }
        let (people, []) = self.people.as_chunks::<DIGEST>() else {
            return Err(COLUMNS);
        };
        let (mut digests, []) = self.identifiers.as_chunks::<DIGEST>() else {
            return Err(COLUMNS);
        };
        let counts = self.identifier_counts.as_slice();
        if !counts.is_empty() && counts.len() != people.len() {
            return Err(COLUMNS);
        }
        let counts = counts.iter().copied().chain(std::iter::repeat(1));
        let mut rows = ListedRows::with_capacity(people.len());
        for (person, count) in people.iter().zip(counts) {
            let (own, others) = digests
                .split_at_checked(usize::from(count))
                .ok_or(COLUMNS)?;
            digests = others;
            let person = PersonKey(*person);
            match refusal(person, own) {
                Some(rule) => rows.reject(Violation {
                    field: "hashed".to_owned(),
                    rule,
                }),
                None => rows.add(own.iter().map(|digest| Entry {
                    digest: IdentifierDigest(*digest),
                    person,
                })),
            }
        }
        if digests.is_empty() {
            Ok(rows)
        } else {
            Err(COLUMNS)
        }
    }
}

/// Why a row is not fit.
fn refusal(person: PersonKey, identifiers: &[[u8; DIGEST]]) -> Option<Rule> {
    if !(1..=MAX_PER_PERSON).contains(&identifiers.len()) {
        return Some(Rule("must have 1 to 8 identifiers"));
    }
    (person == PersonKey::NOBODY).then_some(NO_PERSON)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(person: u8, identifiers: usize) -> Member {
        Member {
            person: PersonKey([person; DIGEST]),
            identifiers: vec![IdentifierDigest([person; DIGEST]); identifiers],
        }
    }

    fn columns(members: &[Option<Member>]) -> v1::HashedRows {
        let mut rows = v1::HashedRows::default();
        for member in members {
            rows.push(member.as_ref());
        }
        rows
    }

    #[test]
    fn what_is_written_is_read() {
        let lone = columns(&[Some(member(1, 1)), Some(member(2, 1))]);
        assert!(lone.identifier_counts.is_empty());
        assert_eq!(lone.parse().unwrap().identifiers(), 2);

        let mixed = columns(&[
            Some(member(1, 1)),
            Some(member(2, 8)),
            None,
            Some(member(3, 1)),
        ]);
        assert_eq!(mixed.identifier_counts, [1, 8, 0, 1]);
        assert_eq!(mixed.parse().unwrap().identifiers(), 10);
    }

    #[test]
    fn columns_that_do_not_fit_together_are_refused_as_a_whole() {
        let fit = columns(&[Some(member(1, 1)), Some(member(2, 2))]);
        let spoilers: [fn(&mut v1::HashedRows); 6] = [
            |rows| rows.people.clear(),
            |rows| rows.people.push(1),
            |rows| rows.identifiers.push(1),
            |rows| rows.identifiers.extend([1; DIGEST]),
            |rows| rows.identifiers.truncate(DIGEST),
            |rows| rows.identifier_counts.push(1),
        ];
        for spoil in spoilers {
            let mut rows = fit.clone();
            spoil(&mut rows);
            assert!(rows.parse().is_err());
        }
    }
}
