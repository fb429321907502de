//! What the service is asked, as bytes, and what it must answer.

use std::sync::Arc;

use enrollment::grpc::proto::v1::{self, eligibility::Verdict};
use prost::{
    Message,
    encoding::{WireType, decode_key, decode_varint},
};
use uuid::{Builder, Uuid};

use super::data::People;
use crate::{
    load::Script,
    stand::company::{self, OFFER, TERMS, check, customer_id, has_verdict, person, scattered},
};

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
        company::script(
            self.method(),
            token,
            move |number| self.message(people, enrolled, number),
            move |number, reply| self.is_answered(number, reply),
        )
    }

    fn message(self, people: People, enrolled: u64, number: u64) -> Vec<u8> {
        let anybody = || scattered(number) % people.checked;
        let somebody_enrolled = || people.checked + scattered(number) % enrolled.max(1);
        match self {
            Self::CheckListed => check(OFFER, customer_id(anybody())),
            Self::CheckHalf if is_listed(number) => check(OFFER, customer_id(anybody())),
            Self::CheckNotListed | Self::CheckHalf => check(OFFER, format!("N-{:08}", anybody())),
            Self::Enroll => enroll(number),
            Self::Replay => enroll(somebody_enrolled()),
            Self::LookUp => v1::LookupEnrollmentRequest {
                parent: OFFER.to_owned(),
                person: Some(person(customer_id(somebody_enrolled()))),
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
                let is_eligible = |answer: &&[u8]| has_verdict(answer, Verdict::Eligible);
                answers(reply).is_some_and(|answers| {
                    usize::try_from(BATCH) == Ok(answers.len()) && answers.iter().all(is_eligible)
                })
            }
        }
    }
}

/// The answers of a reply to a batch, each as its bytes; `None` where anything else is in it.
fn answers(mut reply: &[u8]) -> Option<Vec<&[u8]>> {
    let mut answers = Vec::new();
    while !reply.is_empty() {
        let Ok((1, WireType::LengthDelimited)) = decode_key(&mut reply) else {
            return None;
        };
        let length = usize::try_from(decode_varint(&mut reply).ok()?).ok()?;
        let (answer, rest) = reply.split_at_checked(length)?;
        answers.push(answer);
        reply = rest;
    }
    Some(answers)
}

fn is_listed(number: u64) -> bool {
    number.is_multiple_of(2)
}

/// The request of this person is always the same.
fn enroll(number: u64) -> Vec<u8> {
    v1::EnrollRequest {
        parent: OFFER.to_owned(),
        person: Some(person(customer_id(number))),
        contact: Some(v1::Contact {
            email: format!("person{number:08}@example.com"),
            phone_number: String::new(),
        }),
        terms_version: TERMS.to_owned(),
        request_id: request_id(number).to_string(),
    }
    .encode_to_vec()
}

/// Of version 7, as callers are advised to make them: so many to a millisecond as enroll in it at the best.
fn request_id(number: u64) -> Uuid {
    const FIRST_MILLISECOND: u64 = 1_767_225_600_000;
    const IN_A_MILLISECOND: u64 = 20;
    let mut random = [0; 10];
    let (start, end) = random.split_at_mut(8);
    start.copy_from_slice(&scattered(number).to_be_bytes());
    end.copy_from_slice(&scattered(!number).to_be_bytes()[..2]);
    let time = FIRST_MILLISECOND + number / IN_A_MILLISECOND;
    Builder::from_unix_timestamp_millis(time, &random).into_uuid()
}
