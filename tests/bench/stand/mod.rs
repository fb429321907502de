//! What benchmarks stand on: the database and the service as they are installed, a bare echo beside them,
//! figures and goals, and what is printed of them. Must not know: what is measured.

#[path = "../../it/support/postgres_server.rs"]
mod postgres_server;

pub mod alone;
pub mod company;
pub mod echo;
pub mod figures;
pub mod goal;
pub mod kept;
pub mod postgres;
pub mod processes;
pub mod report;
pub mod service;

/// What anything here can fail with.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
/// What everything here gives.
pub type Result<T, E = Failure> = std::result::Result<T, E>;
