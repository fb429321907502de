//! A request of any kind, which can be sent again.

use enrollment::grpc::proto::v1::{
    self, activation_code_service_client::ActivationCodeServiceClient,
    enrollment_admin_service_client::EnrollmentAdminServiceClient,
    enrollment_service_client::EnrollmentServiceClient,
    provider_service_client::ProviderServiceClient,
};
use tonic::Status;

use crate::support::server::{Client, TestServer};

/// A request, whatever it asks for.
#[derive(Clone)]
pub enum AnyRequest {
    Enroll(v1::EnrollRequest),
    ShowCode(v1::GetActivationCodeRequest),
    Cancel(v1::CancelEnrollmentRequest),
    Reinstate(v1::ReinstateEnrollmentRequest),
    Activate(v1::RecordActivationRequest),
    Reject(v1::RecordRejectionRequest),
    CancelThere(v1::RecordCancellationRequest),
    Revoke(v1::RevokeEnrollmentRequest),
    Extend(v1::ExtendTermRequest),
    ReplaceCode(v1::ReplaceActivationCodeRequest),
}

/// Everybody who asks.
#[derive(Clone)]
pub struct Callers {
    app: EnrollmentServiceClient<Client<&'static str>>,
    provider: ProviderServiceClient<Client<&'static str>>,
    admin: EnrollmentAdminServiceClient<Client<&'static str>>,
    codes: ActivationCodeServiceClient<Client<&'static str>>,
}

impl Callers {
    pub fn of(server: &TestServer) -> Self {
        Self {
            app: server.enrollments(),
            provider: server.provider(),
            admin: server.admin(),
            codes: server.codes(),
        }
    }

    pub async fn send(mut self, request: AnyRequest) -> Result<v1::Enrollment, Status> {
        use AnyRequest as R;

        let reply = match request {
            R::Enroll(request) => self.app.enroll(request).await,
            R::ShowCode(request) => self.app.get_activation_code(request).await,
            R::Cancel(request) => self.app.cancel_enrollment(request).await,
            R::Reinstate(request) => self.app.reinstate_enrollment(request).await,
            R::Activate(request) => self.provider.record_activation(request).await,
            R::Reject(request) => self.provider.record_rejection(request).await,
            R::CancelThere(request) => self.provider.record_cancellation(request).await,
            R::Revoke(request) => self.admin.revoke_enrollment(request).await,
            R::Extend(request) => self.admin.extend_term(request).await,
            R::ReplaceCode(request) => self.codes.replace_activation_code(request).await,
        };
        Ok(reply?.into_inner())
    }
}
