//! How it is asked: the only module that names tonic.
//!
//! Owns: the protocol's types, who may call what, the layers around every call, and the one mapping
//! of errors. Must not know: how anything is decided or kept.
//!
//! # How to add an rpc
//! 1. Write it in its service's file in `proto/`, with a comment for the person at grpcurl and the
//!    option `any_scope`: without the option nobody may call it.
//! 2. Write the deed in a file of `app/` of the same name.
//! 3. Write the handler here, in its service's file: take the caller, parse the request into a
//!    command (all violations at once), call the deed, render the reply.
//! 4. If its messages carry personal data, name them in `build.rs` and in `redact.rs`.
//! 5. The tests that walk the descriptor (auth, bad input) find it by themselves; give it a test
//!    file of its own name.

pub mod access;
pub mod activation_code_service;
pub mod auth;
pub mod codec;
pub mod cohort_service;
pub mod enrollment_admin_service;
pub mod enrollment_service;
pub mod health;
pub mod layers;
pub mod load_client;
pub mod offer_service;
pub mod provider_service;
pub mod reflection;
pub mod services;

mod code_stream;
mod enrollment_filter;
mod hashed_rows;
mod member_stream;
mod parse;
mod reconcile_stream;
mod redact;
mod render;
mod status;
mod streams;

/// The API as it is generated from `proto/`.
#[allow(
    missing_docs,
    clippy::pedantic,
    clippy::as_conversions,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]
pub mod proto {
    /// Google's dates.
    pub mod google {
        /// Google's common types.
        pub mod r#type {
            include!(concat!(env!("OUT_DIR"), "/google.r#type.rs"));
        }
    }
    /// The folders of the package, as the generated code expects them.
    pub mod identityprotection {
        /// The folders of the package.
        pub mod enrollment {
            /// The messages and services.
            pub mod v1 {
                include!(concat!(
                    env!("OUT_DIR"),
                    "/identityprotection.enrollment.v1.rs"
                ));
            }
        }
    }
    pub use identityprotection::enrollment::v1;

    /// The encoded descriptor of everything above, with comments and options.
    pub const DESCRIPTOR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.bin"));
}

use std::sync::Arc;

use tonic::{Request, Status};

use crate::domain::request::Caller;

/// The caller whom the auth layer let in.
fn caller<T>(request: &Request<T>) -> Result<Arc<Caller>, Status> {
    let caller = request.extensions().get::<Arc<Caller>>().cloned();
    caller.ok_or_else(|| crate::app::Error::Fault("a call came past the auth layer").into())
}
