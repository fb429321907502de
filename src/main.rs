//! Parses the verb and calls it. Everything else is in the library.

use std::process::ExitCode;

use clap::Parser;
use enrollment::cli::{Cli, run};

#[tokio::main]
async fn main() -> ExitCode {
    run(Cli::parse()).await
}
