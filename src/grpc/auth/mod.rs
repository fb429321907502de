//! Who calls. A token is verified once and remembered until it expires, or until the keys change: what
//! is remembered belongs to the keys that it was verified with, and goes with them.
//!
//! The keys' file is looked at every second. One that cannot be read is told of in the log, and the keys that were
//! last read stay. So it is with one that holds no fit key, or two of one name: but a key that is not in it counts no
//! more, though nobody be let in.

mod verifier;

use std::{
    borrow::Borrow,
    convert::Infallible,
    fmt,
    hash::{Hash, Hasher},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jsonwebtoken::{get_current_timestamp, jwk::JwkSet};
use quick_cache::sync::Cache;
use zeroize::Zeroizing;

use crate::{
    app::{Error, error::TokenFault},
    config::Auth,
    domain::request::Caller,
};

pub use verifier::UnfitKeys;
use verifier::{Verified, Verifier};

/// The longest token that is looked at, in bytes.
const MAX_BYTES: usize = 8 * 1024;

/// Tokens that are remembered at once. Those who call are few; only tokens that are accepted are kept.
const REMEMBERED: usize = 2_000;

/// How often the keys' file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Tells who calls.
pub struct Authenticator {
    settings: Auth,
    keys: RwLock<Arc<Keys>>,
}

/// One set of keys, and what it has verified.
struct Keys {
    set: JwkSet,
    verifier: Verifier,
    remembered: Cache<Token, Verified>,
}

/// A token that was accepted, kept whole: to make a digest of it that nobody can forge took a tenth of a check. Whoever
/// reads this process's memory finds tokens in the calls themselves. It is wiped when it is forgotten.
#[derive(PartialEq, Eq)]
struct Token(Zeroizing<String>);

impl Hash for Token {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_str().hash(state);
    }
}

impl Borrow<str> for Token {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Keys {
    fn new(settings: &Auth, set: JwkSet) -> Result<Self, UnfitKeys> {
        let verifier = Verifier::new(settings, &set)?;
        Ok(Self::with(verifier, set))
    }

    fn with(verifier: Verifier, set: JwkSet) -> Self {
        Self {
            set,
            verifier,
            remembered: Cache::new(REMEMBERED),
        }
    }

    /// Those of them that are in this set, too; perhaps none.
    fn left_by(&self, settings: &Auth, set: &JwkSet) -> Self {
        let keys = self.set.keys.iter().filter(|key| set.keys.contains(key));
        let left = JwkSet {
            keys: keys.cloned().collect(),
        };
        let verifier = Verifier::new(settings, &left);
        Self::with(
            verifier.unwrap_or_else(|_| Verifier::of_nobody(settings)),
            left,
        )
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authenticator")
    }
}

impl Authenticator {
    /// Begins with the keys of the settings.
    pub fn new(settings: &Auth) -> Result<Self, UnfitKeys> {
        let keys = Keys::new(settings, settings.jwks.clone())?;
        Ok(Self {
            settings: settings.clone(),
            keys: RwLock::new(Arc::new(keys)),
        })
    }

    /// The caller of this `authorization` header.
    pub fn caller(&self, authorization: Option<&str>) -> Result<Arc<Caller>, Error> {
        let fault = |fault| Err(Error::Unauthenticated(fault));
        let Some(authorization) = authorization else {
            return fault(TokenFault::Missing);
        };
        let Some(token) = bearer(authorization).filter(|token| token.len() <= MAX_BYTES) else {
            return fault(TokenFault::Invalid);
        };
        let keys = self.keys();
        if let Some(known) = keys.remembered.get(token) {
            if known.expires < get_current_timestamp() {
                keys.remembered.remove(token);
                return fault(TokenFault::Expired);
            }
            return Ok(known.caller);
        }
        match keys.verifier.verify(token) {
            Ok(verified) => {
                let token = Token(Zeroizing::new(token.to_owned()));
                keys.remembered.insert(token, verified.clone());
                Ok(verified.caller)
            }
            Err(token_fault) => fault(token_fault),
        }
    }

    /// Verifies with other keys from now on; what the old ones have verified counts no more.
    pub fn replace_keys(&self, set: JwkSet) -> Result<(), UnfitKeys> {
        self.set_keys(Keys::new(&self.settings, set)?);
        Ok(())
    }

    fn set_keys(&self, keys: Keys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// Follows the keys' file for ever.
    pub async fn follow(&self) -> Infallible {
        let mut told = None;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let fault = self.look().await.err();
            if fault != told
                && let Some(fault) = &fault
            {
                tracing::error!(fault, "auth.jwks_file: no other keys are taken");
            }
            told = fault;
        }
    }

    async fn look(&self) -> Result<(), String> {
        let Some(set) = self.settings.read_keys().await else {
            return Ok(());
        };
        let set = set?;
        let keys = self.keys();
        if set == keys.set {
            return Ok(());
        }
        if let Err(unfit) = self.replace_keys(set.clone()) {
            let left = keys.left_by(&self.settings, &set);
            if left.set != keys.set {
                tracing::error!(left = left.set.keys.len(), "auth.jwks_file: keys are gone");
                self.set_keys(left);
            }
            return Err(unfit.to_string());
        }
        tracing::info!("auth.jwks_file: verifying with other keys");
        Ok(())
    }

    fn keys(&self) -> Arc<Keys> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.clone()
    }
}

fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
