//! Cohorts: create, read, list, change, retract. Publishing has a file of its own.

use serde_json::json;

use super::{App, Error, error::Conflict, find};
use crate::{
    clock::stamp,
    domain::{
        cohort::{Cohort, CohortState, CohortVersion, MemberCounts},
        data_element::DataElements,
        event::{Event, EventType},
        name::{CohortName, OfferName},
        page::{Page, PageOf},
        request::{Caller, Etag},
        transition::Transition,
    },
    storage::{
        Transaction, cohort, cohort_version, event,
        transaction::{UnitOfWork, UnknownCommit},
    },
};

/// What operators say of a new cohort.
#[derive(Debug, Clone)]
pub struct NewCohort {
    /// Its name.
    pub name: CohortName,
    /// What operators call it.
    pub display_name: String,
    /// What was exposed of its members.
    pub data_elements: DataElements,
}

/// A change of a cohort.
#[derive(Debug, Clone)]
pub enum CohortChange {
    /// Another name for people, other data elements; what is `None` stays.
    Update {
        /// What operators call it.
        display_name: Option<String>,
        /// What was exposed of its members.
        data_elements: Option<DataElements>,
    },
    /// It no longer makes anybody eligible.
    Retract {
        /// Why.
        reason: String,
    },
}

impl App {
    /// Creates a cohort as a draft.
    pub async fn create_cohort(&self, caller: &Caller, new: NewCohort) -> Result<Cohort, Error> {
        let actor = caller.subject.clone();
        self.0
            .store
            .transaction(Creating {
                app: self.clone(),
                actor,
                new,
            })
            .await
    }

    /// The cohort of this name.
    pub async fn get_cohort(&self, name: &CohortName) -> Result<Cohort, Error> {
        Ok(find::cohort(self.0.store.reader(), name).await?.value)
    }

    /// A page of an offer's cohorts.
    pub async fn list_cohorts(
        &self,
        offer: &OfferName,
        page: &PageOf,
    ) -> Result<Page<Cohort>, Error> {
        let db = self.0.store.reader();
        let offer = find::offer(db, offer).await?;
        Ok(cohort::list(db, &offer, page).await?)
    }

    /// A page of a cohort's versions.
    pub async fn list_cohort_versions(
        &self,
        name: &CohortName,
        page: &PageOf,
    ) -> Result<Page<CohortVersion>, Error> {
        let db = self.0.store.reader();
        let cohort = find::cohort(db, name).await?;
        Ok(cohort_version::list(db, &cohort, page).await?)
    }

    /// Changes a cohort, or takes it back; leaves one that is so already as it is.
    pub async fn change_cohort(
        &self,
        caller: &Caller,
        name: CohortName,
        etag: Option<Etag>,
        change: CohortChange,
    ) -> Result<Cohort, Error> {
        let actor = caller.subject.clone();
        let unit = Changing {
            app: self.clone(),
            actor,
            name,
            etag,
            change,
        };
        self.0.store.transaction(unit).await
    }

    /// The event of a cohort's change, with what the cohort says from then on.
    pub(super) fn cohort_event(
        &self,
        actor: &str,
        event_type: EventType,
        cohort: &Cohort,
    ) -> Result<Event, Error> {
        Ok(Event {
            details: Some(json!({
                "revision": cohort.revision,
                "version": cohort.version,
                "data_elements": cohort.data_elements,
                "people": cohort.published.people,
                "identifiers": cohort.published.identifiers,
                "digest": cohort.digest.map(|digest| digest.to_string()),
            })),
            ..self.event(cohort.update_time, actor, event_type, &cohort.name)?
        })
    }
}

struct Creating {
    app: App,
    actor: String,
    new: NewCohort,
}

impl UnitOfWork for Creating {
    type Output = Cohort;
    type Error = Error;
    const NAME: &'static str = "CreateCohort";
    const UNKNOWN_COMMIT: UnknownCommit = UnknownCommit::Report;

    async fn run(&self, transaction: &Transaction) -> Result<Cohort, Error> {
        let now = self.app.now();
        let offer = find::offer(transaction, &self.new.name.parent).await?;
        let cohort = Cohort {
            name: self.new.name.clone(),
            display_name: self.new.display_name.clone(),
            state: CohortState::Draft,
            data_elements: self.new.data_elements.clone(),
            published: MemberCounts::default(),
            digest: None,
            publish_time: None,
            retract_time: None,
            revision: 1,
            version: 0,
            create_time: now,
            update_time: now,
        };
        if !cohort::insert(transaction, &offer, &cohort).await? {
            let name = cohort.name.to_string();
            return Err(Error::Exists(Conflict::Resource {
                kind: "Cohort",
                name,
            }));
        }
        let event = self
            .app
            .cohort_event(&self.actor, EventType::CohortCreated, &cohort)?;
        event::insert(transaction, &event).await?;
        Ok(cohort)
    }
}

struct Changing {
    app: App,
    actor: String,
    name: CohortName,
    etag: Option<Etag>,
    change: CohortChange,
}

impl UnitOfWork for Changing {
    type Output = Cohort;
    type Error = Error;
    const NAME: &'static str = "UpdateCohort";
    const UNKNOWN_COMMIT: UnknownCommit = UnknownCommit::Report;

    async fn run(&self, transaction: &Transaction) -> Result<Cohort, Error> {
        let old = find::cohort_to_change(transaction, &self.name, self.etag.as_ref()).await?;
        let now = stamp(self.app.now(), old.value.update_time);
        let mut cohort = old.value.clone();
        let (event_type, reason) = match &self.change {
            CohortChange::Update {
                display_name,
                data_elements,
            } => {
                if let Some(display_name) = display_name {
                    cohort.display_name.clone_from(display_name);
                }
                if let Some(data_elements) = data_elements {
                    cohort.data_elements.clone_from(data_elements);
                }
                (EventType::CohortUpdated, None)
            }
            CohortChange::Retract { reason } => {
                let retracted = cohort.state.retract();
                match retracted.map_err(|forbids| Error::forbidden(&self.name, forbids))? {
                    Transition::To(state) => {
                        cohort.state = state;
                        cohort.retract_time = Some(now);
                    }
                    Transition::Already(_) => {}
                }
                (EventType::CohortRetracted, Some(reason.clone()))
            }
        };
        if cohort == old.value {
            return Ok(cohort);
        }
        cohort.revision += 1;
        cohort.update_time = now;
        cohort::update(transaction, old.id, &cohort).await?;
        let event = Event {
            reason,
            ..self.app.cohort_event(&self.actor, event_type, &cohort)?
        };
        event::insert(transaction, &event).await?;
        Ok(cohort)
    }
}
