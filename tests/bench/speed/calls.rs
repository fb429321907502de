//! What the service is asked, as bytes, and what it must answer.

use std::sync::Arc;

use enrollment::grpc::proto::v1::{self, eligibility::Verdict, identifier::Value};
use prost::Message;

use super::data::{OFFER, People, TERMS, customer_id};
use crate::load::Script;

/// People in a batch.
pub const BATCH: u64 = 1_000;

/// What is asked of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Is this person, who is listed, eligible?
    CheckListed,
    /// Is this person, who is on no list, eligible?
    CheckNotListed,
    /// Every second one of them is listed.
    CheckHalf,
    /// Enroll this person.
    Enroll,
    /// The same request again.
    Replay,
    /// Which enrollment has this person?
    LookUp,
    /// Are these people, who are listed, eligible?
    CheckBatch,
}

impl Work {
    /// Its part of the names of figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::CheckListed => "check_listed",
            Self::CheckNotListed => "check_not_listed",
            Self::CheckHalf => "check_half",
            Self::Enroll => "enroll",
            Self::Replay => "replay",
            Self::LookUp => "look_up",
            Self::CheckBatch => "check_batch",
        }
    }

    fn method(self) -> &'static str {
        match self {
            Self::CheckListed | Self::CheckNotListed | Self::CheckHalf => "CheckEligibility",
            Self::Enroll | Self::Replay => "Enroll",
            Self::LookUp => "LookupEnrollment",
            Self::CheckBatch => "BatchCheckEligibility",
        }
    }

    /// The calls: `enrolled` people are enrolled already, the first of those who can.
    pub fn script(self, people: People, enrolled: u64, token: &str) -> Arc<Script> {
        Arc::new(Script {
            path: format!(
                "/identityprotection.enrollment.v1.EnrollmentService/{}",
                self.method()
            ),
            token: token.to_owned(),
            message: Box::new(move |number| self.message(people, enrolled, number)),
            expects: Box::new(move |number, reply| self.is_answered(number, reply)),
        })
    }

    fn message(self, people: People, enrolled: u64, number: u64) -> Vec<u8> {
        let anybody = scattered(number) % people.checked;
        let somebody_enrolled = people.checked + scattered(number) % enrolled.max(1);
        match self {
            Self::CheckListed => check(customer_id(anybody)),
            Self::CheckHalf if is_listed(number) => check(customer_id(anybody)),
            Self::CheckNotListed | Self::CheckHalf => check(format!("N-{anybody:08}")),
            Self::Enroll => enroll(number),
            Self::Replay => enroll(somebody_enrolled),
            Self::LookUp => v1::LookupEnrollmentRequest {
                parent: OFFER.to_owned(),
                person: Some(person(customer_id(somebody_enrolled))),
            }
            .encode_to_vec(),
            Self::CheckBatch => v1::BatchCheckEligibilityRequest {
                parent: OFFER.to_owned(),
                people: (0..BATCH)
                    .map(|place| scattered(number * BATCH + place) % people.checked)
                    .map(|number| person(customer_id(number)))
                    .collect(),
            }
            .encode_to_vec(),
        }
    }

    /// Looks at the first bytes only: to decode everything would cost as much as to answer it.
    fn is_answered(self, number: u64, reply: &[u8]) -> bool {
        match self {
            Self::CheckListed => has_verdict(reply, Verdict::Eligible),
            Self::CheckHalf if is_listed(number) => has_verdict(reply, Verdict::Eligible),
            Self::CheckNotListed | Self::CheckHalf => has_verdict(reply, Verdict::NotListed),
            // The first field is the name.
            Self::Enroll | Self::Replay | Self::LookUp => reply
                .get(2..)
                .is_some_and(|name| name.starts_with(OFFER.as_bytes())),
            Self::CheckBatch => {
                let answered = v1::BatchCheckEligibilityResponse::decode(reply);
                answered.is_ok_and(|answer| {
                    let eligible = i32::from(Verdict::Eligible);
                    answer.eligibilities.len() == usize::try_from(BATCH).unwrap_or_default()
                        && answer
                            .eligibilities
                            .iter()
                            .all(|answer| answer.verdict == eligible)
                })
            }
        }
    }
}

/// The first field is the verdict.
fn has_verdict(reply: &[u8], verdict: Verdict) -> bool {
    let verdict = u8::try_from(i32::from(verdict)).unwrap_or_default();
    reply.starts_with(&[8, verdict])
}

fn is_listed(number: u64) -> bool {
    number.is_multiple_of(2)
}

fn check(customer_id: String) -> Vec<u8> {
    v1::CheckEligibilityRequest {
        parent: OFFER.to_owned(),
        person: Some(person(customer_id)),
        as_of_time: None,
    }
    .encode_to_vec()
}

/// The request of this person is always the same.
fn enroll(number: u64) -> Vec<u8> {
    let id = u128::from(scattered(number)) << 64 | u128::from(scattered(!number));
    v1::EnrollRequest {
        parent: OFFER.to_owned(),
        person: Some(person(customer_id(number))),
        contact: Some(v1::Contact {
            email: format!("person{number:08}@example.com"),
            phone_number: String::new(),
        }),
        terms_version: TERMS.to_owned(),
        request_id: uuid::Builder::from_random_bytes(id.to_be_bytes())
            .into_uuid()
            .to_string(),
    }
    .encode_to_vec()
}

fn person(customer_id: String) -> v1::Person {
    v1::Person {
        identifiers: vec![v1::Identifier {
            value: Some(Value::CustomerId(customer_id)),
        }],
    }
}

/// Numbers as if drawn at random, the same ones in every run (the finalizer of `SplitMix64`).
fn scattered(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
