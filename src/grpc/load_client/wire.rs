//! Messages on their way, encoded beforehand: a chunk is written out while the one before it is on its way, and what has
//! to be sent again is not written anew.

use bytes::{BufMut, Bytes};
use http::uri::PathAndQuery;
use prost::Message;
use tonic::{
    Request, Status, Streaming,
    client::Grpc,
    codec::{Codec, EncodeBuf, Encoder},
    transport::Channel,
};
use tonic_prost::ProstCodec;

use crate::grpc::proto::v1::{LoadMembersRequest, LoadMembersResponse, load_members_request::Part};

const PATH: &str = "/identityprotection.enrollment.v1.CohortService/LoadMembers";

/// A message, and the number of its chunk, if it is one.
#[derive(Clone)]
pub(super) struct Encoded {
    pub chunk: Option<i64>,
    bytes: Bytes,
}

impl Encoded {
    pub fn of(part: Part) -> Self {
        let chunk = match &part {
            Part::Chunk(chunk) => Some(chunk.number),
            Part::Header(_) | Part::End(_) => None,
        };
        let message = LoadMembersRequest { part: Some(part) };
        Self {
            chunk,
            bytes: message.encode_to_vec().into(),
        }
    }
}

/// Calls `LoadMembers` with such messages.
pub(super) async fn load_members(
    channel: Channel,
    request: Request<impl tokio_stream::Stream<Item = Encoded> + Send + 'static>,
) -> Result<Streaming<LoadMembersResponse>, Status> {
    let mut client = Grpc::new(channel);
    let ready = client.ready().await;
    ready.map_err(|error| Status::unavailable(error.to_string()))?;
    let path = PathAndQuery::from_static(PATH);
    let answers = client.streaming(request, path, EncodedCodec).await?;
    Ok(answers.into_inner())
}

struct EncodedCodec;

impl Codec for EncodedCodec {
    type Encode = Encoded;
    type Decode = LoadMembersResponse;
    type Encoder = EncodedEncoder;
    type Decoder = <ProstCodec<LoadMembersRequest, LoadMembersResponse> as Codec>::Decoder;

    fn encoder(&mut self) -> Self::Encoder {
        EncodedEncoder
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstCodec::<LoadMembersRequest, LoadMembersResponse>::default().decoder()
    }
}

struct EncodedEncoder;

impl Encoder for EncodedEncoder {
    type Item = Encoded;
    type Error = Status;

    fn encode(&mut self, item: Encoded, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item.bytes);
        Ok(())
    }
}
