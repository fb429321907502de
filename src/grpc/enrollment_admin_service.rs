//! `EnrollmentAdminService`: what the company does with enrollments.

use tonic::{Request, Response, Status};

use super::{
    caller, enrollment_filter, parse,
    proto::v1::{self, enrollment_admin_service_server::EnrollmentAdminService},
    render,
};
use crate::{
    app::{
        App, Error, extend_cohort_term::ExtendCohortTerm, extend_term::ExtendTerm,
        revoke_enrollment::RevokeEnrollment,
    },
    domain::{
        enrollment::RevokeReason,
        name::{CohortName, EnrollmentName, JobName, OfferName},
        request::{Etag, RequestId},
        violation::{Rule, Violations},
    },
};

/// The largest message that the service takes.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// The service, over the application.
#[derive(Debug, Clone)]
pub struct EnrollmentAdmin(pub App);

#[tonic::async_trait]
impl EnrollmentAdminService for EnrollmentAdmin {
    async fn extend_cohort_term(
        &self,
        request: Request<v1::ExtendCohortTermRequest>,
    ) -> Result<Response<v1::Job>, Status> {
        let caller = caller(&request)?;
        let command = parse_extend_cohort(&request.into_inner())?;
        let job = self.0.extend_cohort_term(&caller, command).await?;
        Ok(Response::new(render::job(job)))
    }

    async fn get_job(
        &self,
        request: Request<v1::GetJobRequest>,
    ) -> Result<Response<v1::Job>, Status> {
        let mut violations = Violations::default();
        let name = violations.check("name", JobName::parse(&request.into_inner().name));
        let job = self.0.get_job(&parse::finish(violations, name)?).await?;
        Ok(Response::new(render::job(job)))
    }

    async fn list_enrollments(
        &self,
        request: Request<v1::ListEnrollmentsRequest>,
    ) -> Result<Response<v1::ListEnrollmentsResponse>, Status> {
        let request = request.into_inner();
        let mut violations = Violations::default();
        let parent = violations.check("parent", OfferName::parse(&request.parent));
        let filter = violations.check("filter", enrollment_filter::parse(&request.filter));
        // A token goes on with its own filter only.
        let list = format!("enrollments of {} with {}", request.parent, request.filter);
        let page = self.0.read_page(
            &list,
            request.page_size,
            &request.page_token,
            &mut violations,
        );
        let parsed = parent.zip(filter).zip(page);
        let ((parent, filter), page) = parse::finish(violations, parsed)?;
        let page = self.0.list_enrollments(&parent, &filter, &page).await?;
        let next_page_token = self.0.page_token_after(&list, page.next)?;
        let enrollments = page.enrollments.into_iter().map(render::enrollment);
        Ok(Response::new(v1::ListEnrollmentsResponse {
            enrollments: enrollments.collect(),
            next_page_token,
        }))
    }

    async fn revoke_enrollment(
        &self,
        request: Request<v1::RevokeEnrollmentRequest>,
    ) -> Result<Response<v1::Enrollment>, Status> {
        let caller = caller(&request)?;
        let command = parse_revoke(&request.into_inner())?;
        let view = self.0.revoke_enrollment(&caller, command).await?;
        Ok(Response::new(render::enrollment(view)))
    }

    async fn extend_term(
        &self,
        request: Request<v1::ExtendTermRequest>,
    ) -> Result<Response<v1::Enrollment>, Status> {
        let caller = caller(&request)?;
        let command = parse_extend(&request.into_inner())?;
        let view = self.0.extend_term(&caller, command).await?;
        Ok(Response::new(render::enrollment(view)))
    }
}

fn parse_revoke(request: &v1::RevokeEnrollmentRequest) -> Result<RevokeEnrollment, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", EnrollmentName::parse(&request.name));
    let reason = violations.check("reason", revoke_reason(request.reason));
    let etag = violations.check("etag", Etag::parse(&request.etag));
    let request_id = violations.check("request_id", RequestId::parse(&request.request_id));
    let parsed = || {
        Some(RevokeEnrollment {
            name: name?,
            reason: reason?,
            etag: etag?,
            request_id: request_id?,
        })
    };
    parse::finish(violations, parsed())
}

fn parse_extend(request: &v1::ExtendTermRequest) -> Result<ExtendTerm, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", EnrollmentName::parse(&request.name));
    let end = parse::date(request.term_end_date.as_ref());
    let end = violations.check("term_end_date", end);
    let etag = violations.check("etag", Etag::parse(&request.etag));
    let request_id = violations.check("request_id", RequestId::parse(&request.request_id));
    let parsed = || {
        Some(ExtendTerm {
            name: name?,
            end: end?,
            etag: etag?,
            request_id: request_id?,
        })
    };
    parse::finish(violations, parsed())
}

fn parse_extend_cohort(request: &v1::ExtendCohortTermRequest) -> Result<ExtendCohortTerm, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", CohortName::parse(&request.name));
    let end = parse::date(request.term_end_date.as_ref());
    let end = violations.check("term_end_date", end);
    let request_id = violations.check("request_id", RequestId::parse(&request.request_id));
    let parsed = || {
        Some(ExtendCohortTerm {
            name: name?,
            end: end?,
            request_id: request_id?,
        })
    };
    parse::finish(violations, parsed())
}

fn revoke_reason(number: i32) -> Result<RevokeReason, Rule> {
    use v1::enrollment::RevokeReason as R;

    match R::try_from(number) {
        Ok(R::Fraud) => Ok(RevokeReason::Fraud),
        Ok(R::Duplicate) => Ok(RevokeReason::Duplicate),
        Ok(R::Error) => Ok(RevokeReason::Error),
        Ok(R::Other) => Ok(RevokeReason::Other),
        Ok(R::Unspecified) | Err(_) => Err(Rule("must be a known RevokeReason")),
    }
}
