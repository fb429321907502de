//! scratch
pub mod app;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod domain;
pub mod grpc;
pub mod server;
pub mod storage;
pub mod telemetry;
