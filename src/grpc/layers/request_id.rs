//! Each call has an id, in the log and in the `x-request-id` of its reply: the caller's own if it is
//! fit for a log, else a new one.

use std::future::Future;

use http::HeaderValue;

use crate::{
    clock::{Clock, Random},
    grpc::services::{Request, Response},
};

const HEADER: &str = "x-request-id";

/// The id of a call, for the layers behind.
#[derive(Debug, Clone)]
pub struct CallId(pub String);

/// Finds or makes the id.
pub async fn request_id<F: Future<Output = Response>>(
    clock: &Clock,
    mut request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let id = request
        .headers()
        .get(HEADER)
        .and_then(|value| value.to_str().ok())
        .filter(|id| is_fit(id))
        .map_or_else(|| new_id(clock), str::to_owned);
    request.extensions_mut().insert(CallId(id.clone()));
    let mut response = next(request).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

fn is_fit(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn new_id(clock: &Clock) -> String {
    Random
        .uuid(clock.now())
        .map_or_else(|_| "none".to_owned(), |id| id.to_string())
}
