//! What no caller should send, sent to every rpc: always a typed error, and nothing is stored.

use enrollment::grpc::proto::v1;
use prost::Message;
use prost_reflect::MethodDescriptor;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::support::{
    company::{self, OFFER, chunk, customer, header, listed, plain_row},
    database::TestDatabase,
    methods,
    raw::{Call, Reply, Wire},
    refusal::{assert_refused, fields_of, reason_of},
    server::TestServer,
};

mod spoiled;

use spoiled::Filling;

/// Rpcs to which an empty message is a whole request.
const FINE_WHEN_EMPTY: [&str; 1] = ["ListOffers"];

struct Fixture {
    database: TestDatabase,
    server: TestServer,
    wire: Wire,
    token: String,
}

impl Fixture {
    async fn new() -> Self {
        let database = TestDatabase::sqlite().await;
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let wire = Wire::to(server.address).await;
        let token = server.signer.token("app operator provider auditor");
        Self {
            database,
            server,
            wire,
            token,
        }
    }

    fn call(&self, method: &MethodDescriptor) -> Call {
        Call::to(methods::path(method)).bearer(&self.token)
    }

    /// Makes this call of every rpc, and wants this refusal and no new row.
    async fn assert_all_refuse(&self, make: impl Fn(Call) -> Call, code: Code, reason: &str) {
        let before = self.database.row_counts().await;
        for method in methods::all() {
            let reply = self.wire.call(make(self.call(&method))).await;
            assert_refused_by(&method, reply, code, reason);
        }
        assert_eq!(self.database.row_counts().await, before);
    }
}

fn assert_refused_by(method: &MethodDescriptor, reply: Reply, code: Code, reason: &str) -> Status {
    let status = reply.result().expect_err(method.full_name());
    let met = (status.code(), reason_of(&status));
    assert_eq!(
        met,
        (code, reason.to_owned()),
        "{}: {status:?}",
        method.full_name()
    );
    status
}

#[tokio::test]
async fn an_empty_message_is_refused_field_by_field() {
    let fixture = Fixture::new().await;
    for method in methods::all() {
        if FINE_WHEN_EMPTY.contains(&method.name()) {
            continue;
        }
        let reply = fixture.wire.call(fixture.call(&method).message(b"")).await;
        let status = assert_refused_by(&method, reply, Code::InvalidArgument, "INVALID_FIELD");
        assert!(!fields_of(&status).is_empty(), "{}", method.full_name());
    }
}

#[tokio::test]
async fn bytes_that_are_no_message_are_called_that() {
    let fixture = Fixture::new().await;
    for bytes in [
        &[0xff; 16][..],
        // Field 1 with a wire type that no field of the API has.
        &[0x0d, 1, 2, 3, 4],
        // A text that is longer than the message.
        &[0x0a, 0x7f, b'x'],
        // A group that nobody opened.
        &[0x0c],
        // Field 0.
        &[0x02, 0x00],
    ] {
        let make = |call: Call| call.message(bytes);
        fixture
            .assert_all_refuse(make, Code::InvalidArgument, "MALFORMED_MESSAGE")
            .await;
    }
}

#[tokio::test]
async fn a_broken_frame_is_called_a_malformed_message() {
    let fixture = Fixture::new().await;
    let broken: [fn(Call) -> Call; 3] = [
        // Compressed, it says, but not how.
        |call| call.flagged(1, b"x"),
        |call| call.flagged(2, b"x"),
        // It ends before it should.
        |call| call.bytes(&[0, 0, 0, 0, 9, 0x0a]),
    ];
    for make in broken {
        fixture
            .assert_all_refuse(make, Code::InvalidArgument, "MALFORMED_MESSAGE")
            .await;
    }
}

#[tokio::test]
async fn a_compression_that_the_api_does_not_have_is_refused() {
    let fixture = Fixture::new().await;
    let make = |call: Call| call.header("grpc-encoding", "gzip").flagged(1, b"x");
    fixture
        .assert_all_refuse(make, Code::Unimplemented, "METHOD_UNKNOWN")
        .await;
}

#[tokio::test]
async fn a_message_of_5_mib_is_refused_with_the_bound() {
    let fixture = Fixture::new().await;
    let large = vec![0_u8; 5 * 1024 * 1024];
    let before = fixture.database.row_counts().await;
    for method in methods::all() {
        // A connection each: what is left of the message must not hold up the next call.
        let wire = Wire::to(fixture.server.address).await;
        let reply = wire.call(fixture.call(&method).message(&large)).await;
        let status = assert_refused_by(&method, reply, Code::InvalidArgument, "MESSAGE_TOO_LARGE");
        let details = status.get_error_details();
        let bound = &details.error_info().unwrap().metadata["max_bytes"];
        let bound = bound.parse::<usize>().unwrap();
        assert!((64 * 1024..=4 * 1024 * 1024).contains(&bound), "{bound}");
    }
    assert_eq!(fixture.database.row_counts().await, before);
}

#[tokio::test]
async fn fields_full_of_nonsense_are_refused_without_saying_what_was_in_them() {
    let fixture = Fixture::new().await;
    let before = fixture.database.row_counts().await;
    for filling in spoiled::fillings() {
        for method in methods::all() {
            let message = filling.message(&method.input()).encode_to_vec();
            let reply = fixture
                .wire
                .call(fixture.call(&method).message(&message))
                .await;
            assert_nonsense_is_refused(&method, &filling, reply);
        }
    }
    assert_eq!(fixture.database.row_counts().await, before);
}

fn assert_nonsense_is_refused(method: &MethodDescriptor, filling: &Filling, reply: Reply) {
    let status = reply.result();
    let at = format!("{} with {filling:?}", method.full_name());
    let status = status.expect_err(&at);
    assert_eq!(status.code(), Code::InvalidArgument, "{at}: {status:?}");
    let known = ["INVALID_FIELD", "MESSAGE_TOO_LARGE"];
    assert!(
        known.contains(&reason_of(&status).as_str()),
        "{at}: {status:?}"
    );
    let told = format!("{} {:?}", status.message(), status.get_error_details_vec());
    assert!(!told.contains(spoiled::MARK), "{at}: {told}");
    assert!(
        status.details().len() < 100 * 1024,
        "{at}: an answer too long"
    );
}

#[tokio::test]
async fn ten_thousand_identifiers_are_refused_with_the_bound() {
    let fixture = Fixture::new().await;
    let request = v1::LookupEnrollmentRequest {
        parent: OFFER.to_owned(),
        person: company::person(vec![customer("C-1"); 10_000]),
    };
    let refused = fixture
        .server
        .enrollments()
        .lookup_enrollment(request)
        .await;
    let status = assert_refused(refused, Code::InvalidArgument, "INVALID_FIELD");
    assert_eq!(
        status.message(),
        "person.identifiers: must have 1 to 8 entries"
    );
}

#[tokio::test]
async fn a_thousand_and_one_people_are_refused_with_the_bound() {
    let fixture = Fixture::new().await;
    let request = v1::BatchCheckEligibilityRequest {
        parent: OFFER.to_owned(),
        people: vec![company::person([customer("C-1")]).unwrap(); 1_001],
    };
    let refused = fixture
        .server
        .enrollments()
        .batch_check_eligibility(request)
        .await;
    let status = assert_refused(refused, Code::InvalidArgument, "INVALID_FIELD");
    assert_eq!(status.message(), "people: must have 1 to 1000 entries");
}

#[tokio::test]
async fn more_rows_than_fit_in_a_chunk_are_refused_with_the_bound() {
    let fixture = Fixture::new().await;
    let cohort = company::create_cohort(&fixture.server, "more", &[v1::DataElement::Name]).await;
    let rows = vec![plain_row(listed([customer("C-1")])); 20_001];
    let messages = vec![header(&cohort.name, "list"), chunk(1, rows)];
    let refused = company::stream(&fixture.server, messages).await;
    let status = assert_refused(refused, Code::InvalidArgument, "INVALID_FIELD");
    assert_eq!(status.message(), "chunk.rows: must have 1 to 20000 entries");
    assert_eq!(
        fixture
            .database
            .count("SELECT COUNT(*) FROM listed_members")
            .await,
        1
    );
}
