//! New signing keys for trials: an Ed25519 pair, as the private key file that `token` reads and the
//! JWK Set that `serve` reads.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{
    SigningKey,
    pkcs8::{EncodePrivateKey, spki::der::pem::LineEnding},
};
use zeroize::Zeroizing;

use crate::clock::{NoRandomness, Random};

/// A new pair.
pub struct SigningPair {
    /// PKCS #8 in PEM.
    pub private_pem: Zeroizing<String>,
    /// The public half, as a JWK Set.
    pub public_jwks: String,
}

/// Why no pair can be made.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// There is no randomness.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The key cannot be written as PKCS #8.
    #[error("the private key cannot be encoded")]
    Encoding,
}

/// Makes a pair with this name.
pub fn generate(id: &str, random: Random) -> Result<SigningPair, SigningKeyError> {
    let secret = Zeroizing::new(random.bytes::<32>()?);
    let key = SigningKey::from_bytes(&secret);
    let private_pem = key
        .to_pkcs8_pem(LineEnding::LF)
        .map_err(|_| SigningKeyError::Encoding)?;
    let x = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
    let public_jwks = serde_json::json!({
        "keys": [{ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": id, "x": x }]
    });
    Ok(SigningPair {
        private_pem: Zeroizing::new(private_pem.to_string()),
        public_jwks: format!("{public_jwks:#}\n"),
    })
}
