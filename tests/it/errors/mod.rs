//! Every reason that an error can have, met as a caller meets it, and the form of each.

use std::collections::{BTreeMap, BTreeSet};

use enrollment::{config::Server as Settings, grpc::proto::v1};
use prost_reflect::EnumDescriptor;
use tonic::{Code, Status};
use tonic_types::{ErrorDetail, StatusExt};

use crate::support::{
    company,
    database::TestDatabase,
    methods,
    raw::{Call, Wire},
    refusal::{assert_refused, fields_of, reason_of},
    server::{Start, TestServer, settings},
};

mod provoke;

/// Reasons that are not met here, and why.
const ELSEWHERE: [(&str, &str); 3] = [
    ("UNSPECIFIED", "is never sent"),
    (
        "OUTCOME_UNKNOWN",
        "needs a connection that breaks in a commit: the fault tests",
    ),
    (
        "PROTOCOL",
        "is for codes of the protocol's own layer that nothing here makes it give",
    ),
];

on_each_database! {
    async fn every_reason_is_met_with_the_code_that_the_api_promises(database) {
        let met = provoke::all(&database).await;

        let promised = promised_codes();
        for status in &met {
            let reason = reason_of(status);
            assert_eq!(format!("{:?}", status.code()), promised[&reason], "{reason}");
            assert_form(status);
        }
        let met = met.iter().map(reason_of).collect::<BTreeSet<_>>();
        let elsewhere = ELSEWHERE.map(|(reason, _)| reason.to_owned());
        let wanted = promised.into_keys().filter(|reason| !elsewhere.contains(reason));
        assert_eq!(met, wanted.collect());
    }

    async fn all_violations_are_told_at_once_by_field_and_rule(database) {
        let server = TestServer::start(&database.settings).await;
        let request = v1::EnrollRequest {
            parent: "offers/NOT-ONE".to_owned(),
            person: company::person([company::phone("12"), company::email("nobody")]),
            terms_version: String::new(),
            request_id: "1".to_owned(),
            ..company::enroll(company::customer("C-1"))
        };
        let refused = server.enrollments().enroll(request).await;
        let status = assert_refused(refused, Code::InvalidArgument, "INVALID_FIELD");
        let wanted = [
            "parent",
            "person.identifiers[0].phone_number",
            "person.identifiers[1].email",
            "terms_version",
            "request_id",
        ];
        assert_eq!(fields_of(&status), wanted);
    }

    async fn a_caller_beyond_the_last_place_is_turned_away_while_health_is_answered(database) {
        let settings = Settings { max_in_flight: 1, ..settings() };
        let start = Start { settings, ..Start::default() };
        let server = TestServer::start_with(&database.settings, start).await;
        let wire = Wire::to(server.address).await;
        // Two calls that never say all they want to say: one of them has the place for good.
        let call = Call::to(methods::path(&methods::all()[0])).unfinished();
        let call = call.bearer(&server.signer.token("app operator"));
        let reply = tokio::select! {
            reply = wire.call(call.clone()) => reply,
            reply = wire.call(call) => reply,
        };
        assert_refused(reply.result(), Code::ResourceExhausted, "TOO_MANY_CALLS");
    }
}

#[tokio::test]
async fn health_is_answered_when_there_is_no_place() {
    let database = TestDatabase::sqlite().await;
    let settings = Settings {
        max_in_flight: 0,
        ..settings()
    };
    // `start_with` waits for health.
    let start = Start {
        settings,
        ..Start::default()
    };
    let server = TestServer::start_with(&database.settings, start).await;
    let refused = server
        .enrollments()
        .check_eligibility(company::check(company::customer("C-1")))
        .await;
    assert_refused(refused, Code::ResourceExhausted, "TOO_MANY_CALLS");
}

#[tokio::test]
async fn a_call_that_takes_too_long_ends_at_the_deadline_that_it_brought_or_at_the_default() {
    let database = TestDatabase::sqlite().await;
    let settings = Settings {
        default_deadline: std::time::Duration::from_millis(200),
        ..settings()
    };
    let start = Start {
        settings,
        ..Start::default()
    };
    let server = TestServer::start_with(&database.settings, start).await;
    let wire = Wire::to(server.address).await;
    let call = Call::to(methods::path(&methods::all()[0])).unfinished();
    let call = call.bearer(&server.signer.token("app operator"));
    for call in [call.clone(), call.header("grpc-timeout", "150m")] {
        let reply = wire.call(call).await;
        assert_refused(reply.result(), Code::DeadlineExceeded, "DEADLINE");
    }
}

#[tokio::test]
async fn a_deadline_that_nobody_can_read_is_refused() {
    let database = TestDatabase::sqlite().await;
    let server = TestServer::start(&database.settings).await;
    let wire = Wire::to(server.address).await;
    for timeout in ["5s", "", "S", "-1S", "123456789S", "99m"] {
        let call = Call::to(methods::path(&methods::all()[0])).message(b"");
        let call = call.bearer(&server.signer.token("app operator"));
        let reply = wire.call(call.header("grpc-timeout", timeout)).await;
        assert_refused(reply.result(), Code::DeadlineExceeded, "DEADLINE");
    }
}

/// Exactly one `ErrorInfo`, and the details that the code calls for.
fn assert_form(status: &Status) {
    let reason = reason_of(status);
    let details = status.get_error_details_vec();
    let count = |kind: fn(&ErrorDetail) -> bool| details.iter().filter(|one| kind(one)).count();
    let is = |codes: &[Code]| usize::from(codes.contains(&status.code()));
    // A request id is no resource.
    let resources = is(&[Code::NotFound, Code::AlreadyExists, Code::Aborted])
        - usize::from(reason == "REQUEST_ID_REUSED");
    let retries = is(&[Code::ResourceExhausted, Code::Unavailable]);
    let preconditions = is(&[Code::FailedPrecondition]);
    let bad_requests = usize::from(reason == "INVALID_FIELD");
    let met = [
        count(|one| matches!(one, ErrorDetail::ErrorInfo(_))),
        count(|one| matches!(one, ErrorDetail::ResourceInfo(_))),
        count(|one| matches!(one, ErrorDetail::RetryInfo(_))),
        count(|one| matches!(one, ErrorDetail::PreconditionFailure(_))),
        count(|one| matches!(one, ErrorDetail::BadRequest(_))),
    ];
    let wanted = [1, resources, retries, preconditions, bad_requests];
    assert_eq!(met, wanted, "{reason}: {details:?}");
    assert_eq!(details.len(), wanted.iter().sum::<usize>(), "{reason}");
    assert!(!status.message().is_empty(), "{reason}");
}

/// Reason → the code with which the comment on its enum value begins.
fn promised_codes() -> BTreeMap<String, String> {
    let reasons = methods::pool()
        .get_enum_by_name("identityprotection.enrollment.v1.ErrorReason")
        .unwrap();
    let name = |value: &prost_reflect::EnumValueDescriptor| {
        value.name().trim_start_matches("ERROR_REASON_").to_owned()
    };
    reasons
        .values()
        .map(|value| (name(&value), promised_code(&reasons, value.path())))
        .collect()
}

fn promised_code(reasons: &EnumDescriptor, path: &[i32]) -> String {
    let file = reasons.parent_file();
    let source = file
        .file_descriptor_proto()
        .source_code_info
        .as_ref()
        .unwrap();
    let location = source
        .location
        .iter()
        .find(|location| location.path == path)
        .unwrap();
    let comment = location.leading_comments().trim();
    let code = comment.split(['.', ' ']).next().unwrap();
    // As `tonic::Code` writes it: `InvalidArgument`.
    let words = code
        .split('_')
        .map(|word| format!("{}{}", &word[..1], word[1..].to_lowercase()));
    words.collect()
}
