//! What a publication is made of, and how its people stand to those who count now: what
//! `PreviewPublication` tells, and `PublishCohort` decides by.

use super::{
    App, Error,
    error::{Overload, Precondition},
    find,
};
use crate::{
    domain::{
        cohort::{Cohort, CohortVersion, Comparison, Load, LoadState},
        list_digest::ListDigest,
        name::{CohortName, LoadName, ResourceId},
        transition::StateForbids,
    },
    storage::{ConnectionTrait, Row, cohort_version, load, member},
};

/// Which loads of a cohort are to count.
#[derive(Debug, Clone)]
pub enum Chosen {
    /// Those that count now, and all that are finished and have never counted.
    AllFinished,
    /// These.
    Loads(Vec<ResourceId>),
    /// Those of an earlier version.
    Version(i64),
}

/// What would be published.
#[derive(Debug)]
pub struct Proposal {
    /// The cohort as it stands.
    pub cohort: Cohort,
    /// The loads that would count.
    pub(super) loads: Vec<Row<Load>>,
    /// How their people stand to those who count now.
    pub comparison: Comparison,
}

impl Proposal {
    /// The names of the loads.
    pub fn load_names(&self) -> impl Iterator<Item = &LoadName> {
        self.loads.iter().map(|load| &load.value.name)
    }

    /// The digest of all of them; `None` when one has none.
    pub fn digest(&self) -> Option<ListDigest> {
        let digests = self.loads.iter().map(|load| load.value.progress.digest);
        digests.sum()
    }

    /// The keys of the loads.
    pub(super) fn load_ids(&self) -> Vec<i64> {
        ids(&self.loads)
    }
}

impl App {
    /// What `PublishCohort` would publish. Counts outside of any transaction, since loads that are finished
    /// do not change; and one cohort at a time, since it takes long, and others need the database too.
    pub async fn preview_publication(
        &self,
        name: &CohortName,
        chosen: &Chosen,
    ) -> Result<Proposal, Error> {
        let db = self.0.store.reader();
        let offer = find::offer(db, &name.parent).await?;
        let cohort = find::cohort(db, name).await?;
        let publishable = cohort.value.state.publish();
        publishable.map_err(|forbids| Error::forbidden(name, forbids))?;
        let all = load::of_cohort(db, &cohort).await?;
        let loads = chosen_loads(db, &cohort, all, chosen).await?;
        let place = self.0.counts.clone().try_acquire_owned();
        let place = place.map_err(|_| Error::Overloaded(Overload::Counts))?;
        let store = &self.0.store;
        Ok(Proposal {
            comparison: member::compare(store, offer.id, cohort.id, &loads, place).await?,
            cohort: cohort.value,
            loads,
        })
    }
}

/// The loads that are chosen, out of all of the cohort's: finished ones, and at least one.
pub(super) async fn chosen_loads(
    db: &impl ConnectionTrait,
    cohort: &Row<Cohort>,
    mut loads: Vec<Row<Load>>,
    chosen: &Chosen,
) -> Result<Vec<Row<Load>>, Error> {
    match chosen {
        Chosen::AllFinished => loads.retain(|load| match load.value.state {
            LoadState::Receiving | LoadState::Finished | LoadState::Published => true,
            LoadState::Discarded | LoadState::Withdrawn => false,
        }),
        Chosen::Loads(names) => {
            for name in names {
                if !loads.iter().any(|load| load.value.name.load == *name) {
                    let missing = LoadName {
                        parent: cohort.value.name.clone(),
                        load: name.clone(),
                    };
                    return Err(Error::not_found("Load", &missing));
                }
            }
            loads.retain(|load| names.contains(&load.value.name.load));
        }
        Chosen::Version(number) => {
            let made_of = cohort_version::load_ids(db, cohort.id, *number).await?;
            if made_of.is_empty() {
                let missing = CohortVersion::name(&cohort.value.name, *number);
                return Err(Error::not_found("CohortVersion", &missing));
            }
            loads.retain(|load| made_of.contains(&load.id));
        }
    }
    loads.iter().try_for_each(refuse_unfit)?;
    if loads.is_empty() {
        let name = cohort.value.name.to_string();
        return Err(Error::Precondition(Precondition::CohortEmpty(name)));
    }
    Ok(loads)
}

fn refuse_unfit(load: &Row<Load>) -> Result<(), Error> {
    let name = &load.value.name;
    match load.value.state {
        LoadState::Finished | LoadState::Published | LoadState::Withdrawn => Ok(()),
        LoadState::Receiving => Err(Error::Precondition(Precondition::LoadInProgress(
            name.to_string(),
        ))),
        LoadState::Discarded => {
            let state = load.value.state.name();
            Err(Error::forbidden(name, StateForbids { state }))
        }
    }
}

/// The keys of these loads, in their order.
pub(super) fn ids(loads: &[Row<Load>]) -> Vec<i64> {
    loads.iter().map(|load| load.id).collect()
}
