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
    /// Microseconds of these calls.
    pub latencies: Vec<f64>,
    /// Calls that failed, and what the first of them said.
    pub failures: Option<(u64, String)>,
}

pub(super) struct Tally(RefCell<Counts>);

struct Counts {
    counting: bool,
    stopped: bool,
    latencies: Vec<f64>,
    failures: Option<(u64, String)>,
}

impl Tally {
    pub fn new() -> Self {
        Self(RefCell::new(Counts {
            counting: false,
            stopped: false,
            latencies: Vec::new(),
            failures: None,
        }))
    }

    /// Notes a call that has ended now.
    pub fn note(&self, now: Instant, ended: Ended) {
        if let Some(failure) = ended.failure {
            return self.fail(failure);
        }
        let mut counts = self.counts();
        if counts.counting {
            let elapsed = now.saturating_duration_since(ended.since);
            counts.latencies.push(elapsed.as_secs_f64() * 1e6);
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
        let latencies = std::mem::take(&mut counts.latencies);
        Run {
            before,
            after,
            calls: latencies.len() as u64,
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
