//! `[database]`

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use url::Url;
use zeroize::Zeroizing;

use super::faults::Faults;
use crate::storage::{
    Database,
    connect::{LANE_CONNECTIONS, verifies_server},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DatabaseSettings {
    url: String,
    password_file: Option<PathBuf>,
    max_connections: u32,
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            password_file: None,
            max_connections: 16,
        }
    }
}

impl DatabaseSettings {
    /// The settings, checked.
    pub fn check(self, faults: &mut Faults) -> Option<Database> {
        const SETTING: &str = "database.url";
        let max_connections = faults.bounded(
            "database.max_connections",
            self.max_connections,
            LANE_CONNECTIONS + 1,
            1_000,
        );
        let password = match self.password_file {
            Some(path) => Some(faults.check("database.password_file", read_secret(&path))?),
            None => None,
        };
        if self.url.starts_with("sqlite:") {
            return Some(Database::Sqlite { url: self.url });
        }
        let Some(url) = Url::parse(&self.url)
            .ok()
            .filter(|url| matches!(url.scheme(), "postgres" | "postgresql"))
        else {
            faults.note(
                SETTING,
                "must be sqlite://PATH or postgres://USER@HOST/NAME",
            );
            return None;
        };
        if url.password().is_some() || url.query_pairs().any(|(key, _)| key == "password") {
            faults.note(
                SETTING,
                "must not hold a password: put it into database.password_file",
            );
            return None;
        }
        if !stays_on_this_machine(&url) && !verifies_server(&self.url) {
            faults.note(
                SETTING,
                "must say sslmode=verify-full for a server on another machine",
            );
            return None;
        }
        Some(Database::Postgres {
            url: self.url,
            password,
            max_connections: max_connections?,
        })
    }
}

/// Whether a connection stays on this machine: loopback and sockets do. Every host that is named must,
/// since which of several is used is up to the driver.
fn stays_on_this_machine(url: &Url) -> bool {
    let named = url
        .query_pairs()
        .filter(|(key, _)| key == "host" || key == "hostaddr")
        .map(|(_, value)| value.into_owned());
    url.host_str()
        .map(str::to_owned)
        .into_iter()
        .chain(named)
        .all(|host| is_local(&host))
}

fn is_local(host: &str) -> bool {
    matches!(host, "" | "localhost" | "127.0.0.1" | "[::1]" | "::1")
        || host.starts_with('/')
        || host.starts_with("%2F")
}

fn read_secret(path: &Path) -> Result<Zeroizing<String>, String> {
    let text = fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|error| format!("cannot be read ({})", error.kind()))?;
    Ok(Zeroizing::new(
        text.trim_end_matches(['\r', '\n']).to_owned(),
    ))
}
