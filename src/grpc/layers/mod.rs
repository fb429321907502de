//! What every call passes through, a file each, in the order in which `server.rs` puts them: request
//! id, span, metrics, panic, deadline, limit, auth; then, next to the services, `ready` and
//! `protocol_errors`.

pub mod auth;
pub mod deadline;
pub mod limit;
pub mod metrics;
pub mod panic;
pub mod protocol_errors;
pub mod ready;
pub mod request_id;
pub mod span;

use axum::response::Response;
use tonic::{Code, Status};

use crate::app::Error;

/// Ends a call with an error.
fn refuse(error: Error) -> Response {
    Status::from(error).into_http()
}

/// The code of a reply. A reply that begins well says OK here; how it ends stands in its trailers.
fn code_of(response: &Response) -> Code {
    Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code())
}

/// Whether the call is one that must be answered whatever the load: health.
fn is_health(path: &str) -> bool {
    path.starts_with("/grpc.health.v1.Health/")
}
