//! A cohort, `list`, and the load that fills it.

use enrollment::{
    domain::person::Member,
    grpc::proto::v1::{self, DataElement},
    storage,
};
use tonic::Status;

use super::{
    company::{self, customer, header, listed, plain_row},
    deeds::cohort,
    server::{Start, TestServer},
};

/// An open offer with the cohort, which has no members.
pub async fn with_empty_cohort(database: &storage::Database) -> TestServer {
    with_empty_cohort_and(database, Start::default()).await
}

/// The same, on a server that is started so.
pub async fn with_empty_cohort_and(database: &storage::Database, start: Start) -> TestServer {
    let server = TestServer::start_with(database, start).await;
    company::open_offer(&server, company::offer()).await;
    company::create_cohort(&server, "list", &[DataElement::Name]).await;
    server
}

/// What begins the load, and goes on with it.
pub fn head() -> v1::LoadMembersRequest {
    header(&cohort("list"), "load")
}

/// Rows of people with a customer number each.
pub fn rows(customers: &[&str]) -> Vec<v1::MemberRow> {
    customers
        .iter()
        .map(|id| plain_row(listed([customer(id)])))
        .collect()
}

/// A row of a person's digests.
pub fn hashed_row(member: &Member) -> v1::MemberRow {
    let identifiers = member.identifiers.iter();
    let hashed = v1::HashedMember {
        person: member.person.0.to_vec(),
        identifiers: identifiers.map(|digest| digest.0.to_vec()).collect(),
    };
    v1::MemberRow {
        member: Some(v1::member_row::Member::Hashed(hashed)),
    }
}

pub async fn publish(server: &TestServer, id: &str) -> Result<v1::Cohort, Status> {
    let request = v1::PublishCohortRequest {
        name: cohort(id),
        ..Default::default()
    };
    let reply = server.cohorts().publish_cohort(request).await?;
    Ok(reply.into_inner())
}
