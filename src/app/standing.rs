//! Where people stand with an offer: which lists name them, and which enrollment they have. Read in
//! one look for any number of people.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::Error;
use crate::{
    domain::{
        data_element::DataElements,
        eligibility::{Eligibility, decide},
        enrollment::Enrollment,
        name::ResourceId,
        offer::Offer,
        person::{IdentifierDigest, PersonKey},
    },
    storage::{
        ConnectionTrait, Row, claim,
        claim::Claim,
        enrollment,
        member::{self, Listing},
    },
};

/// What the database knows of some identifiers.
pub(super) struct Standings {
    listings: Vec<Listing>,
    claims: Vec<Claim>,
    /// Enrollments that claim one of the people.
    pub enrollments: Vec<Enrollment>,
}

/// Where one person stands.
pub(super) struct Standing {
    /// The published cohorts that name the person.
    pub cohorts: BTreeMap<i64, (ResourceId, DataElements)>,
    /// Everybody whom these cohorts know by one of the identifiers.
    pub people: BTreeSet<PersonKey>,
    /// Those of the enrollments that claim the person.
    pub claimed_by: Vec<Enrollment>,
}

impl Standings {
    /// Looks up these identifiers, with the enrollments that are stored as live.
    pub async fn look(
        db: &impl ConnectionTrait,
        offer: &Row<Offer>,
        digests: &[IdentifierDigest],
    ) -> Result<Self, Error> {
        let listings = member::listings(db, offer, digests).await?;
        let mut standings = Self::with_history(db, offer, listings).await?;
        standings
            .enrollments
            .retain(|enrollment| enrollment.status.is_live());
        Ok(standings)
    }

    /// The people of these listings, with every enrollment that they ever had in the offer.
    pub async fn with_history(
        db: &impl ConnectionTrait,
        offer: &Row<Offer>,
        listings: Vec<Listing>,
    ) -> Result<Self, Error> {
        let people = listings.iter().map(|listing| listing.person);
        let claims = claim::of_people(db, offer, people.collect::<BTreeSet<_>>()).await?;
        let ids = claims.iter().map(|claim| claim.enrollment);
        let ids = ids.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
        let enrollments = enrollment::find_many(db, offer, &ids).await?;
        Ok(Self {
            listings,
            claims,
            enrollments,
        })
    }

    /// Where the person with these identifiers stands.
    pub fn of(&self, digests: &[IdentifierDigest]) -> Standing {
        let named = |listing: &&Listing| digests.contains(&listing.digest);
        // A retracted list makes nobody eligible, but its people still find their enrollments.
        let known = self
            .listings
            .iter()
            .filter(named)
            .map(|listing| listing.person)
            .collect::<BTreeSet<_>>();
        let counting = || {
            self.listings
                .iter()
                .filter(named)
                .filter(|listing| listing.counts)
        };
        Standing {
            cohorts: counting()
                .map(|listing| {
                    let cohort = (listing.cohort.clone(), listing.exposed.clone());
                    (listing.cohort_id, cohort)
                })
                .collect(),
            people: counting().map(|listing| listing.person).collect(),
            claimed_by: self
                .enrollments
                .iter()
                .filter(|enrollment| {
                    self.claims.iter().any(|claim| {
                        claim.enrollment == enrollment.name.enrollment
                            && known.contains(&claim.person)
                    })
                })
                .cloned()
                .collect(),
        }
    }
}

impl Standing {
    /// The answer for this person.
    pub fn decide(&self, offer: &Offer, now: DateTime<Utc>) -> Eligibility {
        let today = offer.date_at(now);
        let live = self
            .claimed_by
            .iter()
            .find(|enrollment| enrollment.status_on(today).is_live());
        let matched = self.cohorts.values().map(|(_, exposed)| exposed);
        decide(
            offer,
            now,
            matched,
            live.map(|enrollment| enrollment.name.clone()),
        )
    }
}
