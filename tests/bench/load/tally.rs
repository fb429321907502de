//! What a loop counts while it runs.

use std::{
    cell::{RefCell, RefMut},
    time::{Duration, Instant},
};

use super::call::Ended;

/// What a loop has measured.
pub struct Run<P> {
    /// What the probe gave when the counting began.
    pub before: P,
    /// What it gave when the counting ended.
    pub after: P,
    /// Calls that ended while it was counted.
    pub calls: u64,
    /// How long it was counted.
    pub elapsed: Duration,
    /// Microseconds of these calls; in the open loop, also of those that were due by then.
    pub latencies: Vec<f64>,
    /// Calls that failed, and what the first of them said.
    pub failures: Option<(u64, String)>,
}

pub(super) struct Tally {
    /// Which calls count.
    counted: Counted,
    counts: RefCell<Counts>,
}

/// Which calls count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// Those that end while it is counted.
    Ended,
    /// Those, and those that were due by then.
    Due,
}

struct Counts {
    counting: bool,
    stopped: Option<Instant>,
    latencies: Vec<f64>,
    failures: Option<(u64, String)>,
}

impl Tally {
    pub fn new(counted: Counted) -> Self {
        Self {
            counted,
            counts: RefCell::new(Counts {
                counting: false,
                stopped: None,
                latencies: Vec::new(),
                failures: None,
            }),
        }
    }

    /// Notes a call that has ended now.
    pub fn note(&self, now: Instant, ended: Ended) {
        if let Some(failure) = ended.failure {
            return self.fail(failure);
        }
        let mut counts = self.counts();
        if counts.counting || (counts.stopped.is_some() && self.counted == Counted::Due) {
            let elapsed = now.saturating_duration_since(ended.since);
            counts.latencies.push(elapsed.as_secs_f64() * 1e6);
        }
    }

    /// Notes that a call failed.
    pub fn fail(&self, failure: String) {
        self.counts().failures.get_or_insert((0, failure)).0 += 1;
    }

    pub fn is_stopped(&self) -> bool {
        self.counts().stopped.is_some()
    }

    /// Whether a call that was due then is still to be made.
    pub fn wants(&self, due: Instant) -> bool {
        self.counts().stopped.is_none_or(|stopped| due <= stopped)
    }

    /// Lets the loop run: warms up, counts between two looks of the probe, tells it to stop. What is known only when
    /// all calls have ended is left to [`Self::complete`].
    pub async fn watch<P>(&self, times: super::Times, mut probe: impl FnMut() -> P) -> Run<P> {
        tokio::time::sleep(times.warm_up).await;
        let before = probe();
        let begun = Instant::now();
        self.counts().counting = true;
        tokio::time::sleep(times.measured).await;
        let elapsed = begun.elapsed();
        self.counts().counting = false;
        let after = probe();
        let mut counts = self.counts();
        counts.stopped = Some(Instant::now());
        Run {
            before,
            after,
            calls: counts.latencies.len() as u64,
            elapsed,
            latencies: Vec::new(),
            failures: None,
        }
    }

    /// The run, once all calls have ended: how long they took, and what failed, also after the counting.
    pub fn complete<P>(self, run: Run<P>) -> Run<P> {
        let counts = self.counts.into_inner();
        Run {
            latencies: counts.latencies,
            failures: counts.failures,
            ..run
        }
    }

    fn counts(&self) -> RefMut<'_, Counts> {
        self.counts.borrow_mut()
    }
}
