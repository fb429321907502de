//! What a provider says of its members.

use enrollment::grpc::proto::v1::{
    self,
    enrollment::{CancelReason, RejectReason},
    membership::Member,
};

use super::{
    company::{OFFER, request_id},
    deeds::timestamp,
};

pub fn by_name(enrollment: &v1::Enrollment) -> Member {
    Member::Enrollment(enrollment.name.clone())
}

/// By the code that the reply to an enrollment, or a showing, has.
pub fn by_code(enrollment: &v1::Enrollment) -> Member {
    assert_ne!(enrollment.activation_code, "");
    Member::ActivationCode(enrollment.activation_code.clone())
}

pub fn activation(whom: Member, time: &str) -> v1::RecordActivationRequest {
    v1::RecordActivationRequest {
        parent: OFFER.to_owned(),
        membership: Some(v1::Membership { member: Some(whom) }),
        activate_time: Some(timestamp(time)),
        request_id: request_id(),
    }
}

pub fn rejection(whom: Member, reason: RejectReason) -> v1::RecordRejectionRequest {
    v1::RecordRejectionRequest {
        parent: OFFER.to_owned(),
        membership: Some(v1::Membership { member: Some(whom) }),
        reason: reason.into(),
        request_id: request_id(),
    }
}

pub fn cancellation(whom: Member, time: &str) -> v1::RecordCancellationRequest {
    v1::RecordCancellationRequest {
        parent: OFFER.to_owned(),
        membership: Some(v1::Membership { member: Some(whom) }),
        cancel_time: Some(timestamp(time)),
        reason: CancelReason::NotWanted.into(),
        request_id: request_id(),
    }
}
