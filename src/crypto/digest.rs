//! The blind index: a keyed digest stands for a value, so that values can be compared but not read.

use std::fmt;

use ring::hmac::{Context, HMAC_SHA256, Key};

use super::keyring::SymmetricKey;

/// Bytes of a digest that stands for an identifier: HMAC-SHA-256, truncated (RFC 2104, section 5).
pub const DIGEST_BYTES: usize = 16;

/// Makes digests with one key. There is no rotation: a new key means hashing every list anew.
#[derive(Clone)]
pub struct Digester {
    key: Key,
}

impl Digester {
    /// A digester with this key.
    pub fn new(key: &SymmetricKey) -> Self {
        Self {
            key: Key::new(HMAC_SHA256, key.bytes()),
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
        let mut context = Context::with_key(&self.key);
        context.update(tag.as_bytes());
        context.update(&[0]);
        context.update(value);
        let mut whole = [0; 32];
        for (to, from) in whole.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        whole
    }
}

impl fmt::Debug for Digester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digester")
    }
}
