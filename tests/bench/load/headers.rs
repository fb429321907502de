//! The headers of requests and replies, packed by HPACK (RFC 7541).

use std::net::SocketAddr;

use fluke_hpack::Decoder;

use super::Script;

/// `:method: POST` and `:scheme: http`: both are in the table that everybody has.
const POST_BY_HTTP: [u8; 2] = [0x83, 0x86];
/// What goes before a literal that the receiver is to remember, with a name of its own.
const REMEMBERED: u8 = 0x40;
/// What is added to the index of something remembered.
const KNOWN: u8 = 0x80;
/// The index of what was remembered last.
const NEWEST: u8 = 62;
/// Bytes that a server remembers, unless it says otherwise, and what it counts for each header besides.
const REMEMBERED_BYTES: usize = 4_096;
const ENTRY_BYTES: usize = 32;

/// The headers of a call's requests. The first request on a connection spells them out, the authorization
/// too; the others say "the same again". They go with every request all the same: this is how gRPC's
/// own clients send them, and it spares both sides the copying.
pub struct Request {
    /// In the first request on a connection.
    pub first: Vec<u8>,
    /// In all others.
    pub again: Vec<u8>,
}

impl Request {
    /// Fails when the token is too long to be remembered.
    pub fn of(script: &Script, server: SocketAddr) -> Result<Self, String> {
        let headers = [
            (":path", script.path.clone()),
            (":authority", server.to_string()),
            ("te", "trailers".to_owned()),
            ("content-type", "application/grpc".to_owned()),
            ("authorization", format!("Bearer {}", script.token)),
        ];
        let sizes = headers
            .iter()
            .map(|(name, value)| name.len() + value.len() + ENTRY_BYTES);
        if sizes.sum::<usize>() > REMEMBERED_BYTES {
            return Err("the token is too long".to_owned());
        }
        let mut first = POST_BY_HTTP.to_vec();
        for (name, value) in &headers {
            first.push(REMEMBERED);
            put_text(&mut first, name);
            put_text(&mut first, value);
        }
        // Put together from its end, since the newest has the lowest index.
        let mut again = (NEWEST..)
            .map(|index| KNOWN | index)
            .take(headers.len())
            .collect::<Vec<_>>();
        again.extend(POST_BY_HTTP.iter().rev());
        again.reverse();
        Ok(Self { first, again })
    }
}

/// Appends the length and the text, as it is.
fn put_text(to: &mut Vec<u8>, text: &str) {
    const MOST_IN_A_BYTE: u8 = 0x7F;
    match u8::try_from(text.len()) {
        Ok(length) if length < MOST_IN_A_BYTE => to.push(length),
        _ => {
            to.push(MOST_IN_A_BYTE);
            let mut rest = text.len() - usize::from(MOST_IN_A_BYTE);
            while rest >= 0x80 {
                to.push(0x80 | rest.to_le_bytes()[0] & 0x7F);
                rest >>= 7;
            }
            to.push(rest.to_le_bytes()[0]);
        }
    }
    to.extend_from_slice(text.as_bytes());
}

/// `:status: 200`, and what may stand before it in the first block: that nothing is remembered.
const STATUS_OK: u8 = 0x88;
const NOTHING_REMEMBERED: u8 = 0x20;

/// What the headers and the trailers of a reply say.
#[derive(Debug, Default)]
pub struct Said {
    http_ok: bool,
    grpc_ok: bool,
    /// In words, if something is wrong.
    words: String,
}

/// The trailers that say that all went well, byte for byte. The server is told to remember no headers,
/// so that a block says the same whenever it comes; and unpacking one costs more than a whole call.
#[derive(Debug, Default)]
pub struct GoodTrailers(Vec<u8>);

impl Said {
    /// Reads the headers that a message follows: of them only the first matters.
    pub fn read_headers(&mut self, block: &[u8]) -> Result<(), String> {
        let block = block.strip_prefix(&[NOTHING_REMEMBERED]).unwrap_or(block);
        self.http_ok = block.first() == Some(&STATUS_OK);
        if self.http_ok {
            return Ok(());
        }
        self.unpack(block)
    }

    /// Reads the trailers, or the headers of a reply that has nothing else.
    pub fn read_last(&mut self, block: &[u8], good: &mut GoodTrailers) -> Result<(), String> {
        self.grpc_ok = block == good.0.as_slice();
        if self.grpc_ok {
            return Ok(());
        }
        self.unpack(block)?;
        if self.is_ok().is_ok() {
            good.0 = block.to_vec();
        }
        Ok(())
    }

    fn unpack(&mut self, block: &[u8]) -> Result<(), String> {
        let read = Decoder::new().decode_with_cb(block, |name, value| match &*name {
            b":status" => self.http_ok = &*value == b"200",
            b"grpc-status" => {
                self.grpc_ok = &*value == b"0";
                if !self.grpc_ok {
                    self.words += "grpc-status ";
                    self.words += &String::from_utf8_lossy(&value);
                    self.words += " ";
                }
            }
            b"grpc-message" => self.words += &String::from_utf8_lossy(&value),
            _ => {}
        });
        read.map_err(|error| format!("headers cannot be read: {error:?}"))
    }

    /// Fails when this does not say that all went well.
    pub fn is_ok(&self) -> Result<(), String> {
        match self {
            Self { http_ok: false, .. } => Err(format!("not HTTP 200 {}", self.words)),
            Self { grpc_ok: false, .. } => Err(format!("not well {}", self.words)),
            Self { .. } => Ok(()),
        }
    }
}
