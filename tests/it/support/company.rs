//! A company that has lost data: its offer, its cohorts, its people. All by the API.

use enrollment::grpc::proto::{google::r#type::Date, v1};
use tokio_stream::StreamExt;
use tonic::Status;

use super::{server::TestServer, unique};

pub const OFFER: &str = "offers/carrier-2021";
pub const TERMS: &str = "2021-08";

/// An offer as an operator writes it: New York, 24 months, from 2021-08-18 through 2022-02-28.
pub fn offer() -> v1::Offer {
    v1::Offer {
        display_name: "Carrier 2021".to_owned(),
        provider: "Provider".to_owned(),
        term: Some(v1::Term {
            anchor: v1::term::Anchor::Enrollment.into(),
            months: 24,
            ..v1::Term::default()
        }),
        time_zone: "America/New_York".to_owned(),
        enroll_from_date: Some(date(2021, 8, 18)),
        enroll_by_date: Some(date(2022, 2, 28)),
        terms_version: TERMS.to_owned(),
        ..v1::Offer::default()
    }
}

pub fn date(year: i32, month: i32, day: i32) -> Date {
    Date { year, month, day }
}

/// Creates the offer of [`OFFER`] and opens it.
pub async fn open_offer(server: &TestServer, offer: v1::Offer) -> v1::Offer {
    open_offer_as(server, "carrier-2021", offer).await
}

/// Creates an offer with this id and opens it.
pub async fn open_offer_as(server: &TestServer, id: &str, offer: v1::Offer) -> v1::Offer {
    let mut offers = server.offers();
    let name = draft_offer(server, id, offer).await.name;
    let request = v1::OpenOfferRequest {
        name,
        etag: String::new(),
    };
    offers.open_offer(request).await.unwrap().into_inner()
}

/// Creates an offer with this id.
pub async fn draft_offer(server: &TestServer, id: &str, offer: v1::Offer) -> v1::Offer {
    let request = v1::CreateOfferRequest {
        offer_id: id.to_owned(),
        offer: Some(offer),
    };
    let created = server.offers().create_offer(request).await;
    created.unwrap().into_inner()
}

/// Moves the offer's last day.
pub fn enroll_by(day: Date) -> v1::UpdateOfferRequest {
    v1::UpdateOfferRequest {
        offer: Some(v1::Offer {
            name: OFFER.to_owned(),
            enroll_by_date: Some(day),
            ..v1::Offer::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["enroll_by_date".to_owned()],
        }),
        ..v1::UpdateOfferRequest::default()
    }
}

/// An open offer with one published cohort, `postpaid`, of these people: name and SSN exposed.
pub async fn with_people(server: &TestServer, people: Vec<v1::PlainMember>) -> v1::Offer {
    let offer = open_offer(server, offer()).await;
    let exposed = [v1::DataElement::Name, v1::DataElement::Ssn];
    publish(server, "postpaid", &exposed, people).await;
    offer
}

/// Creates a cohort, loads it and publishes it.
pub async fn publish(
    server: &TestServer,
    id: &str,
    exposed: &[v1::DataElement],
    people: Vec<v1::PlainMember>,
) -> v1::Cohort {
    publish_in(server, OFFER, id, exposed, people).await
}

/// The same of this offer.
pub async fn publish_in(
    server: &TestServer,
    offer: &str,
    id: &str,
    exposed: &[v1::DataElement],
    people: Vec<v1::PlainMember>,
) -> v1::Cohort {
    let cohort = create_cohort_in(server, offer, id, exposed).await;
    load(server, &cohort.name, "list", people).await.unwrap();
    let request = v1::PublishCohortRequest {
        name: cohort.name,
        ..Default::default()
    };
    server
        .cohorts()
        .publish_cohort(request)
        .await
        .unwrap()
        .into_inner()
}

pub async fn create_cohort(
    server: &TestServer,
    id: &str,
    exposed: &[v1::DataElement],
) -> v1::Cohort {
    create_cohort_in(server, OFFER, id, exposed).await
}

async fn create_cohort_in(
    server: &TestServer,
    offer: &str,
    id: &str,
    exposed: &[v1::DataElement],
) -> v1::Cohort {
    let request = v1::CreateCohortRequest {
        parent: offer.to_owned(),
        cohort_id: id.to_owned(),
        cohort: Some(v1::Cohort {
            display_name: id.to_owned(),
            data_elements: exposed.iter().map(|element| (*element).into()).collect(),
            ..v1::Cohort::default()
        }),
    };
    server
        .cohorts()
        .create_cohort(request)
        .await
        .unwrap()
        .into_inner()
}

/// Loads people in one chunk; gives the finished load.
pub async fn load(
    server: &TestServer,
    cohort: &str,
    load_id: &str,
    people: Vec<v1::PlainMember>,
) -> Result<v1::Load, Status> {
    let rows = people.into_iter().map(plain_row).collect();
    let messages = vec![header(cohort, load_id), chunk(1, rows), end(1)];
    stream(server, messages).await
}

/// Sends a whole stream; gives the last answer.
pub async fn stream(
    server: &TestServer,
    messages: Vec<v1::LoadMembersRequest>,
) -> Result<v1::Load, Status> {
    let outgoing = tokio_stream::iter(messages);
    let mut answers = server.cohorts().load_members(outgoing).await?.into_inner();
    let mut last = None;
    while let Some(answer) = answers.message().await? {
        last = answer.load;
    }
    Ok(last.expect("a load has answers"))
}

/// Sends a whole stream; gives all answers.
pub async fn answers(
    server: &TestServer,
    messages: Vec<v1::LoadMembersRequest>,
) -> Vec<v1::LoadMembersResponse> {
    let outgoing = tokio_stream::iter(messages);
    let answers = server.cohorts().load_members(outgoing).await.unwrap();
    let answers = answers.into_inner().collect::<Result<Vec<_>, _>>().await;
    answers.unwrap()
}

/// Begins a load of plain rows.
pub fn header(cohort: &str, load_id: &str) -> v1::LoadMembersRequest {
    hashed_header(cohort, load_id, "")
}

/// Begins a load of rows that were hashed with the key of this name.
pub fn hashed_header(cohort: &str, load_id: &str, digest_key: &str) -> v1::LoadMembersRequest {
    part(v1::load_members_request::Part::Header(v1::LoadHeader {
        cohort: cohort.to_owned(),
        load_id: load_id.to_owned(),
        source_name: "list.csv".to_owned(),
        source_sha256: "ab".repeat(32),
        digest_key: digest_key.to_owned(),
    }))
}

pub fn chunk(number: i64, rows: Vec<v1::MemberRow>) -> v1::LoadMembersRequest {
    part(v1::load_members_request::Part::Chunk(v1::LoadChunk {
        number,
        rows,
        ..v1::LoadChunk::default()
    }))
}

pub fn chunk_of_columns(number: i64, hashed_rows: v1::HashedRows) -> v1::LoadMembersRequest {
    part(v1::load_members_request::Part::Chunk(v1::LoadChunk {
        number,
        hashed_rows: Some(hashed_rows),
        ..v1::LoadChunk::default()
    }))
}

pub fn end(chunk_count: i64) -> v1::LoadMembersRequest {
    part(v1::load_members_request::Part::End(v1::LoadEnd {
        chunk_count,
        ..v1::LoadEnd::default()
    }))
}

fn part(part: v1::load_members_request::Part) -> v1::LoadMembersRequest {
    v1::LoadMembersRequest { part: Some(part) }
}

pub fn plain_row(person: v1::PlainMember) -> v1::MemberRow {
    v1::MemberRow {
        member: Some(v1::member_row::Member::Plain(person)),
    }
}

/// A row of a list: these identifiers are one person's.
pub fn listed(identifiers: impl IntoIterator<Item = v1::Identifier>) -> v1::PlainMember {
    v1::PlainMember {
        identifiers: identifiers.into_iter().collect(),
        person_id: String::new(),
    }
}

/// A person as a caller names them.
#[expect(
    clippy::unnecessary_wraps,
    reason = "it is what a field of a request takes"
)]
pub fn person(identifiers: impl IntoIterator<Item = v1::Identifier>) -> Option<v1::Person> {
    Some(v1::Person {
        identifiers: identifiers.into_iter().collect(),
    })
}

pub fn customer(id: &str) -> v1::Identifier {
    identifier(v1::identifier::Value::CustomerId(id.to_owned()))
}

pub fn phone(number: &str) -> v1::Identifier {
    identifier(v1::identifier::Value::PhoneNumber(number.to_owned()))
}

pub fn email(address: &str) -> v1::Identifier {
    identifier(v1::identifier::Value::Email(address.to_owned()))
}

pub fn identifier(value: v1::identifier::Value) -> v1::Identifier {
    v1::Identifier { value: Some(value) }
}

/// A new request id.
pub fn request_id() -> String {
    unique().to_string()
}

pub fn check(identifier: v1::Identifier) -> v1::CheckEligibilityRequest {
    v1::CheckEligibilityRequest {
        parent: OFFER.to_owned(),
        person: person([identifier]),
        as_of_time: None,
    }
}

/// A wish to enroll, with a new request id.
pub fn enroll(identifier: v1::Identifier) -> v1::EnrollRequest {
    v1::EnrollRequest {
        parent: OFFER.to_owned(),
        person: person([identifier]),
        contact: None,
        terms_version: TERMS.to_owned(),
        request_id: request_id(),
    }
}

pub fn cancel(name: &str) -> v1::CancelEnrollmentRequest {
    v1::CancelEnrollmentRequest {
        name: name.to_owned(),
        reason: v1::enrollment::CancelReason::NotWanted.into(),
        etag: String::new(),
        request_id: request_id(),
    }
}

pub fn reinstate(name: &str) -> v1::ReinstateEnrollmentRequest {
    v1::ReinstateEnrollmentRequest {
        name: name.to_owned(),
        etag: String::new(),
        request_id: request_id(),
    }
}
