//! Rows of a list: who stands in them, as digests, and which are not fit.

use std::fmt;

use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};

use crate::{
    app::{
        App,
        person::{entry_digest, hash_member},
    },
    crypto::digest::Digester,
    domain::{
        cohort::RejectedRow,
        identifier::Identifier,
        list_digest::ListDigest,
        person::{Entry, Member},
        violation::{Rule, Violation},
    },
};

/// Rows that are hashed one after the other, at least.
const PART: usize = 1_000;

/// A row of a list, as it comes in. `Debug` shows nothing of it.
#[derive(Clone)]
pub enum ListedPerson {
    /// By their identifiers.
    Plain {
        /// 1 to 8 identifiers.
        identifiers: Vec<Identifier>,
        /// The company's own key of the person.
        person_id: Option<String>,
    },
    /// By digests.
    Hashed(Member),
}

impl fmt::Debug for ListedPerson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ListedPerson(redacted)")
    }
}

/// Rows in their order, hashed. `Debug` shows nothing of them.
#[derive(Default)]
pub struct ListedRows {
    count: usize,
    /// Those of a row stand together.
    entries: Vec<Entry>,
    /// Which rows are not fit, counted from 0, and why.
    unfit: Vec<(usize, Violation)>,
}

impl fmt::Debug for ListedRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ListedRows(redacted)")
    }
}

impl ListedRows {
    /// None yet, with room for so many, of whom most have one identifier.
    pub fn with_capacity(rows: usize) -> Self {
        Self {
            entries: Vec::with_capacity(rows),
            ..Self::default()
        }
    }

    /// Adds a row with these entries.
    pub fn add(&mut self, entries: impl Iterator<Item = Entry>) {
        self.count += 1;
        self.entries.extend(entries);
    }

    /// Adds a row that is not fit.
    pub fn reject(&mut self, violation: Violation) {
        self.unfit.push((self.count, violation));
        self.count += 1;
    }

    /// Adds the rows that come behind these.
    fn append(mut self, next: Self) -> Self {
        if self.count == 0 {
            return next;
        }
        let before = self.count;
        self.count += next.count;
        self.entries.extend(next.entries);
        let unfit = next.unfit.into_iter();
        self.unfit
            .extend(unfit.map(|(row, violation)| (before + row, violation)));
        self
    }

    /// How many there are, fit or not.
    pub(super) fn count(&self) -> i64 {
        as_count(self.count)
    }

    /// How many identifiers they have, each as often as it is there.
    pub fn identifiers(&self) -> i64 {
        as_count(self.entries.len())
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What they add to the digest of the list.
    pub(super) fn digest(&self, digester: &Digester) -> ListDigest {
        let entries = self.entries.par_iter();
        entries.map(|entry| entry_digest(digester, entry)).sum()
    }

    /// The rows that are not fit, with their numbers in the list. So many rows came before these.
    pub(super) fn rejected(&self, before: i64) -> Vec<RejectedRow> {
        let unfit = self.unfit.iter();
        unfit
            .map(|(row, violation)| RejectedRow {
                row: before + as_count(*row) + 1,
                field: violation.field.clone(),
                rule: violation.rule.to_string(),
            })
            .collect()
    }
}

impl App {
    /// Hashes rows on all cores, each as it is read.
    pub fn hash_rows(
        &self,
        rows: impl IndexedParallelIterator<Item = Result<ListedPerson, Violation>>,
    ) -> ListedRows {
        let digester = &self.0.keys.digester;
        // Parts come together by being copied: few are made.
        let hashed = rows
            .with_min_len(PART)
            .fold(ListedRows::default, |mut rows, row| {
                match row.and_then(|person| hash(digester, person)) {
                    Ok(member) => rows.add(member.entries()),
                    Err(violation) => rows.reject(violation),
                }
                rows
            });
        hashed.reduce(ListedRows::default, ListedRows::append)
    }
}

fn hash(digester: &Digester, person: ListedPerson) -> Result<Member, Violation> {
    match person {
        ListedPerson::Plain {
            identifiers,
            person_id,
        } => hash_member(digester, &identifiers, person_id.as_deref()).ok_or_else(no_identifier),
        ListedPerson::Hashed(member) => Ok(member),
    }
}

fn no_identifier() -> Violation {
    Violation {
        field: "plain.identifiers".to_owned(),
        rule: Rule("must have 1 to 8 entries"),
    }
}

fn as_count(number: usize) -> i64 {
    // A chunk is far smaller.
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::person::{IdentifierDigest, PersonKey};

    #[test]
    fn rows_keep_their_numbers_when_parts_come_together() {
        let part = |rule| {
            let mut rows = ListedRows::default();
            rows.add(std::iter::once(Entry {
                digest: IdentifierDigest([1; 16]),
                person: PersonKey([1; 16]),
            }));
            rows.reject(Violation {
                field: String::new(),
                rule: Rule(rule),
            });
            rows
        };
        let rows = ListedRows::default()
            .append(part("one"))
            .append(part("two"));

        assert_eq!((rows.count(), rows.identifiers()), (4, 2));
        let rejected = rows.rejected(10);
        let rejected = rejected.iter().map(|row| (row.row, row.rule.as_str()));
        assert!(rejected.eq([(12, "one"), (14, "two")]));
    }
}
