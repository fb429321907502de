//! No call is answered before tables and keys have been found in order: with wrong keys, a listed
//! person would be told that they are not.

use axum::{extract::Request, middleware::Next, response::Response};

use super::refuse;
use crate::app::{App, Error, error::DatabaseError};

/// Runs the call once the application is prepared. The protocol's own services need no database.
pub async fn ready(app: App, request: Request, next: Next) -> Response {
    if app.is_prepared() || request.uri().path().starts_with("/grpc.") {
        return next.run(request).await;
    }
    refuse(Error::Storage(DatabaseError::Unavailable))
}
