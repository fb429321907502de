//! Who gets in: every rpc of the descriptor, with every kind of token that must not do.

use std::{
    collections::BTreeSet,
    fs,
    time::{Duration, Instant},
};

use enrollment::{
    app::{Error, error::TokenFault},
    config::Auth,
    grpc::{auth::Authenticator, proto::v1},
};
use jsonwebtoken::{Algorithm, get_current_timestamp};
use prost::Message;
use serde_json::json;
use tokio::time::timeout;
use tonic::{Code, Status};

use crate::support::{
    company::{self, OFFER, customer},
    database::TestDatabase,
    methods::{self, SCOPES},
    raw::{Call, Wire},
    refusal::{assert_refused, reason_of},
    server::{Start, TestServer, settings},
    token::{Signer, auth, claims, header},
};

mod spoiled;

const REFLECTION: [&str; 2] = [
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

async fn start() -> (TestServer, Wire) {
    start_with(Start::default()).await
}

async fn start_with(start: Start) -> (TestServer, Wire) {
    let database = TestDatabase::sqlite().await;
    let server = TestServer::start_with(&database.settings, start).await;
    let wire = Wire::to(server.address).await;
    (server, wire)
}

/// Calls every rpc with an empty message and this header, and wants this refusal.
async fn assert_all_refuse(wire: &Wire, authorization: Option<&str>, wanted: (Code, &str)) {
    for method in methods::all() {
        let path = methods::path(&method);
        let mut call = Call::to(&path).message(b"");
        if let Some(authorization) = authorization {
            call = call.header("authorization", authorization);
        }
        let status = wire.call(call).await.status;
        assert_eq!(
            (status.code(), reason_of(&status).as_str()),
            wanted,
            "{path}"
        );
    }
}

#[tokio::test]
async fn no_rpc_runs_without_a_token() {
    let (_server, wire) = start().await;
    assert_all_refuse(&wire, None, (Code::Unauthenticated, "TOKEN_MISSING")).await;
}

#[tokio::test]
async fn no_rpc_runs_with_something_else_than_a_bearer_token() {
    let (server, wire) = start().await;
    let good = server.signer.token("app operator");
    for authorization in [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Basic dXNlcjpwYXNz".to_owned(),
        "Bearer garbage".to_owned(),
        "Bearer a.b.c".to_owned(),
        good.clone(),
        format!("Basic {good}"),
        format!("Bearer {good} {good}"),
    ] {
        let wanted = (Code::Unauthenticated, "TOKEN_INVALID");
        assert_all_refuse(&wire, Some(&authorization), wanted).await;
    }
}

#[tokio::test]
async fn no_rpc_runs_with_a_spoiled_token() {
    let (server, wire) = start().await;
    for (what, token, reason) in spoiled::tokens(&server.signer) {
        for method in methods::all() {
            let path = methods::path(&method);
            let status = wire
                .call(Call::to(&path).bearer(&token).message(b""))
                .await
                .status;
            let met = (status.code(), reason_of(&status));
            let wanted = (Code::Unauthenticated, reason.to_owned());
            assert_eq!(met, wanted, "{what}: {path}");
        }
    }
}

#[tokio::test]
async fn no_rpc_runs_with_scopes_that_its_option_does_not_name() {
    let (server, wire) = start().await;
    for method in methods::all() {
        let path = methods::path(&method);
        let named = methods::scopes(&method);
        let strangers = SCOPES.iter().filter(|scope| !named.contains(**scope));
        for scope in strangers.chain(&["", "apps", "APP", "operator,app"]) {
            let call = Call::to(&path)
                .bearer(&server.signer.token(scope))
                .message(b"");
            let status = wire.call(call).await.status;
            let met = (status.code(), reason_of(&status));
            let wanted = (Code::PermissionDenied, "SCOPE_MISSING".to_owned());
            assert_eq!(met, wanted, "{scope:?}: {path}");
        }
    }
}

#[tokio::test]
async fn every_rpc_lets_in_each_scope_that_its_option_names() {
    let (server, wire) = start().await;
    for method in methods::all() {
        let path = methods::path(&method);
        let named = methods::scopes(&method);
        assert!(!named.is_empty(), "{path} is for nobody");
        for scope in named {
            let call = Call::to(&path)
                .bearer(&server.signer.token(&scope))
                .message(b"");
            let code = wire.call(call).await.status.code();
            let turned_away = [Code::Unauthenticated, Code::PermissionDenied].contains(&code);
            assert!(!turned_away, "{scope}: {path} says {code:?}");
        }
    }
}

#[tokio::test]
async fn one_good_scope_among_others_will_do() {
    let (server, wire) = start().await;
    let call = Call::to(service("OfferService/ListOffers"));
    let call = call
        .bearer(&server.signer.token("openid operator x"))
        .message(b"");
    wire.call(call).await.result().unwrap();
}

#[tokio::test]
async fn who_may_not_ask_cannot_tell_what_exists_or_what_is_well_formed() {
    let (server, wire) = start().await;
    company::open_offer(&server, company::offer()).await;
    let mut told = BTreeSet::new();
    for name in [OFFER, "offers/no-such", "\u{1}", ""] {
        let request = v1::GetOfferRequest {
            name: name.to_owned(),
        };
        let call = Call::to(service("OfferService/GetOffer")).bearer(&server.signer.token("app"));
        let reply = wire.call(call.message(&request.encode_to_vec())).await;
        told.insert(plain(&reply.status));
    }
    assert_eq!(told.len(), 1, "{told:?}");
}

#[tokio::test]
async fn only_operators_look_into_the_past_and_that_comes_before_validation() {
    let (server, _wire) = start().await;
    let request = v1::CheckEligibilityRequest {
        parent: "not a name".to_owned(),
        as_of_time: Some(prost_types::Timestamp::default()),
        ..company::check(customer("C-1"))
    };
    let mut enrollments = server.enrollments();
    let refused = enrollments.check_eligibility(request.clone()).await;
    assert_refused(refused, Code::PermissionDenied, "SCOPE_MISSING");

    let mut enrollments = server.enrollments_for_operators();
    let refused = enrollments.check_eligibility(request).await;
    assert_refused(refused, Code::InvalidArgument, "INVALID_FIELD");
}

#[tokio::test]
async fn reflection_is_for_operators() {
    let (server, wire) = start().await;
    for path in REFLECTION {
        let call = Call::to(path).message(b"");
        let refused = wire.call(call.clone()).await.result();
        assert_refused(refused, Code::Unauthenticated, "TOKEN_MISSING");
        let call_as = |scope| call.clone().bearer(&server.signer.token(scope));
        let refused = wire.call(call_as("app")).await.result();
        assert_refused(refused, Code::PermissionDenied, "SCOPE_MISSING");
        let code = wire.call(call_as("operator")).await.status.code();
        assert_ne!(code, Code::PermissionDenied, "{path}");
    }
}

#[tokio::test]
async fn reflection_is_for_everybody_once_it_is_opened() {
    let mut settings = settings();
    settings.open_reflection = true;
    let (_server, wire) = start_with(Start {
        settings,
        ..Start::default()
    })
    .await;
    for path in REFLECTION {
        let code = wire.call(Call::to(path).message(b"")).await.status.code();
        assert!(
            ![Code::Unauthenticated, Code::PermissionDenied].contains(&code),
            "{path}"
        );
    }
}

#[tokio::test]
async fn health_is_for_everybody() {
    let (_server, wire) = start().await;
    let call = Call::to("/grpc.health.v1.Health/Check").message(b"");
    wire.call(call).await.result().unwrap();
}

#[tokio::test]
async fn a_method_that_does_not_exist_is_told_only_to_a_known_caller() {
    let (server, wire) = start().await;
    for path in [
        service("OfferService/BurnOffer"),
        "/x.Y/Z".to_owned(),
        "/".to_owned(),
    ] {
        let call = Call::to(path).message(b"");
        let refused = wire.call(call.clone()).await.result();
        assert_refused(refused, Code::Unauthenticated, "TOKEN_MISSING");
        let call = call.bearer(&server.signer.token("app"));
        assert_refused(
            wire.call(call).await.result(),
            Code::Unimplemented,
            "METHOD_UNKNOWN",
        );
    }
}

#[test]
fn a_key_that_could_sign_is_not_taken_from_the_set() {
    let key = json!({ "kty": "oct", "kid": "shared", "alg": "HS256", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQ" });
    let set = |keys| serde_json::from_value(json!({ "keys": keys })).unwrap();
    let symmetric = Auth {
        algorithm: Algorithm::HS256,
        ..auth(set(vec![key.clone()]))
    };
    assert!(Authenticator::new(&symmetric).is_err());
    let signer = Signer::new();
    let public = serde_json::to_value(&signer.jwks.keys[0]).unwrap();
    let authenticator = Authenticator::new(&auth(set(vec![key, public]))).unwrap();
    let token = signer.token("app");
    assert!(authenticator.caller(Some(&bearer(&token))).is_ok());
}

#[test]
fn two_keys_of_one_name_are_refused() {
    let mut jwks = Signer::new().jwks;
    jwks.keys.extend(Signer::new().jwks.keys);
    assert!(Authenticator::new(&auth(jwks)).is_err());
}

#[test]
fn a_withdrawn_key_takes_with_it_what_it_has_verified() {
    let (old, new) = (Signer::new(), Signer::new());
    let (by_old, by_new) = (bearer(&old.token("app")), bearer(&new.token("app")));
    let authenticator = Authenticator::new(&auth(old.jwks.clone())).unwrap();
    for _ in 0..2 {
        assert!(authenticator.caller(Some(&by_old)).is_ok());
        assert!(authenticator.caller(Some(&by_new)).is_err());
    }

    authenticator.replace_keys(new.jwks).unwrap();

    assert!(authenticator.caller(Some(&by_old)).is_err());
    assert!(authenticator.caller(Some(&by_new)).is_ok());
}

#[test]
fn a_remembered_token_expires_all_the_same() {
    let signer = Signer::new();
    let authenticator = Authenticator::new(&auth(signer.jwks.clone())).unwrap();
    // Accepted for the seconds that clocks may differ, and for one or two more.
    let mut claims = claims("app");
    claims["exp"] = json!(get_current_timestamp() - 28);
    claims["iat"] = json!(get_current_timestamp() - 60);
    let token = bearer(&signer.sign(&header(), &claims));
    assert!(authenticator.caller(Some(&token)).is_ok());

    let begun = Instant::now();
    let refused = loop {
        match authenticator.caller(Some(&token)) {
            Err(refused) => break refused,
            Ok(_) => assert!(begun.elapsed() < Duration::from_secs(10), "never expires"),
        }
    };

    assert!(matches!(
        refused,
        Error::Unauthenticated(TokenFault::Expired)
    ));
}

#[tokio::test]
async fn the_keys_file_is_followed_and_a_broken_one_changes_nothing() {
    let database = TestDatabase::sqlite().await;
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("jwks.json");
    let signer = Signer::new();
    fs::write(&file, serde_json::to_vec(&signer.jwks).unwrap()).unwrap();
    let start = Start {
        signer,
        jwks_file: Some(file.clone()),
        ..Start::default()
    };
    let server = TestServer::start_with(&database.settings, start).await;
    company::open_offer(&server, company::offer()).await;
    server.check(customer("C-1")).await;

    // The broken file is looked at before the whole one that follows it, or not at all.
    fs::write(&file, "{}").unwrap();
    server.check(customer("C-1")).await;
    let other = Signer::new();
    fs::write(&file, serde_json::to_vec(&other.jwks).unwrap()).unwrap();

    let request = company::check(customer("C-1"));
    let followed = async {
        while server
            .enrollments()
            .check_eligibility(request.clone())
            .await
            .is_ok()
        {}
    };
    timeout(Duration::from_secs(10), followed).await.unwrap();
    let refused = server.enrollments().check_eligibility(request).await;
    assert_refused(refused, Code::Unauthenticated, "TOKEN_INVALID");
}

/// What leaked is withdrawn at once, whatever else is wrong with the file.
#[tokio::test]
async fn a_key_that_is_gone_from_its_file_counts_no_more_though_none_be_left() {
    let (first, second) = (Signer::new(), Signer::new());
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("jwks.json");
    let write = |signers: &[&Signer]| {
        let keys = signers.iter().flat_map(|signer| signer.jwks.keys.clone());
        let set = json!({ "keys": keys.collect::<Vec<_>>() });
        fs::write(&file, set.to_string()).unwrap();
    };
    let authenticator = Authenticator::new(&Auth {
        jwks_file: Some(file.clone()),
        ..auth(first.jwks.clone())
    });
    let authenticator = authenticator.unwrap();
    let is_let_in = |signer: &Signer| {
        let token = bearer(&signer.token("app"));
        authenticator.caller(Some(&token)).is_ok()
    };
    let until = async |signer: &Signer, wanted: bool| {
        let followed = async {
            while is_let_in(signer) != wanted {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = authenticator.follow() => {}
            followed = timeout(Duration::from_secs(10), followed) => followed.unwrap(),
        }
    };
    assert!(is_let_in(&first));

    // Two of one name: neither is taken.
    write(&[&second, &second]);
    until(&first, false).await;
    assert!(!is_let_in(&second));

    write(&[&second]);
    until(&second, true).await;

    write(&[]);
    until(&second, false).await;
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn service(method: &str) -> String {
    format!("/identityprotection.enrollment.v1.{method}")
}

/// All that a status tells.
fn plain(status: &Status) -> String {
    format!(
        "{:?} {} {:?}",
        status.code(),
        status.message(),
        status.details()
    )
}
