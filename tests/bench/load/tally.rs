//! What a loop counts while it runs.

use std::{
    cell::{RefCell, RefMut},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

use super::call::Ended;

/// Nanoseconds of the longest call that is told apart: a minute.
const LONGEST: u64 = 60_000_000_000;

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
    /// Nanoseconds of these calls.
    pub latencies: Histogram<u64>,
    /// Calls that failed, and what the first of them said.
    pub failures: Option<(u64, String)>,
}

pub(super) struct Tally(RefCell<Counts>);

struct Counts {
    counting: bool,
    stopped: bool,
    latencies: Histogram<u64>,
    failures: Option<(u64, String)>,
}

impl Tally {
    pub fn new() -> Result<Self, hdrhistogram::CreationError> {
        Ok(Self(RefCell::new(Counts {
            counting: false,
            stopped: false,
            latencies: Histogram::new_with_bounds(1, LONGEST, 3)?,
            failures: None,
        })))
    }

    /// Notes a call that has ended now.
    pub fn note(&self, now: Instant, ended: Ended) {
        if let Some(failure) = ended.failure {
            return self.fail(failure);
        }
        let mut counts = self.counts();
        if counts.counting {
            let elapsed = now.saturating_duration_since(ended.since).as_nanos();
            let nanoseconds = u64::try_from(elapsed).unwrap_or(u64::MAX);
            counts.latencies.saturating_record(nanoseconds);
        }
    }

    /// Notes that a call failed.
    pub fn fail(&self, failure: String) {
        self.counts().failures.get_or_insert((0, failure)).0 += 1;
    }

    pub fn is_stopped(&self) -> bool {
        self.counts().stopped
    }

    /// Lets the loop run: warms up, counts between two looks of the probe, tells it to stop.
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
        counts.stopped = true;
        let latencies = counts.latencies.clone();
        Run {
            before,
            after,
            calls: latencies.len(),
            elapsed,
            latencies,
            failures: None,
        }
    }

    /// What failed, also after the counting. To be asked once all calls have ended.
    pub fn failures(&self) -> Option<(u64, String)> {
        self.counts().failures.clone()
    }

    fn counts(&self) -> RefMut<'_, Counts> {
        self.0.borrow_mut()
    }
}
