//! `PublishCohort`: every finished load of a cohort begins to count, all at once.

use std::collections::BTreeSet;

use super::{App, Error, error::Precondition, find};
use crate::{
    clock::stamp,
    domain::{
        cohort::{Cohort, Load, LoadState, MemberCounts},
        event::EventType,
        list_digest::ListDigest,
        name::CohortName,
        request::{Caller, Etag},
    },
    storage::{
        self, ConnectionTrait, Row, Transaction, cohort, event, load, member,
        transaction::{UnitOfWork, UnknownCommit},
    },
};

/// An operator's wish to publish a cohort.
#[derive(Debug, Clone)]
pub struct PublishCohort {
    /// The cohort.
    pub name: CohortName,
    /// How many people it must have, once published.
    pub expected_people: Option<i64>,
    /// The digest that its lists must have together.
    pub expected_digest: Option<ListDigest>,
    /// What the caller has seen of it.
    pub etag: Option<Etag>,
}

impl App {
    /// Publishes a cohort. The members are counted first, outside of any transaction: finished loads
    /// do not change, and counting must hold up nobody.
    pub async fn publish_cohort(
        &self,
        caller: &Caller,
        command: PublishCohort,
    ) -> Result<Cohort, Error> {
        let db = self.0.store.reader();
        let row = find::cohort(db, &command.name).await?;
        let loads = publishable(db, &row).await?;
        let counts = member::count(db, &keys(&loads)).await?;
        let unit = Publishing {
            app: self.clone(),
            actor: caller.subject.clone(),
            command,
            counted: keys(&loads),
            counts,
        };
        self.0.store.transaction(unit).await
    }
}

struct Publishing {
    app: App,
    actor: String,
    command: PublishCohort,
    counted: Vec<i64>,
    counts: MemberCounts,
}

impl UnitOfWork for Publishing {
    type Output = Cohort;
    type Error = Error;
    const NAME: &'static str = "PublishCohort";
    const UNKNOWN_COMMIT: UnknownCommit = UnknownCommit::Report;

    async fn run(&self, transaction: &Transaction) -> Result<Cohort, Error> {
        let name = &self.command.name;
        let old = find::cohort_to_change(transaction, name, self.command.etag.as_ref()).await?;
        let now = stamp(self.app.now(), old.value.update_time);
        let state = old.value.state.publish();
        let state = state.map_err(|forbids| Error::forbidden(name, forbids))?;
        let loads = publishable(transaction, &old).await?;
        if keys(&loads) != self.counted {
            // A load was finished since they were counted.
            return Err(storage::Error::Unavailable.into());
        }
        self.refuse_unexpected_count()?;
        let digest = loads.iter().map(|load| load.value.progress.digest).sum();
        self.refuse_unexpected_digest(digest)?;
        let new = loads
            .iter()
            .filter(|load| load.value.state == LoadState::Finished)
            .map(|load| load.id)
            .collect::<Vec<_>>();
        if new.is_empty() {
            return Ok(old.value);
        }
        let cohort = Cohort {
            state,
            published: self.counts,
            digest,
            publish_time: Some(now),
            revision: old.value.revision + 1,
            update_time: now,
            ..old.value
        };
        load::publish(transaction, &new, now).await?;
        cohort::update(transaction, old.id, &cohort).await?;
        let event = self
            .app
            .cohort_event(&self.actor, EventType::CohortPublished, &cohort)?;
        event::insert(transaction, &event).await?;
        Ok(cohort)
    }
}

impl Publishing {
    fn refuse_unexpected_count(&self) -> Result<(), Error> {
        let actual = self.counts.people;
        if self
            .command
            .expected_people
            .is_none_or(|expected| expected == actual)
        {
            return Ok(());
        }
        let name = self.command.name.to_string();
        Err(Error::Precondition(Precondition::CohortCount {
            name,
            actual,
        }))
    }

    fn refuse_unexpected_digest(&self, actual: Option<ListDigest>) -> Result<(), Error> {
        let expected = self.command.expected_digest;
        if expected.is_none() || expected == actual {
            return Ok(());
        }
        let name = self.command.name.to_string();
        Err(Error::Precondition(Precondition::CohortDigest {
            name,
            actual,
        }))
    }
}

/// The cohort's loads that were not given up, all of them finished or published and at least one.
async fn publishable(
    db: &impl ConnectionTrait,
    cohort: &Row<Cohort>,
) -> Result<Vec<Row<Load>>, Error> {
    let mut loads = load::of_cohort(db, cohort).await?;
    loads.retain(|load| load.value.state != LoadState::Discarded);
    let unfinished = loads
        .iter()
        .find(|load| load.value.state == LoadState::Receiving);
    if let Some(load) = unfinished {
        let name = load.value.name.to_string();
        return Err(Error::Precondition(Precondition::LoadInProgress(name)));
    }
    if loads.is_empty() {
        let name = cohort.value.name.to_string();
        return Err(Error::Precondition(Precondition::CohortEmpty(name)));
    }
    Ok(loads)
}

fn keys(loads: &[Row<Load>]) -> Vec<i64> {
    let keys = loads.iter().map(|load| load.id).collect::<BTreeSet<_>>();
    keys.into_iter().collect()
}
