//! What callers' request ids were used for, so that a retry gets the first result.

use super::code::KeptCode;
use crate::domain::{enrollment::Enrollment, request::RequestId};

/// A caller's use of a request id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Who asked.
    pub caller: String,
    /// Their id of the change.
    pub id: RequestId,
    /// Keyed digest of what was asked for.
    pub fingerprint: [u8; 32],
}

/// What was made of a request id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Who asked.
    pub caller: String,
    /// Their id of the change.
    pub id: RequestId,
    /// Keyed digest of what was asked for the first time.
    pub fingerprint: Vec<u8>,
    /// The first result.
    pub result: Enrollment,
    /// The enrollment's contact data, sealed.
    pub contact: Option<Vec<u8>>,
    /// The enrollment's present code.
    pub code: Option<KeptCode>,
}
