//! Each call has a span: its method and its id, and nothing of what it carries.

use std::future::Future;

use tracing::Instrument;

use super::{code_of, request_id::CallId};
use crate::grpc::{
    access::AccessList,
    services::{Request, Response},
};

/// Runs the call in its span, and logs its end.
pub async fn span<F: Future<Output = Response>>(
    access: &AccessList,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let method = access.label(request.uri().path());
    let id = request
        .extensions()
        .get::<CallId>()
        .and_then(CallId::as_str);
    let span = tracing::info_span!("call", method = &*method, request_id = id);
    let call = async move {
        let response = next(request).await;
        tracing::debug!(code = ?code_of(&response), "answered");
        response
    };
    call.instrument(span).await
}
