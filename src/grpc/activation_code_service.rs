//! `ActivationCodeService`: activation codes, as operators see them.

use tonic::{Request, Response, Status, Streaming};

use super::{
    caller,
    code_stream::CodeReceiver,
    parse,
    proto::v1::{self, activation_code_service_server::ActivationCodeService},
    render,
    streams::{self, Answers},
};
use crate::{
    app::{App, Error, replace_activation_code::ReplaceActivationCode},
    domain::{
        name::{CodePoolName, EnrollmentName},
        request::{Etag, RequestId},
        violation::Violations,
    },
};

/// The largest message that the service takes: a full chunk of codes fits.
pub const MAX_MESSAGE_BYTES: usize = 512 * 1024;

/// The service, over the application.
#[derive(Debug, Clone)]
pub struct ActivationCodes(pub App);

#[tonic::async_trait]
impl ActivationCodeService for ActivationCodes {
    type LoadActivationCodesStream = Answers<v1::LoadActivationCodesResponse>;

    async fn load_activation_codes(
        &self,
        request: Request<Streaming<v1::LoadActivationCodesRequest>>,
    ) -> Result<Response<Self::LoadActivationCodesStream>, Status> {
        let caller = caller(&request)?;
        let receiver = CodeReceiver::new(self.0.clone(), caller);
        Ok(streams::answer(request, receiver))
    }

    async fn get_code_pool(
        &self,
        request: Request<v1::GetCodePoolRequest>,
    ) -> Result<Response<v1::CodePool>, Status> {
        let mut violations = Violations::default();
        let name = violations.check("name", CodePoolName::parse(&request.into_inner().name));
        let name = parse::finish(violations, name)?;
        let pool = self.0.get_code_pool(&name).await?;
        Ok(Response::new(render::code_pool(&pool)))
    }

    async fn replace_activation_code(
        &self,
        request: Request<v1::ReplaceActivationCodeRequest>,
    ) -> Result<Response<v1::Enrollment>, Status> {
        let caller = caller(&request)?;
        let command = parse_replace(&request.into_inner())?;
        let view = self.0.replace_activation_code(&caller, command).await?;
        Ok(Response::new(render::enrollment(view)))
    }
}

fn parse_replace(
    request: &v1::ReplaceActivationCodeRequest,
) -> Result<ReplaceActivationCode, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", EnrollmentName::parse(&request.name));
    let etag = violations.check("etag", Etag::parse(&request.etag));
    let request_id = violations.check("request_id", RequestId::parse(&request.request_id));
    let parsed = || {
        Some(ReplaceActivationCode {
            name: name?,
            etag: etag?,
            request_id: request_id?,
        })
    };
    parse::finish(violations, parsed())
}
