//! `DiscardLoad`: what a load brought is taken away, piece by piece, so that nobody waits for it.

use super::{App, Error, find};
use crate::{
    clock::stamp,
    domain::{
        cohort::Load, event::EventType, name::LoadName, person::IdentifierDigest, request::Caller,
        transition::Transition,
    },
    storage::{
        Row, Transaction, event, load, pack, reject, staged_chunk,
        transaction::{UnitOfWork, UnknownCommit},
    },
};

/// About how many identifiers are taken away in one transaction.
const PIECE: i64 = 50_000;

/// The most pieces: one for each beginning of two bytes.
const MOST_PIECES: u32 = 1 << 16;

impl App {
    /// Takes a load away that was never published. It is given up first; then nothing can be added to
    /// it, and it can only be discarded further.
    pub async fn discard_load(&self, caller: &Caller, name: LoadName) -> Result<(), Error> {
        let given_up = self.discard(caller, &name, Part::GiveUp).await?;
        let Some(load) = given_up else {
            return Ok(());
        };
        while self
            .discard(caller, &name, Part::Chunks(load.id))
            .await?
            .is_some()
        {}
        for digests in pieces(load.value.progress.identifiers) {
            let part = Part::Packs(load.id, digests);
            self.discard(caller, &name, part).await?;
        }
        self.discard(caller, &name, Part::Rest(load.id)).await?;
        Ok(())
    }

    async fn discard(
        &self,
        caller: &Caller,
        name: &LoadName,
        part: Part,
    ) -> Result<Option<Row<Load>>, Error> {
        let unit = Discarding {
            app: self.clone(),
            actor: caller.subject.clone(),
            name: name.clone(),
            part,
        };
        self.0.store.transaction(unit).await
    }
}

/// Ranges of digests, all digests together, each with about as many of so many identifiers: digests are
/// spread evenly.
fn pieces(identifiers: i64) -> impl Iterator<Item = (IdentifierDigest, IdentifierDigest)> {
    let wanted = u32::try_from(identifiers / PIECE + 1).unwrap_or(MOST_PIECES);
    let pieces = wanted.next_power_of_two().min(MOST_PIECES);
    let width = MOST_PIECES / pieces;
    (0..pieces).map(move |piece| {
        let (first, last) = (piece * width, (piece + 1) * width - 1);
        (digest(first, 0), digest(last, u8::MAX))
    })
}

/// The digest that begins with these two bytes and goes on with others that are all the same.
fn digest(beginning: u32, rest: u8) -> IdentifierDigest {
    let [_, _, high, low] = beginning.to_be_bytes();
    let mut digest = [rest; 16];
    let [first, second, ..] = &mut digest;
    (*first, *second) = (high, low);
    IdentifierDigest(digest)
}

/// A step, and the key of the load that it is about: its name may be another's by then.
enum Part {
    GiveUp,
    Chunks(i64),
    Packs(i64, (IdentifierDigest, IdentifierDigest)),
    Rest(i64),
}

struct Discarding {
    app: App,
    actor: String,
    name: LoadName,
    part: Part,
}

impl UnitOfWork for Discarding {
    /// The load, when something may be left of what the step takes away.
    type Output = Option<Row<Load>>;
    type Error = Error;
    const NAME: &'static str = "DiscardLoad";
    // To take away what is gone changes nothing.
    const UNKNOWN_COMMIT: UnknownCommit = UnknownCommit::Repeat;

    async fn run(&self, transaction: &Transaction) -> Result<Option<Row<Load>>, Error> {
        let cohort = find::cohort(transaction, &self.name.parent).await?;
        let found = load::find_for_update(transaction, &cohort, &self.name.load).await?;
        match (&self.part, found) {
            (Part::GiveUp, Some(row)) => Ok(Some(self.give_up(transaction, row).await?)),
            (Part::GiveUp, None) => Err(Error::not_found("Load", &self.name)),
            (Part::Chunks(id), Some(row)) if row.id == *id => {
                let more = staged_chunk::delete_some(transaction, *id).await?;
                Ok(more.then_some(row))
            }
            (Part::Packs(id, (first, last)), Some(row)) if row.id == *id => {
                pack::delete_of_load(transaction, *id, *first, *last).await?;
                Ok(Some(row))
            }
            (Part::Rest(id), Some(row)) if row.id == *id => {
                pack::delete_filters_of_load(transaction, *id).await?;
                reject::delete_of_load(transaction, *id).await?;
                load::delete(transaction, *id).await?;
                Ok(None)
            }
            // It is gone: done before, by this call or by another one.
            (Part::Chunks(_) | Part::Packs(..) | Part::Rest(_), _) => Ok(None),
        }
    }
}

impl Discarding {
    async fn give_up(&self, transaction: &Transaction, row: Row<Load>) -> Result<Row<Load>, Error> {
        let discarded = row.value.state.discard();
        let discarded = discarded.map_err(|forbids| Error::forbidden(&self.name, forbids))?;
        let Transition::To(state) = discarded else {
            return Ok(row);
        };
        let load = Load {
            state,
            update_time: stamp(self.app.now(), row.value.update_time),
            ..row.value
        };
        load::update(transaction, row.id, &load).await?;
        let event = self
            .app
            .load_event(&self.actor, EventType::LoadDiscarded, &load)?;
        event::insert(transaction, &event).await?;
        Ok(Row {
            id: row.id,
            value: load,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_together_are_everything_once() {
        for identifiers in [0, 1, PIECE, 5 * PIECE, i64::MAX] {
            let pieces = pieces(identifiers).collect::<Vec<_>>();
            assert!(i64::try_from(pieces.len()).unwrap() >= (identifiers / PIECE).min(65_536));
            assert_eq!(pieces[0].0.0, [0; 16]);
            assert_eq!(pieces[pieces.len() - 1].1.0, [255; 16]);
            for pair in pieces.windows(2) {
                let [end, begin] = [pair[0].1.0, pair[1].0.0].map(u128::from_be_bytes);
                assert_eq!(begin, end + 1);
            }
        }
    }
}
