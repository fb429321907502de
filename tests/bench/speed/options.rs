//! What can be asked of the benchmark.

use std::{path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};

use crate::load::Times;

/// A database that the service runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Database {
    Postgres,
    Sqlite,
}

/// Measures the service beside a bare echo and beside PostgreSQL's own pgbench.
#[derive(Debug, Parser)]
#[command(name = "speed", bin_name = "cargo bench --bench speed --")]
pub struct Options {
    /// One round of short points on few people: whether it runs, not how fast.
    #[arg(long, conflicts_with = "long")]
    pub short: bool,
    /// Also enrolls 2 million people, to see whether the rate holds.
    #[arg(long)]
    pub long: bool,
    /// Rounds; figures are medians over them [default: 5; 1 with --short].
    #[arg(long, value_name = "N")]
    rounds: Option<u32>,
    /// Seconds that each point is measured for [default: 1.5; 0.3 with --short].
    #[arg(long, value_name = "S")]
    seconds: Option<f64>,
    /// Only points with this in their name, as it is on PostgreSQL; goals that miss a figure are not measured.
    #[arg(long, value_name = "NAME")]
    pub only: Option<String>,
    /// Only on this database.
    #[arg(long, value_name = "DATABASE")]
    on: Option<Database>,
    /// Where databases are put: a folder on a disk.
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
    /// How many rounds.
    pub fn rounds(&self) -> u32 {
        let default = if self.short { 1 } else { 5 };
        self.rounds.unwrap_or(default).max(1)
    }

    /// How long a point takes.
    pub fn times(&self) -> Times {
        let default = if self.short { 0.3 } else { 1.5 };
        let measured = Duration::from_secs_f64(self.seconds.unwrap_or(default).clamp(0.1, 600.0));
        Times {
            warm_up: (measured / 5).max(Duration::from_millis(100)),
            measured,
        }
    }

    /// Whether it is to run on this database.
    pub fn includes(&self, database: Database) -> bool {
        self.on.is_none_or(|on| on == database)
    }

    /// Whether this point is wanted.
    pub fn wants(&self, point: &str) -> bool {
        self.only
            .as_ref()
            .is_none_or(|only| point.contains(only.as_str()))
    }
}
