//! `[keys]`

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::faults::Faults;
use crate::{
    clock::Random,
    crypto::{
        Keys,
        digest::Digester,
        keyring::{KeyFileError, Keyring},
        seal::Sealer,
    },
};

/// Reads a digest key file, which must hold one key: an identifier has one digest.
pub fn read_digester(path: &Path) -> Result<Digester, KeyFileError> {
    let keyring = Keyring::read(path)?;
    if keyring.is_single() {
        Ok(Digester::new(keyring.first()))
    } else {
        Err(KeyFileError::NotSingle)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct KeySettings {
    digest_key_file: PathBuf,
    sealing_keys_file: PathBuf,
}

impl KeySettings {
    /// The settings, checked.
    pub fn check(self, faults: &mut Faults) -> Option<Keys> {
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
