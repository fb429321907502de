//! The company: an open offer, one cohort, and the people on its list. Those whom the service is asked
//! about are known by a customer id; those of pgbench by a digest that SQL can make. Both stand in one
//! list and in the same tables.

use chrono::{Datelike, Days, NaiveDate};
use enrollment::{
    app::person::{digest_key, hash_member},
    clock::Clock,
    crypto::digest::Digester,
    domain::{
        identifier::{Identifier, Kind},
        person::{IdentifierDigest, Member, PersonKey},
    },
    grpc::{
        load_client::{LoadClient, OutgoingRow, Source, Target},
        proto::{
            google::r#type::Date,
            v1::{
                self, cohort_service_client::CohortServiceClient,
                offer_service_client::OfferServiceClient,
            },
        },
    },
};
use md5::{Digest, Md5};
use tonic::{Request, metadata::AsciiMetadataValue};

use super::{Result, service::Service};

pub const OFFER: &str = "offers/carrier-2021";
pub const TERMS: &str = "2021-08";
const COHORT: &str = "offers/carrier-2021/cohorts/postpaid";
const CHUNK_ROWS: usize = 5_000;

/// How many people there are.
#[derive(Debug, Clone, Copy)]
pub struct People {
    /// The first so many are only asked about, never enrolled; of the service's and of pgbench's.
    pub checked: u64,
    /// So many after them can enroll by the service.
    pub enrolling: u64,
    /// So many after them can enroll by pgbench.
    pub enrolling_by_pgbench: u64,
}

impl People {
    /// Everybody whom the service is asked about.
    pub fn of_service(&self) -> u64 {
        self.checked + self.enrolling
    }

    /// Everybody whom pgbench knows.
    pub fn of_pgbench(&self) -> u64 {
        match self.enrolling_by_pgbench {
            0 => 0,
            enrolling => self.checked + enrolling,
        }
    }
}

/// What the service's person of this number is called.
pub fn customer_id(number: u64) -> String {
    format!("C-{number:08}")
}

/// The service's person of this number, as the list has them.
pub fn member(digester: &Digester, number: u64) -> Result<Member> {
    let identifier = Identifier::parse(Kind::CustomerId, &customer_id(number))
        .map_err(|rule| rule.to_string())?;
    Ok(hash_member(digester, &[identifier], None).ok_or("a person without identifiers")?)
}

/// pgbench's person of this number: what SQL writes as `md5('bench' || number)::uuid`.
fn member_of_pgbench(number: u64) -> Member {
    let digest: [u8; 16] = Md5::digest(format!("bench{number}")).into();
    Member {
        person: PersonKey(digest),
        identifiers: vec![IdentifierDigest(digest)],
    }
}

/// Creates the offer, loads and publishes its cohort, opens it.
pub async fn make(service: &Service, people: &People) -> Result<()> {
    let authorization = AsciiMetadataValue::try_from(format!("Bearer {}", service.operator))?;
    let bearer = move |mut request: Request<()>| {
        let authorization = authorization.clone();
        request
            .metadata_mut()
            .insert("authorization", authorization);
        Ok(request)
    };
    let channel = service.channel.clone();
    let mut offers = OfferServiceClient::with_interceptor(channel.clone(), bearer.clone());
    let mut cohorts = CohortServiceClient::with_interceptor(channel, bearer);
    let request = v1::CreateOfferRequest {
        offer_id: last_part(OFFER),
        offer: Some(offer()),
    };
    offers.create_offer(request).await?;
    let request = v1::CreateCohortRequest {
        parent: OFFER.to_owned(),
        cohort_id: last_part(COHORT),
        cohort: Some(cohort()),
    };
    cohorts.create_cohort(request).await?;
    load(service, people).await?;
    let request = v1::PublishCohortRequest {
        name: COHORT.to_owned(),
        ..v1::PublishCohortRequest::default()
    };
    let mut request = Request::new(request);
    // It counts everybody.
    request.set_timeout(std::time::Duration::from_mins(1));
    cohorts.publish_cohort(request).await?;
    let request = v1::OpenOfferRequest {
        name: OFFER.to_owned(),
        etag: String::new(),
    };
    offers.open_offer(request).await?;
    Ok(())
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

async fn load(service: &Service, people: &People) -> Result<()> {
    let digester = service.digester()?;
    let source = Source {
        cohort: COHORT.to_owned(),
        load_id: "all".to_owned(),
        name: "made up".to_owned(),
        sha256: "0".repeat(64),
        digest_key: Some(digest_key(&digester)),
    };
    let endpoint = format!("http://{}", service.address);
    let target = Target::once(endpoint, service.operator.clone());
    let mut client = LoadClient::begin(target, source).await?;
    // Mixed, so that neither population has a part of the list to itself.
    let longest = people.of_service().max(people.of_pgbench());
    let mut chunk = Vec::new();
    for number in 0..longest {
        if number < people.of_service() {
            chunk.push(OutgoingRow::Hashed(member(&digester, number)?));
        }
        if number < people.of_pgbench() {
            chunk.push(OutgoingRow::Hashed(member_of_pgbench(number)));
        }
        if chunk.len() + 2 > CHUNK_ROWS || number + 1 == longest {
            client.send(std::mem::take(&mut chunk)).await?;
        }
    }
    client.finish().await?;
    Ok(())
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
