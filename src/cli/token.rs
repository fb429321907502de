//! `token`: a token in the form of RFC 9068, signed with a private key file.

use std::{
    fs,
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::Args;
use jsonwebtoken::{Algorithm, AlgorithmFamily, EncodingKey, Header};
use serde::Serialize;
use zeroize::Zeroizing;

use super::Failure;
use crate::clock::{Clock, Random};

/// What goes into the token.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Private key: PKCS #8 in PEM.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The key's name (kid) in the service's JWK Set.
    #[arg(long, value_name = "KID")]
    key_id: Option<String>,
    /// The algorithm of the key, as in auth.algorithm.
    #[arg(long, default_value = "EdDSA")]
    algorithm: String,
    /// Who issues it, as in auth.issuer.
    #[arg(long)]
    issuer: String,
    /// For whom, as in auth.audience.
    #[arg(long, default_value = "identity-protection-enrollment")]
    audience: String,
    /// Who will use it: the actor that events name. No name of a person that the offer is for.
    #[arg(long)]
    subject: String,
    /// What it allows: app, operator, provider or auditor. Can be given several times.
    #[arg(long, required = true)]
    scope: Vec<String>,
    /// Seconds until it expires.
    #[arg(long, default_value_t = 3_600)]
    lifetime: u64,
}

/// A token to be minted.
#[derive(Debug)]
pub(super) struct Grant<'a> {
    pub issuer: &'a str,
    pub audience: &'a str,
    pub subject: &'a str,
    pub scope: &'a str,
    /// Seconds.
    pub lifetime: u64,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    scope: &'a str,
    iat: u64,
    exp: u64,
    jti: String,
}

/// Signs tokens with a private key.
pub(super) struct Minter {
    key: EncodingKey,
    header: Header,
}

impl Minter {
    /// Reads a private key file.
    pub fn read(path: &Path, key_id: Option<String>, algorithm: &str) -> Result<Self, Failure> {
        let algorithm =
            Algorithm::from_str(algorithm).map_err(|_| Failure::other("--algorithm: unknown"))?;
        let pem = fs::read(path)
            .map(Zeroizing::new)
            .map_err(|error| Failure::other(format!("--key: cannot be read ({})", error.kind())))?;
        let key = match algorithm.family() {
            AlgorithmFamily::Ed => EncodingKey::from_ed_pem(&pem),
            AlgorithmFamily::Ec => EncodingKey::from_ec_pem(&pem),
            AlgorithmFamily::Rsa => EncodingKey::from_rsa_pem(&pem),
            AlgorithmFamily::Hmac => {
                return Err(Failure::other("--algorithm: must be one of a key pair"));
            }
        };
        let key = key.map_err(|_| {
            Failure::other("--key: must be a private key of the algorithm, PKCS #8 in PEM")
        })?;
        let header = Header {
            typ: Some("at+jwt".to_owned()),
            kid: key_id,
            ..Header::new(algorithm)
        };
        Ok(Self { key, header })
    }

    /// Mints a token that holds from now on.
    pub fn mint(&self, grant: &Grant<'_>) -> Result<String, Failure> {
        let now = Clock::system().now();
        let iat = u64::try_from(now.timestamp()).map_err(Failure::other)?;
        let claims = Claims {
            iss: grant.issuer,
            aud: grant.audience,
            sub: grant.subject,
            scope: grant.scope,
            iat,
            exp: iat.saturating_add(grant.lifetime),
            jti: Random.uuid(now).map_err(Failure::other)?.to_string(),
        };
        jsonwebtoken::encode(&self.header, &claims, &self.key)
            .map_err(|_| Failure::other("the token cannot be signed with this key"))
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let key_id = arguments.key_id.clone();
    let minter = Minter::read(&arguments.key, key_id, &arguments.algorithm)?;
    let token = minter.mint(&Grant {
        issuer: &arguments.issuer,
        audience: &arguments.audience,
        subject: &arguments.subject,
        scope: &arguments.scope.join(" "),
        lifetime: arguments.lifetime,
    })?;
    println!("{token}");
    Ok(())
}
