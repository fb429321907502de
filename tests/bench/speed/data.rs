//! Who is on the list. Those whom the service is asked about are known by a customer id; those of pgbench
//! by a digest that SQL can make. Both stand in one list and in the same tables.

use enrollment::{
    domain::person::{IdentifierDigest, Member, PersonKey},
    grpc::load_client::OutgoingRow,
};
use md5::{Digest, Md5};

use crate::stand::{
    Result,
    company::{OFFER, Operator, member},
    service::Service,
};

const COHORT: &str = "postpaid";

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

/// pgbench's person of this number: what SQL writes as `md5('bench' || number)::uuid`.
fn member_of_pgbench(number: u64) -> Member {
    let digest: [u8; 16] = Md5::digest(format!("bench{number}")).into();
    Member {
        person: PersonKey(digest),
        identifiers: vec![IdentifierDigest(digest)],
    }
}

/// Opens the offer, loads and publishes its cohort.
pub async fn make(service: &Service, people: &People) -> Result<()> {
    let mut operator = Operator::of(service, OFFER)?;
    operator.open_offer().await?;
    operator.create_cohort(COHORT).await?;
    let digester = service.digester()?;
    // Mixed, so that neither population has a part of the list to itself.
    let longest = people.of_service().max(people.of_pgbench());
    let rows = (0..longest).flat_map(|number| {
        let own = (number < people.of_service()).then(|| member(&digester, number));
        let others = (number < people.of_pgbench()).then(|| Ok(member_of_pgbench(number)));
        own.into_iter().chain(others)
    });
    let rows = rows.map(|member| Ok(OutgoingRow::Hashed(member?)));
    operator.load(COHORT, "all", rows).await?;
    operator.publish(COHORT).await?;
    Ok(())
}
