//! `Debug` of whatever carries something of a person shows none of it.

use std::{collections::BTreeSet, fmt::Debug};

use enrollment::{
    app::{
        enroll::Enroll,
        loads::{Chunk, ListedPerson, ListedRows},
    },
    domain::{
        code::ActivationCode,
        contact::Contact,
        identifier::{Identifier, Kind},
        name::OfferName,
        request::RequestId,
    },
    grpc::proto::v1,
};
use prost_reflect::{Kind as FieldKind, MessageDescriptor};

use super::{
    canaries::{self, Canaries},
    paths,
};
use crate::support::{
    codes,
    company::{self, OFFER},
    methods,
};

/// Fields that are personal in whatever message they stand.
const PERSONAL_FIELDS: [&str; 4] = ["activation_code", "codes", "person_id", "email"];

fn assert_redacted(values: &[(&str, &dyn Debug)]) {
    let mut canaries = Canaries::new();
    canaries.add(CODE);
    for (what, value) in values {
        canaries.assert_none_in(what, &format!("{value:?} {value:#?}"));
    }
}

const CODE: &str = "7CANARYCODE0000000000000000";

fn membership() -> v1::Membership {
    v1::Membership {
        member: Some(v1::membership::Member::ActivationCode(CODE.to_owned())),
    }
}

fn enrollment() -> v1::Enrollment {
    v1::Enrollment {
        activation_code: CODE.to_owned(),
        contact: Some(paths::contact()),
        ..Default::default()
    }
}

fn hashed() -> v1::HashedMember {
    v1::HashedMember {
        person: canaries::CUSTOMER_ID.into(),
        identifiers: vec![canaries::CUSTOMER_ID.into()],
    }
}

fn code_chunk() -> v1::CodeChunk {
    v1::CodeChunk {
        codes: vec![CODE.to_owned()],
        ..Default::default()
    }
}

fn codes_part() -> v1::LoadActivationCodesRequest {
    codes::chunk(1, vec![CODE.to_owned()])
}

#[test]
fn messages_print_nothing_of_a_person() {
    let person = || company::person(paths::identifiers()).unwrap();
    let plain = v1::PlainMember {
        person_id: canaries::PERSON_ID.to_owned(),
        ..company::listed(paths::identifiers())
    };
    let columns = v1::HashedRows {
        people: canaries::CUSTOMER_ID.into(),
        ..Default::default()
    };
    let row = company::plain_row(plain.clone());
    let part = company::chunk(1, vec![row.clone()]);
    let Some(v1::load_members_request::Part::Chunk(chunk)) = part.part.clone() else {
        panic!("no chunk");
    };
    let messages: [(&str, &dyn Debug); 21] = [
        ("Identifier", &paths::identifiers()),
        ("Person", &person()),
        ("Contact", &paths::contact()),
        (
            "CheckEligibilityRequest",
            &v1::CheckEligibilityRequest {
                person: Some(person()),
                ..Default::default()
            },
        ),
        (
            "BatchCheckEligibilityRequest",
            &v1::BatchCheckEligibilityRequest {
                people: vec![person()],
                ..Default::default()
            },
        ),
        (
            "EnrollRequest",
            &v1::EnrollRequest {
                person: Some(person()),
                contact: Some(paths::contact()),
                ..Default::default()
            },
        ),
        ("Enrollment", &enrollment()),
        (
            "ListEnrollmentsResponse",
            &v1::ListEnrollmentsResponse {
                enrollments: vec![enrollment()],
                ..Default::default()
            },
        ),
        ("LoadActivationCodesRequest", &codes_part()),
        ("CodeChunk", &code_chunk()),
        (
            "LookupEnrollmentRequest",
            &v1::LookupEnrollmentRequest {
                person: Some(person()),
                ..Default::default()
            },
        ),
        ("LoadMembersRequest", &part),
        ("LoadChunk", &chunk),
        ("MemberRow", &row),
        ("PlainMember", &plain),
        ("HashedMember", &hashed()),
        ("HashedRows", &columns),
        ("Membership", &membership()),
        (
            "RecordActivationRequest",
            &v1::RecordActivationRequest {
                membership: Some(membership()),
                ..Default::default()
            },
        ),
        (
            "RecordRejectionRequest",
            &v1::RecordRejectionRequest {
                membership: Some(membership()),
                ..Default::default()
            },
        ),
        (
            "RecordCancellationRequest",
            &v1::RecordCancellationRequest {
                membership: Some(membership()),
                ..Default::default()
            },
        ),
    ];
    assert_redacted(&messages);
    let shown = messages.map(|(name, _)| name.to_owned());
    let missing = personal_messages()
        .into_iter()
        .filter(|name| !shown.contains(name));
    assert_eq!(
        missing.collect::<Vec<_>>(),
        Vec::<String>::new(),
        "try these, too"
    );
}

#[test]
fn parts_of_messages_print_nothing_of_a_person() {
    let [identifier, ..] = paths::identifiers();
    let part = company::chunk(
        1,
        vec![company::plain_row(company::listed([identifier.clone()]))],
    );
    assert_redacted(&[
        ("Identifier.value", &identifier.value),
        ("LoadMembersRequest.part", &part.part),
        ("LoadActivationCodesRequest.part", &codes_part().part),
        ("a tonic request", &tonic::Request::new(part.clone())),
        (
            "a tonic response",
            &tonic::Response::new(identifier.clone()),
        ),
    ]);
}

#[test]
fn words_of_the_domain_print_nothing_of_a_person() {
    let identifiers = || {
        [
            (Kind::CustomerId, canaries::CUSTOMER_ID),
            (Kind::PhoneNumber, canaries::PHONE_NUMBER),
            (Kind::Email, canaries::EMAIL),
            (Kind::NoticeCode, canaries::NOTICE_CODE),
            (Kind::TaxId, canaries::TAX_ID),
        ]
        .map(|(kind, value)| Identifier::parse(kind, value).unwrap())
        .to_vec()
    };
    let mut contact = Contact::none();
    contact.set_email(canaries::EMAIL).unwrap();
    contact.set_phone_number(canaries::PHONE_NUMBER).unwrap();
    let listed = ListedPerson::Plain {
        identifiers: identifiers(),
        person_id: None,
    };
    let rows = ListedRows::default();
    assert_eq!(format!("{rows:?}"), "ListedRows(redacted)");
    assert_redacted(&[
        ("identifiers", &identifiers()),
        ("a row", &listed),
        ("contact", &contact),
        ("masked contact", &contact.masked()),
        ("code", &ActivationCode::stored(CODE.to_owned())),
        (
            "chunk",
            &Chunk {
                number: 1,
                bytes: 10,
                rows,
            },
        ),
        (
            "enroll",
            &Enroll {
                offer: OfferName::parse(OFFER).unwrap(),
                identifiers: identifiers(),
                contact: contact.clone(),
                terms_version: company::TERMS.to_owned(),
                request_id: RequestId::parse(&company::request_id()).unwrap(),
            },
        ),
    ]);
}

#[test]
fn a_persons_key_at_the_company_is_not_printed() {
    let listed = ListedPerson::Plain {
        identifiers: vec![],
        person_id: Some(canaries::PERSON_ID.to_owned()),
    };
    assert_redacted(&[("listed person", &listed)]);
}

/// Messages of the API from which something personal can be reached.
fn personal_messages() -> BTreeSet<String> {
    let pool = methods::pool();
    let own = pool.all_messages().filter(|message| {
        message.package_name() == "identityprotection.enrollment.v1" && is_personal(message)
    });
    own.map(|message| message.name().to_owned()).collect()
}

fn is_personal(message: &MessageDescriptor) -> bool {
    ["HashedMember", "HashedRows"].contains(&message.name())
        || message.name() == "Identifier"
        || message.fields().any(|field| {
            PERSONAL_FIELDS.contains(&field.name())
                || matches!(field.kind(), FieldKind::Message(inner) if is_personal(&inner))
        })
}
