//! `migrate`: the tables, brought up to this version.

use super::{Failure, Settings, environment};
use crate::{config::MigrateConfig, storage::Store, telemetry};

pub(super) async fn run(settings: &Settings) -> Result<(), Failure> {
    let config = MigrateConfig::read(settings.config.as_deref(), environment());
    let config = config.map_err(Failure::settings)?;
    telemetry::install(&config.log).map_err(Failure::settings)?;
    let store = Store::connect(&config.database, true)
        .await
        .map_err(Failure::other)?;
    let done = store
        .migrate(&config.database)
        .await
        .map_err(Failure::other)?;
    for migration in &done {
        println!("migrated: {migration}");
    }
    if done.is_empty() {
        println!("nothing to migrate");
    }
    store.drain().await;
    Ok(())
}
