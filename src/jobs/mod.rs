//! What runs by itself, beside the calls.
//!
//! Owns: when it runs. Must not know: what is done, which is a deed of `app` like any other, or how it is
//! kept to one replica at a time, which the deed sees to.

use std::{convert::Infallible, time::Duration};

use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::app::App;

/// How often enrollments are settled. Readers see by the clock what is over: nothing waits for this but
/// events.
const SETTLE: Duration = Duration::from_mins(10);

/// Settles enrollments again and again: those whose code ran out or whose term ended.
pub async fn settle(app: &App) -> Infallible {
    let mut ticks = interval_at(Instant::now() + SETTLE, SETTLE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let app = app.clone();
        // A task of its own: whoever stops this loop must not cut a transaction in two.
        let settled = tokio::spawn(async move { app.settle_enrollments().await }).await;
        match settled {
            Ok(Ok(Some(settled))) if settled > 0 => {
                tracing::info!(settled, "enrollments were settled");
            }
            // None were over, or another replica is at it.
            Ok(Ok(Some(_) | None)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "enrollments could not be settled"),
            Err(_) => tracing::error!("settling enrollments panicked"),
        }
    }
}
