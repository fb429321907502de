//! Made-up people: the cohorts of the case at 1:1000, the same ones at every run. Phone numbers lie in
//! the range that is kept for fiction (555-0100 to 555-0199), mail addresses in example.com.

use crate::domain::{
    data_element::{DataElement, DataElements},
    identifier::{Identifier, Kind},
    violation::Rule,
};

/// A cohort of the demo.
pub(super) struct DemoCohort {
    pub id: &'static str,
    pub display_name: &'static str,
    pub exposed: &'static [DataElement],
    /// How many people.
    pub size: u32,
    /// The number of its first person.
    first: u32,
    /// What its list knows of each person, the first one standing for them.
    knows: &'static [Kind],
}

use DataElement as E;
use Kind as K;

/// Everybody: 54,617 rows.
pub(super) const COHORTS: [DemoCohort; 5] = [
    DemoCohort {
        id: "current-postpaid",
        display_name: "Current postpaid customers",
        exposed: &[
            E::Name,
            E::DateOfBirth,
            E::Ssn,
            E::DriversLicense,
            E::PhoneNumber,
            E::Imei,
            E::Imsi,
        ],
        size: 7_800,
        first: 0,
        knows: &[K::CustomerId, K::PhoneNumber, K::Email, K::NoticeCode],
    },
    DemoCohort {
        id: "credit-applicants",
        display_name: "Former and prospective customers who applied for credit",
        exposed: &[E::Name, E::DateOfBirth, E::Ssn, E::DriversLicense],
        size: 40_000,
        first: 7_800,
        knows: &[K::NoticeCode, K::Email, K::TaxId],
    },
    DemoCohort {
        id: "active-prepaid",
        display_name: "Active prepaid customers",
        exposed: &[E::Name, E::PhoneNumber, E::AccountPin],
        size: 850,
        first: 47_800,
        knows: &[K::CustomerId, K::PhoneNumber],
    },
    DemoCohort {
        id: "more-postpaid",
        display_name: "More current postpaid customers, found later",
        exposed: &[
            E::Name,
            E::Address,
            E::DateOfBirth,
            E::PhoneNumber,
            E::Imei,
            E::Imsi,
        ],
        size: 5_300,
        first: 48_650,
        knows: &[K::CustomerId, K::PhoneNumber, K::Email],
    },
    DemoCohort {
        id: "former-customers",
        display_name: "Former customers",
        exposed: &[E::Name, E::PhoneNumber, E::Address, E::DateOfBirth],
        size: 667,
        first: 53_950,
        knows: &[K::CustomerId, K::NoticeCode, K::Email],
    },
];

/// Of the customers found later, one in so many was in the first cohort already.
const REPEATED: u32 = 500;

impl DemoCohort {
    pub fn data_elements(&self) -> DataElements {
        self.exposed.iter().copied().collect()
    }

    /// The identifiers of the person in this row, 0 to `size` - 1.
    pub fn person(&self, row: u32) -> Result<Vec<Identifier>, Rule> {
        let repeated = self.id == "more-postpaid" && row.is_multiple_of(REPEATED);
        let number = if repeated { row } else { self.first + row };
        self.knows
            .iter()
            .map(|kind| Identifier::parse(*kind, &written(*kind, number)))
            .collect()
    }
}

/// What names the person of this number.
pub(super) fn written(kind: Kind, number: u32) -> String {
    match kind {
        Kind::CustomerId => format!("C-{}", 1_000_001 + number),
        Kind::PhoneNumber => format!("+1{}55501{:02}", 201 + number / 100, number % 100),
        Kind::Email => format!("person{}@example.com", number + 1),
        Kind::NoticeCode => format!("NC-{:04}-{:04}", number / 10_000, number % 10_000),
        // Numbers of this form are never issued (area 900 and above).
        Kind::TaxId => format!("9{:02}-00-{:04}", number / 10_000, number % 10_000),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_cohorts_have_54617_rows_and_every_person_parses() {
        let mut rows = 0;
        let mut people = HashSet::new();
        for cohort in &COHORTS {
            for row in 0..cohort.size {
                let identifiers = cohort.person(row).unwrap();
                rows += 1;
                people.insert(identifiers[0].clone());
            }
        }
        assert_eq!(rows, 54_617);
        assert_eq!(people.len(), 54_617 - 11, "a few people are in two cohorts");
    }

    #[test]
    fn nobody_shares_an_identifier_with_somebody_else() {
        for kind in Kind::ALL {
            let values = (0..54_617)
                .map(|number| written(kind, number))
                .collect::<HashSet<_>>();
            assert_eq!(values.len(), 54_617, "{}", kind.name());
        }
    }
}
