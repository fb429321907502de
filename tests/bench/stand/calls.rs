//! Connections for calls, and what is noted of those that were made.

use std::{net::SocketAddr, sync::Arc};

use super::{
    Result,
    figures::{Figures, quantile},
};
use crate::load::{Line, Run, Script};

/// Connections for more than one call in flight: each takes 256 at once.
const CONNECTIONS: usize = 4;

/// Connections for so many calls of this script in flight.
pub async fn connect(
    address: SocketAddr,
    script: &Arc<Script>,
    in_flight: usize,
) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for _ in 0..in_flight.min(CONNECTIONS) {
        lines.push(Line::to(address, script).await?);
    }
    Ok(lines)
}

/// Notes calls per second and latencies. Fails when a call failed.
pub fn note_calls<P>(figures: &mut Figures, name: &str, run: &Run<P>) -> Result<()> {
    if let Some((count, first)) = &run.failures {
        return Err(format!("{name}: {count} calls failed; {first}").into());
    }
    if run.calls == 0 {
        return Err(format!("{name}: no call has ended in time").into());
    }
    let per_second = run.calls as f64 / run.elapsed.as_secs_f64();
    figures.add(format!("{name}_calls_per_second"), per_second, "1/s");
    note_latencies(figures, name, &run.latencies);
    Ok(())
}

/// Notes the middle one of these microseconds, and the one that a hundredth exceeds.
pub fn note_latencies(figures: &mut Figures, name: &str, latencies: &[f64]) {
    for (what, part) in [("p50", 0.5), ("p99", 0.99)] {
        if let Some(value) = quantile(latencies, part) {
            figures.add(format!("{name}_{what}"), value, "us");
        }
    }
}
