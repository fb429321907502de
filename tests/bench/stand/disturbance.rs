//! How much of the processors somebody else has had meanwhile.

use std::{thread, time::Instant};

use super::{Result, processes};

/// What others, who have nothing to do with this, take of the processors.
pub struct Disturbance {
    database: Option<u32>,
    begun: Instant,
    others: f64,
}

impl Disturbance {
    /// From now on. The database is its first process, if it has its own.
    pub fn since_now(database: Option<u32>) -> Result<Self> {
        Ok(Self {
            database,
            begun: Instant::now(),
            others: Self::others(database)?,
        })
    }

    /// Of all processors, until now.
    pub fn percent(&self) -> Result<f64> {
        let taken = Self::others(self.database)? - self.others;
        let processors = thread::available_parallelism()?.get() as f64;
        Ok(100.0 * taken / (self.begun.elapsed().as_secs_f64() * processors))
    }

    /// Seconds of everybody but this program, its children (service, echo, pgbench) and the database.
    fn others(database: Option<u32>) -> Result<f64> {
        let mut own = processes::cpu_with_children(std::process::id())?;
        if let Some(id) = database {
            own += processes::cpu_with_children(id)?;
        }
        Ok(processes::cpu_of_everybody()?.as_secs_f64() - own.as_secs_f64())
    }
}
