//! Lanes: tasks that each take whatever waits, up to a bound, and do it together. What arrives while
//! they are at it goes into their next turn. Nobody waits for a timer: a lone call goes at once.
//!
//! Owns: the queue, its bound, and who is still waiting. Must not know: what is done in a turn.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    future::Future,
    hash::Hash,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::FutureExt;
use tokio::sync::{Notify, oneshot};

use super::{Error, error::Overload};

/// The most that goes into one turn. More would make the first wait for the last and gain nothing:
/// what a statement costs by itself is shared by then.
const TURN: usize = 256;

/// The most that waits. Calls in flight are bounded before they come here, in `server.rs`; this bounds
/// what their callers left behind.
const QUEUE: usize = 4_096;

/// What one lane does. It lasts as long as the lane, and may hold a connection.
pub(super) trait Work: Send + 'static {
    /// What is asked for.
    type Ask: Send + 'static;
    /// What is answered.
    type Answer: Send + 'static;

    /// Does all of these together, and answers each.
    fn turn(
        &mut self,
        waiting: Vec<Waiting<Self::Ask, Self::Answer>>,
    ) -> impl Future<Output = ()> + Send;
}

/// Somebody who waits.
pub(super) struct Waiting<Ask, Answer> {
    /// For what.
    pub ask: Ask,
    answer: oneshot::Sender<Answer>,
}

impl<Ask, Answer> Waiting<Ask, Answer> {
    /// Takes apart what is asked and where the answer goes.
    pub fn split(self) -> (Ask, Waiting<(), Answer>) {
        let Self { ask, answer } = self;
        (ask, Waiting { ask: (), answer })
    }

    /// Whether nobody waits for the answer any more.
    pub fn has_left(&self) -> bool {
        self.answer.is_closed()
    }

    /// Answers. Whoever has gone away meanwhile does not hear it.
    pub fn answer(self, answer: Answer) {
        let _ = self.answer.send(answer);
    }
}

/// Takes apart what waits, by what it has in common.
pub(super) fn by<Key: Clone + Eq + Hash, Ask, Answer>(
    key: impl Fn(&Ask) -> &Key,
    waiting: Vec<Waiting<Ask, Answer>>,
) -> HashMap<Key, Vec<Waiting<Ask, Answer>>> {
    let mut groups = HashMap::<_, Vec<_>>::new();
    for waiting in waiting {
        match groups.get_mut(key(&waiting.ask)) {
            Some(others) => others.push(waiting),
            None => drop(groups.insert(key(&waiting.ask).clone(), vec![waiting])),
        }
    }
    groups
}

/// The way to some lanes. They end when it is dropped, once nobody waits.
pub(super) struct Lanes<Ask, Answer>(Arc<Queue<Ask, Answer>>);

struct Queue<Ask, Answer>(Mutex<State<Ask, Answer>>);

struct State<Ask, Answer> {
    waiting: VecDeque<Waiting<Ask, Answer>>,
    /// Lanes that have nothing to do. The last one in is the first one out: its connection is the
    /// warmest, here and in the database.
    idle: Vec<Arc<Notify>>,
    closed: bool,
}

impl<Ask, Answer> Queue<Ask, Answer> {
    fn state(&self) -> MutexGuard<'_, State<Ask, Answer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Ask, Answer> fmt::Debug for Lanes<Ask, Answer> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lanes")
    }
}

impl<Ask: Send + 'static, Answer: Send + 'static> Lanes<Ask, Answer> {
    /// Opens a lane for each of these.
    pub fn open<W: Work<Ask = Ask, Answer = Answer>>(works: impl Iterator<Item = W>) -> Self {
        let queue = Arc::new(Queue(Mutex::new(State {
            waiting: VecDeque::new(),
            idle: Vec::new(),
            closed: false,
        })));
        for work in works {
            tokio::spawn(run(work, queue.clone()));
        }
        Self(queue)
    }

    /// Waits for the answer. Whoever stops waiting before a lane takes it up has asked for nothing:
    /// that is how a deadline is kept.
    pub async fn ask(&self, ask: Ask) -> Result<Answer, Error> {
        let (answer, answered) = oneshot::channel();
        let idle = {
            let mut state = self.0.state();
            if state.waiting.len() >= QUEUE {
                return Err(Error::Overloaded(Overload::Calls));
            }
            state.waiting.push_back(Waiting { ask, answer });
            state.idle.pop()
        };
        if let Some(lane) = idle {
            lane.notify_one();
        }
        answered
            .await
            .map_err(|_| Error::Fault("a lane gave no answer"))
    }
}

impl<Ask, Answer> Drop for Lanes<Ask, Answer> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.closed = true;
        for lane in state.idle.drain(..) {
            lane.notify_one();
        }
    }
}

async fn run<W: Work>(mut work: W, queue: Arc<Queue<W::Ask, W::Answer>>) {
    let woken = Arc::new(Notify::new());
    loop {
        let waiting = {
            let mut state = queue.state();
            let waiting = state.waiting.len().min(TURN);
            if waiting == 0 {
                if state.closed {
                    return;
                }
                state.idle.push(woken.clone());
            }
            state.waiting.drain(..waiting).collect::<Vec<_>>()
        };
        if waiting.is_empty() {
            woken.notified().await;
            continue;
        }
        let waiting = waiting.into_iter().filter(|one| !one.has_left());
        // A turn that panics answers nobody, and those who wait are told so; the lane goes on.
        let turn = AssertUnwindSafe(work.turn(waiting.collect()));
        let _ = turn.catch_unwind().await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::{self, Receiver, Sender};

    use super::*;

    /// Tells how many are in a turn, and ends it when it is told to.
    struct Counting {
        begun: Sender<usize>,
        go_on: Receiver<()>,
    }

    impl Work for Counting {
        type Ask = u32;
        type Answer = u32;

        async fn turn(&mut self, waiting: Vec<Waiting<u32, u32>>) {
            self.begun.send(waiting.len()).await.unwrap();
            self.go_on.recv().await.unwrap();
            for waiting in waiting {
                let (ask, caller) = waiting.split();
                assert_ne!(ask, 13, "an unlucky number");
                caller.answer(ask * 2);
            }
        }
    }

    fn counting() -> (Arc<Lanes<u32, u32>>, Receiver<usize>, Sender<()>) {
        let (begun, turns) = mpsc::channel(8);
        let (end, go_on) = mpsc::channel(8);
        let lanes = Lanes::open(std::iter::once(Counting { begun, go_on }));
        (Arc::new(lanes), turns, end)
    }

    fn ask(lanes: &Arc<Lanes<u32, u32>>, ask: u32) -> tokio::task::JoinHandle<Result<u32, Error>> {
        let lanes = lanes.clone();
        tokio::spawn(async move { lanes.ask(ask).await })
    }

    #[tokio::test]
    async fn what_arrives_during_a_turn_goes_into_the_next_together() {
        let (lanes, mut turns, end) = counting();
        let first = ask(&lanes, 0);
        assert_eq!(turns.recv().await, Some(1));

        let rest = (1..=9)
            .map(|number| ask(&lanes, number))
            .collect::<Vec<_>>();
        // One thread: all of them are in the queue once this one has waited its turn.
        tokio::task::yield_now().await;
        end.send(()).await.unwrap();

        assert_eq!(turns.recv().await, Some(9));
        end.send(()).await.unwrap();
        assert_eq!(first.await.unwrap().unwrap(), 0);
        for (number, asked) in (1..=9).zip(rest) {
            assert_eq!(asked.await.unwrap().unwrap(), number * 2);
        }
    }

    #[tokio::test]
    async fn who_has_gone_away_is_not_taken_up() {
        let (lanes, mut turns, end) = counting();
        let first = ask(&lanes, 0);
        assert_eq!(turns.recv().await, Some(1));

        let (gone, stays) = (ask(&lanes, 1), ask(&lanes, 2));
        tokio::task::yield_now().await;
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        end.send(()).await.unwrap();

        assert_eq!(turns.recv().await, Some(1));
        end.send(()).await.unwrap();
        first.await.unwrap().unwrap();
        assert_eq!(stays.await.unwrap().unwrap(), 4);
    }

    #[tokio::test]
    async fn a_turn_that_panics_is_told_of_and_the_lane_goes_on() {
        let (lanes, mut turns, end) = counting();
        let unlucky = ask(&lanes, 13);
        assert_eq!(turns.recv().await, Some(1));
        end.send(()).await.unwrap();
        assert!(matches!(unlucky.await.unwrap(), Err(Error::Fault(_))));

        let lucky = ask(&lanes, 14);
        assert_eq!(turns.recv().await, Some(1));
        end.send(()).await.unwrap();
        assert_eq!(lucky.await.unwrap().unwrap(), 28);
    }

    #[tokio::test]
    async fn a_full_queue_turns_the_next_away_at_once() {
        let (lanes, mut turns, _end) = counting();
        let _first = ask(&lanes, 0);
        assert_eq!(turns.recv().await, Some(1));
        let mut waiting = Vec::new();
        for _ in 0..QUEUE {
            let mut asking = Box::pin(lanes.ask(1));
            assert!(asking.as_mut().now_or_never().is_none());
            waiting.push(asking);
        }

        let refused = lanes.ask(2).await;

        assert!(matches!(refused, Err(Error::Overloaded(Overload::Calls))));
    }
}
