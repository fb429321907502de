//! What can be asked of the benchmark.

use std::{path::PathBuf, time::Duration};

use clap::Parser;

use crate::load::Times;

/// How many people there are unless it is said.
const ROWS: u64 = 2_000_000;
const SHORT_ROWS: u64 = 20_000;

/// The list that others are compared with has no more.
const SMALL: u64 = 1_000_000;

/// Measures how lists are loaded, published, kept and looked into.
#[derive(Debug, Parser)]
#[command(name = "cohorts", bin_name = "cargo bench --bench cohorts --")]
pub struct Options {
    /// Few people and short points: whether it runs, not how fast.
    #[arg(long)]
    short: bool,
    /// People on the list [default: 2000000; 20000 with --short]. The breach had 54600000.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1_000..=1_000_000_000))]
    rows: Option<u64>,
    /// Where the database is put: a folder on a disk.
    #[arg(long, value_name = "FOLDER", default_value = "/var/tmp")]
    pub folder: PathBuf,
    /// Serves the echo, with the replies that are in this folder.
    #[arg(long, hide = true)]
    pub echo: Option<PathBuf>,
    /// What cargo passes to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// People on the list.
    pub fn rows(&self) -> u64 {
        let default = if self.short { SHORT_ROWS } else { ROWS };
        self.rows.unwrap_or(default)
    }

    /// People on the list before it grows.
    pub fn small(&self) -> u64 {
        SMALL.min(self.rows() / 2)
    }

    /// Rounds in which echo and service take turns.
    pub fn rounds(&self) -> u32 {
        if self.short { 1 } else { 5 }
    }

    /// How long a point takes.
    pub fn times(&self) -> Times {
        let measured = Duration::from_millis(if self.short { 300 } else { 1_000 });
        Times {
            warm_up: measured / 3,
            measured,
        }
    }
}
