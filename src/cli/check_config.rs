//! `check-config`: everything that is wrong with the settings, without starting anything.

use super::{Failure, Settings, environment};
use crate::{config::Config, grpc::auth::Authenticator, telemetry};

pub(super) fn run(settings: &Settings) -> Result<(), Failure> {
    let config =
        Config::read(settings.config.as_deref(), environment()).map_err(Failure::settings)?;
    Authenticator::new(&config.auth).map_err(Failure::settings)?;
    telemetry::subscriber(&config.log, std::io::sink).map_err(Failure::settings)?;
    println!("the settings are in order");
    Ok(())
}
