//! `PublishCohort`: loads of a cohort begin to count, and others no more, all at once.

use serde_json::Value;

use super::{
    App, Error,
    error::Precondition,
    find,
    publication::{Chosen, Proposal, chosen_loads, ids},
};
use crate::{
    clock::stamp,
    domain::{
        cohort::{Cohort, CohortVersion, Load, LoadState},
        event::EventType,
        list_digest::ListDigest,
        name::CohortName,
        request::{Caller, Etag},
    },
    storage::{
        Row, Transaction, cohort, cohort_version, event, load,
        transaction::{UnitOfWork, UnknownCommit},
    },
};

/// An operator's wish to publish a cohort.
#[derive(Debug, Clone)]
pub struct PublishCohort {
    /// The cohort.
    pub name: CohortName,
    /// What of it.
    pub chosen: Chosen,
    /// How many people it must have, once published.
    pub expected_people: Option<i64>,
    /// The digest that its lists must have together.
    pub expected_digest: Option<ListDigest>,
    /// Which part of those who count now may be left out: 0 to 1.
    pub max_dropped_share: f64,
    /// What the caller has seen of it.
    pub etag: Option<Etag>,
}

impl App {
    /// Publishes a cohort. Waits until its loads have been packed for long enough to count (`unlisted.rs`).
    pub async fn publish_cohort(
        &self,
        caller: &Caller,
        command: PublishCohort,
    ) -> Result<Cohort, Error> {
        let proposal = self
            .preview_publication(&command.name, &command.chosen)
            .await?;
        self.0.unlisted.settled(&proposal.load_ids()).await;
        let unit = Publishing {
            app: self.clone(),
            actor: caller.subject.clone(),
            command,
            proposal,
        };
        self.0.store.transaction(unit).await
    }
}

struct Publishing {
    app: App,
    actor: String,
    command: PublishCohort,
    proposal: Proposal,
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
        // Whoever would discard one waits.
        let all = load::of_cohort_for_update(transaction, &old).await?;
        let counting = counting(&all);
        let loads = chosen_loads(transaction, &old, all, &self.command.chosen).await?;
        let wanted = ids(&loads);
        if wanted != self.proposal.load_ids() || old.value != self.proposal.cohort {
            // A load was finished, or something else published, since they were counted.
            return Err(Error::EtagMismatch(name.to_string()));
        }
        self.refuse_unexpected()?;
        let cohort = Cohort {
            state,
            published: self.proposal.comparison.listed,
            digest: self.proposal.digest(),
            publish_time: Some(now),
            revision: old.value.revision + 1,
            version: old.value.version + 1,
            update_time: now,
            ..old.value.clone()
        };
        let kept = cohort_version::load_ids(transaction, old.id, old.value.version).await?;
        if wanted == counting && wanted == kept {
            return Ok(old.value);
        }
        load::publish(transaction, &without(&wanted, &counting), now).await?;
        load::withdraw(transaction, &without(&counting, &wanted)).await?;
        self.keep(transaction, &old, &cohort, &wanted).await?;
        Ok(cohort)
    }
}

impl Publishing {
    async fn keep(
        &self,
        transaction: &Transaction,
        old: &Row<Cohort>,
        new: &Cohort,
        load_ids: &[i64],
    ) -> Result<(), Error> {
        cohort::update(transaction, old.id, new).await?;
        let version = CohortVersion {
            cohort: new.name.clone(),
            number: new.version,
            loads: self.proposal.load_names().cloned().collect(),
            counts: new.published,
            digest: new.digest,
            publisher: self.actor.clone(),
            publish_time: new.update_time,
        };
        cohort_version::insert(transaction, old.id, &version, load_ids).await?;
        let mut event = self
            .app
            .cohort_event(&self.actor, EventType::CohortPublished, new)?;
        if let Some(Value::Object(details)) = &mut event.details {
            let loads = self.proposal.load_names().map(ToString::to_string);
            let dropped = self.proposal.comparison.dropped;
            details.insert("loads".to_owned(), loads.collect());
            details.insert("dropped".to_owned(), dropped.into());
        }
        event::insert(transaction, &event).await?;
        Ok(())
    }

    fn refuse_unexpected(&self) -> Result<(), Error> {
        let Self {
            command, proposal, ..
        } = self;
        let name = || command.name.to_string();
        let people = proposal.comparison.listed.people;
        if command
            .expected_people
            .is_some_and(|expected| expected != people)
        {
            return Err(Error::Precondition(Precondition::CohortCount {
                name: name(),
                actual: people,
            }));
        }
        let digest = proposal.digest();
        if command.expected_digest.is_some() && command.expected_digest != digest {
            return Err(Error::Precondition(Precondition::CohortDigest {
                name: name(),
                actual: digest,
            }));
        }
        if proposal.comparison.dropped_share() > command.max_dropped_share {
            return Err(Error::Precondition(Precondition::CohortDropsPeople {
                name: name(),
                comparison: proposal.comparison,
            }));
        }
        Ok(())
    }
}

/// The keys of those that count.
fn counting(loads: &[Row<Load>]) -> Vec<i64> {
    let counting = loads
        .iter()
        .filter(|load| load.value.state == LoadState::Published);
    counting.map(|load| load.id).collect()
}

fn without(all: &[i64], others: &[i64]) -> Vec<i64> {
    let rest = all.iter().filter(|id| !others.contains(id));
    rest.copied().collect()
}
