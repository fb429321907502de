//! Seals: XChaCha20-Poly1305 with a random nonce, bound to what the sealed thing belongs to.
//!
//! A seal is `1 ‖ length of kid ‖ kid ‖ nonce (24) ‖ ciphertext ‖ tag (16)`. The nonce is long enough
//! to be drawn at random for as many seals as there are people.

use std::fmt;

use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead, KeyInit, Payload},
};
use zeroize::Zeroizing;

use super::keyring::{Keyring, SymmetricKey};
use crate::clock::{NoRandomness, Random};

const FORMAT: u8 = 1;
const NONCE_BYTES: usize = 24;

/// Why something cannot be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// There is no randomness.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The text is longer than the cipher can take.
    #[error("too long to seal")]
    TooLong,
}

/// A seal is not whole, was made with an unknown key, or belongs to something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the seal does not open")]
pub struct BrokenSeal;

/// Seals with the first key and opens with any.
#[derive(Clone)]
pub struct Sealer {
    keyring: Keyring,
    random: Random,
}

impl Sealer {
    /// A sealer with these keys.
    pub fn new(keyring: Keyring, random: Random) -> Self {
        Self { keyring, random }
    }

    /// Seals a text for what `context` names; it opens only with the same context.
    pub fn seal(&self, context: &str, text: &[u8]) -> Result<Vec<u8>, SealError> {
        let key = self.keyring.first();
        let nonce = self.random.bytes::<NONCE_BYTES>()?;
        let sealed = cipher(key)
            .encrypt(&XNonce::from(nonce), payload(context, text))
            .map_err(|_| SealError::TooLong)?;
        let id_length = u8::try_from(key.id.len()).map_err(|_| SealError::TooLong)?;
        Ok([&[FORMAT, id_length], key.id.as_bytes(), &nonce, &sealed].concat())
    }

    /// Opens a seal.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, BrokenSeal> {
        let (&[format, id_length], rest) = sealed.split_first_chunk::<2>().ok_or(BrokenSeal)?;
        let (id, rest) = rest
            .split_at_checked(usize::from(id_length))
            .ok_or(BrokenSeal)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(BrokenSeal)?;
        let key = self.keyring.find(id).ok_or(BrokenSeal)?;
        if format != FORMAT {
            return Err(BrokenSeal);
        }
        cipher(key)
            .decrypt(&XNonce::from(*nonce), payload(context, ciphertext))
            .map(Zeroizing::new)
            .map_err(|_| BrokenSeal)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

fn cipher(key: &SymmetricKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.bytes().into())
}

fn payload<'a>(context: &'a str, text: &'a [u8]) -> Payload<'a, 'a> {
    Payload {
        msg: text,
        aad: context.as_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(id: &str) -> Sealer {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(
            file.path(),
            Keyring::generate(id, Random).unwrap().as_bytes(),
        )
        .unwrap();
        Sealer::new(Keyring::read(file.path()).unwrap(), Random)
    }

    #[test]
    fn what_was_sealed_opens_in_its_own_context_only() {
        let keys = sealer("k1");
        let sealed = keys.seal("code:1", b"secret").unwrap();
        assert_eq!(keys.open("code:1", &sealed).unwrap().as_slice(), b"secret");
        assert_eq!(keys.open("code:2", &sealed), Err(BrokenSeal));
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
    }

    #[test]
    fn a_seal_that_was_touched_or_cut_does_not_open() {
        let keys = sealer("k1");
        let sealed = keys.seal("c", b"secret").unwrap();
        for at in 0..sealed.len() {
            let mut touched = sealed.clone();
            touched[at] ^= 1;
            assert_eq!(keys.open("c", &touched), Err(BrokenSeal), "byte {at}");
            assert_eq!(
                keys.open("c", &sealed[..at]),
                Err(BrokenSeal),
                "cut at {at}"
            );
        }
    }

    #[test]
    fn another_keyrings_seal_does_not_open() {
        let sealed = sealer("k1").seal("c", b"secret").unwrap();
        assert_eq!(sealer("k1").open("c", &sealed), Err(BrokenSeal));
        assert_eq!(sealer("k2").open("c", &sealed), Err(BrokenSeal));
    }
}
