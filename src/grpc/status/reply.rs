//! Puts an error's reply together: code, text, exactly one `ErrorInfo`, and further details.

use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, PreconditionViolation, StatusExt};

use crate::grpc::proto::v1::ErrorReason;

/// `ErrorInfo.domain` of every error.
const DOMAIN: &str = "enrollment.identityprotection";

/// When to come back, where that helps.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// A reply to an error, as it is put together.
pub(super) struct Reply {
    code: Code,
    reason: ErrorReason,
    text: String,
    metadata: HashMap<String, String>,
    pub details: ErrorDetails,
}

impl Reply {
    /// Begins a reply; the text is for people and holds nothing of a person.
    pub fn new(code: Code, reason: ErrorReason, text: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            text: text.into(),
            metadata: HashMap::new(),
            details: ErrorDetails::new(),
        }
    }

    /// Adds a fact for programs.
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.metadata.insert(key.to_owned(), value.into());
        self
    }

    /// Adds the bound that a message broke.
    pub fn with_max_bytes(self, bytes: Option<usize>) -> Self {
        match bytes {
            Some(bytes) => self.with("max_bytes", bytes.to_string()),
            None => self,
        }
    }

    /// Names the resource.
    pub fn about(mut self, kind: &str, name: &str) -> Self {
        self.details.set_resource_info(kind, name, "", "");
        self
    }

    /// Names what is not as it must be.
    pub fn failed(mut self, subject: &str) -> Self {
        let violation = PreconditionViolation::new(reason_name(self.reason), subject, &self.text);
        self.details.set_precondition_failure(vec![violation]);
        self
    }

    /// Says when to come back.
    pub fn retry(mut self) -> Self {
        self.details.set_retry_info(Some(RETRY_DELAY));
        self
    }

    /// The status, with its one `ErrorInfo`.
    pub fn send(mut self) -> Status {
        let reason = reason_name(self.reason);
        self.details.set_error_info(reason, DOMAIN, self.metadata);
        Status::with_error_details(self.code, self.text, self.details)
    }
}

fn reason_name(reason: ErrorReason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("ERROR_REASON_").unwrap_or(name)
}
