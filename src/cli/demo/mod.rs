//! `demo`: keys, an offer, 54,617 made-up people, tokens, and a service on loopback.
//!
//! The only verb that makes up keys, and only in its own folder. It does what operators do, by the
//! same deeds, and each step knows whether it has been done: a second run, or one after a break, goes
//! on with the same folder.

mod lines;
mod offer;
mod people;
mod state;

use std::{collections::HashMap, net::SocketAddr, path::PathBuf};

use clap::Args;

use super::{Failure, serve::serve};
use crate::{
    app::{App, Freshness},
    clock::{Clock, Random},
    config::Config,
    storage::Store,
    telemetry,
};
use state::State;

/// Where, and on which port.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder for keys, tokens and the database.
    #[arg(long, value_name = "DIR", default_value = ".demo")]
    state: PathBuf,
    /// Address to listen on. Loopback only: the keys are made up.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:50051")]
    listen: SocketAddr,
}

pub(super) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    if !arguments.listen.ip().is_loopback() {
        return Err(Failure::settings(
            "--listen: a demo listens on loopback only",
        ));
    }
    let state = State::prepare(&arguments.state, arguments.listen)?;
    let settings = || {
        // Nothing from the environment: a demo must not find its way to another address or database.
        Config::read(Some(&state.settings_file()), HashMap::new()).map_err(Failure::settings)
    };
    let config = settings()?;
    telemetry::install(&config.log).map_err(Failure::settings)?;
    prepare(config).await?;
    state.write_tokens()?;
    let config = settings()?;
    let listen = config.server.listen;
    let ready = lines::ready(&arguments.state, listen);
    serve(config, || println!("{ready}")).await
}

/// Tables, offer, cohorts and their people.
async fn prepare(config: Config) -> Result<(), Failure> {
    let store = Store::connect(&config.database, true)
        .await
        .map_err(Failure::other)?;
    store
        .migrate(&config.database)
        .await
        .map_err(Failure::other)?;
    // Nothing serves yet.
    let freshness = Freshness::ALWAYS_ASK;
    let app = App::new(
        store.clone(),
        config.keys,
        Clock::system(),
        Random,
        freshness,
    );
    app.readiness().await.map_err(Failure::settings)?;
    offer::prepare(&app, Clock::system().now()).await?;
    store.drain().await;
    Ok(())
}
