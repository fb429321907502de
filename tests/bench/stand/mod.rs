//! What benchmarks stand on: the database and the service as they are installed, a bare echo beside them,
//! figures and goals, and what is printed of them. Must not know: what is measured.

#[path = "../../it/support/postgres_server.rs"]
mod postgres_server;

pub mod alone;
pub mod calls;
pub mod company;
pub mod disturbance;
pub mod echo;
pub mod figures;
pub mod goal;
pub mod kept;
pub mod postgres;
pub mod processes;
pub mod report;
pub mod service;

use std::{path::Path, process::ExitCode};

use tokio::runtime::Runtime;

/// What anything here can fail with.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
/// What everything here gives.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// Serves the echo, if its replies are given, or measures. The load comes from one thread: the processors are
/// for what is measured.
pub fn run(echo: Option<&Path>, measure: impl Future<Output = Result<()>>) -> ExitCode {
    let done = match echo {
        Some(replies) => echo::serve(replies),
        None => runtime().and_then(|runtime| runtime.block_on(measure)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("BROKEN: {error}");
            ExitCode::FAILURE
        }
    }
}

fn runtime() -> Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    Ok(builder.enable_all().build()?)
}
