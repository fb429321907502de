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
    Result, alone, company::Operator, disturbance::Disturbance, figures::Figures,
    postgres::Postgres, processes, report, service::Service,
};

const COHORT: &str = "everybody";
const PLAIN_COHORT: &str = "plain";

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
    let version = postgres.query("SHOW server_version")?;
    report::machine(&options.folder, Some(&version), &figures);
    report::table("PostgreSQL", |_| true, &figures);
    report::goals(&GOALS, &figures);
    report::lines(&GOALS, &figures);
    goals::refuse_gaps(&figures)
}

async fn measure(options: &Options, postgres: &Postgres, figures: &mut Figures) -> Result<()> {
    let service = Service::start(&options.folder, &postgres.url()).await?;
    let mut operator = Operator::of(&service)?;
    operator.open_offer().await?;
    operator.create_cohort(COHORT).await?;
    operator.create_cohort(PLAIN_COHORT).await?;
    let digester = service.digester()?;
    let hashed = |number| Ok(OutgoingRow::Hashed(list::member(&digester, number)?));

    // A part of the list, and all of it: each time beside COPY of as many rows.
    let small = options.small();
    for (name, from, to) in [("small", 0, small), ("grown", small, options.rows())] {
        eprintln!("{name}: {from} to {to}");
        let rate = copy::rows_per_second(postgres, &digester, from..to).await?;
        figures.add("copy_rows_per_second".to_owned(), rate, "1/s");
        let load = operator.load(COHORT, name, (from..to).map(hashed));
        let loaded = timed(load).await?;
        let published = timed(operator.publish(COHORT)).await?;
        note_load(figures, "load", to - from, loaded, published);
        postgres.query("VACUUM ANALYZE members")?;
        checks::listed(options, &service, list::known(to), name, figures).await?;
    }
    // In the order of the goal: the same rows as COPY had last, in plain.
    let plain = operator.load(
        PLAIN_COHORT,
        "plain",
        (0..small).map(|n| Ok(list::plain(n))),
    );
    let loaded = timed(plain).await?;
    let published = timed(operator.publish(PLAIN_COHORT)).await?;
    note_load(figures, "load_plain", small, loaded, published);
    checks::not_listed(options, &service, figures).await?;

    postgres.query("VACUUM members")?;
    let bytes = "SELECT pg_total_relation_size('members')::float8 / COUNT(*) FROM members";
    let bytes = postgres.query(bytes)?.parse()?;
    figures.add("disk_per_identifier".to_owned(), bytes, "bytes");
    let peak = processes::peak_mib(service.id())?;
    figures.add("load_memory".to_owned(), peak, "MiB");
    Ok(())
}

async fn timed<T>(work: impl Future<Output = Result<T>>) -> Result<Duration> {
    let begun = Instant::now();
    work.await?;
    Ok(begun.elapsed())
}

fn note_load(figures: &mut Figures, name: &str, rows: u64, loaded: Duration, published: Duration) {
    let rate = rows as f64 / (loaded + published).as_secs_f64();
    figures.add(format!("{name}_rows_per_second"), rate, "1/s");
    figures.add(format!("{name}_seconds"), loaded.as_secs_f64(), "s");
    figures.add(
        format!("{name}_publish_seconds"),
        published.as_secs_f64(),
        "s",
    );
}
