//! Each call has a span: its method and its id, and nothing of what it carries.

use std::future::Future;

use http::HeaderValue;
use tracing::{Instrument, field::display};

use super::code_of;
use crate::grpc::{
    access::Method,
    services::{Request, Response},
};

/// Runs the call in its span, and logs its end.
pub async fn span<F: Future<Output = Response>>(
    method: &Method,
    id: HeaderValue,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let id = id.to_str().ok().map(display);
    // Shown as they are: methods are named by the descriptor, and ids were found fit for a log, or made here.
    let span = tracing::info_span!("call", method = %method.name, request_id = id);
    let call = async move {
        let response = next(request).await;
        tracing::debug!(code = ?code_of(&response), "answered");
        response
    };
    call.instrument(span).await
}
