//! Each call is counted and timed, by method and code.
//!
//! A series is asked of the recorder when its first call ends, and kept with its method: a recorder that is installed
//! after that does not see it.

use std::{array, future::Future, sync::OnceLock};

use ::metrics::{Counter, Histogram, SharedString, counter, histogram};
use tokio::time::Instant;
use tonic::Code;

use super::{code_of, name_of};
use crate::grpc::{
    access::Method,
    services::{Request, Response},
};

/// The codes that gRPC has.
const CODES: usize = 17;

/// The series of one method, by the code of the reply. None is made before it is needed.
#[derive(Debug, Clone)]
pub struct MethodSeries([OnceLock<Series>; CODES]);

#[derive(Debug, Clone)]
struct Series {
    calls: Counter,
    seconds: Histogram,
}

impl Default for MethodSeries {
    fn default() -> Self {
        Self(array::from_fn(|_| OnceLock::new()))
    }
}

impl MethodSeries {
    fn of(&self, method: &Method, code: Code) -> Option<&Series> {
        let place = usize::try_from(i32::from(code)).ok()?;
        let series = self.0.get(place)?;
        Some(series.get_or_init(|| Series::new(method, code)))
    }
}

impl Series {
    fn new(method: &Method, code: Code) -> Self {
        let labels = [
            ("method", SharedString::from_shared(method.name.clone())),
            ("code", SharedString::const_str(name_of(code))),
        ];
        Self {
            calls: counter!("enrollment_calls_total", &labels),
            seconds: histogram!("enrollment_call_seconds", &labels),
        }
    }
}

/// Counts and times the call. A path that is no method of this API has no series of its own, or
/// callers could make any number of them.
pub async fn metrics<F: Future<Output = Response>>(
    method: &Method,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let begin = Instant::now();
    let response = next(request).await;
    if let Some(series) = method.series.of(method, code_of(&response)) {
        series.calls.increment(1);
        series.seconds.record(begin.elapsed().as_secs_f64());
    }
    response
}
