//! `[auth]`

use std::{fs, io, path::PathBuf, str::FromStr, time::Duration};

use jsonwebtoken::{Algorithm, jwk::JwkSet};
use serde::Deserialize;

use super::faults::Faults;

/// Who may call.
#[derive(Debug, Clone)]
pub struct Auth {
    /// Who issues the tokens.
    pub issuer: String,
    /// For whom they are issued.
    pub audience: String,
    /// The one algorithm that they are signed with.
    pub algorithm: Algorithm,
    /// The keys that verify them, as they were at the start.
    pub jwks: JwkSet,
    /// The file that holds these keys, to be followed; `None`: they stay.
    pub jwks_file: Option<PathBuf>,
    /// The longest life of a token.
    pub max_token_lifetime: Duration,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AuthSettings {
    issuer: String,
    audience: String,
    algorithm: String,
    jwks_file: PathBuf,
    max_token_lifetime_seconds: u64,
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            audience: "identity-protection-enrollment".to_owned(),
            algorithm: "EdDSA".to_owned(),
            jwks_file: PathBuf::new(),
            max_token_lifetime_seconds: 3_600,
        }
    }
}

impl AuthSettings {
    /// The settings, checked.
    pub fn check(self, faults: &mut Faults) -> Option<Auth> {
        for (setting, value) in [
            ("auth.issuer", &self.issuer),
            ("auth.audience", &self.audience),
        ] {
            if value.trim().is_empty() {
                faults.note(setting, "must be given");
            }
        }
        let algorithm = faults.check("auth.algorithm", asymmetric(&self.algorithm));
        let jwks = fs::read(&self.jwks_file);
        let jwks = faults.check("auth.jwks_file", to_jwks(jwks));
        let lifetime = faults.bounded(
            "auth.max_token_lifetime_seconds",
            self.max_token_lifetime_seconds,
            60,
            // A year: `demo` lives longer than a shift.
            31_622_400,
        );
        Some(Auth {
            issuer: self.issuer,
            audience: self.audience,
            algorithm: algorithm?,
            jwks: jwks?,
            jwks_file: Some(self.jwks_file),
            max_token_lifetime: Duration::from_secs(lifetime?),
        })
    }
}

/// A service that only verifies must not hold what could sign.
fn asymmetric(name: &str) -> Result<Algorithm, &'static str> {
    const RULE: &str =
        "must be one of EdDSA, ES256, ES384, RS256, RS384, RS512, PS256, PS384, PS512";
    match Algorithm::from_str(name) {
        Ok(Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512) | Err(_) => Err(RULE),
        Ok(algorithm) => Ok(algorithm),
    }
}

impl Auth {
    /// The keys as the file has them now, or what is wrong with it; `None` where there is no file.
    pub async fn read_keys(&self) -> Option<Result<JwkSet, String>> {
        let path = self.jwks_file.as_ref()?;
        Some(to_jwks(tokio::fs::read(path).await))
    }
}

fn to_jwks(read: io::Result<Vec<u8>>) -> Result<JwkSet, String> {
    let text = read.map_err(|error| format!("cannot be read ({})", error.kind()))?;
    serde_json::from_slice(&text).map_err(|_| "must be a JWK Set (RFC 7517)".to_owned())
}
