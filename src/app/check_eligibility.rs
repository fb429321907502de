//! `CheckEligibility` and `BatchCheckEligibility`: what would people be told, now or at an earlier time.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::{App, Error, find, standing::Standings};
use crate::{
    domain::{
        eligibility::Eligibility,
        enrollment::{Enrollment, Status},
        event::EventType,
        identifier::Identifier,
        name::OfferName,
        person::IdentifierDigest,
        violation::{Rule, Violation},
    },
    storage::{ConnectionTrait, event, member, offer},
};

impl App {
    /// The answer for one person.
    pub async fn check_eligibility(
        &self,
        offer: &OfferName,
        identifiers: &[Identifier],
    ) -> Result<Eligibility, Error> {
        let mut answers = self.batch_check_eligibility(offer, &[identifiers]).await?;
        answers.pop().ok_or(Error::Fault("a check has no answer"))
    }

    /// The answers for many people, in their order, from one look at the database.
    pub async fn batch_check_eligibility<I: AsRef<[Identifier]>>(
        &self,
        name: &OfferName,
        people: &[I],
    ) -> Result<Vec<Eligibility>, Error> {
        let db = self.0.store.reader();
        let offer = find::offer(db, name).await?;
        let now = self.now();
        let digests = people
            .iter()
            .map(|identifiers| self.digests(identifiers.as_ref()))
            .collect::<Vec<_>>();
        let standings = Standings::look(db, &offer, &distinct(&digests)).await?;
        Ok(digests
            .iter()
            .map(|digests| standings.of(digests).decide(&offer.value, now))
            .collect())
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
        let listings = member::listings_as_of(db, &offer, &digests, time).await?;
        let mut standings = Standings::with_history(db, &offer, listings).await?;
        let mut live = Vec::new();
        for enrollment in std::mem::take(&mut standings.enrollments) {
            live.extend(as_of(db, enrollment, time).await?);
        }
        standings.enrollments = live;
        Ok(standings.of(&digests).decide(&offer.value, time))
    }
}

fn distinct(digests: &[Vec<IdentifierDigest>]) -> Vec<IdentifierDigest> {
    let distinct = digests.iter().flatten().copied().collect::<BTreeSet<_>>();
    distinct.into_iter().collect()
}

/// The enrollment as it stood at a time by the log, if it was live by what was stored then.
async fn as_of(
    db: &impl ConnectionTrait,
    enrollment: Enrollment,
    time: DateTime<Utc>,
) -> Result<Option<Enrollment>, Error> {
    let events = event::names_until(db, &enrollment.name.to_string(), time).await?;
    let begins = |name: &String| {
        [EventType::Enrolled, EventType::EnrollmentReinstated]
            .iter()
            .any(|begin| begin.name() == name)
    };
    // To show a code changes nothing.
    let last = events
        .iter()
        .find(|name| *name != EventType::ActivationCodeShown.name());
    Ok(last.filter(|name| begins(name)).map(|_| {
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
