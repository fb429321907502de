//! What is to be reached.

use super::{
    growth,
    options::{Database, Options},
};
use crate::{
    Result,
    stand::{
        figures::Figures,
        goal::{Bound, Formula, Goal},
    },
};

/// All of them.
pub const GOALS: [Goal; 9] = [
    Goal {
        name: "check_listed_over_pgbench",
        what: "checks of listed people, 256 in flight, over pgbench's",
        bound: Bound::AtLeast(1.2),
        unit: "ratio",
        formula: Formula::OverSum(
            "check_listed_256_calls_per_second",
            &["pgbench_check_calls_per_second"],
        ),
    },
    Goal {
        name: "check_alone_latency",
        what: "p50 of a check alone, over those of echo and pgbench together",
        bound: Bound::AtMost(1.25),
        unit: "ratio",
        formula: Formula::OverSum(
            "check_listed_1_p50",
            &["echo_check_1_p50", "pgbench_check_1_p50"],
        ),
    },
    Goal {
        name: "enroll_over_pgbench",
        what: "enrollments, 256 in flight, over pgbench's",
        bound: Bound::AtLeast(2.0),
        unit: "ratio",
        formula: Formula::OverSum(
            "enroll_256_calls_per_second",
            &["pgbench_enroll_calls_per_second"],
        ),
    },
    Goal {
        name: "enroll_alone_latency",
        what: "p50 of an enrollment alone, over those of echo and pgbench together",
        bound: Bound::AtMost(1.3),
        unit: "ratio",
        formula: Formula::OverSum(
            "enroll_1_p50",
            &["echo_enroll_1_p50", "pgbench_enroll_1_p50"],
        ),
    },
    Goal {
        name: "enroll_tail",
        what: "p99 over p50 of enrollments at half of their peak rate",
        bound: Bound::AtMost(10.0),
        unit: "ratio",
        formula: Formula::OverSum("enroll_open_p99", &["enroll_open_p50"]),
    },
    Goal {
        name: growth::NAME,
        what: "enrollments per second after 2 million of them, over those at the start",
        bound: Bound::AtLeast(0.85),
        unit: "ratio",
        formula: Formula::OverSum(
            "enroll_at_the_end_calls_per_second",
            &["enroll_at_the_start_calls_per_second"],
        ),
    },
    Goal {
        name: "sqlite_enroll_gain",
        what: "enrollments on SQLite, 64 in flight, over one transaction per call",
        bound: Bound::AtLeast(4.0),
        unit: "ratio",
        formula: Formula::OverHighest(
            "sqlite_enroll_64_calls_per_second",
            &[
                "sqlite_enroll_1_calls_per_second",
                "sqlite_by_hand_enroll_calls_per_second",
            ],
        ),
    },
    Goal {
        name: "check_batch",
        what: "people per second by batches of 1,000, over single checks",
        bound: Bound::AtLeast(5.0),
        unit: "ratio",
        formula: Formula::OverSum(
            "check_batch_8_people_per_second",
            &["check_beside_batch_256_calls_per_second"],
        ),
    },
    Goal {
        name: "memory_mib",
        what: "resident memory of the service with 256 in flight",
        bound: Bound::AtMost(100.0),
        unit: "MiB",
        formula: Formula::Highest("memory_256"),
    },
];

/// Fails when nothing was measured, or a goal was not although all that it needs was asked for.
pub fn refuse_gaps(options: &Options, with_postgres: bool, figures: &Figures) -> Result<()> {
    if figures.medians().next().is_none() {
        return Err("nothing was measured".into());
    }
    if options.only.is_some() {
        return Ok(());
    }
    for goal in &GOALS {
        let asked_for = match goal.name {
            growth::NAME => options.long && with_postgres,
            "sqlite_enroll_gain" => options.includes(Database::Sqlite),
            _ => with_postgres,
        };
        if asked_for && goal.reached(figures).is_none() {
            return Err(format!("{} was not measured", goal.name).into());
        }
    }
    Ok(())
}
