//! What every call passes through, a file each, in the order of [`pass`].
//!
//! Each is a function of a request and of what comes next, and all of them are one layer to the
//! transport: a layer of its own for each would cost a call a copy of the whole stack below it.

pub mod auth;
pub mod limit;

mod deadline;
mod metrics;
mod panic;
mod protocol_errors;
mod ready;
mod request_id;
mod span;

use std::{sync::Arc, time::Duration};

use axum::{extract::Request, middleware::Next, response::Response};
use tokio::sync::Semaphore;
use tonic::{Code, Status};

use self::auth::Gate;
use crate::{
    app::{App, Error},
    clock::Clock,
};

/// What the layers work with.
#[derive(Debug)]
pub struct Layers {
    /// For ids that sort by time.
    pub clock: Clock,
    /// Places for calls.
    pub places: Arc<Semaphore>,
    /// For calls that bring no deadline.
    pub default_deadline: Duration,
    /// Who may call what.
    pub gate: Gate,
    /// Whether it is prepared.
    pub app: App,
}

/// Passes a call on through all layers. Each has what stands above it inside: read from the bottom, it
/// is the way of a call.
pub async fn pass(layers: Arc<Layers>, request: Request, next: Next) -> Response {
    let Layers {
        clock,
        places,
        default_deadline,
        gate,
        app,
    } = &*layers;
    let service = |request| next.run(request);
    let service = |request| protocol_errors::protocol_errors(request, service);
    let service = |request| ready::ready(app, request, service);
    let service = |request| auth::auth(gate, request, service);
    let service = |request| limit::limit(places, request, service);
    let service = |request| deadline::deadline(*default_deadline, request, service);
    let service = |request| panic::panic(request, service);
    let service = |request| metrics::metrics(&gate.access, request, service);
    let service = |request| span::span(&gate.access, request, service);
    request_id::request_id(clock, request, service).await
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
    path.starts_with("/grpc.health.v1.Health/")
}
