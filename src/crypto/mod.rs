//! Keys, and what is done with them: keyed digests of identifiers, and seals over what must come
//! back in plain.
//!
//! Owns: the key files, the blind index, the AEAD. Must not know: what the bytes mean, or where they
//! are kept. Every primitive is a library's.

pub mod digest;
pub mod keyring;
pub mod seal;
pub mod signing;

use digest::Digester;
use seal::Sealer;

/// The keys that the service runs with.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Turns identifiers into digests.
    pub digester: Digester,
    /// Seals contact data, codes and page tokens.
    pub sealer: Sealer,
}
