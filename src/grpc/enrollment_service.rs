//! `EnrollmentService`: what the app's backend asks for a person.

use tonic::{Request, Response, Status};

use super::{
    caller, parse,
    proto::v1::{self, enrollment_service_server::EnrollmentService},
    render,
};
use crate::{
    app::{
        App, Error, cancel_enrollment::CancelEnrollment, enroll::Enroll,
        reinstate_enrollment::ReinstateEnrollment,
    },
    domain::{
        identifier::Identifier,
        name::{EnrollmentName, OfferName},
        request::{Etag, RequestId},
        text,
        violation::{Rule, Violations},
    },
};

/// The most people in one `BatchCheckEligibility`.
const MAX_BATCH: usize = 1_000;

/// The largest message that the service takes: 1,000 people with several identifiers each fit.
pub const MAX_MESSAGE_BYTES: usize = 512 * 1024;

/// The scope that may look into the past.
const AS_OF_SCOPE: &str = "operator";

/// The service, over the application.
#[derive(Debug, Clone)]
pub struct Enrollments(pub App);

#[tonic::async_trait]
impl EnrollmentService for Enrollments {
    async fn check_eligibility(
        &self,
        request: Request<v1::CheckEligibilityRequest>,
    ) -> Result<Response<v1::Eligibility>, Status> {
        let caller = caller(&request)?;
        let message = request.into_inner();
        if message.as_of_time.is_some() && !caller.has_scope(AS_OF_SCOPE) {
            return Err(Error::ScopeMissing(vec![AS_OF_SCOPE.to_owned()]).into());
        }
        let (offer, identifiers, as_of) = parse_check(message)?;
        let answer = match as_of {
            Some(time) => {
                let then = self.0.check_eligibility_as_of(&offer, &identifiers, time);
                // Boxed: few ask, and every check would keep room for it.
                Box::pin(then).await?
            }
            None => self.0.check_eligibility(&offer, &identifiers).await?,
        };
        Ok(Response::new(render::eligibility(answer)))
    }

    async fn batch_check_eligibility(
        &self,
        request: Request<v1::BatchCheckEligibilityRequest>,
    ) -> Result<Response<v1::BatchCheckEligibilityResponse>, Status> {
        let (offer, people) = parse_batch(request.into_inner())?;
        let answers = self.0.batch_check_eligibility(&offer, &people).await?;
        let eligibilities = answers.into_iter().map(render::eligibility).collect();
        Ok(Response::new(v1::BatchCheckEligibilityResponse {
            eligibilities,
        }))
    }

    async fn enroll(
        &self,
        request: Request<v1::EnrollRequest>,
    ) -> Result<Response<v1::Enrollment>, Status> {
        let caller = caller(&request)?;
        let command = parse_enroll(request.into_inner())?;
        let view = self.0.enroll(&caller, command).await?;
        Ok(Response::new(render::enrollment(view)))
    }

    async fn get_enrollment(
        &self,
        request: Request<v1::GetEnrollmentRequest>,
    ) -> Result<Response<v1::Enrollment>, Status> {
        let name = parse_name(&request.into_inner().name)?;
        let view = self.0.get_enrollment(&name).await?;
        Ok(Response::new(render::enrollment(view)))
    }

    async fn lookup_enrollment(
        &self,
        request: Request<v1::LookupEnrollmentRequest>,
    ) -> Result<Response<v1::Enrollment>, Status> {
        let (offer, identifiers) = parse_lookup(request.into_inner())?;
        let view = self.0.lookup_enrollment(&offer, &identifiers).await?;
        Ok(Response::new(render::enrollment(view)))
    }

    async fn get_activation_code(
        &self,
        request: Request<v1::GetActivationCodeRequest>,
    ) -> Result<Response<v1::Enrollment>, Status> {
        let caller = caller(&request)?;
        let name = parse_name(&request.into_inner().name)?;
        let view = self.0.get_activation_code(&caller, name).await?;
        Ok(Response::new(render::enrollment(view)))
    }

    async fn cancel_enrollment(
        &self,
        request: Request<v1::CancelEnrollmentRequest>,
    ) -> Result<Response<v1::Enrollment>, Status> {
        let caller = caller(&request)?;
        let command = parse_cancel(&request.into_inner())?;
        let view = self.0.cancel_enrollment(&caller, command).await?;
        Ok(Response::new(render::enrollment(view)))
    }

    async fn reinstate_enrollment(
        &self,
        request: Request<v1::ReinstateEnrollmentRequest>,
    ) -> Result<Response<v1::Enrollment>, Status> {
        let caller = caller(&request)?;
        let command = parse_reinstate(&request.into_inner())?;
        let view = self.0.reinstate_enrollment(&caller, command).await?;
        Ok(Response::new(render::enrollment(view)))
    }
}

type Check = (
    OfferName,
    Vec<Identifier>,
    Option<chrono::DateTime<chrono::Utc>>,
);

fn parse_check(request: v1::CheckEligibilityRequest) -> Result<Check, Error> {
    let mut violations = Violations::default();
    let offer = violations.check("parent", OfferName::parse(&request.parent));
    let identifiers = parse::identifiers(&mut violations, "person", request.person);
    let as_of = request
        .as_of_time
        .as_ref()
        .map(parse::timestamp)
        .transpose();
    let as_of = violations.check("as_of_time", as_of);
    let parsed = || Some((offer?, identifiers?, as_of?));
    parse::finish(violations, parsed())
}

fn parse_batch(
    request: v1::BatchCheckEligibilityRequest,
) -> Result<(OfferName, Vec<Vec<Identifier>>), Error> {
    let mut violations = Violations::default();
    let offer = violations.check("parent", OfferName::parse(&request.parent));
    if request.people.is_empty() || request.people.len() > MAX_BATCH {
        violations.note("people", Rule("must have 1 to 1000 entries"));
        return parse::finish(violations, None);
    }
    let people = request
        .people
        .into_iter()
        .enumerate()
        .map(|(index, person)| {
            let path = format_args!("people[{index}]");
            parse::identifiers(&mut violations, path, Some(person))
        })
        .collect::<Vec<_>>();
    let parsed = || Some((offer?, people.into_iter().collect::<Option<_>>()?));
    parse::finish(violations, parsed())
}

fn parse_enroll(request: v1::EnrollRequest) -> Result<Enroll, Error> {
    let mut violations = Violations::default();
    let offer = violations.check("parent", OfferName::parse(&request.parent));
    let identifiers = parse::identifiers(&mut violations, "person", request.person);
    let contact = parse::contact(&mut violations, request.contact);
    let terms_version = violations.check("terms_version", text::short(&request.terms_version));
    let request_id = violations.check("request_id", RequestId::parse(&request.request_id));
    let parsed = || {
        Some(Enroll {
            offer: offer?,
            identifiers: identifiers?,
            contact: contact?,
            terms_version: terms_version?,
            request_id: request_id?,
        })
    };
    parse::finish(violations, parsed())
}

fn parse_lookup(
    request: v1::LookupEnrollmentRequest,
) -> Result<(OfferName, Vec<Identifier>), Error> {
    let mut violations = Violations::default();
    let offer = violations.check("parent", OfferName::parse(&request.parent));
    let identifiers = parse::identifiers(&mut violations, "person", request.person);
    let parsed = || Some((offer?, identifiers?));
    parse::finish(violations, parsed())
}

fn parse_name(name: &str) -> Result<EnrollmentName, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", EnrollmentName::parse(name));
    parse::finish(violations, name)
}

fn parse_cancel(request: &v1::CancelEnrollmentRequest) -> Result<CancelEnrollment, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", EnrollmentName::parse(&request.name));
    let reason = violations.check("reason", parse::cancel_reason(request.reason));
    let etag = violations.check("etag", Etag::parse(&request.etag));
    let request_id = violations.check("request_id", RequestId::parse(&request.request_id));
    let parsed = || {
        Some(CancelEnrollment {
            name: name?,
            reason: reason?,
            etag: etag?,
            request_id: request_id?,
        })
    };
    parse::finish(violations, parsed())
}

fn parse_reinstate(request: &v1::ReinstateEnrollmentRequest) -> Result<ReinstateEnrollment, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", EnrollmentName::parse(&request.name));
    let etag = violations.check("etag", Etag::parse(&request.etag));
    let request_id = violations.check("request_id", RequestId::parse(&request.request_id));
    let parsed = || {
        Some(ReinstateEnrollment {
            name: name?,
            etag: etag?,
            request_id: request_id?,
        })
    };
    parse::finish(violations, parsed())
}
