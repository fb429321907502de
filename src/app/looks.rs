//! Looks at people that share a statement: checks and look-ups that wait at the same time.
//!
//! One lane has all of them. With two, turns are half as large, and 256 checks in flight were answered at
//! 28 thousand a second where one lane answered 33 thousand. Batches have lanes of their own, so that
//! nobody waits behind a thousand others: of 2, 3 and 4, three answered most with 8 batches in flight on two
//! cores (444, 477 and 456 thousand people a second), since others ask while one reads what came.

use std::sync::Arc;

use super::{
    App, Error,
    catalogues::Catalogues,
    lanes::{Waiting, Work, by},
    others::{self, Others},
    standing::Standings,
};
use crate::{
    domain::{identifier::MAX_PER_PERSON, name::OfferName, offer::Offer, person::IdentifierDigest},
    storage::{self, Store, catalogue::Catalogue, lane::Lane},
};

/// The most identifiers in one statement that calls share. Who asks for more has it alone.
const SHARED: usize = 2_048;

/// How often a catalogue may change under a look before it gives up.
const CHANGES: u32 = 6;

/// Who is looked for.
#[derive(Debug)]
pub(super) struct Look {
    offer: OfferName,
    digests: Vec<IdentifierDigest>,
}

/// What was seen, of these and of others. `None`: there is no such offer.
pub(super) type Looked = Result<Option<Arc<Sight>>, storage::Error>;

/// An offer, and where people stand with it.
pub(super) struct Sight {
    catalogue: Arc<Catalogue>,
    /// Where they stand.
    pub standings: Standings,
}

impl Sight {
    /// What the offer said when the people were looked at.
    pub fn offer(&self) -> &Offer {
        &self.catalogue.offer.value
    }
}

impl App {
    /// Looks for people with these identifiers.
    pub(super) async fn look(
        &self,
        name: &OfferName,
        digests: Vec<IdentifierDigest>,
    ) -> Result<Arc<Sight>, Error> {
        let look = Look {
            offer: name.clone(),
            digests,
        };
        let is_batch = look.digests.len() > MAX_PER_PERSON;
        let lanes = if is_batch {
            &self.0.large_looks
        } else {
            &self.0.looks
        };
        let sight = lanes.ask(look).await??;
        sight.ok_or_else(|| Error::not_found("Offer", name))
    }
}

/// A lane for looks.
pub(super) struct Looking {
    pub lane: Lane,
    pub store: Store,
    pub catalogues: Arc<Catalogues>,
}

impl Work for Looking {
    type Ask = Look;
    type Answer = Looked;

    async fn turn(&mut self, waiting: Vec<Waiting<Look, Looked>>) {
        for (name, mut waiting) in by(|look: &Look| &look.offer, waiting) {
            while !waiting.is_empty() {
                let rest = waiting.split_off(fitting(&waiting));
                let digests = waiting.iter().flat_map(|waiting| &waiting.ask.digests);
                let mut digests = digests.copied().collect::<Vec<_>>();
                digests.sort_unstable();
                digests.dedup();
                let looked = self.look(&name, &digests).await;
                // What cannot be read of one person is no reason to fail the others.
                let apart = matches!(looked, Err(storage::Error::Fault(_))) && waiting.len() > 1;
                for waiting in waiting {
                    let looked = if apart {
                        self.look(&name, &waiting.ask.digests).await
                    } else {
                        looked.clone()
                    };
                    waiting.answer(looked);
                }
                waiting = rest;
            }
        }
    }
}

/// How many of them go into one statement.
fn fitting(waiting: &[Waiting<Look, Looked>]) -> usize {
    let mut digests = 0;
    let fitting = waiting.iter().take_while(|waiting| {
        digests += waiting.ask.digests.len();
        digests <= SHARED
    });
    fitting.count().max(1)
}

impl Looking {
    async fn look(&mut self, name: &OfferName, digests: &[IdentifierDigest]) -> Looked {
        let mut catalogue = self.catalogues.last_read(name).await?;
        for _ in 0..CHANGES {
            let Some(current) = catalogue else {
                return Ok(None);
            };
            if let Some(seen) = self.lane.look(&current, digests, &[]).await? {
                let reader = self.store.reader();
                let others = others::find(reader, &current.offer, digests, &seen, None).await?;
                return Ok(Some(Arc::new(Sight {
                    standings: Standings::of_seen(seen).with(Others::of_found(others)),
                    catalogue: current,
                })));
            }
            catalogue = self.catalogues.read(name).await?;
        }
        Err(storage::Error::Unavailable)
    }
}
