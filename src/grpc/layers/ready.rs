//! No call is answered before tables and keys have been found in order: with wrong keys, a listed
//! person would be told that they are not.

use std::future::Future;

use super::refuse;
use crate::{
    app::{App, Error, error::DatabaseError},
    grpc::services::{Request, Response},
};

/// Runs the call once the application is prepared. The protocol's own services need no database.
pub async fn ready<F: Future<Output = Response>>(
    app: &App,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    if app.is_prepared() || request.uri().path().starts_with("/grpc.") {
        return next(request).await;
    }
    refuse(Error::Storage(DatabaseError::Unavailable))
}
