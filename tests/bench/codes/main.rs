//! `cargo bench --bench codes`: a pool of codes is used up by callers at once, and whether the last ones are given
//! out as fast as the first. `-- --codes N` says how many there are, `-- --short` only finds out whether it runs.
//!
//! It makes its own codes and people, starts PostgreSQL and the service as they are installed, and ends them. It
//! fails when a code is given out twice or lost, or when a caller is not told that none are left; never for being
//! slow.

#![allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "figures are rounded for people anyway"
)]

#[path = "../load/mod.rs"]
#[allow(dead_code, unused_imports, reason = "another benchmark uses the rest")]
mod load;
#[path = "../stand/mod.rs"]
#[allow(dead_code, reason = "another benchmark uses the rest")]
mod stand;

mod callers;

use std::{collections::HashSet, path::PathBuf, process::ExitCode, time::Instant};

use clap::Parser;
use enrollment::grpc::load_client::OutgoingRow;

use callers::Given;
use stand::{
    Result, alone,
    company::{OFFER, Operator, member},
    disturbance::Disturbance,
    figures::Figures,
    goal::{Bound, Formula, Goal},
    postgres::Postgres,
    report,
    service::Service,
};

const COHORT: &str = "everybody";

/// How many callers there are, each with one call in flight.
const CALLERS: u64 = 16;

/// What is to be reached.
const GOALS: [Goal; 1] = [Goal {
    name: "codes_end_over_start",
    what: "codes given out per second, the last tenth of the pool over the first",
    bound: Bound::AtLeast(0.8),
    unit: "ratio",
    formula: Formula::OverMedian("last_codes_per_second", "first_codes_per_second"),
}];

/// Uses up a pool of activation codes.
#[derive(Debug, Parser)]
#[command(name = "codes", bin_name = "cargo bench --bench codes --")]
struct Options {
    /// Few codes: whether it runs, not how fast.
    #[arg(long)]
    short: bool,
    /// Codes in the pool [default: 100000; 2000 with --short].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
    codes: Option<u64>,
    /// Where the database is put: a folder on a disk.
    #[arg(long, value_name = "FOLDER", default_value = "/var/tmp")]
    folder: PathBuf,
    /// What cargo passes to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    fn codes(&self) -> u64 {
        let default = if self.short { 2_000 } else { 100_000 };
        self.codes.unwrap_or(default)
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    stand::run(None, run(&options))
}

async fn run(options: &Options) -> Result<()> {
    let _alone = alone::wait_for_others(&options.folder)?;
    let Some(postgres) = Postgres::start(&options.folder)? else {
        return stand::postgres::say_that_it_is_missing();
    };
    let mut figures = Figures::default();
    let disturbance = Disturbance::since_now(Some(postgres.id))?;
    measure(options, &postgres, &mut figures).await?;
    figures.add("others_cpu".to_owned(), disturbance.percent()?, "%");
    let description = postgres.description()?;
    report::machine(&options.folder, Some(&description), &figures);
    report::goals(&GOALS, &figures);
    report::lines(&GOALS, &figures);
    Ok(())
}

async fn measure(options: &Options, postgres: &Postgres, figures: &mut Figures) -> Result<()> {
    let service = Service::start(&options.folder, &postgres.url()).await?;
    let digester = service.digester()?;
    let codes = options.codes();
    let people = codes + CALLERS;
    let mut operator = Operator::of(&service, OFFER)?;
    operator.open_offer().await?;
    operator.create_cohort(COHORT).await?;
    let list = (0..people).map(|number| Ok(OutgoingRow::Hashed(member(&digester, number)?)));
    operator.load(COHORT, "list", list).await?;
    operator.publish(COHORT).await?;
    operator.take_codes_from_pool().await?;
    let begun = Instant::now();
    operator
        .load_codes((0..codes).map(|number| format!("CODE-{number:08}")))
        .await?;
    let rate = codes as f64 / begun.elapsed().as_secs_f64();
    figures.add("loaded_codes_per_second".to_owned(), rate, "1/s");

    let (given, refused) = callers::use_up(&service, CALLERS, people).await?;
    refuse_a_wrong_end(&given, refused, codes)?;
    let tenth = given.len() / 10;
    // The first hundredth warms up.
    for (name, part) in [
        ("first", given.get(tenth / 10..tenth)),
        ("last", given.get(given.len() - tenth..)),
        ("all", given.get(..)),
    ] {
        let rate = part.and_then(per_second_of).ok_or("too few codes")?;
        figures.add(format!("{name}_codes_per_second"), rate, "1/s");
    }
    Ok(())
}

/// Fails unless every code was given out once, and everybody else was told that none are left.
fn refuse_a_wrong_end(given: &[Given], refused: u64, codes: u64) -> Result<()> {
    let different = given
        .iter()
        .map(|given| &given.code)
        .collect::<HashSet<_>>();
    if different.len() as u64 != codes || given.len() as u64 != codes {
        let given = given.len();
        return Err(format!(
            "{given} codes were given out, {} different ones, of {codes}",
            different.len()
        )
        .into());
    }
    if refused != CALLERS {
        return Err(format!("{refused} of {CALLERS} callers were told that none are left").into());
    }
    Ok(())
}

fn per_second_of(part: &[Given]) -> Option<f64> {
    let (first, last) = (part.first()?, part.last()?);
    Some(part.len() as f64 / (last.at - first.at).as_secs_f64())
}
