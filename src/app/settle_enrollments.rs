//! Settling: what the clock has decided is written down. A code ran out: LAPSED; a term ended: EXPIRED. Readers
//! see both by the clock, at once; the log, the claims and whatever reads the tables see them from here on.
//!
//! What became live in an offer after its enrollments went on in another, by reinstating one that had been cancelled,
//! is moved too: its job goes on.
//!
//! One replica at a time, some enrollments in each transaction. Were two at it, each enrollment would still be
//! settled once, since what is written is guarded by its revision; so it is when one is killed and another goes
//! on.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{App, Error, pieces::Piecework, working_set::WorkingSet};
use crate::storage::{catalogue::Catalogue, enrollment, job};

/// Who settles says so under this name.
const LEASE: &str = "settle";

impl App {
    /// Settles every enrollment that is over; gives how many there were. `None`: another replica is at it.
    pub async fn settle_enrollments(&self) -> Result<Option<usize>, Error> {
        let store = &self.0.store;
        let Some(_lease) = store.lease(LEASE).await? else {
            return Ok(None);
        };
        let mut lane = store.lane();
        let mut settled = 0;
        for offer in self.all_offers().await? {
            let settling = Settling(self);
            while let Some((_, changed)) = self.do_piece(&mut lane, &offer.name, &settling).await? {
                settled += changed;
            }
            if offer.successor.is_some() && job::wake_migration(store, &offer.name).await? {
                self.0.jobs.notify_one();
            }
        }
        Ok(Some(settled))
    }
}

struct Settling<'a>(&'a App);

impl Piecework for Settling<'_> {
    type Piece = Vec<Uuid>;
    const NAME: &'static str = "SettleEnrollments";

    async fn next(
        &self,
        catalogue: &Catalogue,
        now: DateTime<Utc>,
        size: u64,
    ) -> Result<Option<Vec<Uuid>>, Error> {
        let offer = &catalogue.offer;
        let today = offer.value.date_at(now);
        let ids = enrollment::over(self.0.0.store.reader(), offer, today, size).await?;
        Ok(Some(ids).filter(|ids| !ids.is_empty()))
    }

    fn ids(piece: &Vec<Uuid>) -> &[Uuid] {
        piece
    }

    fn act(
        &self,
        set: &mut WorkingSet,
        piece: &Vec<Uuid>,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let catalogue = set.catalogue();
        let offer = &catalogue.offer.value;
        piece.iter().try_for_each(|id| set.settle(*id, offer, now))
    }
}
