//! The open loop: calls begin at a fixed rate, whether those before them have ended or not. A latency
//! counts from the moment at which the call was to begin, so that no stall hides the calls behind it.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
};

use super::{Line, Numbers, Run, Script, Times, tally::Tally};

/// Calls on the way at once; more wait, and their waiting counts. Below what a server refuses.
const MOST_IN_FLIGHT: usize = 480;

/// Begins so many calls per second.
pub async fn open<P>(
    lines: &[Line],
    per_second: f64,
    script: &Arc<Script>,
    numbers: &Arc<Numbers>,
    times: Times,
    probe: impl FnMut() -> P,
) -> Result<Run<P>, Box<dyn std::error::Error + Send + Sync>> {
    let tally = Tally::new()?;
    let callers = lines
        .iter()
        .map(|line| line.caller(script))
        .collect::<Result<Vec<_>, _>>()?;
    let mut beats = beat(per_second, tally.clone());
    let calls = async {
        let places = Arc::new(Semaphore::new(MOST_IN_FLIGHT));
        let mut calls = JoinSet::new();
        let mut callers = callers.iter().cycle();
        while let Some(due) = beats.recv().await {
            let (Some(caller), Some(number)) = (callers.next(), numbers.take()) else {
                tally.note(
                    due,
                    Some("there are no numbers left to call with".to_owned()),
                );
                break;
            };
            let (mut caller, script) = (caller.clone(), script.clone());
            let (places, tally) = (places.clone(), tally.clone());
            calls.spawn(async move {
                let _place = places.acquire_owned().await;
                let failure = caller.call(&script, number).await;
                tally.note(due, failure);
            });
        }
        while calls.join_next().await.is_some() {}
    };
    let (mut run, ()) = tokio::join!(tally.watch(times, probe), calls);
    run.failures = tally.failures();
    Ok(run)
}

/// Says when each call is to begin. A thread of its own: the runtime's timer knows milliseconds only.
fn beat(per_second: f64, tally: Tally) -> mpsc::UnboundedReceiver<Instant> {
    let (sender, beats) = mpsc::unbounded_channel();
    let period = Duration::from_secs_f64(1.0 / per_second.max(1.0));
    thread::spawn(move || {
        let mut due = Instant::now();
        while !tally.is_stopped() && sender.send(due).is_ok() {
            due += period;
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    });
    beats
}
