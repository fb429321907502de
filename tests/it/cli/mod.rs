//! The verbs, as a person or a service manager runs them: the real binary.

mod breaks;
mod codes;
mod lists;

use std::fs;

use enrollment::{clock::Random, crypto::keyring::Keyring, grpc::auth::Authenticator};
use tempfile::TempDir;

use crate::support::{
    installation::{Installation, enrollment, succeed, text},
    process::ServiceProcess,
    token,
};

#[test]
fn settings_that_are_in_order_pass() {
    let installation = Installation::new();
    let output = installation.with_settings("check-config").output().unwrap();
    assert_eq!(succeed(&output), "the settings are in order\n");
}

#[test]
fn bad_settings_exit_with_64_and_tell_every_fault_and_no_value() {
    for verb in ["serve", "check-config"] {
        let installation = Installation::new();
        fs::remove_file(installation.path("digest.json")).unwrap();
        let output = installation
            .with_settings(verb)
            .env("ENROLLMENT__SERVER__LISTEN", "canary")
            .output()
            .unwrap();
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{verb}: {told}");
        assert!(
            told.contains("server.listen") && told.contains("keys.digest_key_file"),
            "{told}"
        );
        assert!(!told.contains("canary"), "{told}");
    }
}

#[test]
fn a_service_without_any_settings_does_not_start() {
    let output = enrollment()
        .arg("serve")
        .env_remove("ENROLLMENT_CONFIG")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(64));
}

#[test]
fn a_demo_listens_on_loopback_only() {
    let folder = TempDir::new().unwrap();
    let output = enrollment()
        .args(["demo", "--listen", "0.0.0.0:0", "--state"])
        .arg(folder.path().join("state"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(!folder.path().join("state").exists());
}

#[test]
fn each_verb_explains_itself() {
    let verbs = [
        "serve",
        "migrate",
        "demo",
        "check-config",
        "hash-members",
        "load-members",
        "token",
    ];
    for verb in verbs {
        let help = succeed(&enrollment().args([verb, "--help"]).output().unwrap());
        let (says, usage) = help.split_once("Usage: ").unwrap();
        assert!(
            says.trim().ends_with('.') || says.trim().len() > 40,
            "{help}"
        );
        assert!(usage.starts_with(&format!("enrollment {verb}")), "{help}");
    }
}

#[test]
fn a_migrated_service_serves_until_it_is_told_to_stop() {
    let installation = Installation::new();
    let migrate = || succeed(&installation.with_settings("migrate").output().unwrap());
    assert!(migrate().starts_with("migrated: m0001"));
    assert_eq!(migrate(), "nothing to migrate\n");

    let service = ServiceProcess::start(&mut installation.with_settings("serve"));
    assert_eq!(service.stop().code(), Some(0));
}

#[test]
fn a_database_made_with_other_keys_is_not_served() {
    let installation = Installation::new();
    succeed(&installation.with_settings("migrate").output().unwrap());
    ServiceProcess::start(&mut installation.with_settings("serve")).kill();

    let other = Keyring::generate("digest", Random).unwrap();
    fs::write(installation.path("digest.json"), other.as_bytes()).unwrap();
    let output = installation.with_settings("serve").output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(text(&output.stderr).contains("keys.digest_key_file"));
}

#[test]
fn a_minted_token_is_one_that_the_service_accepts() {
    let installation = Installation::new();
    let token = installation.token(&["app", "operator"]);
    let jwks = fs::read_to_string(installation.path("jwks.json")).unwrap();
    let authenticator = Authenticator::new(&token::auth(serde_json::from_str(&jwks).unwrap()));
    let caller = authenticator
        .unwrap()
        .caller(Some(&format!("Bearer {token}")))
        .unwrap();
    assert_eq!(caller.subject, "jo");
    assert!(
        caller.has_scope("app") && caller.has_scope("operator") && !caller.has_scope("auditor")
    );
}
