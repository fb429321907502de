//! A person's way through the service, and every way on which it fails, with canaries for values.

use enrollment::grpc::proto::v1::{
    self, enrollment::RejectReason, identifier::Value, membership::Member,
};
use prost::Message;
use tonic::Status;

use super::canaries::{CUSTOMER_ID, Canaries, EMAIL, NOTICE_CODE, PERSON_ID, PHONE_NUMBER, TAX_ID};
use crate::support::{
    codes,
    company::{self, OFFER, chunk, enroll, header, identifier, listed, plain_row},
    provider::{activation, rejection},
    raw::{Call, Wire},
    server::TestServer,
};

/// Walks all of them; gives the errors.
pub async fn all(server: &TestServer, canaries: &mut Canaries) -> Vec<Status> {
    let person = v1::PlainMember {
        person_id: PERSON_ID.to_owned(),
        ..listed(identifiers())
    };
    company::with_people(server, vec![person, listed([company::customer("C-2")])]).await;
    for scope in ["app", "operator", "provider"] {
        canaries.add(&server.signer.token(scope));
    }
    let mut errors = enrolling(server, canaries).await;
    errors.extend(bad_values(server).await);
    loading(server).await;
    loading_codes(server, canaries).await;
    errors.extend(bytes(server).await);
    errors
}

/// One of each kind.
pub fn identifiers() -> [v1::Identifier; 5] {
    [
        Value::CustomerId(CUSTOMER_ID.to_owned()),
        Value::PhoneNumber(PHONE_NUMBER.to_owned()),
        Value::Email(EMAIL.to_owned()),
        Value::NoticeCode(NOTICE_CODE.to_owned()),
        Value::TaxId(TAX_ID.to_owned()),
    ]
    .map(identifier)
}

pub fn contact() -> v1::Contact {
    v1::Contact {
        email: EMAIL.to_owned(),
        phone_number: PHONE_NUMBER.to_owned(),
    }
}

async fn enrolling(server: &TestServer, canaries: &mut Canaries) -> Vec<Status> {
    let mut enrollments = server.enrollments();
    let everything = || company::person(identifiers());
    let request = v1::EnrollRequest {
        person: everything(),
        contact: Some(contact()),
        ..enroll(company::customer("unused"))
    };
    let check = v1::CheckEligibilityRequest {
        person: everything(),
        ..company::check(company::customer("unused"))
    };
    let lookup = v1::LookupEnrollmentRequest {
        parent: OFFER.to_owned(),
        person: everything(),
    };
    enrollments.check_eligibility(check).await.unwrap();
    let enrollment = enrollments
        .enroll(request.clone())
        .await
        .unwrap()
        .into_inner();
    canaries.add(&enrollment.activation_code);
    let name = enrollment.name.clone();
    enrollments.lookup_enrollment(lookup).await.unwrap();
    let code = v1::GetActivationCodeRequest { name: name.clone() };
    enrollments.get_activation_code(code.clone()).await.unwrap();
    let again = v1::EnrollRequest {
        request_id: company::request_id(),
        ..request.clone()
    };
    let other = v1::EnrollRequest {
        contact: None,
        ..request.clone()
    };
    let terms = v1::EnrollRequest {
        terms_version: "old".to_owned(),
        ..enroll(company::customer("C-2"))
    };
    let mut errors = vec![
        enrollments.enroll(again).await.unwrap_err(),
        enrollments.enroll(other).await.unwrap_err(),
        enrollments.enroll(terms).await.unwrap_err(),
        enrollments
            .enroll(enroll(company::customer("CANARY-CUSTOMER-7731-X")))
            .await
            .unwrap_err(),
    ];
    enrollments
        .cancel_enrollment(company::cancel(&name))
        .await
        .unwrap();
    errors.push(enrollments.get_activation_code(code).await.unwrap_err());
    enrollments
        .reinstate_enrollment(company::reinstate(&name))
        .await
        .unwrap();
    let mut provider = server.provider();
    let by_code = || Member::ActivationCode(enrollment.activation_code.clone());
    let rejected = rejection(by_code(), RejectReason::Other);
    provider
        .record_activation(activation(by_code(), "2021-09-01T12:00:00Z"))
        .await
        .unwrap();
    errors.push(provider.record_rejection(rejected).await.unwrap_err());
    errors
}

/// Each kind of identifier with a value that breaks its rule, and values where names belong.
async fn bad_values(server: &TestServer) -> Vec<Status> {
    let mut enrollments = server.enrollments();
    let mut errors = Vec::new();
    for value in [
        Value::CustomerId(format!("{CUSTOMER_ID}\n") + &"x".repeat(99)),
        Value::PhoneNumber(EMAIL.to_owned()),
        Value::Email(PHONE_NUMBER.to_owned()),
        Value::NoticeCode(format!("{NOTICE_CODE}!{TAX_ID}")),
        Value::TaxId(CUSTOMER_ID.to_owned()),
    ] {
        let request = company::check(identifier(value));
        errors.push(enrollments.check_eligibility(request).await.unwrap_err());
    }
    let request = v1::EnrollRequest {
        parent: format!("offers/{EMAIL}"),
        contact: Some(v1::Contact {
            email: TAX_ID.to_owned(),
            phone_number: EMAIL.to_owned(),
        }),
        terms_version: format!("{NOTICE_CODE}\u{1}"),
        request_id: CUSTOMER_ID.to_owned(),
        ..enroll(company::customer("C-2"))
    };
    errors.push(enrollments.enroll(request).await.unwrap_err());
    let name = format!("{OFFER}/enrollments/{TAX_ID}");
    errors.push(
        enrollments
            .get_enrollment(v1::GetEnrollmentRequest { name })
            .await
            .unwrap_err(),
    );
    errors
}

/// A list with a column in the wrong place: told of by number and rule.
async fn loading(server: &TestServer) {
    let cohort = company::create_cohort(server, "more", &[v1::DataElement::Name])
        .await
        .name;
    let bad = v1::PlainMember {
        person_id: format!("{PERSON_ID}\u{1}"),
        ..listed([company::phone(EMAIL), company::email(TAX_ID)])
    };
    let messages = vec![header(&cohort, "list"), chunk(1, vec![plain_row(bad)])];
    let load = company::stream(server, messages).await.unwrap();
    assert_eq!(load.rejected_count, 1);
    let request = v1::GetLoadRequest { name: load.name };
    let load = server.cohorts().get_load(request).await.unwrap();
    let told = format!("{:?}", load.into_inner().rejected_rows);
    for value in [PERSON_ID, EMAIL, TAX_ID] {
        assert!(!told.contains(value), "{told}");
    }
}

async fn loading_codes(server: &TestServer, canaries: &mut Canaries) {
    let good = "CANARY-OF-A-POOL".to_owned();
    let bad = format!("{good} {good}");
    canaries.add(&good);
    let messages = vec![
        codes::header("codes"),
        codes::chunk(1, vec![good.clone(), bad, good.clone()]),
    ];
    let answers = codes::stream(server, messages).await.unwrap();
    assert_eq!(answers[1].rejected_rows.len(), 2);
    let told = format!("{answers:?}");
    assert!(!told.contains(&good), "{told}");
}

/// Messages that tonic itself turns away, and tokens that do not do.
async fn bytes(server: &TestServer) -> Vec<Status> {
    let wire = Wire::to(server.address).await;
    let call = || Call::to("/identityprotection.enrollment.v1.EnrollmentService/Enroll");
    let good = server.signer.token("app");
    let mut cut = v1::EnrollRequest {
        person: company::person(identifiers()),
        ..enroll(company::customer("unused"))
    }
    .encode_to_vec();
    cut.pop();
    let large = TAX_ID.repeat(100_000);
    vec![
        wire.call(call().bearer(&good).message(&cut)).await.status,
        wire.call(call().bearer(&good).message(large.as_bytes()))
            .await
            .status,
        wire.call(call().bearer(CUSTOMER_ID).message(&cut))
            .await
            .status,
        wire.call(call().header("x-request-id", EMAIL).message(&cut))
            .await
            .status,
        wire.call(call().header("grpc-timeout", TAX_ID).message(&cut))
            .await
            .status,
    ]
}
