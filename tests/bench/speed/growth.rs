//! The long mode: whether the rate of enrolling holds. Two installations of the same people, each on a PostgreSQL
//! server of its own: with one of them two million enroll, and then the rate is taken of both in turn. Taken of one,
//! before and after, it would be about what the machine was at two moments, minutes apart.

use std::time::Duration;

use super::{calls::Work, data::People, on_postgres, options::Options, subject::Subject};
use crate::{
    load::Times,
    stand::{Result, figures::Figures, postgres::Postgres},
};

/// The name of its goal, for whoever wants this one only.
pub const NAME: &str = "enroll_after_2m";

/// How many enroll.
const MANY: u64 = 2_000_000;

/// Of these, so many do after the last checkpoint: the first change of each page after one is written down as the
/// whole page, which a database of many pages has behind it most of the time.
const SINCE_CHECKPOINT: u64 = 200_000;

/// Enrollments per second for which there are people enough.
const ENROLLMENTS_PER_SECOND: u64 = 40_000;

/// What the rate is taken in. While the other one was measured, the machine has turned to other memory.
const WINDOW: Times = Times {
    warm_up: Duration::from_secs(1),
    measured: Duration::from_secs(3),
};

/// Calls in flight.
const CROWD: usize = 256;

/// After so long it says how far it has come.
const STRETCH: Times = Times {
    warm_up: Duration::ZERO,
    measured: Duration::from_secs(10),
};

/// Gives a new server what one has that is at work: buffers that were used before, and files of its log to write
/// over. Without them the new installation would be the slower one, and the goal easier than it is.
const RUN_IN: [&str; 3] = [
    "CREATE TABLE run_in (filling text)",
    // Not with the table: that would go through a few of the buffers only.
    "INSERT INTO run_in SELECT repeat('x', 1000) FROM generate_series(1, 1000000)",
    "DROP TABLE run_in",
];

/// A service and its database's server, in the order in which they are ended.
struct Installation {
    subject: Subject,
    postgres: Postgres,
}

/// Enrolls two million, and takes the rate of the service that has them and of one that has nearly none.
pub async fn run(options: &Options, figures: &mut Figures) -> Result<()> {
    let grown = Installation::start(options).await?;
    grown.grow_to(MANY - SINCE_CHECKPOINT).await?;
    grown.postgres.settle()?;
    grown.grow_to(MANY).await?;
    let new = Installation::start(options).await?;
    for statement in RUN_IN {
        new.postgres.query(statement)?;
    }
    new.postgres.settle()?;
    let mut both = [("enroll_at_the_start", &new), ("enroll_at_the_end", &grown)];
    for round in 1..=options.rounds() {
        eprintln!(
            "round {round} of {}: with none and with {MANY} enrolled before",
            options.rounds()
        );
        for (name, installation) in both {
            let rate = installation.enroll(WINDOW).await?;
            figures.add(format!("{name}_calls_per_second"), rate, "1/s");
        }
        both.reverse();
    }
    Ok(())
}

impl Installation {
    async fn start(options: &Options) -> Result<Self> {
        let postgres = Postgres::start(&options.folder)?.ok_or("PostgreSQL is gone")?;
        let windows = (WINDOW.warm_up + WINDOW.measured) * options.rounds();
        let last = STRETCH.measured + windows;
        let people = People {
            checked: 0,
            enrolling: MANY + ENROLLMENTS_PER_SECOND * last.as_secs(),
            enrolling_by_pgbench: 0,
        };
        let subject = on_postgres::start(options, &postgres, people).await?;
        Ok(Self { subject, postgres })
    }

    /// Enrolls until there are so many, or a few more.
    async fn grow_to(&self, many: u64) -> Result<()> {
        while self.subject.enrolling.next() < many {
            self.enroll(STRETCH).await?;
            eprintln!("{} of {MANY} are enrolled", self.subject.enrolling.next());
        }
        Ok(())
    }

    /// Enrolls, and gives the rate.
    async fn enroll(&self, times: Times) -> Result<f64> {
        let mut window = Figures::default();
        let work = Work::Enroll;
        self.subject
            .measure(&mut window, "enroll", work, CROWD, times)
            .await?;
        let rate = window.median(&format!("enroll_{CROWD}_calls_per_second"));
        Ok(rate.ok_or("no rate")?)
    }
}
