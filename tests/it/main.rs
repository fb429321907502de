//! The service from outside: a real server over real gRPC, on real databases. A file per deed, and
//! one each for what runs through all of them.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "a test that cannot go on must stop loudly"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "names of databases and request ids only have to be new"
)]

#[macro_use]
mod support;

mod architecture;
mod as_of;
mod at_rest;
mod auth;
mod bad_input;
mod cancel_enrollment;
mod check_eligibility;
mod cli;
mod code_pools;
mod committer;
mod concurrency;
mod discard_load;
mod enroll;
mod errors;
mod extend_cohort_term;
mod extend_term;
mod faults;
mod from_memory;
mod get_activation_code;
mod get_code_pool;
mod get_enrollment;
mod grpcurl;
mod hashed_rows;
mod idempotency;
mod killed;
mod lifecycle;
mod list_enrollments;
mod load_activation_codes;
mod load_members;
mod lookup_enrollment;
mod migrate_offer;
mod migrations;
mod overlap;
mod packing;
mod preview_publication;
mod privacy;
mod protocol;
mod publish_cohort;
mod reconcile_members;
mod record_activation;
mod record_cancellation;
mod record_rejection;
mod reinstate_enrollment;
mod replace_activation_code;
mod revoke_enrollment;
mod settle_enrollments;
mod two_years;
mod unknown_commit;
mod update_offer;
mod whole_life;
