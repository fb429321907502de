//! How it is kept: the only module that names sea-orm.
//!
//! Owns: connections, transactions, tables, and statements. Must not know: protocols, keys, or what
//! may be done; a function here does one thing to the database and never begins a transaction, but for
//! the packing of lists (`pack`), which has to let others go on in between.
//!
//! # How to add a table
//! 1. Add a migration in `migrations/` (expand first, contract in a later release: code runs before
//!    and after its migration) and name it in `migrations/mod.rs`. Name every constraint.
//! 2. Add its entity in `entity/`, private to this module.
//! 3. Add a file here, named for the noun, with functions over `&impl ConnectionTrait` that take and
//!    give domain types. "Not found" is `Ok(None)`; affected rows are checked.
//!
//! # Two ways in
//! What operators do, and what is rare, goes through the pools: entities, and transactions of
//! `transaction.rs`. What callers do for people goes through a `lane`, in statements over arrays; so does what
//! is done to many people, piece by piece.
//!
//! # Two databases
//! SQLite has one writer and readers apart from it; PostgreSQL has one pool for both. Where a
//! statement must differ, the difference stands beside its twin in the noun's own file, or for lanes and
//! packs in a file of the database's name. Packed lists differ most: `packs` holds many entries a row, and
//! `listed_members` shows them one by one; on SQLite that is the table itself.

pub mod catalogue;
pub mod claim;
pub mod code;
pub mod code_load;
pub mod code_pool;
pub mod cohort;
pub mod cohort_version;
pub mod connect;
pub mod elsewhere;
pub mod enrollment;
pub mod enrollment_list;
pub mod error;
pub mod event;
pub mod filter;
pub mod job;
pub mod key_check;
pub mod lane;
pub mod lease;
pub mod list_filter;
pub mod load;
pub mod member;
pub mod offer;
pub mod pack;
pub mod reject;
pub mod request;
pub mod row;
pub mod schema;
pub mod staged_chunk;
pub mod transaction;

mod entity;
mod migrations;

pub use connect::{Database, Store};
pub use error::Error;
pub use row::Row;
/// What every function here takes: a connection, or the transaction it is part of.
pub use sea_orm::ConnectionTrait;
pub use transaction::Transaction;
