//! Settling: what the clock has decided is written down. A code ran out: LAPSED; a term ended: EXPIRED. Readers
//! see both by the clock, at once; the log, the claims and whatever reads the tables see them from here on.
//!
//! One replica at a time, some enrollments in each transaction. Were two at it, each enrollment would still be
//! settled once, since what is written is guarded by its revision; so it is when one is killed and another goes
//! on.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{App, Error, standing::Standings, working_set::WorkingSet};
use crate::{
    domain::{name::OfferName, page::PageOf},
    storage::{
        self,
        catalogue::Catalogue,
        enrollment,
        lane::Lane,
        offer,
        transaction::{Attempts, UnknownCommit},
    },
};

const NAME: &str = "SettleEnrollments";

/// Who settles says so under this name.
const LEASE: &str = "settle";

/// How many enrollments of a kind are settled in one transaction; and where it holds the one writer's place, for
/// which everybody who enrolls waits.
const PIECE: u64 = 500;
const SMALL_PIECE: u64 = 25;

/// Offers that are read at a time.
const OFFERS: u64 = 100;

impl App {
    /// Settles every enrollment that is over; gives how many there were. `None`: another replica is at it.
    pub async fn settle_enrollments(&self) -> Result<Option<usize>, Error> {
        let store = &self.0.store;
        let Some(_lease) = store.lease(LEASE).await? else {
            return Ok(None);
        };
        let mut lane = store.lane();
        let mut settled = 0;
        let mut page = PageOf {
            size: OFFERS,
            after: None,
        };
        loop {
            let offers = offer::list(store.reader(), &page).await?;
            page.after = offers
                .items
                .last()
                .map(|offer| offer.name.offer.to_string());
            for offer in &offers.items {
                settled += self.settle_offer(&mut lane, &offer.name).await?;
            }
            if !offers.more {
                return Ok(Some(settled));
            }
        }
    }

    async fn settle_offer(&self, lane: &mut Lane, name: &OfferName) -> Result<usize, Error> {
        let mut settled = 0;
        loop {
            let now = self.now();
            let piece = self.settle_piece(lane, name, now).await?;
            settled += piece;
            if piece == 0 {
                return Ok(settled);
            }
        }
    }

    /// Settles some; gives how many. None are left when there were none.
    async fn settle_piece(
        &self,
        lane: &mut Lane,
        name: &OfferName,
        now: DateTime<Utc>,
    ) -> Result<usize, Error> {
        let mut attempts = Attempts::new(NAME, UnknownCommit::Repeat);
        loop {
            let Some(catalogue) = self.0.catalogues.read(name).await? else {
                return Ok(0);
            };
            let offer = &catalogue.offer;
            let today = offer.value.date_at(now);
            let store = &self.0.store;
            let size = if store.writing_lanes() == 1 {
                SMALL_PIECE
            } else {
                PIECE
            };
            let ids = enrollment::over(store.reader(), offer, today, size).await?;
            if ids.is_empty() {
                return Ok(0);
            }
            // Boxed: it holds the state of every statement it may run.
            let piece = Box::pin(self.settle(lane, &catalogue, &ids, now));
            match self.0.store.tracked(piece).await {
                Ok(Some(settled)) => return Ok(settled),
                Ok(None) => attempts.again(storage::Error::Contention)?,
                Err(Error::Storage(failure)) => attempts.again(failure)?,
                Err(error) => return Err(error),
            }
        }
    }

    /// `None`: the catalogue is out of date.
    async fn settle(
        &self,
        lane: &mut Lane,
        catalogue: &Arc<Catalogue>,
        ids: &[Uuid],
        now: DateTime<Utc>,
    ) -> Result<Option<usize>, Error> {
        let mut turn = lane.begin().await?;
        let Some(seen) = turn.look(catalogue, &[], ids).await? else {
            return Ok(None);
        };
        let standings = Standings::of_seen(seen);
        let mut set = WorkingSet::new(catalogue.clone(), standings, self.0.random);
        for id in ids {
            set.settle(*id, &catalogue.offer.value, now)?;
        }
        let settled = set.changes.changed.len();
        turn.commit(catalogue, set.changes).await?;
        Ok(Some(settled))
    }
}
