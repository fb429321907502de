//! Access tokens in the form of RFC 9068 (JWT), verified with the keys of a JWK Set.
//!
//! The library checks signature, algorithm, issuer, audience, expiry and not-before. What it does not
//! check is checked here: the type, critical headers, a life that is too long, and keys that could
//! sign (`oct`), which are not taken from a set that is meant to be public.

use std::{collections::HashMap, sync::Arc, time::Duration};

use jsonwebtoken::{
    Algorithm, DecodingKey, Header, Validation, decode, decode_header,
    errors::ErrorKind,
    get_current_timestamp,
    jwk::{AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse},
};
use serde::Deserialize;

use crate::{app::error::TokenFault, config::Auth, domain::request::Caller};

/// Seconds that clocks may differ.
const LEEWAY_SECONDS: u64 = 30;

/// What an accepted token says.
#[derive(Debug, Clone)]
pub(super) struct Verified {
    /// Who calls.
    pub caller: Arc<Caller>,
    /// The last second in which it is accepted (Unix time).
    pub expires: u64,
}

/// Verifies tokens.
pub(super) struct Verifier {
    keys: HashMap<Option<String>, DecodingKey>,
    validation: Validation,
    max_lifetime: Duration,
    algorithm: Algorithm,
}

/// No key of the set can verify a token of the configured algorithm, or two have one name.
#[derive(Debug, thiserror::Error)]
#[error("auth.jwks_file: must hold public keys for auth.algorithm, each with a kid of its own")]
pub struct UnfitKeys;

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
    iat: u64,
    #[serde(default)]
    scope: String,
}

impl Verifier {
    /// A verifier with these settings and keys.
    pub fn new(auth: &Auth, set: &JwkSet) -> Result<Self, UnfitKeys> {
        let keys = set
            .keys
            .iter()
            .filter(|key| is_usable(key, auth.algorithm))
            .filter_map(|key| {
                let decoding = DecodingKey::from_jwk(key).ok()?;
                let fits = decoding.family() == auth.algorithm.family();
                fits.then(|| (key.common.key_id.clone(), decoding))
            })
            .collect::<Vec<_>>();
        let count = keys.len();
        let keys = keys.into_iter().collect::<HashMap<_, _>>();
        if keys.is_empty() || keys.len() < count {
            return Err(UnfitKeys);
        }
        Ok(Self {
            keys,
            ..Self::of_nobody(auth)
        })
    }

    /// A verifier without keys: it accepts no token.
    pub fn of_nobody(auth: &Auth) -> Self {
        let mut validation = Validation::new(auth.algorithm);
        validation.set_issuer(&[&auth.issuer]);
        validation.set_audience(&[&auth.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY_SECONDS;
        Self {
            keys: HashMap::new(),
            validation,
            max_lifetime: auth.max_token_lifetime,
            algorithm: auth.algorithm,
        }
    }

    /// Who the token is for, if it is to be accepted.
    pub(super) fn verify(&self, token: &str) -> Result<Verified, TokenFault> {
        let header = decode_header(token).map_err(|_| TokenFault::Invalid)?;
        if !self.accepts(&header) {
            return Err(TokenFault::Invalid);
        }
        let key = self.key(header.kid).ok_or(TokenFault::Invalid)?;
        let claims = decode::<Claims>(token, key, &self.validation)
            .map_err(|error| {
                if *error.kind() == ErrorKind::ExpiredSignature {
                    TokenFault::Expired
                } else {
                    TokenFault::Invalid
                }
            })?
            .claims;
        let lifetime = claims
            .exp
            .checked_sub(claims.iat)
            .ok_or(TokenFault::Invalid)?;
        let issued_later = claims.iat > get_current_timestamp().saturating_add(LEEWAY_SECONDS);
        if issued_later
            || Duration::from_secs(lifetime) > self.max_lifetime
            || !is_subject(&claims.sub)
        {
            return Err(TokenFault::Invalid);
        }
        let scopes = claims.scope.split_ascii_whitespace();
        Ok(Verified {
            caller: Arc::new(Caller {
                subject: claims.sub,
                scopes: scopes.map(str::to_owned).collect(),
            }),
            expires: claims.exp.saturating_add(LEEWAY_SECONDS),
        })
    }

    fn accepts(&self, header: &Header) -> bool {
        let media_type = header
            .typ
            .as_deref()
            .unwrap_or_default()
            .to_ascii_lowercase();
        header.alg == self.algorithm
            && header.crit.is_none()
            && matches!(media_type.as_str(), "at+jwt" | "application/at+jwt")
    }

    /// The key that the token names; without a name, the only one there is.
    fn key(&self, id: Option<String>) -> Option<&DecodingKey> {
        if id.is_none() && self.keys.len() == 1 {
            return self.keys.values().next();
        }
        self.keys.get(&id)
    }
}

/// A subject goes into the log and into every event: 1 to 200 printable characters.
fn is_subject(subject: &str) -> bool {
    (1..=200).contains(&subject.chars().count()) && !subject.chars().any(char::is_control)
}

fn is_usable(key: &Jwk, algorithm: Algorithm) -> bool {
    let public = !matches!(key.algorithm, AlgorithmParameters::OctetKey(_));
    let for_signatures = matches!(
        key.common.public_key_use,
        None | Some(PublicKeyUse::Signature)
    );
    let for_algorithm = key
        .common
        .key_algorithm
        .is_none_or(|named| named == key_algorithm(algorithm));
    public && for_signatures && for_algorithm
}

fn key_algorithm(algorithm: Algorithm) -> KeyAlgorithm {
    match algorithm {
        Algorithm::HS256 => KeyAlgorithm::HS256,
        Algorithm::HS384 => KeyAlgorithm::HS384,
        Algorithm::HS512 => KeyAlgorithm::HS512,
        Algorithm::ES256 => KeyAlgorithm::ES256,
        Algorithm::ES384 => KeyAlgorithm::ES384,
        Algorithm::RS256 => KeyAlgorithm::RS256,
        Algorithm::RS384 => KeyAlgorithm::RS384,
        Algorithm::RS512 => KeyAlgorithm::RS512,
        Algorithm::PS256 => KeyAlgorithm::PS256,
        Algorithm::PS384 => KeyAlgorithm::PS384,
        Algorithm::PS512 => KeyAlgorithm::PS512,
        Algorithm::EdDSA => KeyAlgorithm::EdDSA,
        _ => KeyAlgorithm::UNKNOWN_ALGORITHM,
    }
}
