//! Messages on the way, each encoded once: what has to be sent again is not written anew.

use std::marker::PhantomData;

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

/// A message, as bytes.
#[derive(Clone)]
pub(super) struct Encoded {
    /// From which position on of the load it need not be sent again: it is durable then, and its answer says no
    /// more than the load does. `None`: its answer is needed.
    pub durable_from: Option<i64>,
    bytes: Bytes,
}

impl Encoded {
    pub fn of(message: &impl Message, durable_from: Option<i64>) -> Self {
        Self {
            durable_from,
            bytes: message.encode_to_vec().into(),
        }
    }
}

/// Calls the method at this path with such messages.
pub(super) async fn call<A: Message + Default + 'static>(
    channel: Channel,
    path: &'static str,
    request: Request<impl tokio_stream::Stream<Item = Encoded> + Send + 'static>,
) -> Result<Streaming<A>, Status> {
    let mut client = Grpc::new(channel);
    let ready = client.ready().await;
    ready.map_err(|error| Status::unavailable(error.to_string()))?;
    let path = PathAndQuery::from_static(path);
    let codec = EncodedCodec(PhantomData);
    let answers = client.streaming(request, path, codec).await?;
    Ok(answers.into_inner())
}

struct EncodedCodec<A>(PhantomData<A>);

impl<A: Message + Default + 'static> Codec for EncodedCodec<A> {
    type Encode = Encoded;
    type Decode = A;
    type Encoder = EncodedEncoder;
    type Decoder = <ProstCodec<A, A> as Codec>::Decoder;

    fn encoder(&mut self) -> Self::Encoder {
        EncodedEncoder
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstCodec::<A, A>::default().decoder()
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
