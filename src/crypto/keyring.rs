//! Key files: JWK Sets (RFC 7517) with symmetric keys (`"kty":"oct"`) of 256 bits.

use std::{fmt, fs, path::Path};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::clock::{NoRandomness, Random};

/// Bytes of a symmetric key.
pub const KEY_BYTES: usize = 32;

/// Why a key file cannot be used. Says nothing of its content.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("cannot be read ({0})")]
    Unreadable(std::io::ErrorKind),
    /// It is no JWK Set of symmetric keys.
    #[error(
        "must be a JWK Set of keys with kty \"oct\", a kid of 1 to 32 characters, and k of 32 bytes in base64url"
    )]
    Malformed,
    /// It has no key.
    #[error("must hold at least one key")]
    Empty,
    /// It has more than one key, where there must be one.
    #[error("must hold exactly one key")]
    NotSingle,
    /// Two keys have one name.
    #[error("must not hold two keys with one kid")]
    RepeatedKid,
}

/// A key and its name.
#[derive(Clone)]
pub struct SymmetricKey {
    /// The name, which stands in front of what the key sealed.
    pub id: String,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

impl SymmetricKey {
    /// The key itself.
    pub fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }
}

impl fmt::Debug for SymmetricKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SymmetricKey({})", self.id)
    }
}

/// One or more keys; the first one is used for what is new, the others for what is old.
#[derive(Debug, Clone)]
pub struct Keyring {
    first: SymmetricKey,
    others: Vec<SymmetricKey>,
}

impl Keyring {
    /// Reads a key file.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let text = fs::read(path)
            .map(Zeroizing::new)
            .map_err(|error| KeyFileError::Unreadable(error.kind()))?;
        let set: KeySet = serde_json::from_slice(&text).map_err(|_| KeyFileError::Malformed)?;
        let mut keys = Vec::<SymmetricKey>::new();
        for key in set.keys {
            if keys.iter().any(|known| known.id == key.kid) {
                return Err(KeyFileError::RepeatedKid);
            }
            keys.push(key.decode().ok_or(KeyFileError::Malformed)?);
        }
        let mut keys = keys.into_iter();
        Ok(Self {
            first: keys.next().ok_or(KeyFileError::Empty)?,
            others: keys.collect(),
        })
    }

    /// A key file's text with one new key.
    pub fn generate(id: &str, random: Random) -> Result<Zeroizing<String>, NoRandomness> {
        let bytes = Zeroizing::new(random.bytes::<KEY_BYTES>()?);
        let set = serde_json::json!({
            "keys": [{ "kty": "oct", "kid": id, "k": URL_SAFE_NO_PAD.encode(bytes.as_slice()) }]
        });
        Ok(Zeroizing::new(format!("{set:#}\n")))
    }

    /// The key for what is new.
    pub fn first(&self) -> &SymmetricKey {
        &self.first
    }

    /// The key of this name.
    pub fn find(&self, id: &[u8]) -> Option<&SymmetricKey> {
        std::iter::once(&self.first)
            .chain(&self.others)
            .find(|key| key.id.as_bytes() == id)
    }

    /// Whether there is just one.
    pub fn is_single(&self) -> bool {
        self.others.is_empty()
    }
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<OctetKey>,
}

#[derive(Deserialize)]
struct OctetKey {
    #[serde(rename = "kty")]
    _type: OctetKeyType,
    kid: String,
    k: Zeroizing<String>,
}

#[derive(Deserialize)]
enum OctetKeyType {
    #[serde(rename = "oct")]
    Octet,
}

impl OctetKey {
    fn decode(self) -> Option<SymmetricKey> {
        let decoded = Zeroizing::new(URL_SAFE_NO_PAD.decode(self.k.as_bytes()).ok()?);
        let bytes = <[u8; KEY_BYTES]>::try_from(decoded.as_slice()).ok()?;
        (1..=32).contains(&self.kid.len()).then(|| SymmetricKey {
            id: self.kid,
            bytes: Zeroizing::new(bytes),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Keyring, KeyFileError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        Keyring::read(file.path())
    }

    #[test]
    fn a_generated_key_file_can_be_read() {
        let keyring = read(&Keyring::generate("k1", Random).unwrap()).unwrap();
        assert_eq!(keyring.first().id, "k1");
        assert!(
            keyring.is_single() && keyring.find(b"k1").is_some() && keyring.find(b"k2").is_none()
        );
        assert_eq!(format!("{:?}", keyring.first()), "SymmetricKey(k1)");
    }

    #[test]
    fn short_keys_other_kinds_and_repeated_names_are_refused() {
        let short = URL_SAFE_NO_PAD.encode([0; 31]);
        let whole = URL_SAFE_NO_PAD.encode([0; 32]);
        for text in [
            String::new(),
            r#"{"keys":[]}"#.to_owned(),
            format!(r#"{{"keys":[{{"kty":"oct","kid":"a","k":"{short}"}}]}}"#),
            format!(r#"{{"keys":[{{"kty":"RSA","kid":"a","k":"{whole}"}}]}}"#),
            format!(r#"{{"keys":[{{"kty":"oct","kid":"","k":"{whole}"}}]}}"#),
            format!(
                r#"{{"keys":[{{"kty":"oct","kid":"a","k":"{whole}"}},{{"kty":"oct","kid":"a","k":"{whole}"}}]}}"#
            ),
        ] {
            assert!(read(&text).is_err(), "{text}");
        }
    }
}
