//! What a connection has to send: it goes out in as few writes as the kernel takes it in.

use std::{
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{io::AsyncWrite, net::TcpStream};

use super::{Script, frames, headers::Request};

/// Bytes that the server may send ahead on a stream: more than any reply has.
const STREAM_WINDOW: u32 = 1 << 24;
/// The same for the connection, and how many of them are used up before the server is given more.
const CONNECTION_WINDOW: u32 = 1 << 30;
const REFILL: u32 = 1 << 28;

/// What waits to be written.
pub struct Outgoing {
    request: Request,
    bytes: Vec<u8>,
    written: usize,
    next_stream: u32,
    /// Bytes of replies since the server was given more room.
    received: u32,
}

impl Outgoing {
    /// Begins with what a client has to begin with.
    pub fn to(server: SocketAddr, script: &Script) -> Result<Self, String> {
        Ok(Self {
            request: Request::of(script, server)?,
            bytes: greeting(),
            written: 0,
            next_stream: 1,
            received: 0,
        })
    }

    /// Writes what the kernel takes.
    pub fn poll_write(
        &mut self,
        stream: &mut TcpStream,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        while let Some(rest) = self
            .bytes
            .get(self.written..)
            .filter(|rest| !rest.is_empty())
        {
            self.written += ready!(Pin::new(&mut *stream).poll_write(context, rest))?;
        }
        self.bytes.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    /// Puts the answer to a frame of this kind.
    pub fn acknowledge(&mut self, kind: u8, payload: &[u8]) {
        frames::put(&mut self.bytes, kind, frames::ACK, 0, payload);
    }

    /// Lets the server send on, after so many bytes of replies.
    pub fn make_room(&mut self, bytes: u32) {
        self.received += bytes;
        if self.received >= REFILL {
            let more = self.received.to_be_bytes();
            frames::put(&mut self.bytes, frames::WINDOW_UPDATE, 0, 0, &more);
            self.received = 0;
        }
    }

    /// Puts a request with this message; gives its stream.
    pub fn put_request(&mut self, message: &[u8]) -> u32 {
        let stream = self.next_stream;
        self.next_stream += 2;
        let headers = match stream {
            1 => &self.request.first,
            _ => &self.request.again,
        };
        let to = &mut self.bytes;
        frames::put(to, frames::HEADERS, frames::END_HEADERS, stream, headers);
        // The first frame begins with the message's own head: not compressed, so long.
        let most = frames::MOST_PAYLOAD - 5;
        let (head, mut rest) = message.split_at(message.len().min(most));
        let end = |rest: &[u8]| {
            if rest.is_empty() {
                frames::END_STREAM
            } else {
                0
            }
        };
        frames::put_head(to, frames::DATA, end(rest), stream, 5 + head.len());
        let [.., a, b, c, d] = message.len().to_be_bytes();
        to.extend_from_slice(&[0, a, b, c, d]);
        to.extend_from_slice(head);
        while !rest.is_empty() {
            let (part, after) = rest.split_at(rest.len().min(most));
            rest = after;
            frames::put(to, frames::DATA, end(rest), stream, part);
        }
        stream
    }
}

/// What the client begins with: it remembers no headers, nothing is to be pushed, and much may be sent
/// ahead.
fn greeting() -> Vec<u8> {
    let mut greeting = frames::PREFACE.to_vec();
    let mut settings = Vec::new();
    for (identifier, value) in [
        (frames::HEADER_TABLE_SIZE, 0),
        (frames::ENABLE_PUSH, 0),
        (frames::INITIAL_WINDOW_SIZE, STREAM_WINDOW),
    ] {
        settings.extend_from_slice(&identifier.to_be_bytes());
        settings.extend_from_slice(&value.to_be_bytes());
    }
    frames::put(&mut greeting, frames::SETTINGS, 0, 0, &settings);
    let more = CONNECTION_WINDOW.to_be_bytes();
    frames::put(&mut greeting, frames::WINDOW_UPDATE, 0, 0, &more);
    greeting
}
