//! The verbs, as a person or a service manager runs them: the real binary.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use enrollment::{
    clock::Random,
    config::Auth,
    crypto::{keyring::Keyring, signing},
    grpc::{auth::Verifier, proto::v1},
};
use jsonwebtoken::Algorithm;
use tempfile::TempDir;

use crate::support::{
    company::{self, OFFER, check, customer, phone},
    server::{Start, TestServer},
};

const SIGNING_KEY: &str = "cli-signing";

/// A folder with settings and keys, as an operator would lay them out.
struct Installation {
    folder: TempDir,
}

impl Installation {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let pair = signing::generate(SIGNING_KEY, Random).unwrap();
        let settings = format!(
            "[server]\nlisten = '127.0.0.1:0'\n\
             [database]\nurl = 'sqlite://{0}/enrollment.db'\n\
             [keys]\ndigest_key_file = '{0}/digest.json'\nsealing_keys_file = '{0}/sealing.json'\n\
             [auth]\nissuer = 'https://issuer.test'\njwks_file = '{0}/jwks.json'\n",
            folder.path().display()
        );
        for (file, text) in [
            (
                "digest.json",
                Keyring::generate("digest", Random).unwrap().as_str(),
            ),
            (
                "sealing.json",
                Keyring::generate("sealing", Random).unwrap().as_str(),
            ),
            ("signing.pem", &pair.private_pem),
            ("jwks.json", &pair.public_jwks),
            ("enrollment.toml", &settings),
        ] {
            fs::write(folder.path().join(file), text).unwrap();
        }
        Self { folder }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn with_settings(&self, verb: &str) -> Command {
        let mut command = enrollment();
        command
            .arg(verb)
            .arg("--config")
            .arg(self.path("enrollment.toml"));
        command
    }
}

fn enrollment() -> Command {
    Command::new(env!("CARGO_BIN_EXE_enrollment"))
}

fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

#[track_caller]
fn succeed(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

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

    let mut service = installation
        .with_settings("serve")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = BufReader::new(service.stderr.take().unwrap());
    let serving = log
        .lines()
        .map_while(Result::ok)
        .find(|line| line.contains(r#""message":"serving""#));
    assert!(serving.is_some(), "the log never said so");
    let pid = service.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(service.wait().unwrap().code(), Some(0));
}

#[test]
fn a_database_made_with_other_keys_is_not_served() {
    let installation = Installation::new();
    succeed(&installation.with_settings("migrate").output().unwrap());
    let mut service = installation
        .with_settings("serve")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = BufReader::new(service.stderr.take().unwrap());
    log.lines()
        .map_while(Result::ok)
        .find(|line| line.contains(r#""message":"serving""#))
        .unwrap();
    service.kill().unwrap();
    service.wait().unwrap();

    let other = Keyring::generate("digest", Random).unwrap();
    fs::write(installation.path("digest.json"), other.as_bytes()).unwrap();
    let output = installation.with_settings("serve").output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(text(&output.stderr).contains("keys.digest_key_file"));
}

#[test]
fn a_minted_token_is_one_that_the_service_accepts() {
    let installation = Installation::new();
    let output = enrollment()
        .args([
            "token",
            "--issuer",
            "https://issuer.test",
            "--subject",
            "jo",
        ])
        .args([
            "--scope",
            "app",
            "--scope",
            "operator",
            "--key-id",
            SIGNING_KEY,
            "--key",
        ])
        .arg(installation.path("signing.pem"))
        .output()
        .unwrap();
    let token = succeed(&output);
    let jwks = fs::read_to_string(installation.path("jwks.json")).unwrap();
    let verifier = Verifier::new(&Auth {
        issuer: "https://issuer.test".to_owned(),
        audience: "identity-protection-enrollment".to_owned(),
        algorithm: Algorithm::EdDSA,
        jwks: serde_json::from_str(&jwks).unwrap(),
        max_token_lifetime: Duration::from_hours(1),
    });
    let caller = verifier
        .unwrap()
        .caller(Some(&format!("Bearer {}", token.trim())))
        .unwrap();
    assert_eq!(caller.subject, "jo");
    assert!(
        caller.has_scope("app") && caller.has_scope("operator") && !caller.has_scope("auditor")
    );
}

const LIST: &str = "customer_id,phone_number\nC-1,+1 425 555 0123\nC-2,\n";

/// Runs `load-members` against a server, away from its runtime.
async fn load_members(server: &TestServer, cohort: &str, load_id: &str, file: &Path) -> Output {
    let token = tempfile::NamedTempFile::new().unwrap();
    fs::write(token.path(), server.signer.token("operator")).unwrap();
    let mut command = enrollment();
    command
        .args(["load-members", "--cohort", cohort, "--load-id", load_id])
        .args(["--endpoint", &format!("http://{}", server.address)])
        .arg("--token-file")
        .arg(token.path())
        .arg("--file")
        .arg(file);
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

on_each_database! {
    async fn a_list_is_loaded_plain_or_hashed_with_the_same_effect(database) {
        let installation = Installation::new();
        let digester = enrollment::config::read_digester(&installation.path("digest.json")).unwrap();
        let mut start = Start::default();
        start.keys.digester = digester;
        let server = TestServer::start_with(&database.settings, start).await;
        company::open_offer(&server, company::offer()).await;
        fs::write(installation.path("list.csv"), LIST).unwrap();
        let hashed = enrollment()
            .arg("hash-members")
            .args(["--digest-key-file".as_ref(), installation.path("digest.json").as_os_str()])
            .args(["--input".as_ref(), installation.path("list.csv").as_os_str()])
            .args(["--output".as_ref(), installation.path("hashed.csv").as_os_str()])
            .output()
            .unwrap();
        assert_eq!(succeed(&hashed), "2 people hashed\n");

        for (id, file) in [("plain", "list.csv"), ("hashed", "hashed.csv")] {
            let cohort = company::create_cohort(&server, id, &[v1::DataElement::Name]).await;
            for _ in 0..2 {
                // The second run goes on with the first one's load, and finds it finished.
                let output = load_members(&server, &cohort.name, "first", &installation.path(file)).await;
                let told = succeed(&output);
                assert!(told.contains("2 people, 3 identifiers, 0 duplicates"), "{told}");
            }
            let request = v1::PublishCohortRequest { name: cohort.name, ..Default::default() };
            let published = server.cohorts().publish_cohort(request).await.unwrap().into_inner();
            assert_eq!((published.person_count, published.identifier_count), (2, 3));
        }
        for identifier in [customer("C-1"), customer("C-2"), phone("+14255550123")] {
            let answer = server.enrollments().check_eligibility(check(identifier)).await;
            assert_eq!(answer.unwrap().into_inner().verdict(), v1::eligibility::Verdict::Eligible);
        }
    }

    async fn a_list_that_is_not_understood_leaves_nothing_behind(database) {
        let server = TestServer::start(&database.settings).await;
        company::open_offer(&server, company::offer()).await;
        let cohort = company::create_cohort(&server, "late", &[v1::DataElement::Name]).await;
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("list.csv");
        fs::write(&file, "name,mail\nJo,jo@example.com\n").unwrap();

        let output = load_members(&server, &cohort.name, "first", &file).await;

        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("the header is not understood"));
        assert_eq!(database.count("SELECT COUNT(*) FROM loads").await, 0);
    }

    async fn a_cohort_that_does_not_exist_is_said_to(database) {
        let server = TestServer::start(&database.settings).await;
        company::open_offer(&server, company::offer()).await;
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("list.csv");
        fs::write(&file, LIST).unwrap();

        let output = load_members(&server, &format!("{OFFER}/cohorts/none"), "first", &file).await;

        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("RESOURCE_NOT_FOUND"), "{}", text(&output.stderr));
    }
}
