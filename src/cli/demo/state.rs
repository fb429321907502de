//! The demo's folder: keys that are made once, settings that are written anew, tokens for each role.

use std::{
    fs,
    io::Write,
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::super::{
    Failure,
    token::{Grant, Minter},
};
use crate::{
    clock::Random,
    crypto::{keyring::Keyring, signing},
};

const ISSUER: &str = "https://demo.invalid";
const AUDIENCE: &str = "identity-protection-enrollment";
const SIGNING_KEY: &str = "demo-signing";
const TOKEN_SECONDS: u64 = 30 * 24 * 3_600;

/// Everybody who calls the service.
const ROLES: [&str; 4] = ["app", "operator", "provider", "auditor"];

/// A demo's folder.
pub(super) struct State {
    folder: PathBuf,
}

impl State {
    /// Makes what is missing in the folder.
    pub fn prepare(folder: &Path, listen: SocketAddr) -> Result<Self, Failure> {
        let state = Self {
            folder: std::path::absolute(folder).map_err(Failure::other)?,
        };
        for part in [
            state.folder.clone(),
            state.folder.join("keys"),
            state.folder.join("tokens"),
        ] {
            private_folder(&part)?;
        }
        state.make_keys()?;
        write_private(&state.settings_file(), &state.settings(listen))?;
        Ok(state)
    }

    /// The settings that the demo serves with; `check-config` and `migrate` take them too.
    pub fn settings_file(&self) -> PathBuf {
        self.folder.join("enrollment.toml")
    }

    /// Writes a token for each role, good for thirty days.
    pub fn write_tokens(&self) -> Result<(), Failure> {
        let key_id = Some(SIGNING_KEY.to_owned());
        let minter = Minter::read(&self.key("signing-key.pem"), key_id, "EdDSA")?;
        for role in ROLES {
            let token = minter.mint(&Grant {
                issuer: ISSUER,
                audience: AUDIENCE,
                subject: &format!("demo-{role}"),
                scope: role,
                lifetime: TOKEN_SECONDS,
            })?;
            let file = self.folder.join("tokens").join(format!("{role}.jwt"));
            write_private(&file, &token)?;
        }
        Ok(())
    }

    fn key(&self, name: &str) -> PathBuf {
        self.folder.join("keys").join(name)
    }

    fn make_keys(&self) -> Result<(), Failure> {
        for (file, id) in [
            ("digest-key.json", "demo-digest"),
            ("sealing-keys.json", "demo-sealing"),
        ] {
            let path = self.key(file);
            if !path.exists() {
                let text = Keyring::generate(id, Random).map_err(Failure::other)?;
                write_private(&path, &text)?;
            }
        }
        let path = self.key("signing-key.pem");
        if !path.exists() {
            let pair = signing::generate(SIGNING_KEY, Random).map_err(Failure::other)?;
            write_private(&self.key("jwks.json"), &pair.public_jwks)?;
            write_private(&path, &pair.private_pem)?;
        }
        Ok(())
    }

    fn settings(&self, listen: SocketAddr) -> String {
        let path = |file: PathBuf| toml_text(&file.to_string_lossy());
        let database = format!("sqlite://{}", self.folder.join("enrollment.db").display());
        format!(
            "# Written by `enrollment demo` at each start.\n\
             [server]\n\
             listen = \"{listen}\"\n\
             open_reflection = true\n\
             \n\
             [database]\n\
             url = {url}\n\
             \n\
             [keys]\n\
             digest_key_file = {digest}\n\
             sealing_keys_file = {sealing}\n\
             \n\
             [auth]\n\
             issuer = \"{ISSUER}\"\n\
             audience = \"{AUDIENCE}\"\n\
             jwks_file = {jwks}\n\
             max_token_lifetime_seconds = {TOKEN_SECONDS}\n\
             \n\
             [log]\n\
             format = \"human\"\n",
            url = toml_text(&database),
            digest = path(self.key("digest-key.json")),
            sealing = path(self.key("sealing-keys.json")),
            jwks = path(self.key("jwks.json")),
        )
    }
}

/// A TOML string, whatever stands in a path.
fn toml_text(text: &str) -> String {
    format!("\"{}\"", text.escape_default())
}

fn private_folder(path: &Path) -> Result<(), Failure> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| Failure::other(format!("--state: cannot be made ({})", error.kind())))
}

/// Writes a file that only its owner can read, all of it or none.
fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    let write = |to: &Path| -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(to)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    let partial = path.with_extension("partial");
    write(&partial)
        .and_then(|()| fs::rename(&partial, path))
        .map_err(|error| Failure::other(format!("--state: cannot be written ({})", error.kind())))
}
