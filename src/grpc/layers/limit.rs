//! So many calls at once and no more: one that finds no place is turned away at once, so that those
//! inside stay fast. Health always has a place.

use std::{future::Future, sync::Arc};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{is_health, refuse};
use crate::{
    app::{Error, error::Overload},
    grpc::services::{Request, Response},
};

/// A call's place. Whoever goes on after the reply has begun, as a stream does, keeps a copy.
#[derive(Debug, Clone)]
pub struct Place(#[expect(dead_code, reason = "held, not read")] Arc<OwnedSemaphorePermit>);

/// Runs the call if there is a place.
pub async fn limit<F: Future<Output = Response>>(
    places: &Arc<Semaphore>,
    mut request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    if is_health(request.uri().path()) {
        return next(request).await;
    }
    match places.clone().try_acquire_owned() {
        Ok(place) => {
            let place = Place(Arc::new(place));
            request.extensions_mut().insert(place.clone());
            let response = next(request).await;
            drop(place);
            response
        }
        Err(_) => refuse(Error::Overloaded(Overload::Calls)),
    }
}
