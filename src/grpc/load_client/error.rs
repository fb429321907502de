//! Why a load does not go on, and whether it is worth to try again.

use tonic_types::StatusExt;

/// Reasons of errors that pass although they name no time to come back: a server that stops ends its
/// streams, and so does a proxy on the way.
const PASSING: [&str; 2] = ["PROTOCOL", "DEADLINE"];

/// Why a load does not go on.
#[derive(Debug, thiserror::Error)]
pub enum LoadClientError {
    /// The address or the token cannot be used at all.
    #[error("{0} cannot be used")]
    Unusable(&'static str),
    /// The service cannot be reached.
    #[error("the service cannot be reached")]
    Unreachable,
    /// The service refused, and would refuse again.
    #[error("the service refused ({reason}): {text}")]
    Refused {
        /// The reason of the error.
        reason: String,
        /// Its text.
        text: String,
    },
    /// The service cannot do it at the moment.
    #[error("the service is not able to go on ({reason})")]
    Busy {
        /// The reason of the error.
        reason: String,
    },
    /// The stream ended too early.
    #[error("the connection broke")]
    Broken,
}

impl LoadClientError {
    /// Whether another try can succeed.
    pub fn passes(&self) -> bool {
        match self {
            Self::Unreachable | Self::Busy { .. } | Self::Broken => true,
            Self::Unusable(_) | Self::Refused { .. } => false,
        }
    }
}

impl From<tonic::Status> for LoadClientError {
    fn from(status: tonic::Status) -> Self {
        let details = status.get_error_details();
        let Some(info) = details.error_info() else {
            return Self::Broken;
        };
        let reason = info.reason.clone();
        if details.retry_info().is_some() || PASSING.contains(&reason.as_str()) {
            return Self::Busy { reason };
        }
        Self::Refused {
            reason,
            text: status.message().to_owned(),
        }
    }
}
