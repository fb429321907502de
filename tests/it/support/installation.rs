//! The binary as an operator would install it: settings and keys in a folder.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use enrollment::{
    clock::Random,
    crypto::{keyring::Keyring, signing},
};
use tempfile::TempDir;

/// The name of its signing key.
pub const SIGNING_KEY: &str = "cli-signing";

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
             [auth]\nissuer = 'https://issuer.test'\njwks_file = '{0}/jwks.json'\n",
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
