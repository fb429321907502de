//! The points of a run, in rounds: every round measures all of them, beginning somewhere else, so that
//! a change of the machine's mood hits all alike.

use super::{
    by_hand::ByHand,
    calls::Work,
    options::Options,
    pgbench::{Pgbench, Script},
    subject::Subject,
};
use crate::{
    load::{Numbers, Times, closed},
    stand::{
        Result,
        calls::{connect, note_calls, note_latencies},
        disturbance::Disturbance,
        echo::Echo,
        figures::Figures,
        processes::{self, per_call},
    },
};

/// Calls in flight.
pub const CROWDS: [usize; 3] = [1, 64, 256];

/// Batches in flight, of a thousand people each. Eight keep both processors busy.
const BATCHES: [usize; 4] = [1, 8, 64, 256];

/// What is asked for one person at a time.
const SINGLE: [Work; 6] = [
    Work::CheckListed,
    Work::CheckNotListed,
    Work::CheckHalf,
    Work::Enroll,
    Work::Replay,
    Work::LookUp,
];

/// Something to be measured once in each round.
#[derive(Debug, Clone, Copy)]
pub enum Point {
    /// The service, by a closed loop; the name is that of the figures.
    Calls(&'static str, Work, usize),
    /// Enrollments at half of their peak rate.
    OpenLoop,
    /// The echo, with the messages of this work.
    Echo(Work, usize),
    /// pgbench with one client.
    PgbenchAlone(Script),
    /// pgbench with as many clients as are best.
    Pgbench(Script, u32),
    /// Enrollments on SQLite by hand, one transaction each.
    ByHand,
}

impl Point {
    /// The service at all crowds.
    pub fn calls() -> Vec<Self> {
        let crowds = |work: Work| CROWDS.map(|crowd| Self::Calls(work.name(), work, crowd));
        SINGLE.into_iter().flat_map(crowds).collect()
    }

    /// Batches, and single checks beside them.
    fn batches(options: &Options) -> Vec<Self> {
        let crowds = BATCHES.iter().copied();
        // In a short point, the first of so many have hardly been answered.
        let crowds = crowds.filter(|crowd| !options.short || *crowd <= 8);
        let batch = |crowd| Self::Calls(Work::CheckBatch.name(), Work::CheckBatch, crowd);
        let single = Self::Calls("check_beside_batch", Work::CheckListed, 256);
        crowds.map(batch).chain([single]).collect()
    }

    /// The name that its figures begin with, but for that of the database.
    pub fn name(self) -> String {
        match self {
            Self::Calls(name, _, crowd) => format!("{name}_{crowd}"),
            Self::OpenLoop => "enroll_open".to_owned(),
            Self::Echo(work, crowd) => format!("echo_{}_{crowd}", echo_name(work)),
            Self::PgbenchAlone(script) => format!("pgbench_{}_1", script.name()),
            Self::Pgbench(script, _) => format!("pgbench_{}", script.name()),
            Self::ByHand => "by_hand_enroll".to_owned(),
        }
    }
}

fn echo_name(work: Work) -> &'static str {
    match work {
        Work::Enroll | Work::Replay | Work::LookUp => "enroll",
        Work::CheckListed | Work::CheckNotListed | Work::CheckHalf | Work::CheckBatch => "check",
    }
}

/// All that takes part in the rounds on one database.
pub struct Field<'a, 'p> {
    pub subject: &'a Subject,
    pub echo: Option<&'a Echo>,
    pub pgbench: Option<&'a mut Pgbench<'p>>,
    pub by_hand: Option<&'a mut ByHand>,
}

impl Field<'_, '_> {
    /// Runs all rounds of these points, and then those of batches: what large messages leave in memory is not theirs.
    pub async fn run(
        &mut self,
        points: &[Point],
        options: &Options,
        figures: &mut Figures,
    ) -> Result<()> {
        self.take_turns(points, options, figures).await?;
        let batches = Point::batches(options);
        self.take_turns(&batches, options, figures).await
    }

    async fn take_turns(
        &mut self,
        points: &[Point],
        options: &Options,
        figures: &mut Figures,
    ) -> Result<()> {
        let mut points = points
            .iter()
            .copied()
            .filter(|point| options.wants(&point.name()))
            .collect::<Vec<_>>();
        if points.is_empty() {
            return Ok(());
        }
        let disturbance = Disturbance::since_now(self.subject.database)?;
        for round in 1..=options.rounds() {
            eprintln!(
                "{}round {round} of {}: {} points",
                self.subject.prefix,
                options.rounds(),
                points.len()
            );
            for point in &points {
                self.measure(*point, options.times(), figures).await?;
            }
            let count = points.len();
            // Has no divisor in common with their number: each is first once before one is first again.
            let step = if count.is_multiple_of(7) {
                1
            } else {
                7 % count
            };
            points.rotate_left(step);
        }
        let name = format!("{}others_cpu", self.subject.prefix);
        figures.add(name, disturbance.percent()?, "%");
        Ok(())
    }

    async fn measure(&mut self, point: Point, times: Times, figures: &mut Figures) -> Result<()> {
        let name = point.name();
        let seconds = pgbench_seconds(times);
        match point {
            Point::Calls(name, work, crowd) => {
                let subject = self.subject;
                subject.measure(figures, name, work, crowd, times).await
            }
            Point::OpenLoop => self.measure_open(figures, times).await,
            Point::Echo(work, crowd) => {
                let echo = self.echo.ok_or("there is no echo")?;
                measure_echo(figures, &name, echo, self.subject, work, crowd, times).await
            }
            Point::PgbenchAlone(script) => self.measure_pgbench(figures, &name, script, 1, seconds),
            Point::Pgbench(script, clients) => {
                self.measure_pgbench(figures, &name, script, clients, seconds)
            }
            Point::ByHand => {
                let by_hand = self.by_hand.as_mut().ok_or("there is nothing by hand")?;
                let per_second = by_hand.enroll_for(times.measured).await?;
                let name = format!("{}{name}_calls_per_second", self.subject.prefix);
                figures.add(name, per_second, "1/s");
                Ok(())
            }
        }
    }

    async fn measure_open(&self, figures: &mut Figures, times: Times) -> Result<()> {
        let subject = self.subject;
        let peak = format!("{}enroll_256_calls_per_second", subject.prefix);
        if figures.values(&peak).is_empty() {
            let mut aside = Figures::default();
            let work = Work::Enroll;
            subject
                .measure(&mut aside, "enroll", work, 256, times)
                .await?;
            let peak = aside.median(&peak).ok_or("no peak rate")?;
            return subject.measure_open(figures, peak / 2.0, times).await;
        }
        let peak = figures.values(&peak).last().ok_or("no peak rate")?;
        subject.measure_open(figures, peak / 2.0, times).await
    }

    fn measure_pgbench(
        &mut self,
        figures: &mut Figures,
        name: &str,
        script: Script,
        clients: u32,
        seconds: u64,
    ) -> Result<()> {
        let pgbench = self.pgbench.as_mut().ok_or("there is no pgbench")?;
        let run = pgbench.run(script, clients, seconds)?;
        let per_second = format!("{name}_calls_per_second");
        figures.add(per_second, run.per_second, "1/s");
        figures.add(format!("{name}_database_cpu"), run.database_cpu, "us");
        note_latencies(figures, name, &run.latencies);
        Ok(())
    }
}

/// pgbench knows whole seconds only; the first one is for warming up, unless it is short.
pub fn pgbench_seconds(times: Times) -> u64 {
    if times.measured.as_secs() == 0 {
        1
    } else {
        1 + times.measured.as_secs_f64().ceil() as u64
    }
}

async fn measure_echo(
    figures: &mut Figures,
    name: &str,
    echo: &Echo,
    subject: &Subject,
    work: Work,
    crowd: usize,
    times: Times,
) -> Result<()> {
    let script = work.script(subject.people, 0, &subject.service.app);
    let lines = connect(echo.address, &script, crowd).await?;
    let numbers = Numbers::new(subject.people.checked, u64::MAX);
    let parties = [
        ("client_cpu", std::process::id()),
        ("server_cpu", echo.id()),
    ];
    let probe = || parties.map(|(_, id)| processes::cpu(id));
    let run = closed(lines, crowd, &numbers, times, probe).await?;
    note_calls(figures, name, &run)?;
    for (((what, _), before), after) in parties.into_iter().zip(run.before).zip(run.after) {
        let cpu = per_call(after?.saturating_sub(before?), run.calls as f64);
        figures.add(format!("{name}_{what}"), cpu, "us");
    }
    Ok(())
}
