//! The closed loop: so many calls in flight, each followed by the next one at once.

use std::{
    future::poll_fn,
    task::{Context, Poll},
    time::Instant,
};

use super::{
    Line, Numbers, Run, Times,
    line::Broken,
    tally::{Counted, Tally},
};

/// Keeps so many calls in flight, spread over the connections. A call that fails has no next one.
pub async fn closed<P>(
    mut lines: Vec<Line>,
    in_flight: usize,
    numbers: &Numbers,
    times: Times,
    probe: impl FnMut() -> P,
) -> Result<Run<P>, Broken> {
    let tally = Tally::new(Counted::Ended);
    let count = lines.len().max(1);
    for call in 0..in_flight {
        if let Some(line) = lines.get_mut(call % count) {
            begin(line, numbers, &tally, Instant::now());
        }
    }
    let calls = poll_fn(|context| poll(&mut lines, numbers, &tally, context));
    let (run, calls) = tokio::join!(tally.watch(times, probe), calls);
    calls?;
    Ok(tally.complete(run))
}

fn begin(line: &mut Line, numbers: &Numbers, tally: &Tally, now: Instant) {
    match numbers.take() {
        Some(number) => line.begin(number, now),
        None => tally.fail("there are no numbers left to call with".to_owned()),
    }
}

/// Ready when no call is left.
fn poll(
    lines: &mut [Line],
    numbers: &Numbers,
    tally: &Tally,
    context: &mut Context<'_>,
) -> Poll<Result<(), Broken>> {
    let mut in_flight = 0;
    for line in lines {
        // One look at the clock for all that has come at once: the next calls begin when those before
        // them have ended.
        let mut now = None;
        let polled = line.poll(context, |line, ended| {
            let now = *now.get_or_insert_with(Instant::now);
            let failed = ended.failure.is_some();
            tally.note(now, ended);
            if !failed && !tally.is_stopped() {
                begin(line, numbers, tally, now);
            }
        });
        if let Poll::Ready(polled) = polled {
            polled?;
        }
        in_flight += line.in_flight();
    }
    match in_flight {
        0 => Poll::Ready(Ok(())),
        _ => Poll::Pending,
    }
}
