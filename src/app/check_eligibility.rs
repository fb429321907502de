//! `CheckEligibility` and `BatchCheckEligibility`: what would people be told, now or at an earlier time.

use std::{collections::BTreeSet, mem};

use chrono::{DateTime, Utc};

use super::{
    App, Error,
    others::{self, Others},
    standing::Standings,
};
use crate::{
    domain::{
        eligibility::Eligibility,
        enrollment::{Enrollment, Status},
        event::EventType,
        identifier::Identifier,
        name::OfferName,
        term::Term,
        violation::{Rule, Violation},
    },
    storage::{
        ConnectionTrait, claim, enrollment::StoredEnrollment, event, lane::Seen, member, offer,
    },
};

impl App {
    /// The answer for one person.
    pub async fn check_eligibility(
        &self,
        offer: &OfferName,
        identifiers: &[Identifier],
    ) -> Result<Eligibility, Error> {
        let digests = self.digests(identifiers);
        if let Some(unlisted) = self.answer_if_unlisted(offer, &digests) {
            return Ok(unlisted);
        }
        let sight = self.look(offer, digests.clone()).await?;
        let standing = sight.standings.of(&digests);
        Ok(standing.decide(sight.offer(), self.now()))
    }

    /// The answers for many people, in their order, from one look at the database at the most.
    pub async fn batch_check_eligibility<I: AsRef<[Identifier]>>(
        &self,
        offer: &OfferName,
        people: &[I],
    ) -> Result<Vec<Eligibility>, Error> {
        let people = people
            .iter()
            .map(|identifiers| self.digests(identifiers.as_ref()))
            .collect::<Vec<_>>();
        let unlisted = self.answers_if_unlisted(offer, &people);
        if let Some(answers) = unlisted.iter().cloned().collect() {
            return Ok(answers);
        }
        let others = people.iter().zip(&unlisted);
        let others = others.filter(|(_, unlisted)| unlisted.is_none());
        let others = others.flat_map(|(digests, _)| digests).copied();
        let sight = self.look(offer, others.collect()).await?;
        let now = self.now();
        let answers = people.iter().zip(unlisted).map(|(digests, unlisted)| {
            let look = || sight.standings.of(digests).decide(sight.offer(), now);
            unlisted.unwrap_or_else(look)
        });
        Ok(answers.collect())
    }

    /// What the answer for one person would have been at a past time.
    pub async fn check_eligibility_as_of(
        &self,
        name: &OfferName,
        identifiers: &[Identifier],
        time: DateTime<Utc>,
    ) -> Result<Eligibility, Error> {
        if time > self.now() {
            return Err(Error::Invalid(vec![Violation {
                field: "as_of_time".to_owned(),
                rule: Rule("must not lie in the future"),
            }]));
        }
        let db = self.0.store.reader();
        let offer = offer::find_as_of(db, name, time)
            .await?
            .ok_or_else(|| Error::not_found("Offer", name))?;
        let digests = self.digests(identifiers);
        let (first, offers) = offer::succession_as_of(db, &offer, time).await?;
        let listings = member::listings_as_of(db, &offer, first, &digests, time).await?;
        let people = listings.iter().map(|listing| listing.person);
        let people = people.collect::<BTreeSet<_>>();
        let (claims, enrollments) = claim::of_people(db, &[first], &offers, &people).await?;
        let mut live = Vec::new();
        for enrollment in enrollments {
            live.extend(as_of(db, enrollment, time).await?);
        }
        let seen = Seen {
            listings,
            claims,
            enrollments: live.into_iter().map(StoredEnrollment::from).collect(),
        };
        let mut found = others::find(db, &offer, &digests, &seen, Some(time)).await?;
        if let Some(found) = &mut found {
            for mut other in mem::take(&mut found.enrollments) {
                let waited = other.promised.iter().any(Term::waits_for_activation);
                if let Some(mut then) = as_of(db, other.enrollment, time).await? {
                    then.term = then
                        .term
                        .filter(|_| !waited || then.status != Status::Pending);
                    other.enrollment = then;
                    found.enrollments.push(other);
                }
            }
        }
        let standings = Standings::of_seen(seen).with(Others::of_found(found));
        Ok(standings.of(&digests).decide(&offer.value, time))
    }
}

/// The enrollment as it stood at a time by the log, if it was live by what was stored then.
async fn as_of(
    db: &impl ConnectionTrait,
    enrollment: Enrollment,
    time: DateTime<Utc>,
) -> Result<Option<Enrollment>, Error> {
    let events = event::names_until(db, &enrollment.name.to_string(), time).await?;
    let was_live = was_live(events.iter().map(String::as_str));
    Ok(was_live.then(|| {
        let activated = enrollment
            .status
            .activate_time()
            .filter(|begun| *begun <= time);
        Enrollment {
            status: match activated {
                Some(activate_time) => Status::Active { activate_time },
                None => Status::Pending,
            },
            ..enrollment
        }
    }))
}

/// Whether an enrollment was live after these events, the last one first. To show or replace its code, or to cover for
/// longer, changes nothing of that.
fn was_live<'a>(events: impl Iterator<Item = &'a str>) -> bool {
    use EventType as E;

    let mut activated_since = false;
    for event in events {
        let is_one_of = |types: &[EventType]| types.iter().any(|one| one.name() == event);
        if is_one_of(&[E::Enrolled, E::EnrollmentTakenOver, E::EnrollmentReinstated]) {
            return true;
        }
        if is_one_of(&[E::EnrollmentLapsed]) {
            // Unless the provider told later of a membership that had begun before.
            return activated_since;
        }
        if is_one_of(&[
            E::EnrollmentExpired,
            E::EnrollmentRejected,
            E::EnrollmentCancelled,
            E::EnrollmentRevoked,
            E::EnrollmentMigrated,
        ]) {
            return false;
        }
        activated_since |= is_one_of(&[E::EnrollmentActivated]);
    }
    false
}
