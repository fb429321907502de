//! Who is on the list: the same people in every run.

use enrollment::{
    crypto::digest::Digester,
    domain::{
        identifier::Kind,
        person::{IdentifierDigest, Member, PersonKey},
    },
    grpc::load_client::{OutgoingRow, Written},
};

use crate::stand::{
    Result,
    company::{self, scattered},
};

/// One in so many can be asked about by a customer id. To hash everybody would cost the client as much as
/// to send them; a digest is as good as drawn at random, and so are those of the others.
const KNOWN: u64 = 100;

/// How many of so many people are known by a customer id.
pub fn known(people: u64) -> u64 {
    people / KNOWN
}

/// The person of this number.
pub fn member(digester: &Digester, number: u64) -> Result<Member> {
    if number.is_multiple_of(KNOWN) {
        return company::member(digester, number / KNOWN);
    }
    let digest = u128::from(scattered(number)) << 64 | u128::from(scattered(!number));
    Ok(Member {
        person: PersonKey(digest.to_be_bytes()),
        identifiers: vec![IdentifierDigest(digest.to_be_bytes())],
    })
}

/// The person of this number, on a list that nobody has hashed. Nobody else is called so.
pub fn plain(number: u64) -> OutgoingRow {
    OutgoingRow::Plain(Written {
        person_id: None,
        identifiers: vec![(Kind::CustomerId, format!("P-{number:08}"))],
    })
}
