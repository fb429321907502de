//! The open loop: calls begin at a fixed rate, whether those before them have ended or not. A latency
//! counts from the moment at which the call was to begin, and however late it ends, so that no stall hides the calls
//! behind it.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use super::{
    Line, Numbers, Run, Times,
    line::Broken,
    tally::{Counted, Tally},
};

/// Calls on the way at once; more wait, and their waiting counts. Below what a server refuses.
const MOST_IN_FLIGHT: usize = 480;

/// Begins so many calls per second.
pub async fn open<P>(
    lines: Vec<Line>,
    per_second: f64,
    numbers: &Numbers,
    times: Times,
    probe: impl FnMut() -> P,
) -> Result<Run<P>, Broken> {
    let tally = Tally::new(Counted::Due);
    let period = Duration::from_secs_f64(1.0 / per_second.max(1.0));
    let beat = Beat::every(period);
    let mut calls = Calls {
        lines,
        next_line: 0,
        due: Instant::now(),
        period,
    };
    let calls = async {
        loop {
            let mut beaten = pin!(beat.notify.notified());
            let polled = poll_fn(|context| {
                // Also to be woken by the next one.
                let is_beaten = beaten.as_mut().poll(context).is_ready();
                match calls.poll(numbers, &tally, context) {
                    Poll::Pending if is_beaten => Poll::Ready(None),
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(done) => Poll::Ready(Some(done)),
                }
            });
            if let Some(done) = polled.await {
                return done;
            }
        }
    };
    let (run, calls) = tokio::join!(tally.watch(times, probe), calls);
    calls?;
    Ok(tally.complete(run))
}

struct Calls {
    lines: Vec<Line>,
    next_line: usize,
    /// When the next call is to begin.
    due: Instant,
    period: Duration,
}

impl Calls {
    /// Begins all calls that are due. Ready when it was told to stop and no call is left.
    fn poll(
        &mut self,
        numbers: &Numbers,
        tally: &Tally,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Broken>> {
        let mut in_flight = self.in_flight();
        while in_flight < MOST_IN_FLIGHT && self.due <= Instant::now() && tally.wants(self.due) {
            match numbers.take() {
                Some(number) => self.begin(number),
                None => tally.fail("there are no numbers left to call with".to_owned()),
            }
            self.due += self.period;
            in_flight += 1;
        }
        for line in &mut self.lines {
            let mut now = None;
            let polled = line.poll(context, |_, ended| {
                tally.note(*now.get_or_insert_with(Instant::now), ended);
            });
            if let Poll::Ready(polled) = polled {
                polled?;
            }
        }
        if tally.is_stopped() && self.in_flight() == 0 {
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
    }

    fn begin(&mut self, number: u64) {
        let line = self.next_line % self.lines.len().max(1);
        self.next_line += 1;
        if let Some(line) = self.lines.get_mut(line) {
            line.begin(number, self.due);
        }
    }

    fn in_flight(&self) -> usize {
        self.lines.iter().map(Line::in_flight).sum()
    }
}

/// Says when to look at the clock, until it is dropped. A thread of its own: the runtime's timer knows
/// milliseconds only.
struct Beat {
    notify: Arc<Notify>,
    stopped: Arc<AtomicBool>,
}

impl Beat {
    fn every(period: Duration) -> Self {
        let beat = Self {
            notify: Arc::new(Notify::new()),
            stopped: Arc::new(AtomicBool::new(false)),
        };
        let (notify, stopped) = (beat.notify.clone(), beat.stopped.clone());
        thread::spawn(move || {
            let mut due = Instant::now();
            while !stopped.load(Ordering::Relaxed) {
                notify.notify_one();
                due += period;
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        });
        beat
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}
