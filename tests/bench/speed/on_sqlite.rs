//! The run on SQLite: the service, and the same enrollments by hand.

use super::{
    by_hand::ByHand,
    calls::Work,
    data::{self, People},
    options::Options,
    rounds::{Field, Point},
    subject::Subject,
};
use crate::{
    load::Times,
    stand::{Result, figures::Figures, service::Service},
};

/// Enrollments per second for which there are people enough.
const ENROLLMENTS_PER_SECOND: f64 = 14_000.0;

/// Measures everything.
pub async fn run(options: &Options, figures: &mut Figures) -> Result<()> {
    let people = people(options);
    let database = "sqlite://{folder}/enrollment.db";
    let service = Service::start(&options.folder, database).await?;
    eprintln!("SQLite: loading {} people", people.of_service());
    data::make(&service, &people).await?;
    let subject = Subject::new("sqlite_", service, None, people);
    let mut aside = Figures::default();
    let work = Work::Enroll;
    let first = options.times();
    subject
        .measure(&mut aside, "enroll", work, 1, first)
        .await?;
    let mut by_hand = ByHand::copy(
        &subject.service.file("enrollment.db"),
        &subject.service.file("by-hand.db"),
        subject.service.digester()?,
        people.of_service(),
    )
    .await?;
    let mut points = Point::calls();
    points.push(Point::ByHand);
    let mut field = Field {
        subject: &subject,
        echo: None,
        pgbench: None,
        by_hand: Some(&mut by_hand),
    };
    field.run(&points, options, figures).await
}

/// As many as the run needs.
fn people(options: &Options) -> People {
    let Times { warm_up, measured } = options.times();
    let loops = (warm_up + measured).as_secs_f64();
    let enrolling = ENROLLMENTS_PER_SECOND * loops * (1.0 + 3.0 * f64::from(options.rounds()));
    People {
        checked: if options.short { 5_000 } else { 100_000 },
        enrolling: enrolling as u64,
        enrolling_by_pgbench: 0,
    }
}
