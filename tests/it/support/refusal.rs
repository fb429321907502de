//! What a caller can read off an error.

use tonic::{Code, Status};
use tonic_types::StatusExt;

/// An error as a caller decides by it: its code and its reason.
#[track_caller]
pub fn assert_refused<T: std::fmt::Debug>(
    reply: Result<T, Status>,
    code: Code,
    reason: &str,
) -> Status {
    let status = reply.expect_err("must be refused");
    assert_eq!(
        (status.code(), reason_of(&status).as_str()),
        (code, reason),
        "{status:?}"
    );
    status
}

/// The reason of the one ErrorInfo that every error has.
#[track_caller]
pub fn reason_of(status: &Status) -> String {
    let details = status.get_error_details();
    let info = details.error_info();
    let info = info.unwrap_or_else(|| panic!("an error without ErrorInfo: {status:?}"));
    assert_eq!(info.domain, "enrollment.identityprotection");
    info.reason.clone()
}

/// What the ErrorInfo says under this key.
#[track_caller]
pub fn metadata_of(status: &Status, key: &str) -> String {
    let details = status.get_error_details();
    let info = details.error_info().expect("has an ErrorInfo");
    let value = info.metadata.get(key);
    value
        .unwrap_or_else(|| panic!("no {key}: {status:?}"))
        .clone()
}

/// The fields that a request was refused for.
pub fn fields_of(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let violations = details
        .bad_request()
        .map(|request| request.field_violations.clone());
    violations
        .unwrap_or_default()
        .into_iter()
        .map(|violation| violation.field)
        .collect()
}

/// The name in the error's `ResourceInfo`.
pub fn resource_of(status: &Status) -> String {
    let details = status.get_error_details();
    let info = details.resource_info().expect("names a resource");
    info.resource_name.clone()
}
