//! A service on a database, as something that can be measured.

use std::sync::Arc;

use super::{
    calls::{BATCH, Work},
    data::People,
};
use crate::{
    load::{Numbers, Run, Script, Times, closed, open},
    stand::{
        Result,
        calls::{connect, note_calls},
        figures::Figures,
        processes::{self, per_call},
        service::Service,
    },
};

/// A service with its people.
pub struct Subject {
    /// What its figures' names begin with.
    pub prefix: &'static str,
    pub service: Service,
    /// The first process of its database, if that has its own.
    pub database: Option<u32>,
    pub people: People,
    /// Who is to enroll next.
    pub enrolling: Arc<Numbers>,
    /// For calls that anybody can be asked about.
    pub anybody: Arc<Numbers>,
}

/// Processor time and memory at one moment.
struct Usage {
    client: f64,
    server: f64,
    database: f64,
    resident_mib: f64,
}

impl Subject {
    pub fn new(
        prefix: &'static str,
        service: Service,
        database: Option<u32>,
        people: People,
    ) -> Self {
        Self {
            prefix,
            service,
            database,
            people,
            enrolling: Arc::new(Numbers::new(people.checked, people.of_service())),
            anybody: Arc::new(Numbers::new(0, u64::MAX)),
        }
    }

    /// Calls with so many in flight, and notes the figures under this name.
    pub async fn measure(
        &self,
        figures: &mut Figures,
        name: &str,
        work: Work,
        in_flight: usize,
        times: Times,
    ) -> Result<()> {
        let (script, numbers) = self.script(work);
        let lines = connect(self.service.address, &script, in_flight).await?;
        let probe = || self.usage();
        let run = closed(lines, in_flight, &numbers, times, probe).await?;
        let name = format!("{}{name}_{in_flight}", self.prefix);
        if work == Work::CheckBatch {
            let people = run.calls as f64 * BATCH as f64 / run.elapsed.as_secs_f64();
            figures.add(format!("{name}_people_per_second"), people, "1/s");
        }
        self.note(figures, &name, run, in_flight == 256)
    }

    /// Enrolls at this rate, whatever the service makes of it.
    pub async fn measure_open(
        &self,
        figures: &mut Figures,
        per_second: f64,
        times: Times,
    ) -> Result<()> {
        let (script, numbers) = self.script(Work::Enroll);
        let lines = connect(self.service.address, &script, 256).await?;
        let probe = || self.usage();
        let run = open(lines, per_second, &numbers, times, probe).await?;
        let name = format!("{}enroll_open", self.prefix);
        figures.add(format!("{name}_asked"), per_second, "1/s");
        self.note(figures, &name, run, false)
    }

    fn script(&self, work: Work) -> (Arc<Script>, Arc<Numbers>) {
        let enrolled = self.enrolling.next() - self.people.checked;
        let script = work.script(self.people, enrolled, &self.service.app);
        let numbers = if work == Work::Enroll {
            &self.enrolling
        } else {
            &self.anybody
        };
        (script, numbers.clone())
    }

    fn note(
        &self,
        figures: &mut Figures,
        name: &str,
        run: Run<Result<Usage>>,
        crowded: bool,
    ) -> Result<()> {
        note_calls(figures, name, &run)?;
        let (before, after) = (run.before?, run.after?);
        let calls = run.calls as f64;
        let mut note = |what, value| figures.add(format!("{name}_{what}"), value, "us");
        note("client_cpu", (after.client - before.client) / calls);
        note("server_cpu", (after.server - before.server) / calls);
        if self.database.is_some() {
            note("database_cpu", (after.database - before.database) / calls);
        }
        if crowded {
            let resident = after.resident_mib;
            let batch = if name.contains("batch") { "batch_" } else { "" };
            let name = format!("{}{batch}memory_256", self.prefix);
            figures.add(name, resident, "MiB");
        }
        Ok(())
    }

    fn usage(&self) -> Result<Usage> {
        let server = self.service.id();
        let database = match self.database {
            Some(id) => per_call(processes::cpu_with_children(id)?, 1.0),
            None => 0.0,
        };
        Ok(Usage {
            client: per_call(processes::cpu(std::process::id())?, 1.0),
            server: per_call(processes::cpu(server)?, 1.0),
            database,
            resident_mib: processes::resident_mib(server)?,
        })
    }
}
