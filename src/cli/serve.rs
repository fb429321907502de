//! `serve`: settings, database, port, and then calls until told to stop.

use super::{Failure, Settings, environment, stop};
use crate::{
    app::{App, Freshness, readiness::NotReady},
    clock::{Clock, Random},
    config::Config,
    grpc::auth::Authenticator,
    server::{Server, ServerError},
    storage::Store,
    telemetry,
};

pub(super) async fn run(settings: &Settings) -> Result<(), Failure> {
    let config =
        Config::read(settings.config.as_deref(), environment()).map_err(Failure::settings)?;
    Authenticator::new(&config.auth).map_err(Failure::settings)?;
    telemetry::install(&config.log).map_err(Failure::settings)?;
    serve(config, || ()).await
}

/// Serves with these settings, and calls `ready` once the port is bound.
pub(super) async fn serve(config: Config, ready: impl FnOnce()) -> Result<(), Failure> {
    let stop = stop::requested()?;
    let store = Store::connect(&config.database, false)
        .await
        .map_err(Failure::other)?;
    let clock = Clock::system();
    let app = App::new(
        store,
        config.keys,
        clock.clone(),
        Random,
        Freshness::STANDARD,
    );
    refuse_wrong_keys(&app).await?;
    let server = Server::bind(&config.server, &config.auth, app, clock)
        .await
        .map_err(Failure::other)?;
    let address = server.address().map_err(Failure::other)?;
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "listening");
    ready();
    server.serve(stop).await.map_err(|error| match error {
        ServerError::Keys(_) => Failure::settings(error),
        ServerError::Descriptor(_)
        | ServerError::Reflection
        | ServerError::Auth(_)
        | ServerError::Randomness(_)
        | ServerError::Bind(_)
        | ServerError::Transport => Failure::other(error),
    })
}

/// Wrong keys end the start before a port is bound. A database that is not there yet does not: it is
/// waited for, and not served from.
async fn refuse_wrong_keys(app: &App) -> Result<(), Failure> {
    match app.readiness().await {
        Err(NotReady::Keys(wrong)) if wrong.is_final() => Err(Failure::settings(wrong)),
        Ok(()) | Err(_) => Ok(()),
    }
}
