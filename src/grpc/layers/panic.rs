//! A panic ends one call, not the connection: the caller is told INTERNAL, the log is told where.

use std::any::Any;

use axum::response::Response;
use tower_http::catch_panic::CatchPanicLayer;

use crate::grpc::status;

/// The layer. What was panicked with is not logged here: the panic hook has told where it was, and
/// the text could hold a value.
pub fn panic() -> CatchPanicLayer<fn(Box<dyn Any + Send>) -> Response> {
    CatchPanicLayer::custom(|_| {
        tracing::error!("a call panicked");
        status::internal().into_http()
    })
}
