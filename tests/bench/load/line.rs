//! A connection, and one call on it.

use std::net::SocketAddr;

use axum::http::{HeaderMap, HeaderValue, Method, Request, Uri};
use h2::client::SendRequest;
use prost::bytes::{BufMut, Bytes, BytesMut};
use tokio::net::TcpStream;

use super::Script;

/// Bytes that the server may send ahead, on a stream and on a connection.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 1 << 24;

type Broken = Box<dyn std::error::Error + Send + Sync>;

/// A connection. Ends when the last copy of it is dropped.
#[derive(Clone)]
pub struct Line {
    requests: SendRequest<Bytes>,
    address: SocketAddr,
}

impl Line {
    /// Connects.
    pub async fn to(address: SocketAddr) -> Result<Self, Broken> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (requests, connection) = h2::client::Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .handshake(stream)
            .await?;
        // Its end is seen by the calls that are on it.
        tokio::spawn(connection);
        Ok(Self { requests, address })
    }

    /// Makes the call of this number; gives the reply's message.
    pub async fn ask(&self, script: &Script, number: u64) -> Result<Vec<u8>, Broken> {
        let message = (script.message)(number);
        let reply = self.caller(script)?.exchange(&message).await?;
        Ok(reply.into())
    }

    pub(super) fn caller(&self, script: &Script) -> Result<Caller, Broken> {
        let mut headers = HeaderMap::new();
        headers.insert("te", HeaderValue::from_static("trailers"));
        headers.insert("content-type", HeaderValue::from_static("application/grpc"));
        let bearer = format!("Bearer {}", script.token);
        headers.insert("authorization", HeaderValue::try_from(bearer)?);
        Ok(Caller {
            requests: self.requests.clone(),
            uri: format!("http://{}{}", self.address, script.path).parse()?,
            headers,
        })
    }
}

/// Makes one call after the other.
#[derive(Clone)]
pub(super) struct Caller {
    requests: SendRequest<Bytes>,
    uri: Uri,
    headers: HeaderMap,
}

impl Caller {
    /// Calls, and gives what is wrong with the reply, if anything is.
    pub async fn call(&mut self, script: &Script, number: u64) -> Option<String> {
        match self.exchange(&(script.message)(number)).await {
            Ok(reply) if (script.expects)(number, &reply) => None,
            Ok(reply) => Some(format!(
                "call {number}: a reply of {} bytes is not the one expected",
                reply.len()
            )),
            Err(error) => Some(format!("call {number}: {error}")),
        }
    }

    async fn exchange(&mut self, message: &[u8]) -> Result<BytesMut, Broken> {
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        std::future::poll_fn(|context| self.requests.poll_ready(context)).await?;
        let (reply, mut body) = self.requests.send_request(request, false)?;
        body.send_data(framed(message)?, true)?;
        let (head, mut body) = reply.await?.into_parts();
        let mut bytes = BytesMut::new();
        while let Some(part) = body.data().await {
            let part = part?;
            body.flow_control().release_capacity(part.len())?;
            bytes.extend_from_slice(&part);
        }
        let trailers = body.trailers().await?;
        succeeded(trailers.as_ref().unwrap_or(&head.headers))?;
        unframed(bytes)
    }
}

fn framed(message: &[u8]) -> Result<Bytes, Broken> {
    let mut frame = BytesMut::with_capacity(5 + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len())?);
    frame.put_slice(message);
    Ok(frame.freeze())
}

fn unframed(mut bytes: BytesMut) -> Result<BytesMut, Broken> {
    let Some(&[0, a, b, c, d]) = bytes.first_chunk::<5>() else {
        return Err("a reply without a message".into());
    };
    let message = bytes.split_off(5);
    if u32::try_from(message.len())? == u32::from_be_bytes([a, b, c, d]) {
        Ok(message)
    } else {
        Err("a reply with more or less than one message".into())
    }
}

fn succeeded(headers: &HeaderMap) -> Result<(), Broken> {
    let text = |name| {
        let value = headers.get(name).map(HeaderValue::as_bytes);
        String::from_utf8_lossy(value.unwrap_or_default()).into_owned()
    };
    let status = text("grpc-status");
    if status == "0" {
        return Ok(());
    }
    Err(format!("grpc-status {status}: {}", text("grpc-message")).into())
}
