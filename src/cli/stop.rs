//! Being told to stop: SIGTERM from a service manager, SIGINT from a person.

use std::future::Future;

use tokio::signal::unix::{SignalKind, signal};

use super::Failure;

/// Listens from now on; what is returned ends with the first signal.
pub(super) fn requested() -> Result<impl Future<Output = ()> + Send, Failure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::other)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::other)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
