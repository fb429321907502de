//! The committer: what callers write for people goes into shared turns. A lane takes whatever waits,
//! looks at all of it in one statement, lets each command decide, and writes all of it in one commit.
//! Only then is anybody answered.
//!
//! It also is what a caller who goes away cannot cut in two: a lane is a task of its own. A command
//! whose caller has gone before it is taken up is not begun.
//!
//! **Exactly once.** A request id is looked for only where it can matter, which is not on the way of a
//! first request that succeeds: when a command would be refused, since a retry of what has been done
//! looks like that, and when a turn has failed. For a first request the unique key over request ids
//! has the last word: if somebody else has used it, nothing is written, the turn is taken again, and
//! then all of its request ids are looked for. The same resolves a commit that nobody heard of.
//!
//! **One bad command fails alone.** A refusal is the command's own answer. If the turn itself fails
//! for another reason than a database that is away, as when somebody holds a row that one of them changes, it is
//! taken apart, and each command has a turn of its own.
//!
//! # How to add a command
//! 1. Give it a file, with a struct that holds everything it needs, sealed and minted beforehand:
//!    lanes are few, callers' tasks are many.
//! 2. Implement [`Deed`]: say in `wants` whom it must see, and decide in `act`, which only reads and
//!    changes the [`WorkingSet`]. Let it refuse before it changes anything: its changes are kept with
//!    those of the turn. Each change is an event.
//! 3. If it changes rows of a new kind, add them to [`Changes`](crate::storage::lane::Changes), to the `Rows` behind
//!    it, where `add_only` says whether a turn needs more than its inserts, and to both writers.
//! 4. Call [`App::once`] with it.
//!
//! A command that changes one enrollment is less than that: it implements [`Change`](super::change::Change), and
//! says what the enrollment becomes.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    App, Error,
    catalogues::Catalogues,
    codes_left,
    deed::{Deed, Done, Wants},
    error::Conflict,
    lanes::{Waiting, Work, by},
    others::{self, Others},
    standing::Standings,
    view::EnrollmentView,
    working_set::WorkingSet,
};
use crate::{
    clock::Random,
    domain::{name::OfferName, person::IdentifierDigest, request::RequestId},
    storage::{
        self, Store,
        catalogue::Catalogue,
        enrollment::StoredEnrollment,
        lane::{Lane, Recorded, Turn},
        request::{Answered, Request},
        transaction::{Attempts, UnknownCommit},
    },
};

/// A command on its way.
pub(super) struct Order {
    offer: OfferName,
    request: Request,
    received: DateTime<Utc>,
    deed: Box<dyn Deed>,
}

/// What a caller is answered.
pub(super) type Outcome = Result<(Arc<Catalogue>, Done), Error>;

impl App {
    /// Does a deed of one offer once for this request: whoever asks again with the same request id
    /// gets the first result.
    pub(super) async fn once(
        &self,
        offer: OfferName,
        request: Request,
        deed: impl Deed + 'static,
    ) -> Result<EnrollmentView, Error> {
        let order = Order {
            offer,
            request,
            received: self.now(),
            deed: Box::new(deed),
        };
        let (catalogue, done) = self.0.commits.ask(order).await??;
        let today = catalogue.offer.value.date_at(self.now());
        self.view(done.stored, done.code.as_ref(), today)
    }
}

/// A lane for commands.
pub(super) struct Committing {
    pub lane: Lane,
    pub store: Store,
    pub catalogues: Arc<Catalogues>,
    pub random: Random,
}

impl Work for Committing {
    type Ask = Order;
    type Answer = Outcome;

    async fn turn(&mut self, waiting: Vec<Waiting<Order, Outcome>>) {
        let store = self.store.clone();
        store.tracked(Box::pin(self.serve(waiting))).await;
    }
}

impl Committing {
    /// A turn for each offer: what is seen and decided is of one offer.
    async fn serve(&mut self, waiting: Vec<Waiting<Order, Outcome>>) {
        for (name, waiting) in by(|order: &Order| &order.offer, waiting) {
            // Those of another offer may have taken their time.
            let waiting = waiting.into_iter().filter(|one| !one.has_left());
            let (orders, callers) = waiting.map(Waiting::split).unzip::<_, _, Vec<_>, Vec<_>>();
            if orders.is_empty() {
                continue;
            }
            // Boxed: it holds the state of every statement it may run.
            let outcomes = Box::pin(self.all(&name, &orders, &callers)).await;
            for (caller, outcome) in callers.into_iter().zip(outcomes) {
                caller.answer(outcome);
            }
        }
    }

    /// Does them together; if that cannot be, each by itself, for a caller who still waits.
    async fn all(
        &mut self,
        name: &OfferName,
        orders: &[Order],
        callers: &[Waiting<(), Outcome>],
    ) -> Vec<Outcome> {
        let failure = match self.together(name, orders).await {
            Ok(outcomes) => return outcomes,
            Err(failure) => failure,
        };
        let is_of_all = match failure {
            storage::Error::Unavailable | storage::Error::OutcomeUnknown => true,
            storage::Error::Contention
            | storage::Error::LiveClaimTaken
            | storage::Error::Locked
            | storage::Error::Fault(_) => orders.len() == 1,
        };
        if is_of_all {
            return orders.iter().map(|_| Err(failure.clone().into())).collect();
        }
        metrics::counter!("enrollment_turns_taken_apart_total").increment(1);
        tracing::warn!(%failure, commands = orders.len(), "a turn is taken apart");
        let mut outcomes = Vec::<Outcome>::with_capacity(orders.len());
        for (order, caller) in orders.iter().zip(callers) {
            if caller.has_left() {
                outcomes.push(Err(Error::Fault("nobody waits for this command")));
                continue;
            }
            if let Some(Err(Error::Storage(storage::Error::Unavailable))) = outcomes.last() {
                // The database has gone away: nobody else need wait to learn it.
                outcomes.push(Err(storage::Error::Unavailable.into()));
                continue;
            }
            let alone = self.together(name, std::slice::from_ref(order)).await;
            let alone = alone.map_or_else(|failure| Some(Err(failure.into())), |mut one| one.pop());
            outcomes.push(alone.unwrap_or(Err(Error::Fault("a command has no outcome"))));
        }
        outcomes
    }

    /// Takes a turn, and takes it again while others get in its way.
    async fn together(
        &mut self,
        name: &OfferName,
        orders: &[Order],
    ) -> Result<Vec<Outcome>, storage::Error> {
        let unit = orders.first().map_or("none", |order| order.deed.name());
        let mut attempts = Attempts::new(unit, UnknownCommit::Repeat);
        let mut catalogue = self.catalogues.last_read(name).await?;
        let mut asks_all = false;
        loop {
            let Some(current) = catalogue.clone() else {
                let missing = || Err(Error::not_found("Offer", name));
                return Ok(orders.iter().map(|_| missing()).collect());
            };
            match Box::pin(self.attempt(&current, orders, asks_all)).await {
                Ok(Some(outcomes)) if attempts.commit_is_unknown() => {
                    return Ok(outcomes.into_iter().map(none_refused).collect());
                }
                Ok(Some(outcomes)) => return Ok(outcomes),
                Ok(None) => {
                    attempts.again(storage::Error::Contention)?;
                    match self.catalogues.read(name).await {
                        Ok(read) => catalogue = read,
                        Err(failure) => attempts.again(failure)?,
                    }
                }
                Err(failure) => {
                    asks_all = true;
                    attempts.again(failure)?;
                }
            }
        }
    }

    /// Looks, lets them decide, and commits. `None`: the catalogue is out of date.
    async fn attempt(
        &mut self,
        catalogue: &Arc<Catalogue>,
        orders: &[Order],
        asks_all: bool,
    ) -> Result<Option<Vec<Outcome>>, storage::Error> {
        let (digests, ids) = wanted(orders);
        let mut turn = self.lane.begin().await?;
        let mut codes_left = None;
        if asks_all {
            // Before the look: when none is left, the look sees whoever has taken the last one.
            codes_left = turn.codes_left(catalogue).await?;
        }
        let Some(seen) = turn.look(catalogue, &digests, &ids).await? else {
            return Ok(None);
        };
        // On a connection of their own: what is written is guarded (`storage/elsewhere.rs`).
        let reader = self.store.reader();
        let others = others::find(reader, &catalogue.offer, &digests, &seen, None).await?;
        let standings = Standings::of_seen(seen).with(Others::of_found(others));
        let mut batch = Batch {
            set: WorkingSet::new(catalogue.clone(), standings, self.random),
            answered: HashMap::new(),
        };
        if asks_all {
            batch.ask(&mut turn, orders.iter()).await?;
            batch.set.codes_left = codes_left;
        }
        let mut outcomes = orders
            .iter()
            .map(|order| batch.decide(order))
            .collect::<Result<Vec<_>, _>>()?;
        let refused = || orders.iter().zip(&outcomes).filter(|(_, o)| o.is_err());
        if !asks_all && refused().next().is_some() {
            // Looked for after the people were: whoever was refused for what their own request has
            // done finds that request.
            batch
                .ask(&mut turn, refused().map(|(order, _)| order))
                .await?;
            for (order, outcome) in orders.iter().zip(&mut outcomes) {
                if outcome.is_err()
                    && let Some(replayed) = batch.replay(order)
                {
                    *outcome = replayed;
                }
            }
        }
        let given = turn.commit(catalogue, batch.set.changes).await?;
        if let Some(left) = given.left {
            codes_left::show(&catalogue.offer.value.name, left);
        }
        let outcomes = orders.iter().zip(outcomes).map(|(order, outcome)| {
            let mut done = outcome?;
            if order.deed.shows_code() && done.code.is_none() {
                let id = done.stored.enrollment.name.enrollment;
                done.code = given.codes.get(&id).cloned();
            }
            Ok((catalogue.clone(), done))
        });
        Ok(Some(outcomes.collect()))
    }
}

/// After a commit that nobody heard of, what would be refused may have been done, and be on its way:
/// the caller is to ask again.
fn none_refused(outcome: Outcome) -> Outcome {
    outcome.map_err(|_| storage::Error::OutcomeUnknown.into())
}

fn wanted(orders: &[Order]) -> (Vec<IdentifierDigest>, Vec<Uuid>) {
    let (mut digests, mut ids) = (Vec::new(), Vec::new());
    for order in orders {
        match order.deed.wants() {
            Wants::People(people) => digests.extend_from_slice(people),
            Wants::Enrollment(id) => ids.push(id),
        }
    }
    digests.sort_unstable();
    digests.dedup();
    ids.sort_unstable();
    ids.dedup();
    (digests, ids)
}

/// One turn's commands as they decide.
struct Batch {
    set: WorkingSet,
    /// What was made of request ids, in earlier turns and in this one.
    answered: HashMap<(String, RequestId), Answered>,
}

impl Batch {
    /// Finds out which of these have been answered before.
    async fn ask(
        &mut self,
        turn: &mut Turn<'_>,
        orders: impl Iterator<Item = &Order>,
    ) -> Result<(), storage::Error> {
        let requests = orders.map(|order| &order.request).collect::<Vec<_>>();
        for answered in turn.answered(&requests).await? {
            let key = (answered.caller.clone(), answered.id);
            self.answered.insert(key, answered);
        }
        Ok(())
    }

    /// What becomes of a command. Fails only when it panics: then the turn is worth nothing.
    fn decide(&mut self, order: &Order) -> Result<Result<Done, Error>, storage::Error> {
        if let Some(replayed) = self.replay(order) {
            return Ok(replayed);
        }
        let act = || order.deed.act(&mut self.set, order.received);
        let acted = catch_unwind(AssertUnwindSafe(act))
            .map_err(|_| storage::Error::Fault(format!("{} panicked", order.deed.name())))?;
        if let Ok(done) = &acted {
            self.record(order, done);
        }
        Ok(acted)
    }

    /// The first result, if the request has been answered before.
    fn replay(&self, order: &Order) -> Option<Result<Done, Error>> {
        let key = (order.request.caller.clone(), order.request.id);
        let answered = self.answered.get(&key)?;
        let same = answered.fingerprint == order.request.fingerprint;
        let Some(mut enrollment) = answered.result.clone().filter(|_| same) else {
            return Some(Err(Error::Exists(Conflict::RequestId)));
        };
        let code = answered.code.clone();
        let code = code.filter(|_| order.deed.shows_code());
        if let Some(code) = &code {
            enrollment.code_source = code.source();
        }
        Some(Ok(Done {
            stored: StoredEnrollment {
                cohorts_retracted: self.set.catalogue().none_counts(&enrollment),
                contact: answered.contact.clone(),
                enrollment,
            },
            code,
        }))
    }

    fn record(&mut self, order: &Order, done: &Done) {
        let request = order.request.clone();
        let answered = Answered {
            caller: request.caller.clone(),
            id: request.id,
            fingerprint: request.fingerprint.to_vec(),
            result: Some(done.stored.enrollment.clone()),
            contact: done.stored.contact.clone(),
            code: done.code.clone(),
        };
        let key = (request.caller.clone(), request.id);
        self.answered.insert(key, answered);
        self.set.changes.requests.push(Recorded {
            request,
            result: done.stored.enrollment.clone(),
            time: order.received,
        });
    }
}
