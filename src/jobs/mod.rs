//! What runs by itself, beside the calls.
//!
//! Owns: when it runs. Must not know: what is done, which is a deed of `app` like any other, or how it is
//! kept to one replica at a time, which the deed sees to.

use std::{convert::Infallible, future::Future, time::Duration};

use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::app::{App, Error};

/// How often it is looked for jobs that another replica was asked for, or has left behind. What this replica is asked
/// for begins at once.
const CARRY_ON: Duration = Duration::from_secs(2);

/// How often the gauges are set of the codes that are left.
const CODES_LEFT: Duration = Duration::from_secs(15);

/// Settles enrollments again and again: those whose code ran out or whose term ended. Readers see by the clock what is
/// over: nothing waits for this but events.
pub async fn settle(app: &App, period: Duration) -> Infallible {
    again_and_again(period, std::future::pending, || {
        let app = app.clone();
        async move { tell("enrollments settled", app.settle_enrollments().await) }
    })
    .await
}

/// Works on jobs again and again.
pub async fn carry_on(app: &App) -> Infallible {
    again_and_again(
        CARRY_ON,
        || app.job_asked_for(),
        || {
            let app = app.clone();
            async move { tell("jobs done", app.carry_on_jobs().await) }
        },
    )
    .await
}

/// Shows again and again how many codes are left.
pub async fn show_codes_left(app: &App) -> Infallible {
    again_and_again(CODES_LEFT, std::future::pending, || {
        let app = app.clone();
        async move {
            let shown = app.show_codes_left().await;
            tell("gauges of codes set", shown.map(|()| None));
        }
    })
    .await
}

/// Does a thing at each tick, and sooner when it is called for.
async fn again_and_again<C, D>(
    period: Duration,
    called_for: impl Fn() -> C,
    deed: impl Fn() -> D,
) -> Infallible
where
    C: Future<Output = ()>,
    D: Future<Output = ()> + Send + 'static,
{
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = called_for() => {}
        }
        // A task of its own: whoever stops this loop must not cut a transaction in two.
        if tokio::spawn(deed()).await.is_err() {
            tracing::error!("what runs by itself panicked");
        }
    }
}

fn tell(what: &'static str, done: Result<Option<usize>, Error>) {
    match done {
        Ok(Some(count)) if count > 0 => tracing::info!(count, "{what}"),
        // There were none, or another replica is at it.
        Ok(Some(_) | None) => {}
        Err(error) => tracing::warn!(%error, "not done: {what}"),
    }
}
