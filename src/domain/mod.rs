//! What is true: the words of this service and their rules, as pure functions over plain types.
//!
//! Owns: what an identifier, an offer, a cohort, an enrollment and a term are, who is eligible, and
//! which state may follow which. Must not know: protocols, tables, keys, tasks, or what time it is
//! (time is an argument).

pub mod code;
pub mod code_pool;
pub mod cohort;
pub mod contact;
pub mod data_element;
pub mod eligibility;
pub mod enrollment;
pub mod event;
pub mod identifier;
pub mod job;
pub mod list_digest;
pub mod name;
pub mod offer;
pub mod page;
pub mod person;
pub mod request;
pub mod term;
pub mod text;
pub mod transition;
pub mod violation;
