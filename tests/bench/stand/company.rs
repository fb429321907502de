//! The company: an open offer, and cohorts with lists. People are known by a customer id.

use std::sync::Arc;

use chrono::{Datelike, Days, NaiveDate};
use enrollment::{
    app::person::{digest_key, hash_member},
    clock::Clock,
    crypto::digest::Digester,
    domain::{
        identifier::{Identifier, Kind},
        person::Member,
    },
    grpc::{
        load_client::{CodeList, CodeLoadClient, LoadClient, OutgoingRow, Source, Target},
        proto::{
            google::r#type::Date,
            v1::{
                self, cohort_service_client::CohortServiceClient, eligibility::Verdict,
                identifier::Value, offer_service_client::OfferServiceClient,
            },
        },
    },
};
use prost::Message;
use prost_types::FieldMask;
use tonic::{
    Request, Status,
    metadata::AsciiMetadataValue,
    service::{Interceptor, interceptor::InterceptedService},
    transport::Channel,
};

use super::{Result, service::Service};
use crate::load::Script;

pub const OFFER: &str = "offers/carrier-2021";
pub const TERMS: &str = "2021-08";

/// What a person of this number is called.
pub fn customer_id(number: u64) -> String {
    format!("C-{number:08}")
}

/// The person of this number, as a list has them.
pub fn member(digester: &Digester, number: u64) -> Result<Member> {
    let identifier = Identifier::parse(Kind::CustomerId, &customer_id(number))
        .map_err(|rule| rule.to_string())?;
    Ok(hash_member(digester, &[identifier], None).ok_or("a person without identifiers")?)
}

/// The person who is called so, as a caller names them.
pub fn person(customer_id: String) -> v1::Person {
    v1::Person {
        identifiers: vec![v1::Identifier {
            value: Some(Value::CustomerId(customer_id)),
        }],
    }
}

/// Asks whether the person who is called so is eligible for an offer.
pub fn check(offer: &str, customer_id: String) -> Vec<u8> {
    v1::CheckEligibilityRequest {
        parent: offer.to_owned(),
        person: Some(person(customer_id)),
        as_of_time: None,
    }
    .encode_to_vec()
}

/// Whether a reply to that says so. The first field is the verdict.
pub fn has_verdict(reply: &[u8], verdict: Verdict) -> bool {
    let verdict = u8::try_from(i32::from(verdict)).unwrap_or_default();
    reply.starts_with(&[8, verdict])
}

/// Calls of the service that the app uses.
pub fn script(
    method: &str,
    token: &str,
    message: impl Fn(u64) -> Vec<u8> + Send + Sync + 'static,
    expects: impl Fn(u64, &[u8]) -> bool + Send + Sync + 'static,
) -> Arc<Script> {
    Arc::new(Script {
        path: format!("/identityprotection.enrollment.v1.EnrollmentService/{method}"),
        token: token.to_owned(),
        message: Box::new(message),
        expects: Box::new(expects),
    })
}

/// Numbers as if drawn at random, the same ones in every run (the finalizer of `SplitMix64`).
pub fn scattered(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

type Client = InterceptedService<Channel, Bearer>;

/// What an operator does for one offer.
pub struct Operator<'s> {
    service: &'s Service,
    offer: &'static str,
    offers: OfferServiceClient<Client>,
    cohorts: CohortServiceClient<Client>,
}

impl<'s> Operator<'s> {
    /// An operator of this service, and of this offer.
    pub fn of(service: &'s Service, offer: &'static str) -> Result<Self> {
        let authorization = format!("Bearer {}", service.operator);
        let bearer = Bearer(AsciiMetadataValue::try_from(authorization)?);
        let channel = service.channel.clone();
        Ok(Self {
            service,
            offer,
            offers: OfferServiceClient::with_interceptor(channel.clone(), bearer.clone()),
            cohorts: CohortServiceClient::with_interceptor(channel, bearer),
        })
    }

    /// Creates the offer, and opens it.
    pub async fn open_offer(&mut self) -> Result<()> {
        let request = v1::CreateOfferRequest {
            offer_id: last_part(self.offer),
            offer: Some(offer()),
        };
        self.offers.create_offer(request).await?;
        let request = v1::OpenOfferRequest {
            name: self.offer.to_owned(),
            etag: String::new(),
        };
        self.offers.open_offer(request).await?;
        Ok(())
    }

    /// Lets the offer's codes come from its pool.
    pub async fn take_codes_from_pool(&mut self) -> Result<()> {
        let request = v1::UpdateOfferRequest {
            offer: Some(v1::Offer {
                name: self.offer.to_owned(),
                code_source: v1::CodeSource::Pool.into(),
                ..v1::Offer::default()
            }),
            update_mask: Some(FieldMask {
                paths: vec!["code_source".to_owned()],
            }),
            ..v1::UpdateOfferRequest::default()
        };
        self.offers.update_offer(request).await?;
        Ok(())
    }

    /// Loads codes into the offer's pool.
    pub async fn load_codes(&self, codes: impl Iterator<Item = String>) -> Result<()> {
        let list = CodeList {
            pool: format!("{}/codePool", self.offer),
            load_id: "codes".to_owned(),
            name: "made up".to_owned(),
            sha256: "0".repeat(64),
        };
        let mut client = CodeLoadClient::begin(self.target(), list).await?;
        for code in codes {
            client.add(code).await?;
        }
        Ok(client.finish().await?)
    }

    fn target(&self) -> Target {
        let endpoint = format!("http://{}", self.service.address);
        Target::once(endpoint, self.service.operator.clone())
    }

    /// Creates a cohort.
    pub async fn create_cohort(&mut self, id: &str) -> Result<()> {
        let request = v1::CreateCohortRequest {
            parent: self.offer.to_owned(),
            cohort_id: id.to_owned(),
            cohort: Some(cohort()),
        };
        self.cohorts.create_cohort(request).await?;
        Ok(())
    }

    /// Loads a list into a cohort.
    pub async fn load(
        &self,
        cohort: &str,
        load_id: &str,
        rows: impl Iterator<Item = Result<OutgoingRow>>,
    ) -> Result<()> {
        let source = Source {
            cohort: format!("{}/cohorts/{cohort}", self.offer),
            load_id: load_id.to_owned(),
            name: "made up".to_owned(),
            sha256: "0".repeat(64),
            digest_key: Some(digest_key(&self.service.digester()?)),
        };
        let mut client = LoadClient::begin(self.target(), source).await?;
        for row in rows {
            client.add(row?).await?;
        }
        Ok(client.finish().await?)
    }

    /// Publishes a cohort.
    pub async fn publish(&mut self, cohort: &str) -> Result<v1::Cohort> {
        let request = v1::PublishCohortRequest {
            name: format!("{}/cohorts/{cohort}", self.offer),
            ..v1::PublishCohortRequest::default()
        };
        let mut request = Request::new(request);
        // It counts everybody.
        request.set_timeout(std::time::Duration::from_mins(10));
        Ok(self.cohorts.publish_cohort(request).await?.into_inner())
    }
}

/// Puts the token on each call.
#[derive(Clone)]
struct Bearer(AsciiMetadataValue);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let metadata = request.metadata_mut();
        metadata.insert("authorization", self.0.clone());
        Ok(request)
    }
}

fn offer() -> v1::Offer {
    let today = Clock::system().now().date_naive();
    let days = |days| today.checked_add_days(Days::new(days));
    v1::Offer {
        display_name: "Identity protection for customers of a carrier".to_owned(),
        provider: "A provider".to_owned(),
        term: Some(v1::Term {
            anchor: v1::term::Anchor::Enrollment.into(),
            months: 24,
            ..v1::Term::default()
        }),
        time_zone: "America/New_York".to_owned(),
        // Yesterday: in New York, today may not have begun.
        enroll_from_date: today.pred_opt().map(date),
        enroll_by_date: days(180).map(date),
        // So that who is not listed is told so.
        cohorts_complete: true,
        terms_version: TERMS.to_owned(),
        ..v1::Offer::default()
    }
}

fn cohort() -> v1::Cohort {
    use v1::DataElement as E;

    let exposed = [E::Name, E::DateOfBirth, E::Ssn, E::DriversLicense];
    v1::Cohort {
        display_name: "Current postpaid customers".to_owned(),
        data_elements: exposed.map(i32::from).to_vec(),
        ..v1::Cohort::default()
    }
}

fn date(date: NaiveDate) -> Date {
    let part = |part| i32::try_from(part).unwrap_or_default();
    Date {
        year: date.year(),
        month: part(date.month()),
        day: part(date.day()),
    }
}

fn last_part(name: &str) -> String {
    name.rsplit('/').next().unwrap_or(name).to_owned()
}
