//! A panic ends one call, not the connection: the caller is told INTERNAL, the log is told where.

use std::{future::Future, panic::AssertUnwindSafe};

use futures_util::FutureExt;

use crate::grpc::{
    services::{Request, Response},
    status,
};

/// Runs the call. What it panicked with is not logged here: the panic hook has told where it was, and
/// the text could hold a value.
pub async fn panic<F: Future<Output = Response>>(
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let call = AssertUnwindSafe(async move { next(request).await });
    call.catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!("a call panicked");
        status::internal().into_http()
    })
}
