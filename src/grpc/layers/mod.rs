//! What every call passes through, a file each, in the order of `pass`.
//!
//! Each is a function of a request and of what comes next, and all of them, with the services behind
//! them, are one service to the transport: a layer of its own for each would cost a call a copy of the
//! whole stack below it.

pub mod auth;
pub mod limit;
pub mod metrics;
pub mod request_id;

mod deadline;
mod panic;
mod protocol_errors;
mod ready;
mod span;

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;
use tonic::{Code, Status};
use tower_service::Service;

use self::{auth::Gate, request_id::CallIds};
use super::{
    access::HEALTH,
    services::{Incoming, Request, Response, Services},
};
use crate::app::{App, Error};

/// What the layers work with.
#[derive(Debug)]
pub struct Layers {
    /// Of calls.
    pub ids: CallIds,
    /// Places for calls.
    pub places: Arc<Semaphore>,
    /// For calls that bring no deadline.
    pub default_deadline: Duration,
    /// Who may call what.
    pub gate: Gate,
    /// Whether it is prepared.
    pub app: App,
}

/// The services within their layers: what the transport serves.
#[derive(Clone)]
pub struct Layered {
    layers: Arc<Layers>,
    services: Arc<Services>,
}

impl Layered {
    /// Puts the layers around the services.
    pub fn new(layers: Layers, services: Services) -> Self {
        Self {
            layers: Arc::new(layers),
            services: Arc::new(services),
        }
    }
}

impl Service<Incoming> for Layered {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    /// Always: how many calls there may be is for [`limit`] to say, which answers those it turns away.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Incoming) -> Self::Future {
        let Self { layers, services } = self.clone();
        let request = Box::new(request);
        Box::pin(async move { Ok(pass(&layers, request, &services).await) })
    }
}

/// Passes a call on through all layers. Each has what stands above it inside: read from the bottom, it
/// is the way of a call.
async fn pass(layers: &Layers, request: Request, services: &Services) -> Response {
    let Layers {
        ids,
        places,
        default_deadline,
        gate,
        app,
    } = layers;
    let method = gate.access.method(request.uri().path());
    let service = |request| services.call(request);
    let service = |request| protocol_errors::protocol_errors(method, request, service);
    let service = |request| ready::ready(app, request, service);
    let service = |request| auth::auth(gate, method, request, service);
    let service = |request| limit::limit(places, request, service);
    let service = |request| deadline::deadline(*default_deadline, request, service);
    let service = |request| panic::panic(request, service);
    let service = |request| metrics::metrics(method, request, service);
    let service = |id, request| span::span(method, id, request, service);
    request_id::request_id(ids, request, service).await
}

/// Ends a call with an error.
fn refuse(error: Error) -> Response {
    Status::from(error).into_http()
}

/// The code of a reply. A reply that begins well says OK here; how it ends stands in its trailers.
fn code_of(response: &Response) -> Code {
    Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code())
}

/// A code's name, as tonic has it.
fn name_of(code: Code) -> &'static str {
    match code {
        Code::Ok => "Ok",
        Code::Cancelled => "Cancelled",
        Code::Unknown => "Unknown",
        Code::InvalidArgument => "InvalidArgument",
        Code::DeadlineExceeded => "DeadlineExceeded",
        Code::NotFound => "NotFound",
        Code::AlreadyExists => "AlreadyExists",
        Code::PermissionDenied => "PermissionDenied",
        Code::ResourceExhausted => "ResourceExhausted",
        Code::FailedPrecondition => "FailedPrecondition",
        Code::Aborted => "Aborted",
        Code::OutOfRange => "OutOfRange",
        Code::Unimplemented => "Unimplemented",
        Code::Internal => "Internal",
        Code::Unavailable => "Unavailable",
        Code::DataLoss => "DataLoss",
        Code::Unauthenticated => "Unauthenticated",
    }
}

/// Whether the call is one that must be answered whatever the load: health.
fn is_health(path: &str) -> bool {
    path.starts_with(HEALTH)
}
