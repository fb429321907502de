//! The run on PostgreSQL: service, echo and pgbench, in turn.

use std::{fs, time::Duration};

use super::{
    calls::Work,
    data::{self, People},
    options::Options,
    pgbench::{LOOKS, Pgbench, Script},
    rounds::{CROWDS, Field, Point, pgbench_seconds},
    subject::Subject,
};
use crate::{
    load::{Line, Times},
    stand::{
        Result,
        echo::{CHECK_REPLY, ENROLL_REPLY, Echo},
        figures::Figures,
        postgres::Postgres,
        service::Service,
    },
};

/// Enrollments per second for which there are people enough, by the service and by pgbench.
const ENROLLMENTS_PER_SECOND: f64 = 20_000.0;
const PGBENCH_PER_SECOND: f64 = 10_000.0;

/// Enrolled before the rounds, so that there is somebody to be looked up.
const FIRST: Times = Times {
    warm_up: Duration::ZERO,
    measured: Duration::from_secs(1),
};

/// Measures everything.
pub async fn run(options: &Options, postgres: &Postgres, figures: &mut Figures) -> Result<()> {
    let people = people(options);
    let subject = start(options, postgres, people).await?;
    let echo = start_echo(&subject).await?;
    let mut pgbench = Pgbench::prepare(postgres, people)?;
    let points = points(options, &mut pgbench)?;
    postgres.settle()?;
    let mut field = Field {
        subject: &subject,
        echo: Some(&echo),
        pgbench: Some(&mut pgbench),
        by_hand: None,
    };
    field.run(&points, options, figures).await?;
    pgbench.check_enrolled()
}

/// A service with these people, some of whom are enrolled.
pub async fn start(options: &Options, postgres: &Postgres, people: People) -> Result<Subject> {
    let service = Service::start(&options.folder, &postgres.url()).await?;
    eprintln!(
        "PostgreSQL: loading {} people",
        people.of_service() + people.of_pgbench()
    );
    data::make(&service, &people).await?;
    postgres.query("VACUUM ANALYZE packs")?;
    let subject = Subject::new("", service, Some(postgres.id), people);
    let mut aside = Figures::default();
    let work = Work::Enroll;
    subject
        .measure(&mut aside, "enroll", work, 64, FIRST)
        .await?;
    // A statement that was planned for empty tables reads all of them: autovacuum would see to it within
    // a minute.
    postgres.query("ANALYZE")?;
    postgres.query("CHECKPOINT")?;
    Ok(subject)
}

/// As many as the run needs.
fn people(options: &Options) -> People {
    let times = options.times();
    let loops = times.warm_up + times.measured;
    let rounds = f64::from(options.rounds());
    // In each round: alone, twice in a crowd, and at half of the peak rate.
    let enrolling = ENROLLMENTS_PER_SECOND * (1.0 + rounds * 2.8 * loops.as_secs_f64());
    let runs = 12.0 * f64::from(LOOKS) + rounds * 1.5 * pgbench_seconds(times) as f64;
    People {
        checked: if options.short { 5_000 } else { 100_000 },
        enrolling: enrolling as u64,
        enrolling_by_pgbench: (PGBENCH_PER_SECOND * runs) as u64,
    }
}

fn points(options: &Options, pgbench: &mut Pgbench<'_>) -> Result<Vec<Point>> {
    let mut points = Point::calls();
    points.push(Point::OpenLoop);
    for work in [Work::CheckListed, Work::Enroll] {
        points.extend(CROWDS.map(|crowd| Point::Echo(work, crowd)));
    }
    for script in [Script::Check, Script::Enroll] {
        points.push(Point::PgbenchAlone(script));
        let mut crowded = Point::Pgbench(script, 8);
        if !options.short && options.wants(&crowded.name()) {
            crowded = Point::Pgbench(script, pgbench.best_clients(script, 2)?);
        }
        points.push(crowded);
    }
    Ok(points)
}

/// Asks the service once of each kind, and lets the echo answer the same.
async fn start_echo(subject: &Subject) -> Result<Echo> {
    for (work, file) in [
        (Work::CheckListed, CHECK_REPLY),
        (Work::Replay, ENROLL_REPLY),
    ] {
        let script = work.script(subject.people, 1, &subject.service.app);
        let mut line = Line::to(subject.service.address, &script).await?;
        let reply = line.ask(0).await?;
        fs::write(subject.service.file(file), reply)?;
    }
    Echo::start(&subject.service.file(""))
}
