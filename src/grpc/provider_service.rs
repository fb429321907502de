//! `ProviderService`: what the provider says of its members.

use tonic::{Request, Response, Status, Streaming};

use super::{
    caller,
    layers::limit::Place,
    parse,
    proto::v1::{self, provider_service_server::ProviderService},
    reconcile_stream, render,
    streams::{self, Answers},
};
use crate::{
    app::{
        App, Error, membership::Membership, record_activation::RecordActivation,
        record_cancellation::RecordCancellation, record_rejection::RecordRejection,
    },
    domain::{
        code::ActivationCode,
        enrollment::RejectReason,
        name::{EnrollmentName, OfferName},
        request::RequestId,
        violation::{Rule, Violations},
    },
};

/// The largest message that the service takes: a thousand members fit.
pub const MAX_MESSAGE_BYTES: usize = 256 * 1024;

/// The service, over the application.
#[derive(Debug, Clone)]
pub struct Provider(pub App);

#[tonic::async_trait]
impl ProviderService for Provider {
    async fn record_activation(
        &self,
        request: Request<v1::RecordActivationRequest>,
    ) -> Result<Response<v1::Enrollment>, Status> {
        let caller = caller(&request)?;
        let command = parse_activation(request.into_inner())?;
        let view = self.0.record_activation(&caller, command).await?;
        Ok(Response::new(render::enrollment_for_provider(view)))
    }

    type ReconcileMembersStream = Answers<v1::ReconcileMembersResponse>;

    async fn reconcile_members(
        &self,
        request: Request<Streaming<v1::ReconcileMembersRequest>>,
    ) -> Result<Response<Self::ReconcileMembersStream>, Status> {
        let app = self.0.clone();
        let place = request.extensions().get::<Place>().cloned();
        let stream = request.into_inner();
        Ok(streams::in_background(place, |answers| {
            reconcile_stream::reconcile(app, stream, answers)
        }))
    }

    async fn record_rejection(
        &self,
        request: Request<v1::RecordRejectionRequest>,
    ) -> Result<Response<v1::Enrollment>, Status> {
        let caller = caller(&request)?;
        let command = parse_rejection(request.into_inner())?;
        let view = self.0.record_rejection(&caller, command).await?;
        Ok(Response::new(render::enrollment_for_provider(view)))
    }

    async fn record_cancellation(
        &self,
        request: Request<v1::RecordCancellationRequest>,
    ) -> Result<Response<v1::Enrollment>, Status> {
        let caller = caller(&request)?;
        let command = parse_cancellation(request.into_inner())?;
        let view = self.0.record_cancellation(&caller, command).await?;
        Ok(Response::new(render::enrollment_for_provider(view)))
    }
}

fn parse_activation(request: v1::RecordActivationRequest) -> Result<RecordActivation, Error> {
    let mut violations = Violations::default();
    let membership = membership(&mut violations, &request.parent, request.membership);
    let time = parse::past(request.activate_time.as_ref());
    let activate_time = violations.check("activate_time", time);
    let request_id = violations.check("request_id", RequestId::parse(&request.request_id));
    let parsed = || {
        Some(RecordActivation {
            membership: membership?,
            activate_time: activate_time?,
            request_id: request_id?,
        })
    };
    parse::finish(violations, parsed())
}

fn parse_rejection(request: v1::RecordRejectionRequest) -> Result<RecordRejection, Error> {
    let mut violations = Violations::default();
    let membership = membership(&mut violations, &request.parent, request.membership);
    let reason = violations.check("reason", reject_reason(request.reason));
    let request_id = violations.check("request_id", RequestId::parse(&request.request_id));
    let parsed = || {
        Some(RecordRejection {
            membership: membership?,
            reason: reason?,
            request_id: request_id?,
        })
    };
    parse::finish(violations, parsed())
}

fn parse_cancellation(request: v1::RecordCancellationRequest) -> Result<RecordCancellation, Error> {
    let mut violations = Violations::default();
    let membership = membership(&mut violations, &request.parent, request.membership);
    let time = parse::past(request.cancel_time.as_ref());
    let cancel_time = violations.check("cancel_time", time);
    let reason = violations.check("reason", parse::cancel_reason(request.reason));
    let request_id = violations.check("request_id", RequestId::parse(&request.request_id));
    let parsed = || {
        Some(RecordCancellation {
            membership: membership?,
            cancel_time: cancel_time?,
            reason: reason?,
            request_id: request_id?,
        })
    };
    parse::finish(violations, parsed())
}

fn membership(
    violations: &mut Violations,
    parent: &str,
    membership: Option<v1::Membership>,
) -> Option<Membership> {
    use v1::membership::Member;

    let offer = violations.check("parent", OfferName::parse(parent));
    match membership.and_then(|membership| membership.member) {
        Some(Member::Enrollment(name)) => {
            let name = violations.check("membership.enrollment", EnrollmentName::parse(&name))?;
            if name.parent != offer? {
                violations.note("membership.enrollment", Rule("must be of the parent"));
                return None;
            }
            Some(Membership::Enrollment(name))
        }
        Some(Member::ActivationCode(code)) => {
            let code = violations.check("membership.activation_code", ActivationCode::parse(&code));
            Some(Membership::Code(offer?, code?))
        }
        None => {
            violations.note("membership", parse::REQUIRED);
            None
        }
    }
}

fn reject_reason(number: i32) -> Result<RejectReason, Rule> {
    use v1::enrollment::RejectReason as R;

    match R::try_from(number) {
        Ok(R::IdentityNotVerified) => Ok(RejectReason::IdentityNotVerified),
        Ok(R::AlreadyMember) => Ok(RejectReason::AlreadyMember),
        Ok(R::NotServed) => Ok(RejectReason::NotServed),
        Ok(R::CodeNotAccepted) => Ok(RejectReason::CodeNotAccepted),
        Ok(R::Other) => Ok(RejectReason::Other),
        Ok(R::Unspecified) | Err(_) => Err(Rule("must be a known RejectReason")),
    }
}
