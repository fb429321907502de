//! Who is on no list, answered from memory: most callers on the first day are not affected, and need not
//! cost the database a look.
//!
//! Owns: the filters of packed lists, and until when they may be trusted. Must not know: who is listed; that
//! is asked of the database.
//!
//! **Never a false "not listed".** A filter errs in one way: it may take somebody for listed, and then the
//! database is asked. What could go wrong is a list that is not known here. So:
//!
//! 1. Filters are trusted for two seconds (`trust`), counted from before the statement that told which lists
//!    are packed, and only while the filters of all of them are here.
//! 2. A list counts at the earliest three seconds (`settle`) after it was seen to be packed:
//!    `PublishCohort` waits for the rest of them.
//!
//! Whoever trusts a filter at a moment has asked less than two seconds before. A list that was not packed then
//! cannot count yet: it would have to have been packed for three. Both times are measured by the clock
//! that only goes forward, each within one process, so that it does not matter what time it is anywhere (a
//! machine that is suspended does not count the time: put none to sleep that serves). A
//! process that is cut off from the database stops trusting its filters, and says that it cannot tell.
//!
//! Lists that do not count are asked for too: one that is finished may count in the next moment, and somebody
//! on one that is withdrawn may be enrolled. Whether more lists come is as old as the filters: `UpdateOffer`, when
//! it changes that, answers after three seconds, when nobody says otherwise any more.

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak},
    time::Duration,
};

use chrono::{DateTime, Utc};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};

use super::{App, catalogues::Catalogues, standing::Standings};
use crate::{
    domain::{eligibility::Eligibility, name::OfferName, person::IdentifierDigest},
    storage::{
        self, Store,
        catalogue::Catalogue,
        list_filter::{self, ListFilter, PackedLists},
    },
};

/// How long filters are trusted, and how long publications wait for that. The same in all processes of one
/// database.
#[derive(Debug, Clone, Copy)]
pub struct Freshness {
    /// How often the database is asked.
    pub refresh: Duration,
    /// How long its answer holds.
    pub trust: Duration,
    /// How long a list has been packed before it counts: longer than that.
    pub settle: Duration,
}

impl Freshness {
    /// For a service.
    pub const STANDARD: Self = Self {
        refresh: Duration::from_millis(500),
        trust: Duration::from_secs(2),
        settle: Duration::from_secs(3),
    };

    /// Everything is asked of the database, and what is published counts at once: where no other process
    /// answers from memory.
    pub const ALWAYS_ASK: Self = Self {
        refresh: Duration::ZERO,
        trust: Duration::ZERO,
        settle: Duration::ZERO,
    };
}

/// What is known of the lists of each offer.
#[derive(Debug)]
pub(super) struct Unlisted {
    store: Store,
    catalogues: Arc<Catalogues>,
    freshness: Freshness,
    offers: RwLock<HashMap<OfferName, Arc<Known>>>,
    /// Of each packed load; `None` where there is none to be had.
    filters: Mutex<HashMap<i64, Option<Arc<ListFilter>>>>,
    /// Packed loads whose filters are to be fetched.
    missing: Mutex<Vec<i64>>,
    /// When each load was first seen to be packed.
    packed: Mutex<HashMap<i64, Instant>>,
}

/// An offer of which all filters are here.
#[derive(Debug)]
struct Known {
    catalogue: Arc<Catalogue>,
    filters: Vec<Arc<ListFilter>>,
    until: Instant,
}

impl Known {
    /// Whether it is certain that none of these identifiers stands on a list.
    fn has_none_of(&self, digests: &[IdentifierDigest]) -> bool {
        let may_be_listed = |digest: &IdentifierDigest| {
            let mut filters = self.filters.iter();
            filters.any(|filter| filter.may_have(*digest))
        };
        !digests.iter().any(may_be_listed)
    }

    /// What everybody is told who is on no list.
    fn answer(&self, now: DateTime<Utc>) -> Eligibility {
        let nobody = Standings::default();
        nobody.of(&[]).decide(&self.catalogue.offer.value, now)
    }
}

impl Unlisted {
    /// Begins to follow the database, in tasks that end when nobody needs it any more.
    pub fn follow(store: Store, catalogues: Arc<Catalogues>, freshness: Freshness) -> Arc<Self> {
        let unlisted = Arc::new(Self {
            store,
            catalogues,
            freshness,
            offers: RwLock::default(),
            filters: Mutex::default(),
            missing: Mutex::default(),
            packed: Mutex::default(),
        });
        if !freshness.trust.is_zero() {
            // Apart: to fetch the filters of a long list takes longer than others may be trusted.
            let weak = || Arc::downgrade(&unlisted);
            tokio::spawn(every(freshness.refresh, weak(), Self::refresh));
            tokio::spawn(every(freshness.refresh, weak(), Self::fetch));
        }
        unlisted
    }

    /// What is known of the offer's lists, if that may be trusted now.
    fn trusted(&self, offer: &OfferName) -> Option<Arc<Known>> {
        let offers = self.offers.read().unwrap_or_else(PoisonError::into_inner);
        let known = offers.get(offer)?;
        (Instant::now() < known.until).then(|| known.clone())
    }

    /// Notes that these loads have been seen to be packed, by a statement that has ended.
    pub fn saw_packed(&self, load_ids: &[i64]) {
        let now = Instant::now();
        let mut packed = held(&self.packed);
        for id in load_ids {
            packed.entry(*id).or_insert(now);
        }
    }

    /// Waits until these loads may count: until whoever does not know of them trusts his filters no more.
    pub async fn settled(&self, load_ids: &[i64]) {
        self.saw_packed(load_ids);
        let last = {
            let packed = held(&self.packed);
            load_ids
                .iter()
                .filter_map(|id| packed.get(id))
                .max()
                .copied()
        };
        if let Some(last) = last {
            sleep_until(last + self.freshness.settle).await;
        }
    }

    /// Waits until nobody trusts what was true before now.
    pub async fn known_by_all(&self) {
        sleep(self.freshness.settle).await;
    }

    /// Asks which lists there are, and trusts the filters of those offers of which all are here.
    async fn refresh(self: Arc<Self>) -> Result<(), storage::Error> {
        let until = Instant::now() + self.freshness.trust;
        let offers = list_filter::packed(self.store.reader()).await?;
        self.note_missing(&offers);
        for offer in offers {
            if let Some(filters) = self.filters_of(&offer.loads) {
                self.trust(&offer, filters, until).await?;
            }
        }
        Ok(())
    }

    /// Forgets the filters of lists that are gone, and notes those that are not here yet.
    fn note_missing(&self, offers: &[PackedLists]) {
        let packed = offers.iter().flat_map(|offer| offer.loads.iter().copied());
        let packed = packed.collect::<HashSet<_>>();
        let mut filters = held(&self.filters);
        filters.retain(|id, _| packed.contains(id));
        let missing = packed.into_iter().filter(|id| !filters.contains_key(id));
        let missing = missing.collect();
        *held(&self.missing) = missing;
    }

    /// Fetches the filters that are not here yet. They are trusted from the next refresh on.
    async fn fetch(self: Arc<Self>) -> Result<(), storage::Error> {
        let missing = mem::take(&mut *held(&self.missing));
        for id in missing {
            let filter = list_filter::of_load(&self.store, id).await?;
            let mut filters = held(&self.filters);
            filters.insert(id, filter.map(Arc::new));
        }
        Ok(())
    }

    /// The filters of all of these loads, if all are here.
    fn filters_of(&self, loads: &[i64]) -> Option<Vec<Arc<ListFilter>>> {
        let filters = held(&self.filters);
        let filters = loads.iter().map(|id| filters.get(id)?.clone());
        filters.collect()
    }

    async fn trust(
        &self,
        offer: &PackedLists,
        filters: Vec<Arc<ListFilter>>,
        until: Instant,
    ) -> Result<(), storage::Error> {
        let mut catalogue = self.catalogues.last_read(&offer.offer).await?;
        if catalogue
            .as_ref()
            .is_none_or(|read| read.version < offer.catalogue_version)
        {
            catalogue = self.catalogues.read(&offer.offer).await?;
        }
        let Some(catalogue) = catalogue else {
            return Ok(());
        };
        let known = Known {
            catalogue,
            filters,
            until,
        };
        self.offers
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(offer.offer.clone(), Arc::new(known));
        Ok(())
    }
}

/// What a panic left behind is whole: nothing is changed in steps here.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does it again and again, until nobody needs it any more.
async fn every<F>(time: Duration, unlisted: Weak<Unlisted>, work: impl Fn(Arc<Unlisted>) -> F)
where
    F: Future<Output = Result<(), storage::Error>>,
{
    let mut ticks = interval(time);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(unlisted) = unlisted.upgrade() else {
            return;
        };
        if let Err(error) = work(unlisted).await {
            // Its word runs out, and then everything is asked of the database, which says so itself.
            tracing::debug!(%error, "the lists cannot be followed");
        }
    }
}

impl App {
    /// The answer for a person who is certainly on no list.
    pub(super) fn answer_if_unlisted(
        &self,
        offer: &OfferName,
        digests: &[IdentifierDigest],
    ) -> Option<Eligibility> {
        let known = self.0.unlisted.trusted(offer)?;
        known.has_none_of(digests).then(|| {
            count(1);
            known.answer(self.now())
        })
    }

    /// The answers for those of these people who are certainly on no list.
    pub(super) fn answers_if_unlisted(
        &self,
        offer: &OfferName,
        people: &[Vec<IdentifierDigest>],
    ) -> Vec<Option<Eligibility>> {
        let Some(known) = self.0.unlisted.trusted(offer) else {
            return vec![None; people.len()];
        };
        // With nothing in between: a filter is far away in memory, and a processor can wait for several people at once.
        let unlisted = people.iter().map(|digests| known.has_none_of(digests));
        let unlisted = unlisted.collect::<Vec<_>>();
        count(unlisted.iter().map(|unlisted| u64::from(*unlisted)).sum());
        let answer = known.answer(self.now());
        let answers = unlisted.into_iter();
        let answers = answers.map(|unlisted| unlisted.then(|| answer.clone()));
        answers.collect()
    }
}

/// Counts people who were answered from memory.
fn count(unlisted: u64) {
    metrics::counter!("enrollment_checks_from_memory_total").increment(unlisted);
}
