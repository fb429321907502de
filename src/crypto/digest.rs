//! The blind index: a keyed digest stands for a value, so that values can be compared but not read.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::keyring::SymmetricKey;

/// Bytes of a digest that stands for an identifier: HMAC-SHA-256, truncated (RFC 2104, section 5).
pub const DIGEST_BYTES: usize = 16;

/// Makes digests with one key. There is no rotation: a new key means hashing every list anew.
#[derive(Clone)]
pub struct Digester {
    keyed: Hmac<Sha256>,
}

impl Digester {
    /// A digester with this key.
    pub fn new(key: &SymmetricKey) -> Self {
        // A key shorter than the block is padded with zeros: HMAC's own rule (RFC 2104, section 2).
        let mut block = Zeroizing::new([0; 64]);
        for (to, from) in block.iter_mut().zip(key.bytes()) {
            *to = *from;
        }
        Self {
            keyed: Hmac::<Sha256>::new((&*block).into()),
        }
    }

    /// The digest of a value of some kind: HMAC-SHA-256(key, tag ‖ 0x00 ‖ value), first 16 bytes.
    ///
    /// The zero byte keeps a tag and a value from being read as another tag and another value.
    pub fn digest(&self, tag: &str, value: &[u8]) -> [u8; DIGEST_BYTES] {
        let mut short = [0; DIGEST_BYTES];
        for (to, from) in short.iter_mut().zip(self.whole(tag, value)) {
            *to = from;
        }
        short
    }

    /// The whole digest, 32 bytes.
    pub fn whole(&self, tag: &str, value: &[u8]) -> [u8; 32] {
        // Updated in place: handed on by value, its 200 bytes would be copied at each step.
        let mut keyed = self.keyed.clone();
        keyed.update(tag.as_bytes());
        keyed.update(&[0]);
        keyed.update(value);
        keyed.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Digester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digester")
    }
}
