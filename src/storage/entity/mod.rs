//! The tables as sea-orm sees them. Private to storage: nothing outside names a column.

pub mod activation_code;
pub mod code_load;
pub mod code_pool;
pub mod cohort;
pub mod cohort_revision;
pub mod cohort_version;
pub mod cohort_version_load;
pub mod enrollment;
pub mod enrollment_claim;
pub mod enrollment_cohort;
pub mod event;
pub mod job;
pub mod key_check;
pub mod list_filter;
pub mod load;
pub mod load_reject;
pub mod offer;
pub mod offer_revision;
pub mod overlap_alias;
pub mod overlap_turn;
pub mod pool_code;
pub mod request;
pub mod staged_chunk;
