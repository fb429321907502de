//! Changes of many enrollments, some in each transaction, in turns like those of callers.

use std::{future::Future, sync::Arc};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{App, Error, codes_left, standing::Standings, working_set::WorkingSet};
use crate::{
    domain::name::OfferName,
    storage::{
        self,
        catalogue::Catalogue,
        lane::Lane,
        transaction::{Attempts, UnknownCommit},
    },
};

/// How many enrollments are changed in one transaction; and where it holds the one writer's place, for which
/// everybody who enrolls waits.
const SIZE: u64 = 500;
const SMALL_SIZE: u64 = 25;

/// Some of the enrollments of a job.
pub(super) struct PieceOfJob {
    /// Their ids.
    pub ids: Vec<Uuid>,
    /// After which id it goes on; `None` when this is the last piece.
    pub next: Option<Uuid>,
}

/// What is done with many enrollments of an offer.
pub(super) trait Piecework: Sync {
    /// Some of them.
    type Piece: Send + Sync;
    /// The deed's name.
    const NAME: &'static str;

    /// The next piece, of up to so many enrollments; `None` when there is none. Asked again when others got in the
    /// way.
    fn next(
        &self,
        catalogue: &Catalogue,
        now: DateTime<Utc>,
        size: u64,
    ) -> impl Future<Output = Result<Option<Self::Piece>, Error>> + Send;

    /// The enrollments of a piece.
    fn ids(piece: &Self::Piece) -> &[Uuid];

    /// Says in the working set what becomes of them.
    fn act(
        &self,
        set: &mut WorkingSet,
        piece: &Self::Piece,
        now: DateTime<Utc>,
    ) -> Result<(), Error>;
}

impl App {
    /// Does the next piece; gives it, and how many enrollments have changed. `None`: there was none.
    pub(super) async fn do_piece<W: Piecework>(
        &self,
        lane: &mut Lane,
        offer: &OfferName,
        work: &W,
    ) -> Result<Option<(W::Piece, usize)>, Error> {
        let now = self.now();
        let store = &self.0.store;
        let mut size = if store.writing_lanes() == 1 {
            SMALL_SIZE
        } else {
            SIZE
        };
        let mut attempts = Attempts::new(W::NAME, UnknownCommit::Repeat);
        loop {
            let Some(catalogue) = self.0.catalogues.read(offer).await? else {
                return Ok(None);
            };
            let Some(piece) = work.next(&catalogue, now, size).await? else {
                return Ok(None);
            };
            // Boxed: it holds the state of every statement it may run.
            let turn = Box::pin(self.take_turn(lane, &catalogue, work, &piece, now));
            match store.tracked(turn).await {
                Ok(Some(changed)) => return Ok(Some((piece, changed))),
                Ok(None) => attempts.again(storage::Error::Contention)?,
                Err(Error::Storage(failure)) => attempts.again(failure)?,
                Err(error) => return Err(error),
            }
            // Others are at these: the fewer, the sooner they are done with.
            size = (size / 4).max(1);
        }
    }

    /// `None`: the catalogue is out of date.
    async fn take_turn<W: Piecework>(
        &self,
        lane: &mut Lane,
        catalogue: &Arc<Catalogue>,
        work: &W,
        piece: &W::Piece,
        now: DateTime<Utc>,
    ) -> Result<Option<usize>, Error> {
        let mut turn = lane.begin().await?;
        let Some(seen) = turn.look(catalogue, &[], W::ids(piece)).await? else {
            return Ok(None);
        };
        let standings = Standings::of_seen(seen);
        let mut set = WorkingSet::new(catalogue.clone(), standings, self.0.random);
        work.act(&mut set, piece, now)?;
        let changed = set.changes.changed.len();
        let given = turn.commit(catalogue, set.changes).await?;
        if let Some(left) = given.left {
            codes_left::show(&catalogue.offer.value.name, left);
        }
        Ok(Some(changed))
    }
}
