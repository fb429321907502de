//! Tokens, good and bad.

use std::time::Duration;

use enrollment::{clock::Random, config::Auth, crypto::signing};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::JwkSet};
use serde_json::{Value, json};

pub const ISSUER: &str = "https://issuer.test";
pub const AUDIENCE: &str = "identity-protection-enrollment";
pub const KEY_ID: &str = "test-key";

/// Settings that trust these keys.
pub fn auth(jwks: JwkSet) -> Auth {
    Auth {
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        algorithm: Algorithm::EdDSA,
        jwks,
        jwks_file: None,
        max_token_lifetime: Duration::from_hours(1),
    }
}

/// Signs tokens with a key that a server trusts, or does not.
pub struct Signer {
    key: EncodingKey,
    pub jwks: JwkSet,
}

impl Signer {
    pub fn new() -> Self {
        let pair = signing::generate(KEY_ID, Random).unwrap();
        Self {
            key: EncodingKey::from_ed_pem(pair.private_pem.as_bytes()).unwrap(),
            jwks: serde_json::from_str(&pair.public_jwks).unwrap(),
        }
    }

    /// A good token for a scope; its subject is `test-` and the scope.
    pub fn token(&self, scope: &str) -> String {
        self.sign(&header(), &claims(scope))
    }

    /// A good token of another subject.
    pub fn token_of(&self, subject: &str, scope: &str) -> String {
        let mut claims = claims(scope);
        claims["sub"] = json!(subject);
        self.sign(&header(), &claims)
    }

    pub fn sign(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &self.key).unwrap()
    }
}

pub fn header() -> Header {
    Header {
        typ: Some("at+jwt".to_owned()),
        kid: Some(KEY_ID.to_owned()),
        ..Header::new(Algorithm::EdDSA)
    }
}

/// The claims of a good token, to be spoiled.
pub fn claims(scope: &str) -> Value {
    let now = jsonwebtoken::get_current_timestamp();
    json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": format!("test-{scope}"),
        "iat": now,
        "exp": now + 600,
        "scope": scope,
    })
}
