//! Where people stand with other offers than the one that asks: an offer can refuse those whom another one covers, or
//! cover them from when the other ends.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    domain::{
        eligibility::OtherCover,
        offer::{Offer, Overlap},
        person::{IdentifierDigest, PersonKey},
    },
    storage::{
        self, ConnectionTrait, Row,
        claim::Claim,
        elsewhere::{self, Elsewhere, OtherEnrollment},
        lane::Seen,
    },
};

/// What is known of people in other offers: nothing, when the offer does not mind. Boxed, since few do.
#[derive(Debug, Default)]
pub(super) struct Others(Option<Box<Known>>);

#[derive(Debug)]
struct Known {
    listed: HashMap<IdentifierDigest, BTreeSet<PersonKey>>,
    aliases: HashMap<PersonKey, BTreeSet<PersonKey>>,
    claims: HashMap<PersonKey, BTreeSet<Uuid>>,
    enrollments: HashMap<Uuid, OtherEnrollment>,
    turns: BTreeMap<PersonKey, i64>,
}

/// What is kept of a person who is let in, for other offers that mind.
#[derive(Debug, Default)]
pub(super) struct LettingIn {
    /// Everybody who they are, and the turns that it is for these.
    pub turns: BTreeMap<PersonKey, i64>,
    /// Who they are for this offer, paired with who else they are for others.
    pub aliases: BTreeSet<(PersonKey, PersonKey)>,
}

/// What other offers have of those with these identifiers, and of those who were seen, by the lists that were published
/// until a time, or by now. `None`: this one does not mind.
pub(super) async fn find(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    digests: &[IdentifierDigest],
    seen: &Seen,
    until: Option<DateTime<Utc>>,
) -> Result<Option<Elsewhere>, storage::Error> {
    match offer.value.details.overlap {
        Overlap::Allow => Ok(None),
        Overlap::Refuse | Overlap::StartAfter => {
            let listed = seen.listings.iter().map(|listing| listing.person);
            let claimed = seen.claims.iter().map(|claim| claim.person);
            // Boxed: few offers ask.
            let found = Box::pin(elsewhere::find(
                db,
                offer,
                digests,
                listed.chain(claimed),
                until,
            ));
            found.await.map(Some)
        }
    }
}

impl Others {
    /// What was found.
    pub fn of_found(found: Option<Elsewhere>) -> Self {
        Self(found.map(|found| Box::new(Known::of(found))))
    }

    /// The live enrollments of the person who is all of these and has these identifiers.
    pub fn covers(
        &self,
        people: &BTreeSet<PersonKey>,
        digests: &[IdentifierDigest],
        now: DateTime<Utc>,
    ) -> Vec<OtherCover> {
        let known = self.0.iter();
        let covers = known.flat_map(|known| known.covers(&known.everywhere(people, digests), now));
        covers.collect()
    }

    /// What is to be kept of the person when they are let in.
    pub fn letting_in(
        &self,
        people: &BTreeSet<PersonKey>,
        digests: &[IdentifierDigest],
    ) -> LettingIn {
        let Some(known) = &self.0 else {
            return LettingIn::default();
        };
        let everywhere = known.everywhere(people, digests);
        let turns = everywhere.iter().map(|person| {
            let before = known.turns.get(person).copied().unwrap_or_default();
            (*person, before + 1)
        });
        let elsewhere = everywhere.difference(people);
        let aliases = elsewhere.flat_map(|alias| people.iter().map(|person| (*person, *alias)));
        LettingIn {
            turns: turns.collect(),
            aliases: aliases.collect(),
        }
    }
}

impl Known {
    fn of(found: Elsewhere) -> Self {
        let mut listed = HashMap::<_, BTreeSet<_>>::new();
        for (digest, person) in found.listed {
            listed.entry(digest).or_default().insert(person);
        }
        let mut aliases = HashMap::<_, BTreeSet<_>>::new();
        for (person, alias) in found.aliases {
            aliases.entry(person).or_default().insert(alias);
        }
        let mut claims = HashMap::<_, BTreeSet<_>>::new();
        for Claim { person, enrollment } in found.claims {
            claims.entry(person).or_default().insert(enrollment);
        }
        let enrollments = found.enrollments.into_iter();
        let enrollments = enrollments.map(|other| (other.enrollment.name.enrollment, other));
        Self {
            listed,
            aliases,
            claims,
            enrollments: enrollments.collect(),
            turns: found.turns,
        }
    }

    /// Everybody who the person is, who is all of these and has these identifiers.
    fn everywhere(
        &self,
        people: &BTreeSet<PersonKey>,
        digests: &[IdentifierDigest],
    ) -> BTreeSet<PersonKey> {
        let listed = digests.iter().filter_map(|one| self.listed.get(one));
        let mut everywhere = people.clone();
        everywhere.extend(listed.flatten());
        let mut new = everywhere.iter().copied().collect::<Vec<_>>();
        while let Some(person) = new.pop() {
            let aliases = self.aliases.get(&person).into_iter().flatten();
            new.extend(aliases.filter(|alias| everywhere.insert(**alias)));
        }
        everywhere
    }

    fn covers(&self, people: &BTreeSet<PersonKey>, now: DateTime<Utc>) -> Vec<OtherCover> {
        let claims = people.iter().filter_map(|person| self.claims.get(person));
        let ids = claims.flatten().collect::<BTreeSet<_>>();
        let covers = ids.into_iter().filter_map(|id| {
            let OtherEnrollment {
                enrollment,
                offer,
                promised,
            } = self.enrollments.get(id)?;
            let today = offer.date_at(now);
            let is_live = enrollment.status_on(today).is_live();
            let term = enrollment.term_if_activated_on(today, promised);
            is_live.then(|| OtherCover {
                enrollment: enrollment.name.clone(),
                end: term.map(|term| term.end),
            })
        });
        covers.collect()
    }
}
