//! What is to be reached.

use crate::stand::{
    Result,
    figures::Figures,
    goal::{Bound, Formula, Goal},
};

/// All of them.
pub const GOALS: [Goal; 6] = [
    Goal {
        name: "load_over_copy",
        what: "digests loaded and published, over COPY and primary key of as many",
        bound: Bound::AtLeast(0.8),
        unit: "ratio",
        formula: Formula::OverSum("load_rows_per_second", &["copy_rows_per_second"]),
    },
    Goal {
        name: "load_plain_over_copy",
        what: "identifiers loaded, hashed and published, over the same",
        bound: Bound::AtLeast(0.5),
        unit: "ratio",
        formula: Formula::OverMedian("load_plain_rows_per_second", "copy_rows_per_second"),
    },
    Goal {
        name: "load_memory_mib",
        what: "the most memory that the service had",
        bound: Bound::AtMost(512.0),
        unit: "MiB",
        formula: Formula::Highest("load_memory"),
    },
    Goal {
        name: "bytes_per_identifier",
        what: "disk that a published identifier takes, everything included",
        bound: Bound::AtMost(45.0),
        unit: "bytes",
        formula: Formula::Highest("disk_per_identifier"),
    },
    Goal {
        name: "check_growth",
        what: "p50 of a check, listed, on all rows over that on the first of them",
        bound: Bound::AtMost(1.2),
        unit: "ratio",
        formula: Formula::OverMedian("check_grown_p50", "check_small_p50"),
    },
    Goal {
        name: "not_listed_over_echo",
        what: "checks of people who are not listed, 64 in flight, over a bare echo",
        bound: Bound::AtLeast(0.8),
        unit: "ratio",
        formula: Formula::OverSum("not_listed_calls_per_second", &["echo_calls_per_second"]),
    },
];

/// Fails when a goal could not be measured.
pub fn refuse_gaps(figures: &Figures) -> Result<()> {
    match GOALS.iter().find(|goal| goal.reached(figures).is_none()) {
        Some(goal) => Err(format!("{} was not measured", goal.name).into()),
        None => Ok(()),
    }
}
