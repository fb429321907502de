//! An offer whose codes are a provider's own, and where they come from.

use enrollment::grpc::proto::v1::{
    self, CodeSource, load_activation_codes_request::Part as CodePart,
};
use tokio_stream::StreamExt;
use tonic::Status;

use super::{
    company::{self, OFFER, request_id},
    server::TestServer,
};

pub const POOL: &str = "offers/carrier-2021/codePool";

/// An open offer with these people on a published list, whose codes come from there.
pub async fn with_codes_from(
    server: &TestServer,
    source: CodeSource,
    people: Vec<v1::PlainMember>,
) {
    company::with_people(server, people).await;
    take_codes_from(server, source).await;
}

/// From now on, the offer's codes come from there.
pub async fn take_codes_from(server: &TestServer, source: CodeSource) {
    take_codes_of_from(server, OFFER, source).await;
}

/// The same of this offer.
pub async fn take_codes_of_from(server: &TestServer, offer: &str, source: CodeSource) {
    let changed = v1::Offer {
        code_source: source.into(),
        ..v1::Offer::default()
    };
    server
        .update_offer_of(offer, changed, &["code_source"])
        .await;
}

/// The codes of these numbers.
pub fn codes(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("CODE-{number:06}")).collect()
}

/// Loads codes in one chunk.
pub async fn load_codes(server: &TestServer, load_id: &str, codes: Vec<String>) {
    load_codes_into(server, OFFER, load_id, codes).await;
}

/// The same into the pool of this offer.
pub async fn load_codes_into(server: &TestServer, offer: &str, load_id: &str, codes: Vec<String>) {
    let rows = i64::try_from(codes.len()).unwrap();
    let messages = vec![header_for(offer, load_id), chunk(1, codes), end(rows)];
    let last = stream(server, messages).await.unwrap().pop().unwrap();
    assert_eq!(last.load.unwrap().rejected_count, 0);
}

/// Sends a whole stream; gives all answers.
pub async fn stream(
    server: &TestServer,
    messages: Vec<v1::LoadActivationCodesRequest>,
) -> Result<Vec<v1::LoadActivationCodesResponse>, Status> {
    let outgoing = tokio_stream::iter(messages);
    let answers = server.codes().load_activation_codes(outgoing).await?;
    answers.into_inner().collect().await
}

pub fn header(load_id: &str) -> v1::LoadActivationCodesRequest {
    header_for(OFFER, load_id)
}

/// The same into the pool of this offer.
fn header_for(offer: &str, load_id: &str) -> v1::LoadActivationCodesRequest {
    part(CodePart::Header(v1::CodeLoadHeader {
        pool: format!("{offer}/codePool"),
        load_id: load_id.to_owned(),
        source_name: "codes.csv".to_owned(),
        source_sha256: "ab".repeat(32),
    }))
}

pub fn chunk(first_row: i64, codes: Vec<String>) -> v1::LoadActivationCodesRequest {
    part(CodePart::Chunk(v1::CodeChunk { first_row, codes }))
}

pub fn end(row_count: i64) -> v1::LoadActivationCodesRequest {
    part(CodePart::End(v1::CodeLoadEnd { row_count }))
}

fn part(part: CodePart) -> v1::LoadActivationCodesRequest {
    v1::LoadActivationCodesRequest { part: Some(part) }
}

pub async fn pool(server: &TestServer) -> v1::CodePool {
    let name = POOL.to_owned();
    let request = v1::GetCodePoolRequest { name };
    let reply = server.codes().get_code_pool(request).await;
    reply.unwrap().into_inner()
}

pub fn replace(name: &str) -> v1::ReplaceActivationCodeRequest {
    v1::ReplaceActivationCodeRequest {
        name: name.to_owned(),
        etag: String::new(),
        request_id: request_id(),
    }
}

/// The enrollment with its code, shown once more.
pub async fn shown(server: &TestServer, name: &str) -> Result<v1::Enrollment, Status> {
    let name = name.to_owned();
    let request = v1::GetActivationCodeRequest { name };
    let reply = server.enrollments().get_activation_code(request).await;
    Ok(reply?.into_inner())
}
