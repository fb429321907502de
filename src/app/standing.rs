//! Where people stand with an offer: which lists name them, and which enrollments claim them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::others::{LettingIn, Others};
use crate::{
    domain::{
        eligibility::{Eligibility, decide},
        enrollment::Enrollment,
        offer::Offer,
        person::{IdentifierDigest, PersonKey},
    },
    storage::{
        catalogue::ListedCohort, claim::Claim, enrollment::StoredEnrollment, lane::Seen,
        member::Listing,
    },
};

/// What is known of some people.
#[derive(Debug, Default)]
pub(super) struct Standings {
    /// In the order of identifiers, each once: found by halves, without a table that is made for each look.
    listings: Vec<Listing>,
    claims: HashMap<PersonKey, BTreeSet<Uuid>>,
    enrollments: HashMap<Uuid, StoredEnrollment>,
    /// Where they stand with other offers.
    pub others: Others,
}

/// Where one person stands.
pub(super) struct Standing<'a> {
    /// The published cohorts that name the person, by their keys.
    pub cohorts: BTreeMap<i64, &'a ListedCohort>,
    /// Everybody whom a list, also one that counts no more, knows by one of the identifiers: two who enroll
    /// at once, one before a list is replaced and one after, must meet in one of them.
    pub people: BTreeSet<PersonKey>,
    /// Every enrollment that the person ever had in the offer's succession.
    pub enrollments: Vec<&'a StoredEnrollment>,
    digests: &'a [IdentifierDigest],
    others: &'a Others,
}

impl Standings {
    /// What one statement saw.
    pub fn of_seen(seen: Seen) -> Self {
        let mut listings = seen.listings;
        listings.sort_by_key(|one| (one.digest, one.person, one.cohort.id, one.cohort.counts));
        // Each enrollment of the person repeats it.
        listings.dedup();
        let mut standings = Self {
            listings,
            ..Self::default()
        };
        for stored in seen.enrollments {
            standings.put(stored, []);
        }
        for Claim { person, enrollment } in seen.claims {
            let claims = standings.claims.entry(person).or_default();
            claims.insert(enrollment);
        }
        standings
    }

    /// The same, with where they stand with other offers.
    pub fn with(self, others: Others) -> Self {
        Self { others, ..self }
    }

    /// Puts an enrollment in, in place of what was known of it, with the people whom it claims.
    pub fn put(&mut self, stored: StoredEnrollment, people: impl IntoIterator<Item = PersonKey>) {
        let id = stored.enrollment.name.enrollment;
        for person in people {
            self.claims.entry(person).or_default().insert(id);
        }
        self.enrollments.insert(id, stored);
    }

    /// An enrollment that is known.
    pub fn enrollment(&self, id: Uuid) -> Option<&StoredEnrollment> {
        self.enrollments.get(&id)
    }

    /// Everybody whom an enrollment claims.
    pub fn people_of(&self, id: Uuid) -> BTreeSet<PersonKey> {
        let claims = self.claims.iter().filter(|(_, ids)| ids.contains(&id));
        claims.map(|(person, _)| *person).collect()
    }

    /// The other enrollments of those whom this one claims.
    pub fn others(&self, id: Uuid) -> Vec<&StoredEnrollment> {
        let of_one_person = self.claims.values().filter(|claims| claims.contains(&id));
        let others = of_one_person.flatten().filter(|other| **other != id);
        let others = others.copied().collect::<BTreeSet<_>>();
        self.known(&others)
    }

    /// Where the person with these identifiers stands.
    pub fn of<'a>(&'a self, digests: &'a [IdentifierDigest]) -> Standing<'a> {
        let mut cohorts = BTreeMap::new();
        let mut people = BTreeSet::new();
        let mut claims = BTreeSet::new();
        for listing in digests.iter().flat_map(|digest| self.listed_as(*digest)) {
            // A retracted list makes nobody eligible, but its people still find their enrollments.
            claims.extend(self.claims.get(&listing.person).into_iter().flatten());
            people.insert(listing.person);
            if listing.cohort.counts {
                cohorts.insert(listing.cohort.id, listing.cohort.as_ref());
            }
        }
        Standing {
            cohorts,
            digests,
            people,
            enrollments: self.known(&claims),
            others: &self.others,
        }
    }

    /// Where an identifier stands on lists.
    fn listed_as(&self, digest: IdentifierDigest) -> &[Listing] {
        let begin = self.listings.partition_point(|one| one.digest < digest);
        let from = self.listings.get(begin..).unwrap_or_default();
        let same = from.iter().take_while(|one| one.digest == digest).count();
        from.get(..same).unwrap_or_default()
    }

    fn known(&self, ids: &BTreeSet<Uuid>) -> Vec<&StoredEnrollment> {
        let known = ids.iter().filter_map(|id| self.enrollments.get(id));
        known.collect()
    }
}

impl Standing<'_> {
    /// The answer for this person.
    pub fn decide(&self, offer: &Offer, now: DateTime<Utc>) -> Eligibility {
        // Most have none, and need not know what day it is.
        let is_live = |enrollment: &&Enrollment| {
            let status = enrollment.status_on(offer.date_at(now));
            status.is_live()
        };
        let live = self
            .enrollments
            .iter()
            .map(|stored| &stored.enrollment)
            .find(is_live);
        let matched = self.cohorts.values().map(|cohort| &cohort.exposed);
        decide(
            offer,
            now,
            matched,
            live.map(|enrollment| enrollment.name.clone()),
            &self.others.covers(&self.people, self.digests, now),
        )
    }

    /// What is to be kept of the person when they are let in.
    pub fn letting_in(&self) -> LettingIn {
        self.others.letting_in(&self.people, self.digests)
    }
}
