//! Each call is counted and timed, by method and code. Costs nothing until a recorder is installed.

use axum::{extract::Request, middleware::Next, response::Response};
use tokio::time::Instant;

use super::code_of;
use crate::grpc::access::AccessList;

/// Counts and times the call. A path that is no method of this API has no series of its own, or
/// callers could make any number of them.
pub async fn metrics(access: std::sync::Arc<AccessList>, request: Request, next: Next) -> Response {
    let method = access.label(request.uri().path()).to_owned();
    let begin = Instant::now();
    let response = next.run(request).await;
    let labels = [
        ("method", method),
        ("code", format!("{:?}", code_of(&response))),
    ];
    ::metrics::counter!("enrollment_calls_total", &labels).increment(1);
    ::metrics::histogram!("enrollment_call_seconds", &labels).record(begin.elapsed().as_secs_f64());
    response
}
