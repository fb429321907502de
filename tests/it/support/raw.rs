//! Calls as bytes over HTTP/2: for what no well-behaved client sends, and for deadlines that only the
//! server keeps.

use std::net::SocketAddr;

use h2::client::SendRequest;
use http::{HeaderMap, Request};
use prost::bytes::Bytes;
use tokio::net::TcpStream;
use tonic::Status;

/// A connection. Ends when it is dropped.
pub struct Wire {
    requests: SendRequest<Bytes>,
}

/// One call, as it is put together.
#[derive(Clone)]
pub struct Call {
    path: String,
    headers: HeaderMap,
    body: Vec<u8>,
    ends: bool,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub headers: HeaderMap,
    pub messages: Vec<Vec<u8>>,
    pub status: Status,
}

impl Wire {
    pub async fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (requests, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        Self { requests }
    }

    pub async fn call(&self, call: Call) -> Reply {
        let mut request = Request::post(format!("http://enrollment.test{}", call.path));
        *request.headers_mut().unwrap() = call.headers;
        let mut requests = self.requests.clone().ready().await.unwrap();
        let (reply, mut body) = requests
            .send_request(request.body(()).unwrap(), false)
            .unwrap();
        // The server may have answered already and want no more.
        let _ = body.send_data(call.body.into(), call.ends);
        let (head, mut body) = reply.await.unwrap().into_parts();
        let mut bytes = Vec::new();
        while let Some(part) = body.data().await {
            let part = part.unwrap();
            body.flow_control().release_capacity(part.len()).unwrap();
            bytes.extend_from_slice(&part);
        }
        let trailers = body.trailers().await.unwrap().unwrap_or_default();
        let status = Status::from_header_map(&trailers)
            .or_else(|| Status::from_header_map(&head.headers))
            .unwrap_or_else(|| panic!("a reply without grpc-status: {:?}", head.status));
        Reply {
            headers: head.headers,
            messages: messages(&bytes),
            status,
        }
    }

    /// Calls at once that the server lets this connection have. Known after the first reply.
    pub fn max_streams(&self) -> usize {
        self.requests.current_max_send_streams()
    }
}

impl Call {
    pub fn to(path: impl Into<String>) -> Self {
        let call = Self {
            path: path.into(),
            headers: HeaderMap::new(),
            body: Vec::new(),
            ends: true,
        };
        call.header("content-type", "application/grpc")
            .header("te", "trailers")
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(name, value.parse().unwrap());
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub fn message(self, bytes: &[u8]) -> Self {
        self.flagged(0, bytes)
    }

    /// A message with this byte where it says whether it is compressed.
    pub fn flagged(mut self, flag: u8, bytes: &[u8]) -> Self {
        self.body.push(flag);
        self.body
            .extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_be_bytes());
        self.body.extend_from_slice(bytes);
        self
    }

    /// Bytes without a frame around them.
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.body.extend_from_slice(bytes);
        self
    }

    /// The caller never says that this is all.
    pub fn unfinished(mut self) -> Self {
        self.ends = false;
        self
    }
}

impl Reply {
    /// The reply as a typed client sees it.
    pub fn result(self) -> Result<Vec<Vec<u8>>, Status> {
        if self.status.code() == tonic::Code::Ok {
            Ok(self.messages)
        } else {
            Err(self.status)
        }
    }
}

fn messages(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<5>() {
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let (message, rest) = rest.split_at(length.try_into().unwrap());
        messages.push(message.to_vec());
        bytes = rest;
    }
    messages
}
