//! `cargo bench --bench speed`: how fast the service is, beside a bare echo and beside the same work
//! done by PostgreSQL's own pgbench, all in one interleaved run. `-- --help` names the options,
//! `-- --short` only finds out whether it runs.
//!
//! It makes its own data, starts PostgreSQL and the service as they are installed, and ends them. Tables
//! and goals are for people; each figure also stands on a line `figure NAME VALUE UNIT`. It fails when
//! something is broken, never for being slow.

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

mod by_hand;
mod calls;
mod data;
mod goals;
mod growth;
mod on_postgres;
mod on_sqlite;
mod options;
mod pgbench;
mod rounds;
mod subject;

use std::process::ExitCode;

use clap::Parser;
use goals::GOALS;
use options::{Database, Options};
use stand::{Result, alone, figures::Figures, postgres::Postgres, report};

fn main() -> ExitCode {
    let options = Options::parse();
    stand::run(options.echo.as_deref(), run(&options))
}

async fn run(options: &Options) -> Result<()> {
    let _alone = alone::wait_for_others(&options.folder)?;
    let mut figures = Figures::default();
    let mut description = None;
    let measured = measure(options, &mut description, &mut figures).await;
    // Also what was measured before something broke.
    report::machine(&options.folder, description.as_deref(), &figures);
    report::table("PostgreSQL", |name| !name.starts_with("sqlite_"), &figures);
    report::table("SQLite", |name| name.starts_with("sqlite_"), &figures);
    report::goals(&GOALS, &figures);
    report::lines(&GOALS, &figures);
    measured?;
    goals::refuse_gaps(options, description.is_some(), &figures)
}

/// Measures on the databases that are wanted; `description` becomes PostgreSQL's, where it is installed.
async fn measure(
    options: &Options,
    description: &mut Option<String>,
    figures: &mut Figures,
) -> Result<()> {
    if options.includes(Database::Postgres) {
        if let Some(postgres) = Postgres::start(&options.folder)? {
            *description = Some(postgres.description()?);
            on_postgres::run(options, &postgres, figures).await?;
        } else {
            stand::postgres::say_that_it_is_missing()?;
        }
        if description.is_some() && options.long && options.wants(growth::NAME) {
            growth::run(options, figures).await?;
        }
    }
    if options.includes(Database::Sqlite) {
        on_sqlite::run(options, figures).await?;
    }
    Ok(())
}
