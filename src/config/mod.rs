//! Settings: defaults in code, then one TOML file, then the environment (`ENROLLMENT__SECTION__KEY`).
//!
//! Owns: which settings there are, and what they may be. Every fault is found at once, and told by
//! the setting's name and rule, never by its value. There is no switch between a lax and a strict
//! mode: what is safe is the default. Secrets come only from files.

mod auth;
mod database;
mod faults;
mod keys;
mod log;
mod server;

use std::{collections::HashMap, fs, path::Path};

use serde::Deserialize;

pub use auth::Auth;
pub use keys::read_digester;
pub use log::{Log, LogFormat};
pub use server::Server;

use auth::AuthSettings;
use database::DatabaseSettings;
use faults::Faults;
use keys::KeySettings;
use server::ServerSettings;

use crate::{crypto::Keys, storage::Database};

/// All settings, checked, with the files that they name read.
#[derive(Debug)]
pub struct Config {
    /// How it is served.
    pub server: Server,
    /// Where it is kept.
    pub database: Database,
    /// Who may call.
    pub auth: Auth,
    /// The keys.
    pub keys: Keys,
    /// What is written to the log.
    pub log: Log,
}

/// Every fault of the settings, a line each.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigError(Vec<String>);

/// The settings of `migrate`, which needs no key: where the rows are kept, and the log.
#[derive(Debug)]
pub struct MigrateConfig {
    /// Where it is kept.
    pub database: Database,
    /// What is written to the log.
    pub log: Log,
}

impl Config {
    /// Reads all settings and the files that they name.
    pub fn read(
        file: Option<&Path>,
        environment: HashMap<String, String>,
    ) -> Result<Self, ConfigError> {
        let text = Settings::read(file, environment)?;
        let mut faults = Faults::default();
        let server = text.server.check(&mut faults);
        let database = text.database.check(&mut faults);
        let auth = text.auth.check(&mut faults);
        let keys = text.keys.check(&mut faults);
        match (server, database, auth, keys) {
            (Some(server), Some(database), Some(auth), Some(keys)) if faults.0.is_empty() => {
                Ok(Self {
                    server,
                    database,
                    auth,
                    keys,
                    log: text.log,
                })
            }
            _ => Err(ConfigError(faults.0)),
        }
    }
}

impl MigrateConfig {
    /// Reads the settings that `migrate` needs. Unknown settings are faults here too.
    pub fn read(
        file: Option<&Path>,
        environment: HashMap<String, String>,
    ) -> Result<Self, ConfigError> {
        let text = Settings::read(file, environment)?;
        let mut faults = Faults::default();
        match text.database.check(&mut faults) {
            Some(database) if faults.0.is_empty() => Ok(Self {
                database,
                log: text.log,
            }),
            _ => Err(ConfigError(faults.0)),
        }
    }
}

/// The settings as they are written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    server: ServerSettings,
    database: DatabaseSettings,
    keys: KeySettings,
    auth: AuthSettings,
    log: Log,
}

impl Settings {
    fn read(
        file: Option<&Path>,
        environment: HashMap<String, String>,
    ) -> Result<Self, ConfigError> {
        let mut sources = config::Config::builder();
        if let Some(file) = file {
            let text = fs::read_to_string(file).map_err(|error| {
                ConfigError(vec![format!(
                    "the settings file cannot be read ({})",
                    error.kind()
                )])
            })?;
            sources = sources.add_source(config::File::from_str(&text, config::FileFormat::Toml));
        }
        // Texts stay texts: numbers and switches are read as what their setting is.
        let environment = config::Environment::with_prefix("ENROLLMENT")
            .prefix_separator("__")
            .separator("__")
            .source(Some(environment));
        sources
            .add_source(environment)
            .build()
            .and_then(config::Config::try_deserialize)
            .map_err(|error| ConfigError(vec![without_values(&error)]))
    }
}

/// The library's own texts hold the offending value, which may be a secret in the wrong place.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever else the library may say can hold a value"
)]
fn without_values(error: &config::ConfigError) -> String {
    match error {
        config::ConfigError::Type { key, expected, .. } => {
            let key = key.as_deref().unwrap_or("a setting");
            format!("{key}: must be {expected}")
        }
        config::ConfigError::At { error, key, .. } => {
            let inner = without_values(error);
            match key {
                Some(key) => format!("{key}: {inner}"),
                None => inner,
            }
        }
        config::ConfigError::Message(text) if text.starts_with("unknown field ") => {
            format!("not understood: {}", text.replace('`', ""))
        }
        config::ConfigError::Message(text) if text.starts_with("unknown variant ") => {
            let choices = text
                .split_once("expected ")
                .map_or("known", |(_, choices)| choices);
            format!("must be {}", choices.replace('`', ""))
        }
        config::ConfigError::FileParse { .. } => "the settings file must be TOML".to_owned(),
        _ => "not understood: a setting has a form that it must not have".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(file: &str, environment: &[(&str, &str)]) -> String {
        let settings = tempfile::NamedTempFile::new().unwrap();
        fs::write(settings.path(), file).unwrap();
        let environment = environment
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        match Config::read(Some(settings.path()), environment) {
            Ok(_) => String::new(),
            Err(faults) => faults.to_string(),
        }
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let told = faults(
            "[server]\nlisten = 'here'\ndrain_seconds = 0\n[auth]\nalgorithm = 'HS256'",
            &[],
        );
        for setting in [
            "server.listen",
            "server.drain_seconds",
            "database.url",
            "keys.digest_key_file",
            "keys.sealing_keys_file",
            "auth.issuer",
            "auth.algorithm",
            "auth.jwks_file",
        ] {
            assert!(told.contains(setting), "{setting} in:\n{told}");
        }
    }

    #[test]
    fn unknown_settings_are_faults_in_file_and_environment() {
        assert!(faults("[server]\nlissen = 'x'", &[]).contains("lissen"));
        assert!(faults("", &[("ENROLLMENT__SERVER__LISSEN", "x")]).contains("lissen"));
        assert!(faults("[sever]", &[]).contains("sever"));
    }

    #[test]
    fn no_value_stands_in_a_fault() {
        for told in [
            faults("[server]\ndrain_seconds = 'hunter2'", &[]),
            faults("[database]\nurl = 'postgres://u:hunter2@localhost/x'", &[]),
            faults("[log]\nformat = 'hunter2'", &[]),
            faults("hunter2", &[]),
            faults("", &[("ENROLLMENT__SERVER__OPEN_REFLECTION", "hunter2")]),
        ] {
            assert!(!told.is_empty() && !told.contains("hunter2"), "{told}");
        }
    }

    #[test]
    fn off_this_machine_only_a_verified_server_will_do() {
        let fault =
            |url: &str| faults(&format!("[database]\nurl = '{url}'"), &[]).contains("database.url");
        assert!(fault("postgres://u@db.example/x"));
        assert!(fault("postgres://u@db.example/x?sslmode=require"));
        assert!(fault("postgres:///x?host=localhost&host=db.example"));
        assert!(fault("mysql://u@localhost/x"));
        assert!(!fault("postgres://u@db.example/x?sslmode=verify-full"));
        assert!(!fault("postgres://u@127.0.0.1:5432/x"));
        assert!(!fault("postgres:///x?host=/run/postgresql&user=u"));
        assert!(!fault("sqlite://x.db"));
    }
}
