//! How a verb reaches a running service.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use indicatif::ProgressBar;

use super::Failure;
use crate::grpc::load_client::{LoadClientError, Target};

/// Where the service is, and who asks.
#[derive(Debug, Args)]
pub(super) struct Service {
    /// Address of the service.
    #[arg(long, default_value = "http://127.0.0.1:50051")]
    endpoint: String,
    /// A token with the scope operator.
    #[arg(long, value_name = "FILE")]
    pub token_file: PathBuf,
    /// For how many seconds in all to wait for a service that does not come back after a break.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    patience: u64,
}

impl Service {
    /// The same for a load, whose breaks are told beside this bar.
    pub fn target(&self, bar: ProgressBar) -> Result<Target, Failure> {
        let path = self.token_file.clone();
        let token = move || std::fs::read_to_string(&path).map(|token| token.trim().to_owned());
        token().map_err(|error| {
            Failure::other(format!("--token-file: cannot be read ({})", error.kind()))
        })?;
        Ok(Target {
            endpoint: self.endpoint.clone(),
            token: Box::new(move || token().ok()),
            patience: Duration::from_secs(self.patience),
            on_break: Box::new(move |error, delay| {
                bar.suspend(|| eprintln!("{error}; trying again in {:.1} s", delay.as_secs_f64()));
            }),
        })
    }
}

/// What is told of a load that does not go on.
pub(super) fn refused(error: LoadClientError) -> Failure {
    let hint = if error.passes() {
        ": run it again to go on"
    } else {
        ""
    };
    Failure::other(format!("{error}{hint}"))
}
