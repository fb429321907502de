//! The long mode: whether the rate of enrolling holds. It has a database of its own, since what the rounds did before
//! would count as well: the figure is about two million enrollments and nothing else.

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

/// Who is left to enroll in the last stretch, and while the rate is taken at the end.
const MORE: u64 = 1_000_000;

/// The rate is taken so often at both ends.
const WINDOWS: u32 = 5;
const WINDOW: Times = Times {
    warm_up: Duration::from_millis(500),
    measured: Duration::from_secs(3),
};

/// Calls in flight.
const CROWD: usize = 256;

/// Between the ends: after so long it says how far it has come.
const STRETCH: Times = Times {
    warm_up: Duration::ZERO,
    measured: Duration::from_secs(10),
};

/// Takes the rate, enrolls until there are 2 million, and takes it again.
pub async fn run(options: &Options, postgres: &Postgres, figures: &mut Figures) -> Result<()> {
    let people = People {
        checked: 0,
        enrolling: MANY + MORE,
        enrolling_by_pgbench: 0,
    };
    let subject = on_postgres::start(options, postgres, people).await?;
    take_rate(&subject, figures, "enroll_at_the_start").await?;
    while subject.enrolling.next() < MANY {
        eprintln!("{} of {MANY} are enrolled", subject.enrolling.next());
        enroll(&subject, STRETCH).await?;
    }
    take_rate(&subject, figures, "enroll_at_the_end").await
}

async fn take_rate(subject: &Subject, figures: &mut Figures, name: &str) -> Result<()> {
    for _ in 0..WINDOWS {
        let rate = enroll(subject, WINDOW).await?;
        figures.add(format!("{name}_calls_per_second"), rate, "1/s");
    }
    Ok(())
}

/// Enrolls, and gives the rate.
async fn enroll(subject: &Subject, times: Times) -> Result<f64> {
    let mut window = Figures::default();
    let work = Work::Enroll;
    subject
        .measure(&mut window, "enroll", work, CROWD, times)
        .await?;
    let rate = window.median(&format!("enroll_{CROWD}_calls_per_second"));
    Ok(rate.ok_or("no rate")?)
}
