//! Each call is counted and timed, by method and code. Costs nothing until a recorder is installed.

use std::future::Future;

use ::metrics::SharedString;
use tokio::time::Instant;

use super::{code_of, name_of};
use crate::grpc::{
    access::Method,
    services::{Request, Response},
};

/// Counts and times the call. A path that is no method of this API has no series of its own, or
/// callers could make any number of them.
pub async fn metrics<F: Future<Output = Response>>(
    method: &Method,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let method = SharedString::from_shared(method.name.clone());
    let begin = Instant::now();
    let response = next(request).await;
    let labels = [
        ("method", method),
        ("code", SharedString::const_str(name_of(code_of(&response)))),
    ];
    ::metrics::counter!("enrollment_calls_total", &labels).increment(1);
    ::metrics::histogram!("enrollment_call_seconds", &labels).record(begin.elapsed().as_secs_f64());
    response
}
