//! The binary as an operator would install it: settings and keys in a folder.

use std::{
    collections::HashMap,
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use enrollment::{
    clock::Random,
    config::Config,
    crypto::{Keys, keyring::Keyring, signing},
    storage::Database,
};
use tempfile::TempDir;

use super::{database::TestDatabase, token::ISSUER};

/// The name of its signing key.
const SIGNING_KEY: &str = "cli-signing";

/// A folder with settings and keys, as an operator would lay them out.
pub struct Installation {
    folder: TempDir,
}

impl Installation {
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let pair = signing::generate(SIGNING_KEY, Random).unwrap();
        let settings = format!(
            "[server]\nlisten = '127.0.0.1:0'\n\
             [database]\nurl = 'sqlite://{0}/enrollment.db'\n\
             [keys]\ndigest_key_file = '{0}/digest.json'\nsealing_keys_file = '{0}/sealing.json'\n\
             [auth]\nissuer = '{ISSUER}'\njwks_file = '{0}/jwks.json'\n",
            folder.path().display()
        );
        for (file, text) in [
            (
                "digest.json",
                Keyring::generate("digest", Random).unwrap().as_str(),
            ),
            (
                "sealing.json",
                Keyring::generate("sealing", Random).unwrap().as_str(),
            ),
            ("signing.pem", &pair.private_pem),
            ("jwks.json", &pair.public_jwks),
            ("enrollment.toml", &settings),
        ] {
            fs::write(folder.path().join(file), text).unwrap();
        }
        Self { folder }
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Its keys.
    pub fn keys(&self) -> Keys {
        let settings = Config::read(Some(&self.path("enrollment.toml")), HashMap::new());
        settings.unwrap().keys
    }

    /// A token that its service accepts, as `token` mints it.
    pub fn token(&self, scopes: &[&str]) -> String {
        let output = enrollment()
            .args(["token", "--issuer", ISSUER, "--subject", "jo"])
            .args(scopes.iter().flat_map(|scope| ["--scope", scope]))
            .args(["--key-id", SIGNING_KEY, "--key"])
            .arg(self.path("signing.pem"))
            .output()
            .unwrap();
        succeed(&output).trim().to_owned()
    }

    /// `serve`, over this database in place of its own.
    pub fn serve(&self, database: &TestDatabase, listen: &str) -> Command {
        let (Database::Sqlite { url } | Database::Postgres { url, .. }) = &database.settings;
        let mut command = self.with_settings("serve");
        command.env("ENROLLMENT__SERVER__LISTEN", listen);
        command.env("ENROLLMENT__DATABASE__URL", url);
        command
    }

    pub fn with_settings(&self, verb: &str) -> Command {
        let mut command = enrollment();
        command
            .arg(verb)
            .arg("--config")
            .arg(self.path("enrollment.toml"));
        command
    }
}

/// The binary.
pub fn enrollment() -> Command {
    Command::new(env!("CARGO_BIN_EXE_enrollment"))
}

pub fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

/// What it printed, if it succeeded.
#[track_caller]
pub fn succeed(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}
