//! Parses the verb and calls it. Everything else is in the library.

use std::process::ExitCode;

use clap::Parser;
use enrollment::cli::{Cli, run};

/// Calls make many small allocations on one thread and free them on another: the system's allocator
/// spends a fifth of the service's time on them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    run(Cli::parse()).await
}
