//! scratch
pub mod app;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod domain;
pub mod storage;
