//! The closed loop: so many calls in flight, each followed by the next one at once.

use std::{sync::Arc, time::Instant};

use super::{Line, Numbers, Run, Script, Times, line::Caller, tally::Tally};

/// Keeps so many calls in flight, spread over the connections. A caller whose call fails stops.
pub async fn closed<P>(
    lines: &[Line],
    in_flight: usize,
    script: &Arc<Script>,
    numbers: &Arc<Numbers>,
    times: Times,
    probe: impl FnMut() -> P,
) -> Result<Run<P>, Box<dyn std::error::Error + Send + Sync>> {
    let tally = Tally::new()?;
    let mut callers = Vec::new();
    for line in lines.iter().cycle().take(in_flight) {
        let caller = line.caller(script)?;
        callers.push(tokio::spawn(keep_calling(
            caller,
            script.clone(),
            numbers.clone(),
            tally.clone(),
        )));
    }
    let mut run = tally.watch(times, probe).await;
    for caller in callers {
        caller.await?;
    }
    run.failures = tally.failures();
    Ok(run)
}

async fn keep_calling(
    mut caller: Caller,
    script: Arc<Script>,
    numbers: Arc<Numbers>,
    tally: Tally,
) {
    while !tally.is_stopped() {
        let begun = Instant::now();
        let Some(number) = numbers.take() else {
            tally.note(
                begun,
                Some("there are no numbers left to call with".to_owned()),
            );
            return;
        };
        let failure = caller.call(&script, number).await;
        let failed = failure.is_some();
        tally.note(begun, failure);
        if failed {
            return;
        }
    }
}
