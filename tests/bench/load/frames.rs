//! HTTP/2 frames (RFC 9113), as far as a client of unary calls needs them.

/// What a client says before anything else.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes before a frame's payload.
pub const HEAD: usize = 9;
/// Bytes of payload that either side may send in a frame, as long as it was not told otherwise.
pub const MOST_PAYLOAD: usize = 16_384;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

/// Of SETTINGS and PING.
pub const ACK: u8 = 1;
/// Of DATA and HEADERS.
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const PADDED: u8 = 8;
pub const WITH_PRIORITY: u8 = 32;

/// Identifiers of SETTINGS.
pub const HEADER_TABLE_SIZE: u16 = 1;
pub const ENABLE_PUSH: u16 = 2;
pub const MAX_CONCURRENT_STREAMS: u16 = 3;
pub const INITIAL_WINDOW_SIZE: u16 = 4;

/// A frame that has come.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: &'a [u8],
}

impl Frame<'_> {
    /// Whether it has this flag.
    pub fn is(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Bytes that it took.
    pub fn size(self) -> usize {
        HEAD + self.payload.len()
    }
}

/// The first frame in these bytes, once it is complete.
pub fn first(bytes: &[u8]) -> Option<Frame<'_>> {
    let (&[a, b, c, kind, flags, ref stream @ ..], rest) = bytes.split_first_chunk::<HEAD>()?;
    let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()?;
    Some(Frame {
        kind,
        flags,
        stream: u32::from_be_bytes(*stream) & 0x7FFF_FFFF,
        payload: rest.get(..length)?,
    })
}

/// Appends a frame.
pub fn put(to: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    put_head(to, kind, flags, stream, payload.len());
    to.extend_from_slice(payload);
}

/// Appends what goes before a payload of this length, which is at most `MOST_PAYLOAD`.
pub fn put_head(to: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, length: usize) {
    let [.., a, b, c] = length.to_be_bytes();
    to.extend_from_slice(&[a, b, c, kind, flags]);
    to.extend_from_slice(&stream.to_be_bytes());
}

/// What SETTINGS sets: identifiers and values.
pub fn settings(payload: &[u8]) -> impl Iterator<Item = (u16, u32)> {
    payload
        .as_chunks::<6>()
        .0
        .iter()
        .map(|&[a, b, c, d, e, f]| (u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, f])))
}

/// The number that a payload begins with: an error's code, a window's increment.
pub fn number(payload: &[u8]) -> u32 {
    payload
        .first_chunk()
        .map_or(0, |bytes| u32::from_be_bytes(*bytes))
}
