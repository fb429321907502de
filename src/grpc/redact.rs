//! `Debug` for the messages with personal data: their name, and nothing of what they hold. Their
//! generated code has none (see `build.rs`).

use std::fmt;

use super::proto::v1;

macro_rules! redacted {
    ($($message:path),+ $(,)?) => {
        $(impl fmt::Debug for $message {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($message), "(redacted)"))
            }
        })+
    };
}

redacted!(
    v1::Identifier,
    v1::identifier::Value,
    v1::Person,
    v1::Contact,
    v1::CheckEligibilityRequest,
    v1::BatchCheckEligibilityRequest,
    v1::EnrollRequest,
    v1::Enrollment,
    v1::LookupEnrollmentRequest,
    v1::LoadMembersRequest,
    v1::load_members_request::Part,
    v1::LoadChunk,
    v1::MemberRow,
    v1::member_row::Member,
    v1::PlainMember,
    v1::HashedMember,
    v1::HashedRows,
    v1::Membership,
    v1::membership::Member,
    v1::RecordActivationRequest,
    v1::RecordRejectionRequest,
    v1::RecordCancellationRequest,
    v1::LoadActivationCodesRequest,
    v1::load_activation_codes_request::Part,
    v1::CodeChunk,
);
