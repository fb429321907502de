//! Each call has a span: its method and its id, and nothing of what it carries.

use std::sync::Arc;

use axum::{extract::Request, middleware::Next, response::Response};
use tracing::Instrument;

use super::{code_of, request_id::CallId};
use crate::grpc::access::AccessList;

/// Runs the call in its span, and logs its end.
pub async fn span(access: Arc<AccessList>, request: Request, next: Next) -> Response {
    let method = access.label(request.uri().path()).to_owned();
    let id = request.extensions().get::<CallId>().map(|id| id.0.as_str());
    let span = tracing::info_span!("call", method, request_id = id);
    let call = async move {
        let response = next.run(request).await;
        tracing::debug!(code = ?code_of(&response), "answered");
        response
    };
    call.instrument(span).await
}
