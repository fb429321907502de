//! Where people stand with other offers than the one that asks: an offer can refuse those whom another one covers, or
//! cover them from when the other ends.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    domain::{
        eligibility::OtherCover,
        enrollment::Enrollment,
        offer::{Offer, Overlap},
        person::{IdentifierDigest, PersonKey},
    },
    storage::{
        self, ConnectionTrait, Row,
        claim::Claim,
        elsewhere::{self, Elsewhere},
        lane::Seen,
    },
};

/// What is known of people in other offers: nothing, when the offer does not mind. Boxed, since few do.
#[derive(Debug, Default)]
pub(super) struct Others(Option<Box<Known>>);

#[derive(Debug)]
struct Known {
    listed: HashMap<IdentifierDigest, BTreeSet<PersonKey>>,
    claims: HashMap<PersonKey, BTreeSet<Uuid>>,
    enrollments: HashMap<Uuid, (Enrollment, Offer)>,
    turns: BTreeMap<PersonKey, i64>,
}

/// What other offers have of those with these identifiers, and of those who were seen. `None`: this one does not mind.
pub(super) async fn find(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    digests: &[IdentifierDigest],
    seen: &Seen,
) -> Result<Option<Elsewhere>, storage::Error> {
    match offer.value.details.overlap {
        Overlap::Allow => Ok(None),
        Overlap::Refuse | Overlap::StartAfter => {
            let listed = seen.listings.iter().map(|listing| listing.person);
            let claimed = seen.claims.iter().map(|claim| claim.person);
            // Boxed: few offers ask.
            let found = Box::pin(elsewhere::find(db, offer, digests, listed.chain(claimed)));
            found.await.map(Some)
        }
    }
}

impl Others {
    /// What was found.
    pub fn of_found(found: Option<Elsewhere>) -> Self {
        Self(found.map(|found| Box::new(Known::of(found))))
    }

    /// Everybody whom a list of another offer knows by one of these identifiers.
    pub fn people(&self, digests: &[IdentifierDigest]) -> BTreeSet<PersonKey> {
        let known = self.0.iter();
        let listed = known.flat_map(|known| digests.iter().filter_map(|one| known.listed.get(one)));
        listed.flatten().copied().collect()
    }

    /// The live enrollments of these people, who are one.
    pub fn covers(&self, people: &BTreeSet<PersonKey>, now: DateTime<Utc>) -> Vec<OtherCover> {
        let covers = self.0.iter().flat_map(|known| known.covers(people, now));
        covers.collect()
    }

    /// The turns that it is for these people when they are let in.
    pub fn next_turns(&self, people: &BTreeSet<PersonKey>) -> BTreeMap<PersonKey, i64> {
        let turns = self.0.iter().flat_map(|known| {
            people.iter().map(|person| {
                let before = known.turns.get(person).copied().unwrap_or_default();
                (*person, before + 1)
            })
        });
        turns.collect()
    }
}

impl Known {
    fn of(found: Elsewhere) -> Self {
        let mut listed = HashMap::<_, BTreeSet<_>>::new();
        for (digest, person) in found.listed {
            listed.entry(digest).or_default().insert(person);
        }
        let mut claims = HashMap::<_, BTreeSet<_>>::new();
        for Claim { person, enrollment } in found.claims {
            claims.entry(person).or_default().insert(enrollment);
        }
        let enrollments = found.enrollments.into_iter();
        let enrollments = enrollments.map(|known| (known.0.name.enrollment, known));
        Self {
            listed,
            claims,
            enrollments: enrollments.collect(),
            turns: found.turns,
        }
    }

    fn covers(&self, people: &BTreeSet<PersonKey>, now: DateTime<Utc>) -> Vec<OtherCover> {
        let claims = people.iter().filter_map(|person| self.claims.get(person));
        let ids = claims.flatten().collect::<BTreeSet<_>>();
        let covers = ids.into_iter().filter_map(|id| {
            let (enrollment, offer) = self.enrollments.get(id)?;
            let today = offer.date_at(now);
            let is_live = enrollment.status_on(today).is_live();
            is_live.then(|| OtherCover {
                enrollment: enrollment.name.clone(),
                end: enrollment.end_if_activated_on(today, offer),
            })
        });
        covers.collect()
    }
}
