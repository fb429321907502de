//! Errors that tonic itself makes (bytes that are no message, a message that is too large, a method
//! that does not exist) leave in this API's form, like all others.

use std::future::Future;

use tonic::Status;

use crate::grpc::{
    access::Method,
    activation_code_service, cohort_service, enrollment_admin_service, enrollment_service,
    offer_service, provider_service,
    services::{Request, Response},
    status,
};

/// Gives an error that has no details the ones that it lacks.
pub async fn protocol_errors<F: Future<Output = Response>>(
    method: &Method,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let response = next(request).await;
    match Status::from_header_map(response.headers()) {
        Some(own) if own.code() != tonic::Code::Ok && own.details().is_empty() => {
            status::from_protocol(&own, max_message_bytes(&method.name)).into_http()
        }
        Some(_) | None => response,
    }
}

fn max_message_bytes(path: &str) -> Option<usize> {
    let service = path.trim_start_matches('/').split('/').next()?;
    match service.rsplit('.').next()? {
        "EnrollmentService" => Some(enrollment_service::MAX_MESSAGE_BYTES),
        "OfferService" => Some(offer_service::MAX_MESSAGE_BYTES),
        "CohortService" => Some(cohort_service::MAX_MESSAGE_BYTES),
        "ActivationCodeService" => Some(activation_code_service::MAX_MESSAGE_BYTES),
        "EnrollmentAdminService" => Some(enrollment_admin_service::MAX_MESSAGE_BYTES),
        "ProviderService" => Some(provider_service::MAX_MESSAGE_BYTES),
        _ => None,
    }
}
