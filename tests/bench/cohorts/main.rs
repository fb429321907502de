//! `cargo bench --bench cohorts`: how fast lists are loaded and published, what they take on disk and in
//! memory, and whether checks stay as fast when a list grows; beside PostgreSQL's own COPY of the same
//! rows, and a bare echo, in one run. `-- --rows N` says how many people there are, `-- --short` only
//! finds out whether it runs.
//!
//! It makes its own data, starts PostgreSQL and the service as they are installed, and ends them. Goals
//! are for people; each figure also stands on a line `figure NAME VALUE UNIT`. It fails when something is
//! broken, never for being slow.

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

mod checks;
mod copy;
mod goals;
mod list;
mod options;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use enrollment::grpc::load_client::OutgoingRow;
use goals::GOALS;
use options::Options;
use stand::{
    Result, alone,
    company::{OFFER, Operator},
    disturbance::Disturbance,
    figures::Figures,
    postgres::Postgres,
    processes, report,
    service::Service,
};

const COHORT: &str = "everybody";
const SMALL_OFFER: &str = "offers/small-2021";
const PLAIN_OFFER: &str = "offers/plain-2021";

const DISK_PER_IDENTIFIER: &str = "\
    SELECT (pg_total_relation_size('packs') + pg_total_relation_size('list_filters') \
            + pg_total_relation_size('staged_chunks'))::float8 / SUM(identifier_count) FROM loads";

fn main() -> ExitCode {
    let options = Options::parse();
    stand::run(options.echo.as_deref(), run(&options))
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
    report::table("PostgreSQL", |_| true, &figures);
    report::goals(&GOALS, &figures);
    report::lines(&GOALS, &figures);
    goals::refuse_gaps(&figures)
}

async fn measure(options: &Options, postgres: &Postgres, figures: &mut Figures) -> Result<()> {
    let service = Service::start(&options.folder, &postgres.url()).await?;
    let digester = service.digester()?;
    let hashed = |number| Ok(OutgoingRow::Hashed(list::member(&digester, number)?));

    // The beginning of the list, and all of it, each as an offer's only one, beside COPY of as many rows.
    let (small, all) = (options.small(), options.rows());
    for (name, prefix, offer, people) in [
        ("small", "small_", SMALL_OFFER, small),
        ("grown", "", OFFER, all),
    ] {
        eprintln!("{name}: {people} people");
        let rate = copy::rows_per_second(postgres, &digester, 0..people).await?;
        figures.add(format!("{prefix}copy_rows_per_second"), rate, "1/s");
        let list = people_of(people).map(hashed);
        load(figures, &service, offer, &format!("{prefix}load"), list).await?;
        postgres.query("VACUUM ANALYZE packs")?;
        let known = list::known(people);
        checks::listed(options, &service, offer, known, name, figures).await?;
    }
    let plain = people_of(all).map(|number| Ok(list::plain(number)));
    load(figures, &service, PLAIN_OFFER, "load_plain", plain).await?;
    checks::not_listed(options, &service, OFFER, figures).await?;

    // Autovacuum would give back what the chunks took.
    postgres.query("VACUUM")?;
    let bytes = postgres.query(DISK_PER_IDENTIFIER)?.parse()?;
    figures.add("disk_per_identifier".to_owned(), bytes, "bytes");
    let peak = processes::peak_mib(service.id())?;
    figures.add("load_memory".to_owned(), peak, "MiB");
    Ok(())
}

/// The numbers of so many people.
fn people_of(count: u64) -> impl ExactSizeIterator<Item = u64> {
    (0..count as usize).map(|number| number as u64)
}

async fn timed<T>(work: impl Future<Output = Result<T>>) -> Result<Duration> {
    let begun = Instant::now();
    work.await?;
    Ok(begun.elapsed())
}

/// Loads the only list of a new offer, and publishes it.
async fn load(
    figures: &mut Figures,
    service: &Service,
    offer: &'static str,
    name: &str,
    rows: impl ExactSizeIterator<Item = Result<OutgoingRow>>,
) -> Result<()> {
    let mut operator = Operator::of(service, offer)?;
    operator.open_offer().await?;
    operator.create_cohort(COHORT).await?;
    let people = rows.len();
    let loaded = timed(operator.load(COHORT, "list", rows)).await?;
    let published = timed(operator.publish(COHORT)).await?;
    let rate = people as f64 / (loaded + published).as_secs_f64();
    figures.add(format!("{name}_rows_per_second"), rate, "1/s");
    figures.add(format!("{name}_seconds"), loaded.as_secs_f64(), "s");
    figures.add(
        format!("{name}_publish_seconds"),
        published.as_secs_f64(),
        "s",
    );
    Ok(())
}
