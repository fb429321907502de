//! Messages as bytes: prost's codec, with little room to begin with. Nearly every message is a few hundred bytes; tonic
//! sets eight kilobytes aside for each one, coming and going.

use std::marker::PhantomData;

use prost::Message;
use tonic::codec::BufferSettings;
use tonic_prost::{ProstDecoder, ProstEncoder};

/// Bytes that are set aside for a message; a longer one takes more.
const ROOM: usize = 512;

/// Bytes after which a stream's messages are sent on, as by tonic's own codec.
const SEND: usize = 32 * 1024;

/// What `build.rs` has the generated code use.
#[derive(Debug)]
pub struct Codec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> tonic::codec::Codec for Codec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = ProstDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::new(BufferSettings::new(ROOM, SEND))
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstDecoder::new(BufferSettings::new(ROOM, SEND))
    }
}
