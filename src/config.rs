//! Settings: defaults in code, then one TOML file, then the environment (`ENROLLMENT__SECTION__KEY`).
//!
//! Owns: which settings there are, and what they may be. Every fault is found at once, and told by
//! the setting's name and rule, never by its value. There is no switch between a lax and a strict
//! mode: what is safe is the default. Secrets come only from files.

use std::{
    collections::HashMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use jsonwebtoken::{Algorithm, jwk::JwkSet};
use serde::Deserialize;
use url::Url;
use zeroize::Zeroizing;

use crate::{
    clock::Random,
    crypto::{
        Keys,
        digest::Digester,
        keyring::{KeyFileError, Keyring},
        seal::Sealer,
    },
    storage::{Database, connect::verifies_server},
};

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

/// How it is served.
#[derive(Debug, Clone)]
pub struct Server {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// How long a stop waits for what runs.
    pub drain: Duration,
    /// Calls at once; more are turned away.
    pub max_in_flight: usize,
    /// The deadline of a call that brings none.
    pub default_deadline: Duration,
    /// Whether reflection needs no token.
    pub open_reflection: bool,
}

/// Who may call.
#[derive(Debug, Clone)]
pub struct Auth {
    /// Who issues the tokens.
    pub issuer: String,
    /// For whom they are issued.
    pub audience: String,
    /// The one algorithm that they are signed with.
    pub algorithm: Algorithm,
    /// The keys that verify them.
    pub jwks: JwkSet,
    /// The longest life of a token.
    pub max_token_lifetime: Duration,
}

/// What is written to the log.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `json` for machines, `human` for people.
    pub format: LogFormat,
    /// Which spans and events: `info`, or `info,enrollment=debug`.
    pub filter: String,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A JSON object per line.
    Json,
    /// A line to read.
    Human,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Json,
            filter: "info".to_owned(),
        }
    }
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

/// Reads a digest key file, which must hold one key: an identifier has one digest.
pub fn read_digester(path: &Path) -> Result<Digester, KeyFileError> {
    let keyring = Keyring::read(path)?;
    if keyring.is_single() {
        Ok(Digester::new(keyring.first()))
    } else {
        Err(KeyFileError::NotSingle)
    }
}

#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    fn note(&mut self, setting: &str, rule: impl std::fmt::Display) {
        self.0.push(format!("{setting}: {rule}"));
    }

    fn check<T, E: std::fmt::Display>(&mut self, setting: &str, value: Result<T, E>) -> Option<T> {
        value.map_err(|rule| self.note(setting, rule)).ok()
    }

    fn bounded<T: PartialOrd + std::fmt::Display>(
        &mut self,
        setting: &str,
        value: T,
        least: T,
        most: T,
    ) -> Option<T> {
        if value < least || value > most {
            self.note(setting, format!("must be {least} to {most}"));
            return None;
        }
        Some(value)
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ServerSettings {
    listen: String,
    drain_seconds: u64,
    max_in_flight: usize,
    default_deadline_seconds: u64,
    open_reflection: bool,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:50051".to_owned(),
            drain_seconds: 25,
            max_in_flight: 512,
            default_deadline_seconds: 10,
            open_reflection: false,
        }
    }
}

impl ServerSettings {
    fn check(self, faults: &mut Faults) -> Option<Server> {
        let listen = faults.check(
            "server.listen",
            self.listen
                .parse()
                .map_err(|_| "must be an address and a port: 0.0.0.0:50051"),
        );
        let drain = faults.bounded("server.drain_seconds", self.drain_seconds, 1, 600);
        let max_in_flight = faults.bounded("server.max_in_flight", self.max_in_flight, 1, 100_000);
        let deadline = faults.bounded(
            "server.default_deadline_seconds",
            self.default_deadline_seconds,
            1,
            600,
        );
        Some(Server {
            listen: listen?,
            drain: Duration::from_secs(drain?),
            max_in_flight: max_in_flight?,
            default_deadline: Duration::from_secs(deadline?),
            open_reflection: self.open_reflection,
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct DatabaseSettings {
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
    fn check(self, faults: &mut Faults) -> Option<Database> {
        const SETTING: &str = "database.url";
        let max_connections =
            faults.bounded("database.max_connections", self.max_connections, 1, 1_000);
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

/// Whether a connection leaves this machine: loopback and sockets do not.
fn stays_on_this_machine(url: &Url) -> bool {
    let query_host = url
        .query_pairs()
        .find(|(key, _)| key == "host" || key == "hostaddr")
        .map(|(_, value)| value.into_owned());
    match query_host.as_deref().or(url.host_str()) {
        None | Some("" | "localhost" | "127.0.0.1" | "[::1]" | "::1") => true,
        Some(host) => host.starts_with('/') || host.starts_with("%2F"),
    }
}

fn read_secret(path: &Path) -> Result<Zeroizing<String>, String> {
    let text = fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|error| format!("cannot be read ({})", error.kind()))?;
    Ok(Zeroizing::new(
        text.trim_end_matches(['\r', '\n']).to_owned(),
    ))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct KeySettings {
    digest_key_file: PathBuf,
    sealing_keys_file: PathBuf,
}

impl KeySettings {
    fn check(self, faults: &mut Faults) -> Option<Keys> {
        let digester = faults.check("keys.digest_key_file", read_digester(&self.digest_key_file));
        let sealing = faults.check(
            "keys.sealing_keys_file",
            Keyring::read(&self.sealing_keys_file),
        );
        Some(Keys {
            digester: digester?,
            sealer: Sealer::new(sealing?, Random),
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AuthSettings {
    issuer: String,
    audience: String,
    algorithm: String,
    jwks_file: PathBuf,
    max_token_lifetime_seconds: u64,
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            audience: "identity-protection-enrollment".to_owned(),
            algorithm: "EdDSA".to_owned(),
            jwks_file: PathBuf::new(),
            max_token_lifetime_seconds: 3_600,
        }
    }
}

impl AuthSettings {
    fn check(self, faults: &mut Faults) -> Option<Auth> {
        for (setting, value) in [
            ("auth.issuer", &self.issuer),
            ("auth.audience", &self.audience),
        ] {
            if value.trim().is_empty() {
                faults.note(setting, "must be given");
            }
        }
        let algorithm = faults.check("auth.algorithm", asymmetric(&self.algorithm));
        let jwks = faults.check("auth.jwks_file", read_jwks(&self.jwks_file));
        let lifetime = faults.bounded(
            "auth.max_token_lifetime_seconds",
            self.max_token_lifetime_seconds,
            60,
            // A year: `demo` lives longer than a shift.
            31_622_400,
        );
        Some(Auth {
            issuer: self.issuer,
            audience: self.audience,
            algorithm: algorithm?,
            jwks: jwks?,
            max_token_lifetime: Duration::from_secs(lifetime?),
        })
    }
}

/// A service that only verifies must not hold what could sign.
fn asymmetric(name: &str) -> Result<Algorithm, &'static str> {
    const RULE: &str =
        "must be one of EdDSA, ES256, ES384, RS256, RS384, RS512, PS256, PS384, PS512";
    match Algorithm::from_str(name) {
        Ok(Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512) | Err(_) => Err(RULE),
        Ok(algorithm) => Ok(algorithm),
    }
}

fn read_jwks(path: &Path) -> Result<JwkSet, String> {
    let text = fs::read(path).map_err(|error| format!("cannot be read ({})", error.kind()))?;
    let set: JwkSet =
        serde_json::from_slice(&text).map_err(|_| "must be a JWK Set (RFC 7517)".to_owned())?;
    if set.keys.is_empty() {
        return Err("must hold at least one key".to_owned());
    }
    Ok(set)
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
        assert!(fault("mysql://u@localhost/x"));
        assert!(!fault("postgres://u@db.example/x?sslmode=verify-full"));
        assert!(!fault("postgres://u@127.0.0.1:5432/x"));
        assert!(!fault("postgres:///x?host=/run/postgresql&user=u"));
        assert!(!fault("sqlite://x.db"));
    }
}
