//! The same work as SQL by hand, on the same tables, driven by PostgreSQL's own load generator.

use std::fs;

use super::data::People;
use crate::stand::{
    Result,
    kept::printed_and_said,
    postgres::Postgres,
    processes::{self, per_call},
};

/// Numbers of clients among which the best is looked for.
const CLIENTS: [u32; 6] = [2, 4, 8, 16, 32, 64];

/// How often each is looked at: a machine's mood passes.
pub const LOOKS: u32 = 2;

/// The settings with which its statements run fastest: planned once, and key by key along the indexes
/// even while the tables are nearly empty.
const SESSION: &str = "-c plan_cache_mode=force_generic_plan -c jit=off -c enable_seqscan=off \
    -c enable_hashjoin=off -c enable_mergejoin=off -c enable_bitmapscan=off -c enable_memoize=off \
    -c enable_material=off";

/// Work that pgbench does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// One statement that reads.
    Check,
    /// One statement that writes, which is one transaction.
    Enroll,
}

impl Script {
    /// Its part of the names of figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Enroll => "enroll",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Check => include_str!("check.sql"),
            Self::Enroll => include_str!("enroll.sql"),
        }
    }
}

/// What one run of it gave.
pub struct Run {
    /// Transactions per second.
    pub per_second: f64,
    /// Microseconds of the database's processes, per transaction.
    pub database_cpu: f64,
    /// Microseconds that each transaction took; only with one client.
    pub latencies: Vec<f64>,
}

/// pgbench, with its people.
pub struct Pgbench<'a> {
    postgres: &'a Postgres,
    folder: tempfile::TempDir,
    people: People,
    enrolled: u64,
}

impl<'a> Pgbench<'a> {
    /// Prepares it for the people that are loaded already, with one enrollment of the service as the
    /// pattern for its own.
    pub fn prepare(postgres: &'a Postgres, people: People) -> Result<Self> {
        let first = people.checked;
        postgres.query(&format!(
            "CREATE SEQUENCE bench_people MINVALUE 0 START {first}"
        ))?;
        let folder = tempfile::TempDir::new()?;
        let pattern = postgres.query("SELECT quote_literal(result) FROM requests LIMIT 1")?;
        for script in [Script::Check, Script::Enroll] {
            let text = script.text().replace(":result", &pattern);
            fs::write(folder.path().join(script.name()), text)?;
        }
        Ok(Self {
            postgres,
            folder,
            people,
            enrolled: 0,
        })
    }

    /// The number of clients with which most is done.
    pub fn best_clients(&mut self, script: Script, seconds: u64) -> Result<u32> {
        let mut counts = CLIENTS.map(|clients| (clients, 0.0));
        for _ in 0..LOOKS {
            for (clients, together) in &mut counts {
                let per_second = self.run(script, *clients, seconds)?.per_second;
                eprintln!(
                    "  pgbench, {}, {clients} clients: {per_second:.0}/s",
                    script.name()
                );
                *together += per_second;
            }
        }
        let best = counts.into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
        Ok(best.map_or(1, |(clients, _)| clients))
    }

    /// Runs it. With more than one second, the first one is for warming up.
    pub fn run(&mut self, script: Script, clients: u32, seconds: u64) -> Result<Run> {
        let log = self.folder.path().join("log");
        let mut command = self.postgres.program("pgbench");
        command
            .args(["-n", "-M", "prepared", "-P", "1"])
            .args(["-T", &seconds.to_string(), "-c", &clients.to_string()])
            .args(["-j", &clients.min(2).to_string()])
            .args(["-D", &format!("checked={}", self.people.checked)])
            .args(["-D", "offer=1", "-f"])
            .arg(self.folder.path().join(script.name()))
            .env("PGOPTIONS", SESSION);
        if clients == 1 {
            command.arg("-l").arg("--log-prefix").arg(&log);
        }
        let before = processes::cpu_with_children(self.postgres.id)?;
        let (output, progress) = printed_and_said(&mut command)?;
        let after = processes::cpu_with_children(self.postgres.id)?;
        let transactions = number_after(&output, "number of transactions actually processed: ")?;
        if script == Script::Enroll {
            self.enrolled += transactions as u64;
        }
        let latencies = if clients == 1 {
            self.take_log(seconds)?
        } else {
            Vec::new()
        };
        Ok(Run {
            per_second: match steady(&progress) {
                Some(per_second) => per_second,
                None => number_after(&output, "\ntps = ")?,
            },
            database_cpu: per_call(after.saturating_sub(before), transactions),
            latencies,
        })
    }

    /// Fails unless everybody who was drawn has been enrolled.
    pub fn check_enrolled(&self) -> Result<()> {
        let count =
            "SELECT count(*) FROM enrollments WHERE id < '00000001-0000-0000-0000-000000000000'";
        let count = self.postgres.query(count)?.parse::<u64>()?;
        if count == self.enrolled {
            return Ok(());
        }
        let enrolled = self.enrolled;
        let why = "has it more than PGBENCH_PER_SECOND?";
        Err(format!("pgbench ran {enrolled} enrollments, and there are {count}: {why}").into())
    }

    /// Microseconds of each transaction, by its log: client, number, time, script, and when.
    fn take_log(&self, seconds: u64) -> Result<Vec<f64>> {
        let mut latencies = Vec::new();
        for entry in fs::read_dir(self.folder.path())? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("log.") {
                let text = fs::read_to_string(&path)?;
                let times = text.lines().filter_map(|line| line.split(' ').nth(2));
                latencies.extend(times.filter_map(|time| time.parse::<f64>().ok()));
                fs::remove_file(&path)?;
            }
        }
        let warm_up = if seconds > 1 { latencies.len() / 10 } else { 0 };
        Ok(latencies.split_off(warm_up))
    }
}

/// Transactions per second, by its lines of progress after the first one.
fn steady(progress: &str) -> Option<f64> {
    let rates = progress
        .lines()
        .filter_map(|line| line.strip_prefix("progress: "))
        .skip(1)
        .map(|line| line.split(", ").nth(1)?.strip_suffix(" tps")?.parse().ok())
        .collect::<Option<Vec<f64>>>()?;
    (!rates.is_empty()).then(|| rates.iter().sum::<f64>() / rates.len() as f64)
}

fn number_after(output: &str, label: &str) -> Result<f64> {
    let rest = output.split_once(label).ok_or("pgbench says nothing")?.1;
    let number = rest.split([' ', '\n', '/']).next().unwrap_or_default();
    Ok(number.parse()?)
}
