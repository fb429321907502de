//! `DiscardLoad`: what a load brought is taken away, piece by piece, so that nobody waits for it.

use super::{App, Error, find};
use crate::{
    clock::stamp,
    domain::{
        cohort::Load, event::EventType, name::LoadName, person::IdentifierDigest, request::Caller,
        transition::Transition,
    },
    storage::{
        Row, Transaction, event, load, member, reject,
        transaction::{UnitOfWork, UnknownCommit},
    },
};

/// About how many identifiers are taken away in one transaction.
const PIECE: i64 = 5_000;

/// The most pieces: one for each beginning of two bytes.
const MOST_PIECES: u32 = 1 << 16;

impl App {
    /// Takes a load away that was never published. It is given up first; then nothing can be added to
    /// it, and it can only be discarded further.
    pub async fn discard_load(&self, caller: &Caller, name: LoadName) -> Result<(), Error> {
        let identifiers = self.discard(caller, &name, Part::Claim).await?;
        for digests in pieces(identifiers) {
            self.discard(caller, &name, Part::Members(digests)).await?;
        }
        self.discard(caller, &name, Part::Rest).await?;
        Ok(())
    }

    async fn discard(&self, caller: &Caller, name: &LoadName, part: Part) -> Result<i64, Error> {
        let unit = Discarding {
            app: self.clone(),
            actor: caller.subject.clone(),
            name: name.clone(),
            part,
        };
        self.0.store.transaction(unit).await
    }
}

/// Ranges of digests, all of them together, each with about as many of so many identifiers: digests are
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

enum Part {
    Claim,
    Members((IdentifierDigest, IdentifierDigest)),
    Rest,
}

struct Discarding {
    app: App,
    actor: String,
    name: LoadName,
    part: Part,
}

impl UnitOfWork for Discarding {
    /// How many identifiers the load has brought.
    type Output = i64;
    type Error = Error;
    const NAME: &'static str = "DiscardLoad";
    // To take away what is gone changes nothing.
    const UNKNOWN_COMMIT: UnknownCommit = UnknownCommit::Repeat;

    async fn run(&self, transaction: &Transaction) -> Result<i64, Error> {
        let missing = || Error::not_found("Load", &self.name);
        let cohort = find::cohort(transaction, &self.name.parent).await?;
        let found = load::find_for_update(transaction, &cohort, &self.name.load).await?;
        let row = found.ok_or_else(missing)?;
        let discarded = row.value.state.discard();
        let discarded = discarded.map_err(|forbids| Error::forbidden(&self.name, forbids))?;
        match (&self.part, discarded) {
            (Part::Claim, Transition::To(state)) => {
                let load = Load {
                    state,
                    update_time: stamp(self.app.now(), row.value.update_time),
                    ..row.value.clone()
                };
                self.claim(transaction, &row, &load).await?;
            }
            (Part::Claim, Transition::Already(_)) => {}
            (Part::Members((first, last)), Transition::Already(_)) => {
                member::delete_of_load(transaction, row.id, *first..=*last).await?;
            }
            (Part::Rest, Transition::Already(_)) => {
                reject::delete_of_load(transaction, row.id).await?;
                load::delete(transaction, row.id).await?;
            }
            // Somebody else has taken it away meanwhile, and this is another of the same name.
            (Part::Members(_) | Part::Rest, Transition::To(_)) => return Err(missing()),
        }
        Ok(row.value.progress.identifiers)
    }
}

impl Discarding {
    async fn claim(
        &self,
        transaction: &Transaction,
        row: &Row<Load>,
        load: &Load,
    ) -> Result<(), Error> {
        load::update(transaction, row.id, load).await?;
        let event = self
            .app
            .load_event(&self.actor, EventType::LoadDiscarded, load)?;
        event::insert(transaction, &event).await?;
        Ok(())
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
