//! How values stand in columns.

use sea_orm::prelude::Json;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::{RawValue, to_raw_value};

use super::Error;
use crate::domain::list_digest::ListDigest;

/// A domain value and the key of its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<T> {
    /// The key, which other rows refer to. Never leaves the service.
    pub id: i64,
    /// The value.
    pub value: T,
}

pub(super) fn to_json<T: Serialize>(column: &'static str, value: &T) -> Result<Json, Error> {
    serde_json::to_value(value).map_err(|_| Error::unreadable(column))
}

/// The same as text, for what is only written out again.
pub(super) fn to_json_text<T: Serialize>(
    column: &'static str,
    value: &T,
) -> Result<Box<RawValue>, Error> {
    to_raw_value(value).map_err(|_| Error::unreadable(column))
}

pub(super) fn from_json<T: DeserializeOwned>(column: &'static str, json: Json) -> Result<T, Error> {
    serde_json::from_value(json).map_err(|_| Error::unreadable(column))
}

/// A state or a reason, kept as its name.
pub(super) fn from_name<T: DeserializeOwned>(
    column: &'static str,
    name: String,
) -> Result<T, Error> {
    from_json(column, Json::String(name))
}

pub(super) fn to_digest(
    column: &'static str,
    bytes: Option<Vec<u8>>,
) -> Result<Option<ListDigest>, Error> {
    let digest = bytes.map(|bytes| bytes.try_into().map(ListDigest::from_bytes));
    digest.transpose().map_err(|_| Error::unreadable(column))
}

/// Values in one `IN (…)`: both databases bound the parameters of a statement, SQLite at 32,766.
pub(super) const IN_LIST: usize = 10_000;

/// A row must still have been at the revision that was read; else somebody else was faster, and the
/// whole transaction must look again.
pub(super) fn at_revision(rows: u64) -> Result<(), Error> {
    if rows == 1 {
        Ok(())
    } else {
        Err(Error::Contention)
    }
}

/// Exactly one row must have been changed.
pub(super) fn exactly_one(rows: u64, statement: &'static str) -> Result<(), Error> {
    if rows == 1 {
        Ok(())
    } else {
        Err(Error::affected(statement))
    }
}
