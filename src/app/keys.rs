//! Whether the keys are those that the rows were made with. With another digest key every listed
//! person would be told that they are not; so such a service must not start.

use super::App;
use crate::storage::{
    self, Transaction, key_check,
    transaction::{Failure, UnitOfWork, UnknownCommit},
};

/// The keys cannot be used with this database.
#[derive(Debug, thiserror::Error)]
pub enum KeyCheckError {
    /// The database cannot be asked.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// The digest key is another one.
    #[error("keys.digest_key_file is not the key that this database's digests were made with")]
    DigestKey,
    /// No sealing key opens what was sealed first.
    #[error("keys.sealing_keys_file lacks a key that this database's seals were made with")]
    SealingKeys,
    /// Nothing can be sealed.
    #[error("the sealing key does not seal")]
    Seal,
}

impl KeyCheckError {
    /// Whether waiting will not help: the keys are wrong.
    pub fn is_final(&self) -> bool {
        match self {
            Self::DigestKey | Self::SealingKeys | Self::Seal => true,
            Self::Storage(_) => false,
        }
    }
}

const DIGEST: &str = "digest";
const SEAL: &str = "seal";
const CONTEXT: &str = "key-check";

impl App {
    /// Compares the keys with what they made of a known text when they were first used, and leaves
    /// that behind the first time.
    pub async fn check_keys(&self) -> Result<(), KeyCheckError> {
        let keys = &self.0.keys;
        let digest = keys.digester.whole(CONTEXT, DIGEST.as_bytes());
        if self.first(DIGEST, || Ok(digest.to_vec())).await? != digest {
            return Err(KeyCheckError::DigestKey);
        }
        let seal = || keys.sealer.seal(CONTEXT, SEAL.as_bytes());
        let sealed = self
            .first(SEAL, || seal().map_err(|_| KeyCheckError::Seal))
            .await?;
        let opened = keys.sealer.open(CONTEXT, &sealed);
        opened.map(drop).map_err(|_| KeyCheckError::SealingKeys)
    }

    /// What was left behind first, by this process or by another: of two that start at once with
    /// different keys, one must see that it is wrong.
    async fn first(
        &self,
        purpose: &'static str,
        make: impl FnOnce() -> Result<Vec<u8>, KeyCheckError>,
    ) -> Result<Vec<u8>, KeyCheckError> {
        let db = &self.0.store;
        if let Some(known) = key_check::find(db.reader(), purpose).await? {
            return Ok(known);
        }
        self.leave(purpose, make()?).await?;
        let known = key_check::find(db.reader(), purpose).await?;
        Ok(known.ok_or_else(|| storage::Error::affected("insert key_checks"))?)
    }

    async fn leave(
        &self,
        purpose: &'static str,
        fingerprint: Vec<u8>,
    ) -> Result<(), KeyCheckError> {
        self.0
            .store
            .transaction(Leave {
                purpose,
                fingerprint,
            })
            .await
    }
}

struct Leave {
    purpose: &'static str,
    fingerprint: Vec<u8>,
}

impl UnitOfWork for Leave {
    type Output = ();
    type Error = KeyCheckError;
    const NAME: &'static str = "CheckKeys";
    const UNKNOWN_COMMIT: UnknownCommit = UnknownCommit::Repeat;

    async fn run(&self, transaction: &Transaction) -> Result<(), KeyCheckError> {
        Ok(key_check::insert(transaction, self.purpose, &self.fingerprint).await?)
    }
}

impl Failure for KeyCheckError {
    fn database(&self) -> Option<&storage::Error> {
        match self {
            Self::Storage(error) => Some(error),
            Self::DigestKey | Self::SealingKeys | Self::Seal => None,
        }
    }
}
