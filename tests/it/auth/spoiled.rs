//! Tokens that must not do: each a good one with one thing wrong, and the reason that must be told.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, get_current_timestamp};
use serde_json::{Value, json};

use crate::support::token::{KEY_ID, Signer, claims, header};

const SCOPES: &str = "app operator provider auditor";

type Spoiled = (String, String, &'static str);

pub fn tokens(signer: &Signer) -> Vec<Spoiled> {
    let mut tokens = vec![expired(signer)];
    tokens.extend(headers(signer));
    tokens.extend(signatures(signer));
    tokens.extend(claim_sets(signer));
    tokens
}

fn invalid(what: impl Into<String>, token: String) -> Spoiled {
    (what.into(), token, "TOKEN_INVALID")
}

fn expired(signer: &Signer) -> Spoiled {
    let now = get_current_timestamp();
    let claims = with(&[("iat", json!(now - 1_200)), ("exp", json!(now - 600))]);
    let token = signer.sign(&header(), &claims);
    ("expired".to_owned(), token, "TOKEN_EXPIRED")
}

fn headers(signer: &Signer) -> Vec<Spoiled> {
    let with_header = |header: Header| signer.sign(&header, &claims(SCOPES));
    let typ = |typ: Option<&str>| Header {
        typ: typ.map(str::to_owned),
        ..header()
    };
    vec![
        invalid("type JWT", with_header(typ(Some("JWT")))),
        invalid("no type", with_header(typ(None))),
        invalid(
            "critical header",
            with_header(Header {
                crit: Some(vec!["exp".to_owned()]),
                ..header()
            }),
        ),
        invalid(
            "unknown key",
            with_header(Header {
                kid: Some("other".to_owned()),
                ..header()
            }),
        ),
    ]
}

fn signatures(signer: &Signer) -> Vec<Spoiled> {
    let good = signer.token(SCOPES);
    let (content, signature) = good.rsplit_once('.').unwrap();
    let (head, payload) = content.split_once('.').unwrap();
    let none = URL_SAFE_NO_PAD.encode(format!(
        r#"{{"alg":"none","typ":"at+jwt","kid":"{KEY_ID}"}}"#
    ));
    let now = get_current_timestamp();
    let old = with(&[("iat", json!(now - 1_200)), ("exp", json!(now - 600))]);
    let more = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&with(&[("scope", json!("x"))])).unwrap());
    vec![
        invalid("signed by another key", Signer::new().token(SCOPES)),
        // Whether it has expired is told only to who holds a token of ours.
        invalid(
            "signed by another key, and expired",
            Signer::new().sign(&header(), &old),
        ),
        invalid("alg none", format!("{none}.{payload}.")),
        invalid(
            "alg none, with a signature",
            format!("{none}.{payload}.{signature}"),
        ),
        invalid("no signature", format!("{head}.{payload}.")),
        invalid("another's signature", format!("{head}.{more}.{signature}")),
        invalid("a part too many", format!("{good}.{signature}")),
        invalid("HS256 with the public key", symmetric(&public_key(signer))),
        invalid(
            "HS256 with the key set",
            symmetric(&serde_json::to_vec(&signer.jwks).unwrap()),
        ),
    ]
}

fn claim_sets(signer: &Signer) -> Vec<Spoiled> {
    let now = get_current_timestamp();
    let wrong = [
        ("issuer", vec![("iss", json!("https://other.test"))]),
        ("audience", vec![("aud", json!("other"))]),
        ("not before", vec![("nbf", json!(now + 300))]),
        (
            "too long a life",
            vec![("iat", json!(now)), ("exp", json!(now + 3_601))],
        ),
        (
            "issued years ahead, for an hour",
            vec![
                ("iat", json!(now + 300_000_000)),
                ("exp", json!(now + 300_003_600)),
            ],
        ),
        (
            "issued after its end",
            vec![("iat", json!(now + 601)), ("exp", json!(now + 600))],
        ),
        ("end as text", vec![("exp", json!((now + 600).to_string()))]),
        ("negative end", vec![("exp", json!(-1))]),
        ("empty subject", vec![("sub", json!(""))]),
        (
            "subject with a line break",
            vec![("sub", json!("app\nadmin"))],
        ),
        ("long subject", vec![("sub", json!("s".repeat(201)))]),
        ("scope as list", vec![("scope", json!([SCOPES]))]),
        ("over 8 KiB", vec![("pad", json!("x".repeat(8 * 1024)))]),
    ];
    let wrong = wrong
        .into_iter()
        .map(|(what, changes)| (what.to_owned(), with(&changes)));
    let missing = ["exp", "iss", "aud", "sub", "iat"].map(|claim| {
        let mut claims = claims(SCOPES);
        claims.as_object_mut().unwrap().remove(claim);
        (format!("without {claim}"), claims)
    });
    wrong
        .chain(missing)
        .map(|(what, claims)| invalid(what, signer.sign(&header(), &claims)))
        .collect()
}

/// Good claims with some of them changed.
fn with(changes: &[(&str, Value)]) -> Value {
    let mut claims = claims(SCOPES);
    for (claim, value) in changes {
        claims[*claim] = value.clone();
    }
    claims
}

/// The old trick: a public key taken for a shared secret.
fn symmetric(secret: &[u8]) -> String {
    let header = Header {
        alg: Algorithm::HS256,
        ..header()
    };
    jsonwebtoken::encode(&header, &claims(SCOPES), &EncodingKey::from_secret(secret)).unwrap()
}

fn public_key(signer: &Signer) -> Vec<u8> {
    let set = serde_json::to_value(&signer.jwks).unwrap();
    URL_SAFE_NO_PAD
        .decode(set["keys"][0]["x"].as_str().unwrap())
        .unwrap()
}
