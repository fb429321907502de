//! So many calls at once and no more: one that finds no place is turned away at once, so that those
//! inside stay fast. Health always has a place.

use std::sync::Arc;

use axum::{extract::Request, middleware::Next, response::Response};
use tokio::sync::Semaphore;

use super::{is_health, refuse};
use crate::app::{Error, error::Overload};

/// Runs the call if there is a place.
pub async fn limit(places: Arc<Semaphore>, request: Request, next: Next) -> Response {
    if is_health(request.uri().path()) {
        return next.run(request).await;
    }
    match places.try_acquire() {
        Ok(_place) => next.run(request).await,
        Err(_) => refuse(Error::Overloaded(Overload::Calls)),
    }
}
